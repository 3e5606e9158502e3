// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/end.c: which cause is kept, and when a run with a cause is over.
 *
 * Each test is a run of its own: what is recorded cannot be taken back, so it runs in a child
 * process. The loop is the real one, the clock is tests/lib/fake-clock.c.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/init.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/loop.h>
#include <kvm/own-init.h>
#include <kvm/park.h>
#include <kvm/pause.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/result.h>
#include <kvm/util.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_MAX_S 10 /* none waits: the clock is the test's */

static struct kvm kvm;
static unsigned int stops, resets, resumes;
static bool own_init; /* lkvm's own init runs in the guest */
static u64 paused_until_ns;
static char panic_line[256];

void park_ask_all(struct kvm *vm, unsigned int request)
{
	assert_int_equal(request, PARK_STOP);
	stops++;
}

void own_init_ask(u64 deadline_ns)
{
}

bool own_init_hurry(void)
{
	return own_init;
}

int kvm_resume(struct kvm *vm)
{
	resumes++;
	return 0;
}

bool kvm_is_paused(void)
{
	return now_ns() < paused_until_ns;
}

void kvm_reset_begin(struct kvm *vm)
{
	resets++;
}

/* The guest writes without a pause until then. */
static u64 writes_until_ns;

u64 console_written(void)
{
	return MIN(now_ns(), writes_until_ns);
}

void phase_mark(enum phase phase)
{
}

u64 phase_ns(enum phase phase)
{
	return 0;
}

void result_set_panic(const char *line)
{
	if (!panic_line[0])
		snprintf(panic_line, sizeof(panic_line), "%s", line);
}

bool result_panic_line(char *line, size_t size)
{
	snprintf(line, size, "%s", panic_line);
	return line[0];
}

static const char *guest_end;
static int guest_status;

void result_set_guest_end(const char *name, int status)
{
	guest_end = name;
	guest_status = status;
}

static void start(void)
{
	log_record();
	kvm.loop = loop_new();
	assert_non_null(kvm.loop);
	assert_int_equal(init_run(&kvm), 0);
}

static void assert_ended(enum end_reason reason, int status)
{
	int got;

	kvm_end_settle();
	assert_int_equal(kvm_end_reason(&got), reason);
	assert_int_equal(got, status);
}

static void run_nothing(void)
{
	assert_false(kvm_is_over());
	assert_false(kvm_is_ending());
	assert_ended(END_RUNNING, 0);
	assert_int_equal(logged.lines, 0);
}

static void run_end(void)
{
	kvm_end(&kvm, END_POWEROFF, 0);
	assert_true(kvm_is_over());
	assert_true(kvm_is_ending());
	assert_int_equal(stops, 1);
	kvm_end(&kvm, END_CRASH, STATUS_CRASH);
	assert_ended(END_POWEROFF, 0);
	assert_int_equal(logged.lines, 0);
}

/* The trace is still to come: the end is in sight, but the guest runs. */
static void run_panic(void)
{
	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	assert_false(kvm_is_over());
	assert_true(kvm_is_ending());
	kvm_panic(&kvm, "Kernel panic - not syncing: two");
	assert_int_equal(stops, 0);
	kvm_panic_done(&kvm);
	assert_true(kvm_is_over());
	assert_ended(END_PANIC, STATUS_PANIC);
	assert_int_equal(logged.lines, 1);
	assert_string_equal(logged.last,
			    "lkvm: the guest panicked: Kernel panic - not syncing: one");
	kvm_end_settle();
	assert_int_equal(logged.lines, 1);
}

static void run_trace_is_silent(void)
{
	u64 began = now_ns();

	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_in_range(now_ns() - began, 1900 * NSEC_PER_MSEC, 2300 * NSEC_PER_MSEC);
	assert_ended(END_PANIC, STATUS_PANIC);
	assert_int_equal(logged.lines, 1);
}

