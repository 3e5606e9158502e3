// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins budget.c: which ends of a run the budget makes failures, and what is said of them.
 *
 * The phases are this test's own, so that time is what it says.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <kvm/budget.h>
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <stdio.h>
#include <string.h>

#define MS(n) ((u64)(n)*NSEC_PER_MSEC)

static struct kvm kvm;
static u64 stamps[PHASE_COUNT];
static void (*watcher)(void *arg);
static void *watcher_arg;
static enum end_reason reason;
static int status;
static bool ending;
static unsigned int ends;

u64 phase_ns(enum phase phase)
{
	return stamps[phase];
}

void phase_watch(enum phase phase, void (*fn)(void *arg), void *arg)
{
	assert_int_equal(phase, PHASE_INIT);
	watcher = fn;
	watcher_arg = arg;
}

void kvm_end(struct kvm *vm, enum end_reason why, int code)
{
	assert_ptr_equal(vm, &kvm);
	ends++;
	if (reason == END_RUNNING) {
		reason = why;
		status = code;
	}
}

enum end_reason kvm_end_reason(int *code)
{
	if (code)
		*code = status;
	return reason;
}

bool kvm_is_ending(void)
{
	return ending;
}

const char *kvm_end_name(enum end_reason why)
{
	return why == END_POWEROFF ? "poweroff" : "other";
}

static void start(u64 budget_ns)
{
	config.budget_ns = budget_ns;
	assert_int_equal(init_run(&kvm), 0);
}

/* Init is reached so long after exec; without a watcher nobody looks. */
static void reach_init(u64 ns)
{
	stamps[PHASE_INIT] = stamps[PHASE_EXEC] + ns;
	if (watcher)
		watcher(watcher_arg);
}

/* The run ends so long after exec, as the guest says unless it has ended before. */
static void finish(u64 ns, enum end_reason why, int code)
{
	stamps[PHASE_END] = stamps[PHASE_EXEC] + ns;
	if (reason == END_RUNNING) {
		reason = why;
		status = code;
	}
	budget_check_end(&reason, &status);
}

static int set_up(void **state)
{
	log_record();
	ends = 0;
	memset(stamps, 0, sizeof(stamps));
	stamps[PHASE_EXEC] = MS(5000);
	reason = END_RUNNING;
	status = 0;
	ending = false;
	kvm.loop = loop_new();
	return kvm.loop ? 0 : -1;
}

static int tear_down(void **state)
{
	init_exit(&kvm);
	assert_null(watcher);
	loop_free(kvm.loop);
	log_record_end();
	return 0;
}

static void assert_failed(const char *line)
{
	assert_int_equal(reason, END_ERROR);
	assert_int_equal(status, STATUS_ERROR);
	assert_int_equal(logged.lines, 1);
	assert_string_equal(logged.last, line);
}

static void assert_untouched(enum end_reason why, int code)
{
	assert_int_equal(reason, why);
	assert_int_equal(status, code);
	assert_int_equal(logged.lines, 0);
}

static void test_in_time(void **state)
{
	start(MS(600));
	reach_init(MS(600));
	assert_int_equal(ends, 0);
	finish(MS(5000), END_POWEROFF, 0);
	assert_untouched(END_POWEROFF, 0);
}

static void test_too_late(void **state)
{
	start(MS(600));
	reach_init(MS(612) + 300000);
	assert_int_equal(ends, 1);
	finish(MS(613), END_POWEROFF, 0);
	assert_failed("lkvm: --budget: init after 612.3 ms; 600 ms allowed");
}

static void test_a_fraction_is_shown(void **state)
{
	start(MS(1) / 4);
	reach_init(MS(2));
	finish(MS(3), END_POWEROFF, 0);
	assert_failed("lkvm: --budget: init after 2.0 ms; 0.25 ms allowed");
}

static void test_never_there_is_no_success(void **state)
{
	start(MS(600));
	finish(MS(10), END_POWEROFF, 0);
	assert_failed("lkvm: --budget: init not seen before the end (poweroff) after 10.0 ms");
}

static void test_other_failures_stay(void **state)
{
	start(MS(600));
	finish(MS(700), END_EXIT, 3);
	assert_untouched(END_EXIT, 3);
}

static void test_an_error_before_stays_as_it_was_told(void **state)
{
	start(MS(600));
	finish(MS(700), END_ERROR, STATUS_ERROR);
	assert_untouched(END_ERROR, STATUS_ERROR);
}

/* A panic whose trace goes on is not cut short. */
static void test_the_first_cause_stays(void **state)
{
	start(MS(600));
	reason = END_PANIC;
	status = STATUS_PANIC;
	ending = true;
	reach_init(MS(900));
	assert_int_equal(ends, 0);
	finish(MS(2000), END_PANIC, STATUS_PANIC);
	assert_untouched(END_PANIC, STATUS_PANIC);
}

/* --on-panic=continue: the run goes on, and the budget bounds it as any other. */
static void test_a_panic_that_ends_nothing(void **state)
{
	start(MS(600));
	reason = END_PANIC;
	status = STATUS_PANIC;
	reach_init(MS(900));
	assert_int_equal(ends, 1);
	finish(MS(901), END_PANIC, STATUS_PANIC);
	assert_untouched(END_PANIC, STATUS_PANIC);
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

/* It is over at once here: exec was long ago. */
static void test_a_hang_is_bounded(void **state)
{
	struct loop_timer stop = {.fn = stop_loop, .arg = kvm.loop};

	stamps[PHASE_EXEC] = 1;
	start(MS(600));
	loop_arm(kvm.loop, &stop, 1 + MS(10600) + 1);
	assert_int_equal(loop_run(kvm.loop), 0);
	assert_int_equal(ends, 1);
	finish(MS(10601), END_POWEROFF, 0);
	assert_failed("lkvm: --budget: init not seen after 10601 ms; 600 ms allowed");
}

static void test_a_budget_longer_than_time(void **state)
{
	start(UINT64_MAX - 1);
	reach_init(MS(900));
	assert_int_equal(ends, 0);
	finish(MS(1000), END_POWEROFF, 0);
	assert_untouched(END_POWEROFF, 0);
}

static void test_no_budget(void **state)
{
	start(0);
	assert_null(watcher);
	finish(MS(700), END_POWEROFF, 0);
	assert_untouched(END_POWEROFF, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_time),
		TEST(test_too_late),
		TEST(test_a_fraction_is_shown),
		TEST(test_never_there_is_no_success),
		TEST(test_other_failures_stay),
		TEST(test_an_error_before_stays_as_it_was_told),
		TEST(test_the_first_cause_stays),
		TEST(test_a_panic_that_ends_nothing),
		TEST(test_a_hang_is_bounded),
		TEST(test_a_budget_longer_than_time),
		TEST(test_no_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
