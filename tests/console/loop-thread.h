/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loop of a test's machine on a thread of its own, so that the test can be the guest beside it.
 */
#ifndef TESTS_CONSOLE_LOOP_THREAD_H
#define TESTS_CONSOLE_LOOP_THREAD_H

#include "tests/lib/test.h"

#include <kvm/kvm.h>
#include <pthread.h>

static struct kvm kvm;
static pthread_t loop_thread;
static bool loop_on;

static inline void *run_loop(void *arg)
{
	loop_run(kvm.loop);
	return NULL;
}

static inline void start_loop(void)
{
	assert_int_equal(pthread_create(&loop_thread, NULL, run_loop, NULL), 0);
	loop_on = true;
}

static inline void stop_loop(void)
{
	if (!loop_on)
		return;
	loop_stop(kvm.loop);
	pthread_join(loop_thread, NULL);
	loop_on = false;
}

#endif
