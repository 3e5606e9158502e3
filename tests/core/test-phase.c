// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins phase.c: the first mark of a phase is kept, whoever comes later.
 *
 * Marks cannot be taken back, so each test uses phases of its own.
 */
#include "tests/lib/test.h"

#include <kvm/phase.h>
#include <kvm/util.h>
#include <pthread.h>
#include <string.h>

static void test_unmarked_is_zero(void **state)
{
	for (enum phase phase = 0; phase < PHASE_COUNT; phase++)
		assert_int_equal(phase_ns(phase), 0);
}

static void test_first_mark_is_kept(void **state)
{
	u64 before = now_ns(), marked, after;

	phase_mark(PHASE_EXEC);
	after = now_ns();
	marked = phase_ns(PHASE_EXEC);
	assert_true(before <= marked && marked <= after);
	while (now_ns() <= after)
		;
	phase_mark(PHASE_EXEC);
	assert_int_equal(phase_ns(PHASE_EXEC), marked);
	assert_int_equal(phase_ns(PHASE_VM_READY), 0);
}

static void *mark(void *arg)
{
	phase_mark(PHASE_FIRST_CONSOLE);
	*(u64 *)arg = phase_ns(PHASE_FIRST_CONSOLE);
	return NULL;
}

static void test_racing_marks_agree(void **state)
{
	pthread_t threads[4];
	u64 seen[4];

	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, mark, &seen[i]), 0);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(seen[i], phase_ns(PHASE_FIRST_CONSOLE));
	assert_int_not_equal(seen[0], 0);
}

/* Moments come in any order; the one that was new last counts. */
static void test_the_last_mark_is_current(void **state)
{
	phase_mark(PHASE_INIT);
	assert_int_equal(phase_current(), PHASE_INIT);
	phase_mark(PHASE_OPTIONS);
	assert_int_equal(phase_current(), PHASE_OPTIONS);
	phase_mark(PHASE_INIT);
	assert_int_equal(phase_current(), PHASE_OPTIONS);
}

static unsigned int told;

static void tell(void *arg)
{
	assert_ptr_equal(arg, &told);
	assert_int_not_equal(phase_ns(PHASE_KVM), 0);
	told++;
}

static void *mark_kvm(void *arg)
{
	phase_mark(PHASE_KVM);
	return arg;
}

static void test_a_watcher_is_told_once(void **state)
{
	pthread_t threads[4];

	phase_watch(PHASE_KVM, tell, &told);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, mark_kvm, NULL), 0);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(told, 1);
	phase_watch(PHASE_END, tell, &told);
	phase_watch(PHASE_END, NULL, NULL);
	phase_mark(PHASE_END);
	assert_int_equal(told, 1);
}

/* The keys are read by scripts. */
static void test_names(void **state)
{
	assert_string_equal(phase_name(PHASE_EXEC), "exec");
	assert_string_equal(phase_name(PHASE_VM_READY), "vm_ready");
	assert_string_equal(phase_name(PHASE_FIRST_RUN), "first_kvm_run");
	assert_string_equal(phase_name(PHASE_FIRST_CONSOLE), "first_console_byte");
	assert_string_equal(phase_name(PHASE_END), "end");
	assert_string_equal(phase_name(PHASE_OPTIONS), "options");
	assert_string_equal(phase_name(PHASE_KVM), "kvm");
	assert_string_equal(phase_name(PHASE_INIT), "init");
	assert_int_equal(PHASE_COUNT, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unmarked_is_zero),
		cmocka_unit_test(test_first_mark_is_kept),
		cmocka_unit_test(test_racing_marks_agree),
		cmocka_unit_test(test_the_last_mark_is_current),
		cmocka_unit_test(test_a_watcher_is_told_once),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
