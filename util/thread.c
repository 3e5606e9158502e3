// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that read or write files for other threads: a file may stall, and the loop must not.
 *
 * The main thread reads all signals from a descriptor, so each thread starts with all signals
 * blocked, from its first instruction. The end of a run takes a limited time: a thread that hangs
 * in the kernel, on a disk that does not answer, is detached, and ends with the process.
 *
 * The vCPUs' threads are not made here: they need a signal, which kicks them (kvm-cpu.c).
 *
 * Any thread; nothing here keeps state.
 */
#include <kvm/thread.h>

#include <signal.h>
#include <time.h>

int thread_start(pthread_t *thread, size_t stack_bytes, void *(*fn)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	if (stack_bytes)
		pthread_attr_setstacksize(&attr, stack_bytes);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

bool thread_join_within(pthread_t thread, u64 ns)
{
	struct timespec deadline;

	/*
	 * pthread_clockjoin_np() could use the monotonic clock, but gcc 12's TSan does not know it.
	 */
	clock_gettime(CLOCK_REALTIME, &deadline);
	ns += (u64)deadline.tv_nsec;
	deadline.tv_sec += (time_t)(ns / NSEC_PER_SEC);
	deadline.tv_nsec = (long)(ns % NSEC_PER_SEC);
	if (!pthread_timedjoin_np(thread, NULL, &deadline))
		return true;
	pthread_detach(thread);
	return false;
}
