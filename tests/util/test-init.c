// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/init.c: the order, the exact unwinding, and one error line.
 *
 * Modules write a letter each to a trace: upper case when they come up, lower
 * case when they go down.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <ctype.h>
#include <errno.h>
#include <kvm/init.h>
#include <kvm/log.h>
#include <stdio.h>
#include <string.h>

static char trace[64];
static char failing; /* the letter of the module that fails; 0: none */
static bool failing_loudly;

static void trace_add(char c)
{
	size_t len = strlen(trace);

	assert_true(len + 1 < sizeof(trace));
	trace[len] = c;
	trace[len + 1] = '\0';
}

static int module_init(struct kvm *kvm, char letter)
{
	assert_ptr_equal(kvm, (struct kvm *)trace);
	if (letter == failing)
		return failing_loudly ? log_fail(-ENOENT, "disk x: no such file") : -ENOENT;
	trace_add(letter);
	return 0;
}

static void module_exit(struct kvm *kvm, char letter)
{
	assert_ptr_equal(kvm, (struct kvm *)trace);
	trace_add(tolower(letter));
}

#define TEST_MODULE(letter, level_)                  \
	static int letter##_init(struct kvm *kvm)    \
	{                                            \
		return module_init(kvm, #letter[0]); \
	}                                            \
	static void letter##_exit(struct kvm *kvm)   \
	{                                            \
		module_exit(kvm, #letter[0]);        \
	}                                            \
	INIT_MODULE(letter, .level = level_, .init = letter##_init, .exit = letter##_exit)

/* Registered against the order that they are to run in. */
TEST_MODULE(F, INIT_LATE);
TEST_MODULE(C, INIT_DEV);
TEST_MODULE(B, INIT_DEV);
TEST_MODULE(D, INIT_DEV);
TEST_MODULE(E, INIT_VIRTIO_RNG);
TEST_MODULE(A, INIT_CORE);

static struct kvm *const kvm = (struct kvm *)trace;

static int set_up(void **state)
{
	memset(trace, 0, sizeof(trace));
	failing = 0;
	failing_loudly = false;
	log_record();
	return 0;
}

static int tear_down(void **state)
{
	log_record_end();
	return 0;
}

static void test_registered_run_by_level_then_name(void **state)
{
	assert_int_equal(init_run(kvm), 0);
	assert_string_equal(trace, "ABCDEF");
	init_exit(kvm);
	assert_string_equal(trace, "ABCDEFfedcba");
	assert_int_equal(logged.lines, 0);
}

static void test_exit_is_idempotent(void **state)
{
	init_exit(kvm);
	assert_string_equal(trace, "");
	assert_int_equal(init_run(kvm), 0);
	init_exit(kvm);
	init_exit(kvm);
	assert_string_equal(trace, "ABCDEFfedcba");
}

static void test_failure_unwinds_from_each_position(void **state)
{
	static const char *const traces[] = {
		"", "Aa", "ABba", "ABCcba", "ABCDdcba", "ABCDEedcba",
	};

	for (int i = 0; i < 6; i++) {
		char line[80];

		set_up(state);
		failing = 'A' + i;
		assert_int_equal(init_run(kvm), -ENOENT);
		assert_string_equal(trace, traces[i]);
		assert_int_equal(logged.lines, 1);
		snprintf(line, sizeof(line),
			 "lkvm: %c: cannot be initialised: No such file or directory", failing);
		assert_string_equal(logged.last, line);

		init_exit(kvm);
		assert_string_equal(trace, traces[i]);
	}
}

static void test_module_that_logged_is_the_one_line(void **state)
{
	failing = 'D';
	failing_loudly = true;
	assert_int_equal(init_run(kvm), -ENOENT);
	assert_int_equal(logged.lines, 1);
	assert_string_equal(logged.last, "lkvm: disk x: no such file");
	assert_string_equal(trace, "ABCcba");
}

static void test_runs_again_after_a_failure(void **state)
{
	failing = 'C';
	assert_int_equal(init_run(kvm), -ENOENT);
	set_up(state);
	assert_int_equal(init_run(kvm), 0);
	assert_string_equal(trace, "ABCDEF");
	init_exit(kvm);
}

static void add_name(const struct init_module *module, void *arg)
{
	strcat(arg, module->name);
}

static void test_for_each_shows_the_same_order(void **state)
{
	char names[16] = "";

	init_for_each(add_name, names);
	assert_string_equal(names, "ABCDEF");
	assert_string_equal(trace, "");
}

static void test_list_counts_what_is_up(void **state)
{
	const struct init_module *list[] = {&init_module_C, &init_module_A, &init_module_B};
	size_t done = 99;

	assert_int_equal(init_run_list(list, 3, kvm, &done), 0);
	assert_int_equal(done, 3);
	assert_string_equal(list[0]->name, "A");
	assert_string_equal(list[2]->name, "C");
	init_exit_list(list, kvm, &done);
	assert_int_equal(done, 0);
	assert_string_equal(trace, "ABCcba");

	failing = 'B';
	done = 99;
	assert_int_equal(init_run_list(list, 3, kvm, &done), -ENOENT);
	assert_int_equal(done, 0);
}

static void test_list_may_be_empty(void **state)
{
	size_t done = 99;

	assert_int_equal(init_run_list(NULL, 0, kvm, &done), 0);
	assert_int_equal(done, 0);
	init_exit_list(NULL, kvm, &done);
	assert_string_equal(trace, "");
}

static void test_exit_may_be_absent(void **state)
{
	const struct init_module quiet = {.name = "quiet", .level = INIT_DEV, .init = B_init};
	const struct init_module *list[] = {&quiet, &init_module_A, &init_module_F};
	size_t done;

	assert_int_equal(init_run_list(list, 3, kvm, &done), 0);
	init_exit_list(list, kvm, &done);
	assert_string_equal(trace, "ABFfa");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registered_run_by_level_then_name),
		TEST(test_exit_is_idempotent),
		TEST(test_failure_unwinds_from_each_position),
		TEST(test_module_that_logged_is_the_one_line),
		TEST(test_runs_again_after_a_failure),
		TEST(test_for_each_shows_the_same_order),
		TEST(test_list_counts_what_is_up),
		TEST(test_list_may_be_empty),
		TEST(test_exit_may_be_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