static void run_trace_is_long(void)
{
	u64 began = now_ns();

	writes_until_ns = began + 30 * NSEC_PER_SEC;
	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_in_range(now_ns() - began, 31900 * NSEC_PER_MSEC, 32300 * NSEC_PER_MSEC);
	assert_ended(END_PANIC, STATUS_PANIC);
}

static void run_trace_without_end(void)
{
	u64 began = now_ns();

	writes_until_ns = UINT64_MAX;
	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_in_range(now_ns() - began, 59900 * NSEC_PER_MSEC, 60300 * NSEC_PER_MSEC);
	assert_ended(END_PANIC, STATUS_PANIC);
}

/* A machine that stands still is not silent: its trace goes on when it does. */
static void run_trace_of_a_paused_machine(void)
{
	u64 began = now_ns();

	paused_until_ns = began + 10 * NSEC_PER_SEC;
	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_in_range(now_ns() - began, 11900 * NSEC_PER_MSEC, 12300 * NSEC_PER_MSEC);
	assert_ended(END_PANIC, STATUS_PANIC);
}

static struct loop_timer stop;

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

/* The bell of the panic has been heard: time may go on. */
static void stop_later(void *arg)
{
	stop.fn = stop_loop;
	loop_arm(arg, &stop, now_ns() + 3 * NSEC_PER_SEC);
}

static void run_trace_ends_nothing(void)
{
	stop = (struct loop_timer){.fn = stop_later, .arg = kvm.loop};
	config.on_panic = ON_PANIC_CONTINUE;
	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	loop_arm(kvm.loop, &stop, now_ns() + NSEC_PER_MSEC);
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_false(kvm_is_over());
	assert_int_equal(logged.lines, 1);
}

#define WARNING_LINE "WARNING: CPU: 0 PID: 1 at a.c:1 a+0x1/0x2"
#define OOPS_LINE    "Oops: 0000 [#1] SMP"

static void run_fail_on_nothing(void)
{
	report_line(&kvm, OOPS_LINE);
	kvm_end(&kvm, END_POWEROFF, 0);
	assert_ended(END_POWEROFF, 0);
	assert_int_equal(logged.lines, 0);
	assert_null(guest_end);
}

static void run_fail_on_warning(void)
{
	config.fail_on = FAIL_ON_WARNING;
	report_line(&kvm, WARNING_LINE);
	report_line(&kvm, OOPS_LINE);
	kvm_end(&kvm, END_EXIT, 7);
	assert_ended(END_FAULT, STATUS_FAULT);
	assert_string_equal(guest_end, "exit");
	assert_int_equal(guest_status, 7);
	assert_int_equal(logged.lines, 1);
	assert_string_equal(logged.last, "lkvm: --fail-on=warning: the guest's kernel reported 2: "
					 "the first report: " WARNING_LINE);
}

static void run_fail_on_oops(void)
{
	config.fail_on = FAIL_ON_OOPS;
	report_line(&kvm, WARNING_LINE);
	kvm_end(&kvm, END_REBOOT, STATUS_REBOOT);
	assert_ended(END_REBOOT, STATUS_REBOOT);
	report_line(&kvm, OOPS_LINE);
	assert_ended(END_FAULT, STATUS_FAULT);
	assert_string_equal(guest_end, "reboot");
	assert_int_equal(guest_status, STATUS_REBOOT);
}

static void run_fail_on_halt(void)
{
	config.fail_on = FAIL_ON_OOPS;
	report_line(&kvm, OOPS_LINE);
	kvm_end(&kvm, END_HALT, 0);
	assert_ended(END_FAULT, STATUS_FAULT);
}

/* What is a failure already keeps its own reason. */
static void run_fail_on_other_ends(void)
{
	config.fail_on = FAIL_ON_WARNING;
	report_line(&kvm, OOPS_LINE);
	kvm_end(&kvm, END_TIMEOUT, STATUS_TIMEOUT);
	assert_ended(END_TIMEOUT, STATUS_TIMEOUT);
	assert_null(guest_end);
	assert_int_equal(logged.lines, 0);
}

