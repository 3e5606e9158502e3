/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of util/loop.c share: a fresh loop for each test, and sources
 * that tell what happened to them.
 *
 * Each test ends its loop by loop_stop(); an alarm ends a test that hangs.
 */
#ifndef TESTS_UTIL_LOOP_FIXTURE_H
#define TESTS_UTIL_LOOP_FIXTURE_H

#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <kvm/loop.h>
#include <kvm/util.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct loop *loop;

static inline int set_up(void **state)
{
	alarm(patient_s(60));
	loop = loop_new();
	return loop ? 0 : -1;
}

static inline int tear_down(void **state)
{
	loop_free(loop);
	alarm(0);
	return 0;
}

static inline void stop_loop(void *arg)
{
	loop_stop(loop);
}

/* Run for so long, with the test's own sources, timers and bells. */
static inline void run_for(u64 ns)
{
	struct loop_timer end = {.fn = stop_loop};

	loop_arm(loop, &end, now_ns() + patient_ns(ns));
	assert_int_equal(loop_run(loop), 0);
	loop_disarm(loop, &end);
}

/* Callbacks of timers and bells leave a letter each. */
static char trace[64];

static inline void trace_add(void *arg)
{
	size_t len = strlen(trace);

	assert_true(len + 1 < sizeof(trace));
	trace[len] = *(const char *)arg;
	trace[len + 1] = '\0';
}

/* A source that counts its calls, and what it does to others when called. */
struct probe {
	struct loop_fd source;
	unsigned int calls;
	u32 events;
	struct probe *removes[3];
	struct probe *changes;
	u32 changes_to;
	unsigned int stop_after; /* 0: never */
};

static inline void probe_ready(void *arg, u32 events)
{
	struct probe *probe = arg;

	probe->calls++;
	probe->events = events;
	for (size_t i = 0; i < ARRAY_SIZE(probe->removes) && probe->removes[i]; i++)
		loop_unwatch(loop, &probe->removes[i]->source);
	if (probe->changes)
		assert_int_equal(loop_watch(loop, &probe->changes->source, probe->changes_to), 0);
	if (probe->calls == probe->stop_after)
		loop_stop(loop);
}

static inline void probe_open(struct probe *probe, int fd)
{
	assert_true(fd >= 0);
	*probe = (struct probe){.source = {.fd = fd, .fn = probe_ready, .arg = probe}};
}

static inline void probe_open_ready(struct probe *probe)
{
	probe_open(probe, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
	assert_int_equal(loop_watch(loop, &probe->source, EPOLLIN), 0);
}

static inline void probe_close(struct probe *probe)
{
	loop_unwatch(loop, &probe->source);
	close(probe->source.fd);
}

/* --- descriptors that are ready: an eventfd, the end of a pipe, a file that epoll refuses --- */

static inline int open_eventfd(void)
{
	return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* The reading end of a pipe: with a byte in it, or hung up. */
static inline int open_pipe(bool hung_up)
{
	static int writers[8];
	static size_t next;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	if (hung_up) {
		close(fds[1]);
		return fds[0];
	}
	assert_int_equal(write(fds[1], "x", 1), 1);
	/* Kept open until its place is needed: a closed one would be a hang-up. */
	if (writers[next])
		close(writers[next]);
	writers[next] = fds[1];
	next = (next + 1) % ARRAY_SIZE(writers);
	return fds[0];
}

static inline int regular_file(void)
{
	return memfd_create("test-loop", MFD_CLOEXEC);
}

#endif
