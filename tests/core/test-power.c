// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/power.c, with core/end.c: when a run with a cause is over, and by what.
 *
 * Each test is a run of its own: what is recorded cannot be taken back, so it runs in a child
 * process. The loop is the real one, the clock is tests/lib/fake-clock.c.
 */
#include "tests/lib/test.h"

#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/heard.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/loop.h>
#include <kvm/own-init.h>
#include <kvm/park.h>
#include <kvm/pause.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/util.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_MAX_S 10 /* none waits: the clock is the test's */

static struct kvm kvm;
static unsigned int stops, resets, resumes, log_lines;
static bool own_init; /* lkvm's own init runs in the guest */
static u64 paused_until_ns;
static char last_line[1024];

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

u64 heard_output_bytes(void)
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

static u8 warm_begun;

void kvm_reset_begin_cpu(struct kvm *vm, u8 code)
{
	warm_begun = code;
}

static void (*reset_done)(void);

void kvm_set_reset_hook(void (*fn)(void))
{
	reset_done = fn;
}

bool arch_is_warm_start(u8 code)
{
	return code == 5;
}

static void record(enum log_level level, const char *line, void *arg)
{
	snprintf(last_line, sizeof(last_line), "%s", line);
	log_lines++;
}

static void start(void)
{
	log_set_sink(record, NULL);
	kvm.loop = loop_new();
	assert_non_null(kvm.loop);
	assert_int_equal(init_run(&kvm), 0);
}

static void assert_ended(enum end_reason reason, int status)
{
	int got;

	kvm_say_panic();
	assert_int_equal(kvm_end_reason(&got), reason);
	assert_int_equal(got, status);
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
	assert_int_equal(log_lines, 1);
	assert_string_equal(last_line, "lkvm: the guest panicked: Kernel panic - not syncing: one");
	kvm_say_panic();
	assert_int_equal(log_lines, 1);
}

static void run_trace_is_silent(void)
{
	u64 began = now_ns();

	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_in_range(now_ns() - began, 1900 * NSEC_PER_MSEC, 2300 * NSEC_PER_MSEC);
	assert_ended(END_PANIC, STATUS_PANIC);
	assert_int_equal(log_lines, 1);
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
	assert_int_equal(log_lines, 1);
}

static void run_pvpanic(void)
{
	kvm_panic(&kvm, NULL);
	kvm_request_reset(&kvm, "test");
	assert_true(kvm_is_over());
	assert_int_equal(resets, 0);
	assert_ended(END_PANIC, STATUS_PANIC);
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(last_line, "pvpanic"));
}

static u8 warm_code;

static u8 take_code(void *dev)
{
	assert_ptr_equal(dev, &warm_code);
	return warm_code;
}

static void run_reset_of_the_cpu(void)
{
	config.on_reboot = ON_REBOOT_RESET;
	kvm_request_cpu_reset(&kvm, "a port"); /* no chip keeps a code */
	assert_int_equal(resets, 1);
	kvm_set_warm_code(take_code, &warm_code);
	kvm_request_cpu_reset(&kvm, "a port"); /* nor does this code say anything */
	assert_int_equal(resets, 2);
	warm_code = 5;
	kvm_request_cpu_reset(&kvm, "a port");
	assert_int_equal(warm_begun, 5);
	assert_int_equal(resets, 2);
}

/* A kernel that panicked wants a reboot, whatever it left word of before. */
static void run_reset_of_the_cpu_after_a_panic(void)
{
	warm_code = 5;
	config.on_panic = ON_PANIC_CONTINUE;
	config.on_reboot = ON_REBOOT_RESET;
	kvm_set_warm_code(take_code, &warm_code);
	kvm_panic(&kvm, "Kernel panic - not syncing: one");
	kvm_request_cpu_reset(&kvm, "a port");
	assert_int_equal(resets, 1);
	assert_int_equal(warm_begun, 0);
}

static void run_on_reboot(void)
{
	config.on_reboot = ON_REBOOT_FAIL;
	kvm_request_reset(&kvm, "test");
	assert_int_equal(resets, 0);
	assert_ended(END_REBOOT, STATUS_REBOOT);
}

static unsigned int presses;

static void press(void *dev)
{
	assert_ptr_equal(dev, &presses);
	presses++;
}

/* The guest that was asked is gone: the next one is asked, but only if somebody asked. */
static void run_button_after_a_reset(void)
{
	kvm_set_power_button(press, &presses);
	reset_done();
	assert_int_equal(presses, 0);
	kvm_press_power_button(NSEC_PER_SEC);
	assert_int_equal(presses, 1);
	reset_done();
	assert_int_equal(presses, 2);
}

static void run_boot_timeout(void)
{
	init_exit(&kvm);
	config.boot_timeout_ns = now_ns() + NSEC_PER_SEC; /* phase_ns() is 0 here */
	assert_int_equal(init_run(&kvm), 0);
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_ended(END_TIMEOUT, STATUS_TIMEOUT);
	assert_non_null(strstr(last_line, "--boot-timeout: the guest wrote nothing"));
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
	assert_int_equal(log_lines, 1);
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
	assert_int_equal(log_lines, 1);
}

/* The guest powered off in time; the loop goes on for its devices (core/freeze.c). */
static void run_grace_over_after_end(void)
{
	kvm_press_power_button(NSEC_PER_SEC);
	kvm_end(&kvm, END_POWEROFF, 0);
	loop_continue(kvm.loop);
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_ended(END_POWEROFF, 0);
	assert_int_equal(log_lines, 0);
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
	assert_int_equal(log_lines, 1);
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

static void in_child(void (*run)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		/* After a failed assertion the child goes on to the other tests, and fails. */
		alarm(CHILD_MAX_S);
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
RUN(panic_continue)
RUN(reset_of_the_cpu)
RUN(reset_of_the_cpu_after_a_panic)
RUN(on_reboot)
RUN(button_after_a_reset)
RUN(boot_timeout)
RUN(trace_end_alone)
RUN(patience_after_force)
RUN(patience_after_end)
RUN(grace_over_after_end)
RUN(reset_after_timeout)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_panic),
		cmocka_unit_test(test_pvpanic),
		cmocka_unit_test(test_panic_continue),
		cmocka_unit_test(test_reset_of_the_cpu),
		cmocka_unit_test(test_reset_of_the_cpu_after_a_panic),
		cmocka_unit_test(test_on_reboot),
		cmocka_unit_test(test_button_after_a_reset),
		cmocka_unit_test(test_boot_timeout),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