static void run_pvpanic(void)
{
	kvm_panic(&kvm, NULL);
	kvm_request_reset(&kvm, "test");
	assert_true(kvm_is_over());
	assert_int_equal(resets, 0);
	assert_ended(END_PANIC, STATUS_PANIC);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "pvpanic"));
}

static void run_panic_continue(void)
{
	config.on_panic = ON_PANIC_CONTINUE;
	config.on_reboot = ON_REBOOT_RESET;
	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	kvm_panic_done(&kvm);
	assert_false(kvm_is_over());
	assert_false(kvm_is_ending());
	kvm_request_reset(&kvm, "test");
	assert_int_equal(resets, 1);
	assert_false(kvm_is_ending());
	kvm_end(&kvm, END_POWEROFF, 0);
	assert_true(kvm_is_over());
	assert_ended(END_PANIC, STATUS_PANIC);
	assert_int_equal(logged.lines, 1);
}

/* Who no longer waits for the guest does not wait for the reader, either, whatever the cause is. */
static void run_patience_after_force(void)
{
	config.on_panic = ON_PANIC_CONTINUE;
	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	assert_true(kvm_end_patience() == UINT64_MAX);
	kvm_end(&kvm, END_TIMEOUT, STATUS_TIMEOUT);
	assert_in_range(kvm_end_patience() - now_ns(), NSEC_PER_SEC, 3 * NSEC_PER_SEC);
	assert_ended(END_PANIC, STATUS_PANIC);
}

/* The time is up, and lkvm's init has 2 s. A reset is not done any more: it ends the run. */
static void run_reset_after_timeout(void)
{
	init_exit(&kvm);
	config.timeout_ns = now_ns() + NSEC_PER_SEC; /* from 0 on: phase_ns() */
	config.on_reboot = ON_REBOOT_RESET;
	own_init = true;
	assert_int_equal(init_run(&kvm), 0);
	stop = (struct loop_timer){.fn = stop_loop, .arg = kvm.loop};
	loop_arm(kvm.loop, &stop, now_ns() + 2 * NSEC_PER_SEC);
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_false(kvm_is_over());
	assert_true(kvm_is_ending());
	kvm_request_reset(&kvm, "test");
	assert_int_equal(resets, 0);
	assert_true(kvm_is_over());
	assert_ended(END_TIMEOUT, STATUS_TIMEOUT);
	assert_int_equal(logged.lines, 1);
}

/* The guest powered off in time; the loop goes on for its devices (core/pause.c). */
static void run_grace_over_after_end(void)
{
	kvm_press_power_button(NSEC_PER_SEC);
	kvm_end(&kvm, END_POWEROFF, 0);
	loop_continue(kvm.loop);
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_ended(END_POWEROFF, 0);
	assert_int_equal(logged.lines, 0);
}

static void run_patience_after_end(void)
{
	kvm_end(&kvm, END_EXIT, 3);
	assert_true(kvm_end_patience() == UINT64_MAX);
}

/* A trace line without a panic: somebody prints old logs. */
static void run_trace_end_alone(void)
{
	kvm_panic_done(&kvm);
	assert_false(kvm_is_over());
	assert_ended(END_RUNNING, 0);
}

/* Of several who ask, the one in the greatest hurry counts. */
static void run_grace_time(void)
{
	u64 began = now_ns();

	assert_int_equal(kvm_end_patience(), UINT64_MAX);
	kvm_press_power_button(10 * NSEC_PER_SEC);
	kvm_press_power_button(3 * NSEC_PER_SEC);
	kvm_press_power_button(5 * NSEC_PER_SEC);
	assert_int_equal(resumes, 3); /* who stands still cannot answer */
	assert_int_equal(kvm_end_patience(), began + 3 * NSEC_PER_SEC);
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_int_equal(now_ns() - began, 3 * NSEC_PER_SEC);
	assert_ended(END_STOPPED, STATUS_STOPPED);
	/* It was an end by force: nobody waits long for a reader. */
	assert_int_equal(kvm_end_patience(), now_ns() + 2 * NSEC_PER_SEC);
}

