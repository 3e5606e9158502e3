// SPDX-License-Identifier: GPL-2.0-only
/*
 * A clock that stands still until the loop waits for a timer, and then is at that moment.
 *
 * Linked into a test, it takes the place of libc's clock_gettime() and timerfd_settime(), so that
 * the real event loop runs through hours in no time. For tests with one thread.
 */
#include "tests/lib/fake-clock.h"

#include <kvm/types.h>
#include <kvm/util.h>

#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

bool fake_clock_stands;

static u64 clock_ns = 1000 * NSEC_PER_SEC;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	time->tv_sec = (time_t)(clock_ns / NSEC_PER_SEC);
	time->tv_nsec = (long)(clock_ns % NSEC_PER_SEC);
	return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *set, struct itimerspec *old)
{
	const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};
	const struct itimerspec never = {};
	u64 deadline = (u64)set->it_value.tv_sec * NSEC_PER_SEC + (u64)set->it_value.tv_nsec;

	if (fake_clock_stands)
		deadline = 0;
	if (!deadline)
		return (int)syscall(SYS_timerfd_settime, fd, 0, &never, old);
	clock_ns = MAX(clock_ns, deadline);
	return (int)syscall(SYS_timerfd_settime, fd, 0, &at_once, old);
}
