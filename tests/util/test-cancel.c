// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/cancel.c: what calls work off, what happens to work that does not ask, and that nothing
 * of it is left afterwards.
 *
 * Each case runs in a child, whose signals and timer are its own.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/cancel.h>
#include <kvm/log.h>
#include <kvm/thread.h>
#include <kvm/util.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORCED 100 /* the child's status: force() was called for a signal, */
#define LATE   101 /* for the deadline, */
#define WRONG  102 /* something was not as it must be */

static void force(int cause)
{
	_exit(cause == CANCEL_TIMEOUT ? LATE : FORCED);
}

static struct cancel_plan plan_of(u64 after_ns)
{
	struct cancel_plan plan = {.deadline_ns = after_ns ? now_ns() + after_ns : UINT64_MAX,
				   .force = force};

	sigemptyset(&plan.signals);
	sigaddset(&plan.signals, SIGTERM);
	sigaddset(&plan.signals, SIGINT);
	return plan;
}

/* In a child; its status, and how long it took. */
static int run(void (*work)(void), u64 *took_ns)
{
	u64 start = now_ns();
	int status;
	pid_t pid = fork();

	if (!pid) {
		alarm(patient_s(20));
		work();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*took_ns = now_ns() - start;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define MUST(condition)               \
	do {                          \
		if (!(condition))     \
			_exit(WRONG); \
	} while (0)

static void spin(void)
{
	for (;;)
		;
}

static void spin_until_cancelled(void)
{
	while (!cancel_check())
		;
}

/* --- work that asks --- */

static void work_signal(void)
{
	struct cancel_plan plan = plan_of(0);

	cancel_begin(&plan);
	MUST(!cancel_check());
	raise(SIGINT);
	MUST(cancel_check() == -ECANCELED);
	MUST(cancel_end() == SIGINT && cancel_end() == SIGINT);
	MUST(!cancel_check());
}

static void work_deadline(void)
{
	struct cancel_plan plan = plan_of(50 * NSEC_PER_MSEC);

	cancel_begin(&plan);
	MUST(!cancel_check());
	spin_until_cancelled();
	MUST(cancel_end() == CANCEL_TIMEOUT);
}

/* One that passed before the work began. */
static void work_past_deadline(void)
{
	struct cancel_plan plan = plan_of(1);

	plan.deadline_ns = 0;
	cancel_begin(&plan);
	spin_until_cancelled();
	MUST(cancel_end() == CANCEL_TIMEOUT);
}

/* Afterwards a signal waits, and the timer is off: also for work that begins again. */
static void work_is_over(void)
{
	struct cancel_plan plan = plan_of(100 * NSEC_PER_MSEC);
	sigset_t pending;

	cancel_begin(&plan);
	MUST(!cancel_end());
	raise(SIGTERM);
	usleep(150000);
	sigpending(&pending);
	MUST(sigismember(&pending, SIGTERM) == 1);
	MUST(!cancel_check() && !cancel_end());
	MUST(sigwaitinfo(&plan.signals, NULL) == SIGTERM);
	cancel_begin_again(UINT64_MAX);
	usleep(20000);
	MUST(!cancel_check() && !cancel_end());
	cancel_begin_again(now_ns() + 20 * NSEC_PER_MSEC);
	spin_until_cancelled();
	MUST(cancel_end() == CANCEL_TIMEOUT);
}

static void work_without_a_plan(void)
{
	cancel_begin_again(0);
	MUST(!cancel_check() && !cancel_end());
}

static void test_work_that_asks(void **state)
{
	static void (*const works[])(void) = {work_signal, work_deadline, work_past_deadline,
					      work_is_over, work_without_a_plan};
	u64 took;

	for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
		assert_int_equal(run(works[i], &took), 0);
		assert_true(took < patient_ns(900 * NSEC_PER_MSEC));
	}
}

/* --- work that does not --- */

static void work_deaf(void)
{
	struct cancel_plan plan = plan_of(0);

	cancel_begin(&plan);
	raise(SIGTERM);
	spin();
}

/* A read of a pipe that nobody writes to goes on after the signal. */
static void work_in_the_kernel(void)
{
	struct cancel_plan plan = plan_of(10 * NSEC_PER_MSEC);
	int fds[2];
	char byte;

	MUST(!pipe(fds));
	cancel_begin(&plan);
	(void)!read(fds[0], &byte, 1);
	_exit(WRONG);
}

static void work_twice(void)
{
	struct cancel_plan plan = plan_of(0);

	cancel_begin(&plan);
	raise(SIGINT);
	raise(SIGTERM);
	_exit(WRONG);
}

static void test_work_that_does_not_ask(void **state)
{
	u64 took;

	assert_int_equal(run(work_deaf, &took), FORCED);
	assert_in_range(took, CANCEL_GRACE_NS, 10 * CANCEL_GRACE_NS);
	assert_int_equal(run(work_in_the_kernel, &took), LATE);
	assert_int_equal(run(work_twice, &took), FORCED);
	assert_true(took < patient_ns(900 * NSEC_PER_MSEC));
}

/* --- what asks --- */

#define FILE_BYTES (8 * MIB)

/* Long transfers end; a short one is finished, for it is half of a result file otherwise. */
static void work_files(void)
{
	struct cancel_plan plan = plan_of(0);
	int fd = memfd_create("test-cancel", MFD_CLOEXEC);
	static u8 bytes[FILE_BYTES];

	MUST(fd >= 0 && !ftruncate(fd, FILE_BYTES));
	cancel_begin(&plan);
	MUST(!pread_full(fd, bytes, FILE_BYTES, 0));
	raise(SIGTERM);
	MUST(pread_full(fd, bytes, FILE_BYTES, 0) == -ECANCELED);
	MUST(pwrite_full(fd, bytes, FILE_BYTES, 0) == -ECANCELED);
	MUST(write_full(fd, bytes, FILE_BYTES) == -ECANCELED);
	MUST(!pread_full(fd, bytes, 1000, 0));
	MUST(!pwrite_full(fd, bytes, 1000, 0));
	MUST(!write_full(fd, bytes, 1000));
	cancel_end();
	MUST(!pread_full(fd, bytes, FILE_BYTES, 0));
}

/* Whoever called it off says so, nobody else. */
static void work_says_nothing(void)
{
	log_record();
	MUST(log_fail(-ECANCELED, "a line") == -ECANCELED && logged.lines == 0);
	MUST(log_fail(-EIO, "a line") == -EIO && logged.lines == 1);
}

static void test_transfers_and_messages(void **state)
{
	u64 took;

	assert_int_equal(run(work_files, &took), 0);
	assert_int_equal(run(work_says_nothing, &took), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_work_that_asks),
		cmocka_unit_test(test_work_that_does_not_ask),
		cmocka_unit_test(test_transfers_and_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
