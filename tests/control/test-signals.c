// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins control/signals.c: what the first signal does, and what the second.
 *
 * Signals are real, and blocked as the main thread has them; the loop is the real one.
 */
#include "tests/lib/test.h"

#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/signals.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct kvm kvm;
static unsigned int presses;
static u64 grace;
static enum end_reason reason;
static int status;
static char last_line[256];

void kvm_press_power_button(u64 grace_ns)
{
	presses++;
	grace = grace_ns;
	loop_stop(kvm.loop);
}

void kvm_end(struct kvm *vm, enum end_reason why, int code)
{
	assert_ptr_equal(vm, &kvm);
	reason = why;
	status = code;
	loop_stop(kvm.loop);
}

static void record(enum log_level level, const char *line, void *arg)
{
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static int set_up(void **state)
{
	sigset_t set;

	alarm(20);
	presses = 0;
	reason = END_RUNNING;
	config.grace_ns = 3 * NSEC_PER_SEC;
	log_set_sink(record, NULL);
	signals_get_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kvm.loop = loop_new();
	return init_run(&kvm);
}

static int tear_down(void **state)
{
	init_exit(&kvm);
	loop_free(kvm.loop);
	log_set_sink(NULL, NULL);
	alarm(0);
	return 0;
}

static void get_signal(int sig)
{
	raise(sig);
	loop_continue(kvm.loop);
	assert_int_equal(loop_run(kvm.loop), 0);
}

static void test_the_second_ends_the_run(void **state)
{
	get_signal(SIGTERM);
	assert_int_equal(presses, 1);
	assert_int_equal(grace, 3 * NSEC_PER_SEC);
	assert_non_null(strstr(last_line, "SIGTERM: the power button was pressed; the guest has "
					  "3.0 s"));
	assert_int_equal(reason, END_RUNNING);
	get_signal(SIGINT);
	assert_int_equal(presses, 1);
	assert_int_equal(reason, END_SIGNAL);
	assert_int_equal(status, 128 + SIGINT);
}

/* There is no guest any more. */
static void test_nobody_is_asked(void **state)
{
	signals_do_not_ask();
	get_signal(SIGHUP);
	assert_int_equal(presses, 0);
	assert_int_equal(status, 128 + SIGHUP);
}

static void test_under_nohup(void **state)
{
	sigset_t set;

	signals_get_set(&set);
	assert_int_equal(sigismember(&set, SIGHUP), 1);
	assert_int_equal(sigismember(&set, SIGTERM), 1);
	assert_int_equal(sigismember(&set, SIGINT), 1);
	signal(SIGHUP, SIG_IGN);
	signals_get_set(&set);
	signal(SIGHUP, SIG_DFL);
	assert_int_equal(sigismember(&set, SIGHUP), 0);
	assert_int_equal(sigismember(&set, SIGTERM), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_second_ends_the_run),
		TEST(test_nobody_is_asked),
		TEST(test_under_nohup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
