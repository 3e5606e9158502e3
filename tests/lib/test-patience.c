// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins tests/lib/patience.c: limits grow with the factor, and never shrink.
 */
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define SPINNERS 64

static atomic_bool spin;

static void test_a_given_factor(void **state)
{
	setenv("LKVM_PATIENCE", "250", 1);
	assert_int_equal(patience_percent(), 250);
	assert_int_equal(patient_ns(2000000000ULL), 5000000000ULL);
	assert_int_equal(patient_ms(100), 250);
	assert_int_equal(patient_s(1), 3); /* alarm() takes whole seconds */
	unsetenv("LKVM_PATIENCE");
}

static void test_no_limit_shrinks(void **state)
{
	assert_true(patience_percent() >= 100);
	assert_true(patient_ns(1000) >= 1000);
	assert_true(patient_s(60) >= 60);
}

static void *spinner(void *arg)
{
	while (atomic_load(&spin))
		;
	return NULL;
}

/* Threads that want the CPUs are seen at once: the average of a minute would come too late. */
static void test_load_is_seen_at_once(void **state)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int percent, most = 0;
	pthread_t threads[SPINNERS];

	if (cpus * 4 > SPINNERS)
		skip();
	atomic_store(&spin, true);
	for (int i = 0; i < SPINNERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, spinner, NULL), 0);
	for (int i = 0; i < 20 && most < 300; i++) {
		percent = patience_percent();
		most = percent > most ? percent : most;
		usleep(1000);
	}
	atomic_store(&spin, false);
	for (int i = 0; i < SPINNERS; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(most, 300, 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_given_factor),
		cmocka_unit_test(test_no_limit_shrinks),
		cmocka_unit_test(test_load_is_seen_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
