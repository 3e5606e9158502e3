// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/end.c: which cause is kept, and what is said of the run by it.
 *
 * What is recorded cannot be taken back, so each test runs in a child process.
 */
#include "tests/lib/test.h"

#include <kvm/config.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/park.h>
#include <kvm/phase.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kvm kvm;
static unsigned int stops, log_lines;
static bool marked;
static char last_line[1024];

void park_ask_all(struct kvm *vm, unsigned int request)
{
	assert_int_equal(request, PARK_STOP);
	stops++;
}

void phase_mark(enum phase phase)
{
	marked |= phase == PHASE_END;
}

static void record(enum log_level level, const char *line, void *arg)
{
	snprintf(last_line, sizeof(last_line), "%s", line);
	log_lines++;
}

static void assert_ended(enum end_reason reason, int status)
{
	int got;

	assert_int_equal(kvm_end_reason(&got), reason);
	assert_int_equal(got, status);
}

static void run_nothing(void)
{
	assert_false(kvm_is_over());
	assert_false(kvm_is_ending());
	assert_false(kvm_end_is_forced());
	assert_ended(END_RUNNING, 0);
}

static void run_the_first_cause_is_kept(void)
{
	kvm_end(&kvm, END_POWEROFF, 0);
	assert_true(kvm_is_over());
	assert_true(kvm_is_ending());
	assert_true(marked);
	assert_int_equal(stops, 1);
	kvm_end(&kvm, END_CRASH, STATUS_CRASH);
	assert_ended(END_POWEROFF, 0);
	assert_false(kvm_end_is_forced());
	assert_int_equal(log_lines, 0);
}

/* A cause that is noted stops nothing. */
static void run_a_note(void)
{
	kvm_note_end(&kvm, END_PANIC, STATUS_PANIC);
	assert_int_equal(stops, 0);
	assert_false(kvm_is_over());
	assert_true(kvm_is_ending());
	config.on_panic = ON_PANIC_CONTINUE;
	assert_false(kvm_is_ending());
	kvm_end(&kvm, END_POWEROFF, 0);
	assert_true(kvm_is_ending());
	assert_ended(END_PANIC, STATUS_PANIC);
}

/* Somebody lost patience, though the cause is an older one. */
static void run_force(void)
{
	kvm_note_end(&kvm, END_PANIC, STATUS_PANIC);
	kvm_end(&kvm, END_SIGNAL, 130);
	assert_true(kvm_end_is_forced());
	assert_ended(END_PANIC, STATUS_PANIC);
}

static void run_a_limit_is_noted(void)
{
	kvm_note_end(&kvm, END_TIMEOUT, STATUS_TIMEOUT);
	assert_true(kvm_end_is_forced());
	assert_true(kvm_is_ending());
	assert_false(kvm_is_over());
}

/* --exec: nobody told what became of the command. */
static void run_without_status(void)
{
	config.status_due = true;
	kvm_end(&kvm, END_POWEROFF, 0);
	assert_ended(END_ERROR, STATUS_ERROR);
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(last_line, "the guest ended before the command: it powered off"));
}

/* What is a failure already keeps its own reason. */
static void run_other_end_without_status(void)
{
	config.status_due = true;
	kvm_end(&kvm, END_REBOOT, STATUS_REBOOT);
	assert_ended(END_REBOOT, STATUS_REBOOT);
	assert_int_equal(log_lines, 0);
}

static void run_exit_with_status(void)
{
	config.status_due = true;
	kvm_end(&kvm, END_EXIT, 0);
	assert_ended(END_EXIT, 0);
	assert_int_equal(log_lines, 0);
}

static void run_overruled(void)
{
	int status;

	kvm_end(&kvm, END_EXIT, 7);
	assert_int_equal(kvm_end_of_guest(&status), END_RUNNING);
	kvm_end_overrule(END_FAULT, STATUS_FAULT);
	assert_ended(END_FAULT, STATUS_FAULT);
	assert_int_equal(kvm_end_of_guest(&status), END_EXIT);
	assert_int_equal(status, 7);
}

static void run_names(void)
{
	assert_string_equal(kvm_end_name(END_RUNNING), "running");
	for (enum end_reason reason = END_RUNNING; reason <= END_ERROR; reason++)
		assert_non_null(kvm_end_name(reason));
}

static void in_child(void (*run)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		/* After a failed assertion the child goes on to the other tests, and fails. */
		alarm(10);
		log_set_sink(record, NULL);
		run();
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
RUN(the_first_cause_is_kept)
RUN(a_note)
RUN(force)
RUN(a_limit_is_noted)
RUN(without_status)
RUN(other_end_without_status)
RUN(exit_with_status)
RUN(overruled)
RUN(names)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_the_first_cause_is_kept),
		cmocka_unit_test(test_a_note),
		cmocka_unit_test(test_force),
		cmocka_unit_test(test_a_limit_is_noted),
		cmocka_unit_test(test_without_status),
		cmocka_unit_test(test_other_end_without_status),
		cmocka_unit_test(test_exit_with_status),
		cmocka_unit_test(test_overruled),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
