// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/thread.c: no signal reaches a thread and the caller's mask stays, a stack as asked, an
 * end that is awaited and one that is not.
 */
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/thread.h>
#include <kvm/util.h>
#include <signal.h>
#include <unistd.h>

struct seen {
	sigset_t mask;
	size_t stack_bytes;
	int hold[2]; /* a pipe: the thread ends when its other end is closed */
};

static void *look(void *arg)
{
	struct seen *seen = arg;
	pthread_attr_t attr;

	pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, &seen->stack_bytes);
	pthread_attr_destroy(&attr);
	return NULL;
}

static void *hang(void *arg)
{
	struct seen *seen = arg;
	char byte;

	(void)!read(seen->hold[0], &byte, 1);
	return NULL;
}

static void test_no_signals(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGSEGV};
	struct seen seen;
	pthread_t thread;
	sigset_t mask;

	assert_int_equal(thread_start(&thread, 0, look, &seen), 0);
	assert_true(thread_join_within(thread, patient_ns(5 * NSEC_PER_SEC)));
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		assert_int_equal(sigismember(&seen.mask, signals[i]), 1);
		assert_int_equal(sigismember(&mask, signals[i]), 0);
	}
}

/* More than the usual size: glibc keeps the stacks of threads that ended, and may hand out one. */
static void test_stack(void **state)
{
	struct seen seen;
	pthread_t thread;

	assert_int_equal(thread_start(&thread, 32 * MIB, look, &seen), 0);
	assert_true(thread_join_within(thread, patient_ns(5 * NSEC_PER_SEC)));
	assert_in_range(seen.stack_bytes, 31 * MIB, 33 * MIB);
}

static void test_one_that_hangs(void **state)
{
	static struct seen seen;
	u64 begin = now_ns();
	pthread_t thread;

	assert_int_equal(pipe(seen.hold), 0);
	assert_int_equal(thread_start(&thread, 0, hang, &seen), 0);
	assert_false(thread_join_within(thread, 1100 * NSEC_PER_MSEC));
	assert_true(now_ns() - begin >= 1000 * NSEC_PER_MSEC);
	assert_true(now_ns() - begin < patient_ns(4 * NSEC_PER_SEC));
	close(seen.hold[1]);
}

/* More than there is address space for: nothing is left, the mask is as before. */
static void test_one_that_cannot_be(void **state)
{
	struct seen seen;
	pthread_t thread;
	sigset_t mask;

	assert_int_equal(thread_start(&thread, (size_t)1 << 50, look, &seen), -EAGAIN);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGINT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_signals),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_one_that_hangs),
		cmocka_unit_test(test_one_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