static void time_out(void)
{
	init_exit(&kvm);
	config.timeout_ns = now_ns() + 5 * NSEC_PER_SEC; /* phase_ns() is 0 here */
	assert_int_equal(init_run(&kvm), 0);
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_ended(END_TIMEOUT, STATUS_TIMEOUT);
	assert_int_equal(logged.lines, 1);
}

static void run_timeout(void)
{
	u64 began = now_ns();

	time_out();
	assert_int_equal(now_ns() - began, 5 * NSEC_PER_SEC);
	assert_int_equal(resumes, 0);
}

/* It has 2 s to write what it must, for which a machine that stands still goes on. */
static void run_timeout_with_own_init(void)
{
	u64 began = now_ns();

	own_init = true;
	time_out();
	assert_int_equal(now_ns() - began, 7 * NSEC_PER_SEC);
	assert_int_equal(resumes, 1);
}

/* --exec: nobody told what became of the command. */
static void run_without_status(void)
{
	config.status_due = true;
	kvm_end(&kvm, END_POWEROFF, 0);
	assert_ended(END_ERROR, STATUS_ERROR);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "the guest ended before the command: it powered off"));
}

/* What is a failure already keeps its own reason, and so does a status that was told. */
static void run_other_end_without_status(void)
{
	config.status_due = true;
	kvm_end(&kvm, END_REBOOT, STATUS_REBOOT);
	assert_ended(END_REBOOT, STATUS_REBOOT);
	assert_int_equal(logged.lines, 0);
}

static void run_exit_with_status(void)
{
	config.status_due = true;
	kvm_end(&kvm, END_EXIT, 0);
	assert_ended(END_EXIT, 0);
	assert_int_equal(logged.lines, 0);
}

static void in_child(void (*run)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		/* After a failed assertion the child goes on to the other tests, and fails. */
		alarm(patient_s(CHILD_MAX_S));
		start();
		run();
		init_exit(&kvm);
		loop_free(kvm.loop);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define RUN(name)                             \
	static void test_##name(void **state) \
	{                                     \
		in_child(run_##name);         \
	}

RUN(nothing)
RUN(end)
RUN(panic)
RUN(pvpanic)
RUN(trace_is_silent)
RUN(trace_is_long)
RUN(trace_without_end)
RUN(trace_ends_nothing)
RUN(trace_of_a_paused_machine)
RUN(grace_time)
RUN(timeout)
RUN(timeout_with_own_init)
RUN(without_status)
RUN(other_end_without_status)
RUN(exit_with_status)
RUN(fail_on_nothing)
RUN(fail_on_warning)
RUN(fail_on_oops)
RUN(fail_on_halt)
RUN(fail_on_other_ends)
RUN(panic_continue)
RUN(trace_end_alone)
RUN(patience_after_force)
RUN(patience_after_end)
RUN(grace_over_after_end)
RUN(reset_after_timeout)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_panic),
		cmocka_unit_test(test_pvpanic),
		cmocka_unit_test(test_panic_continue),
		cmocka_unit_test(test_trace_end_alone),
		cmocka_unit_test(test_patience_after_force),
		cmocka_unit_test(test_patience_after_end),
		cmocka_unit_test(test_grace_over_after_end),
		cmocka_unit_test(test_reset_after_timeout),
		cmocka_unit_test(test_trace_is_silent),
		cmocka_unit_test(test_trace_is_long),
		cmocka_unit_test(test_trace_without_end),
		cmocka_unit_test(test_trace_ends_nothing),
		cmocka_unit_test(test_trace_of_a_paused_machine),
		cmocka_unit_test(test_grace_time),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_timeout_with_own_init),
		cmocka_unit_test(test_without_status),
		cmocka_unit_test(test_other_end_without_status),
		cmocka_unit_test(test_exit_with_status),
		cmocka_unit_test(test_fail_on_nothing),
		cmocka_unit_test(test_fail_on_warning),
		cmocka_unit_test(test_fail_on_oops),
		cmocka_unit_test(test_fail_on_halt),
		cmocka_unit_test(test_fail_on_other_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
