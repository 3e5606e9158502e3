// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/loop.c: what is called, in which turn, and what no longer is.
 *
 * Each test ends its loop by loop_stop(); an alarm ends a test that hangs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <kvm/loop.h>
#include <kvm/util.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* cmocka hands every test a state; none here needs it. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

static struct loop *loop;

static int set_up(void **state)
{
	alarm(60);
	loop = loop_new();
	return loop ? 0 : -1;
}

static int tear_down(void **state)
{
	loop_free(loop);
	alarm(0);
	return 0;
}

static void stop(void *arg)
{
	loop_stop(loop);
}

/* Run until nothing has been ready for a while. */
static void run_for(u64 ns)
{
	struct loop_timer end = {.fn = stop};

	loop_arm(loop, &end, now_ns() + ns);
	assert_int_equal(loop_run(loop), 0);
	loop_disarm(loop, &end);
}

/* --- descriptors --- */

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

static void probe_ready(void *arg, u32 events)
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

static void probe_open(struct probe *probe, int fd)
{
	assert_true(fd >= 0);
	*probe = (struct probe){.source = {.fd = fd, .fn = probe_ready, .arg = probe}};
}

static void probe_open_ready(struct probe *probe)
{
	probe_open(probe, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
	assert_int_equal(loop_watch(loop, &probe->source, EPOLLIN), 0);
}

static void probe_close(struct probe *probe)
{
	loop_unwatch(loop, &probe->source);
	close(probe->source.fd);
}

static void test_unread_input_is_reported_again(void **state)
{
	struct probe probe;

	probe_open_ready(&probe);
	probe.stop_after = 3;
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(probe.calls, 3);
	assert_int_equal(probe.events, EPOLLIN);
	probe_close(&probe);
}

static void test_change_and_pause(void **state)
{
	struct probe probe;

	probe_open_ready(&probe);
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLOUT), 0);
	probe.stop_after = 1;
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(probe.events, EPOLLOUT);

	tear_down(state);
	set_up(state);
	probe_open(&probe, probe.source.fd);
	assert_int_equal(loop_watch(loop, &probe.source, 0), 0);
	assert_true(probe.source.added);
	run_for(2 * NSEC_PER_MSEC);
	assert_int_equal(probe.calls, 0);
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN | EPOLLOUT), 0);
	assert_int_equal(loop_watch(loop, &probe.source, 0), 0);
	assert_int_equal(loop_watch(loop, &probe.source, 0), 0);
	probe_close(&probe);
	assert_false(probe.source.added);
	loop_unwatch(loop, &probe.source);
}

static void test_resumes_after_a_pause(void **state)
{
	struct probe probe;

	probe_open_ready(&probe);
	assert_int_equal(loop_watch(loop, &probe.source, 0), 0);
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN), 0);
	probe.stop_after = 1;
	assert_int_equal(loop_run(loop), 0);
	probe_close(&probe);
}

static void test_hang_up_is_reported_but_not_while_paused(void **state)
{
	struct probe probe;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	close(fds[1]);
	probe_open(&probe, fds[0]);
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN), 0);
	assert_int_equal(loop_watch(loop, &probe.source, 0), 0);
	run_for(2 * NSEC_PER_MSEC);
	assert_int_equal(probe.calls, 0);

	tear_down(state);
	set_up(state);
	probe_open(&probe, fds[0]);
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN), 0);
	probe.stop_after = 1;
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(probe.events, EPOLLHUP);
	probe_close(&probe);
}

static void test_callback_removes_itself(void **state)
{
	struct probe probe;

	probe_open_ready(&probe);
	probe.removes[0] = &probe;
	run_for(2 * NSEC_PER_MSEC);
	assert_int_equal(probe.calls, 1);
	assert_false(probe.source.added);
	probe_close(&probe);
}

/* All are ready in one batch; whoever is first removes the other two. */
static void test_callback_removes_what_is_pending(void **state)
{
	struct probe probes[3];

	for (int i = 0; i < 3; i++)
		probe_open_ready(&probes[i]);
	for (int i = 0; i < 3; i++) {
		probes[i].removes[0] = &probes[(i + 1) % 3];
		probes[i].removes[1] = &probes[(i + 2) % 3];
	}
	run_for(2 * NSEC_PER_MSEC);
	assert_int_equal(!!probes[0].calls + !!probes[1].calls + !!probes[2].calls, 1);
	for (int i = 0; i < 3; i++)
		probe_close(&probes[i]);
}

static void remove_and_free(void *arg, u32 events)
{
	struct probe **victim = arg;

	if (!*victim)
		return;
	probe_close(*victim);
	free(*victim);
	*victim = NULL;
}

/* The address sanitizer sees whether the loop looks at a source that is gone. */
static void check_memory_may_go(int (*open_ready)(void))
{
	struct probe *victim = malloc(sizeof(*victim));
	struct loop_fd first = {.fd = open_ready(), .fn = remove_and_free, .arg = &victim};
	struct loop_fd last = {.fd = open_ready(), .fn = remove_and_free, .arg = &victim};

	assert_non_null(victim);
	assert_int_equal(loop_watch(loop, &first, EPOLLIN), 0);
	probe_open(victim, open_ready());
	assert_int_equal(loop_watch(loop, &victim->source, EPOLLIN), 0);
	assert_int_equal(loop_watch(loop, &last, EPOLLIN), 0);
	run_for(2 * NSEC_PER_MSEC);
	assert_null(victim);
	loop_unwatch(loop, &first);
	loop_unwatch(loop, &last);
	close(first.fd);
	close(last.fd);
}

static int open_eventfd(void)
{
	return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void test_memory_may_go_at_once(void **state)
{
	check_memory_may_go(open_eventfd);
}

/* The reading end of a pipe: with a byte in it, or hung up. */
static int open_pipe(bool hung_up)
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

/* Two sources are pending; whoever is first changes the other, which is not called then. */
static void check_change_cancels(bool hung_up, u32 changes_to)
{
	struct probe probes[2];

	for (int i = 0; i < 2; i++) {
		probe_open(&probes[i], open_pipe(hung_up));
		assert_int_equal(loop_watch(loop, &probes[i].source, EPOLLIN), 0);
		probes[i].changes = &probes[1 - i];
		probes[i].changes_to = changes_to;
	}
	run_for(2 * NSEC_PER_MSEC);
	assert_true(!probes[0].calls != !probes[1].calls);
	probe_close(&probes[0]);
	probe_close(&probes[1]);
}

static void test_callback_pauses_what_is_pending(void **state)
{
	check_change_cancels(false, 0);
}

static void test_callback_pauses_a_pending_hang_up(void **state)
{
	check_change_cancels(true, 0);
}

/* The reading end of a pipe is never writable. */
static void test_callback_narrows_what_is_pending(void **state)
{
	check_change_cancels(false, EPOLLOUT);
}

static struct probe replacement;

static void replace_other(void *arg, u32 events)
{
	struct loop_fd *other = arg;

	if (!other->added)
		return;
	loop_unwatch(loop, other);
	/* The same source again, over a descriptor that is not ready. */
	other->fd = replacement.source.fd;
	assert_int_equal(loop_watch(loop, other, EPOLLIN), 0);
}

static void test_removed_and_added_again_forgets_the_old_event(void **state)
{
	struct probe other;
	struct loop_fd replacer = {.fn = replace_other, .arg = &other.source};
	int fd;

	probe_open(&replacement, eventfd(0, EFD_CLOEXEC));
	replacer.fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(loop_watch(loop, &replacer, EPOLLIN), 0);
	probe_open_ready(&other);
	fd = other.source.fd;
	run_for(2 * NSEC_PER_MSEC);
	assert_int_equal(other.calls, 0);
	loop_unwatch(loop, &other.source);
	loop_unwatch(loop, &replacer);
	close(fd);
	close(replacer.fd);
	close(replacement.source.fd);
}

static void test_many_sources(void **state)
{
	static struct probe probes[100]; /* more than one batch */

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		probe_open_ready(&probes[i]);
	run_for(5 * NSEC_PER_MSEC);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		assert_true(probes[i].calls > 0);
		probe_close(&probes[i]);
	}
}

static void test_errors(void **state)
{
	struct probe probe = {};
	int fd = eventfd(0, EFD_CLOEXEC);

	probe.source.fd = -1;
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN), -EBADF);
	assert_false(probe.source.added);
	loop_unwatch(loop, &probe.source);

	probe_open(&probe, fd);
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN), 0);
	close(fd);
	loop_unwatch(loop, &probe.source);
	assert_false(probe.source.added);
	loop_free(NULL);
}

/* --- files that epoll refuses --- */

static int regular_file(void)
{
	return memfd_create("test-loop", MFD_CLOEXEC);
}

static void test_regular_file_is_always_ready(void **state)
{
	struct probe probe;

	probe_open(&probe, regular_file());
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN), 0);
	assert_true(probe.source.always);
	probe.stop_after = 5;
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(probe.calls, 5);
	assert_int_equal(probe.events, EPOLLIN);
	probe_close(&probe);
	assert_false(probe.source.always);
}

static void test_regular_file_pauses(void **state)
{
	struct probe probe;

	probe_open(&probe, regular_file());
	assert_int_equal(loop_watch(loop, &probe.source, 0), 0);
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN | EPOLLOUT), 0);
	probe.changes = &probe;
	run_for(2 * NSEC_PER_MSEC);
	assert_int_equal(probe.calls, 1);
	assert_int_equal(probe.events, EPOLLIN | EPOLLOUT);
	assert_true(probe.source.added);
	probe_close(&probe);
}

static void test_regular_files_remove_each_other(void **state)
{
	for (int remover = 0; remover < 3; remover++) {
		struct probe probes[3];
		unsigned int calls = 0;

		tear_down(state);
		set_up(state);
		for (int i = 0; i < 3; i++) {
			probe_open(&probes[i], regular_file());
			assert_int_equal(loop_watch(loop, &probes[i].source, EPOLLIN), 0);
		}
		for (int i = 0; i < 3; i++)
			probes[remover].removes[i] = &probes[i];
		run_for(2 * NSEC_PER_MSEC);
		for (int i = 0; i < 3; i++) {
			calls += probes[i].calls;
			assert_true(probes[i].calls <= 1);
			probe_close(&probes[i]);
		}
		assert_int_equal(probes[remover].calls, 1);
		assert_in_range(calls, 1, 3);
	}
}

static void test_memory_of_a_regular_file_may_go_at_once(void **state)
{
	check_memory_may_go(regular_file);
}

static void test_regular_file_starves_no_timer(void **state)
{
	struct probe probe;

	probe_open(&probe, regular_file());
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN), 0);
	run_for(2 * NSEC_PER_MSEC);
	assert_true(probe.calls > 1);
	probe_close(&probe);
}

/* --- timers --- */

static char trace[64];

static void trace_add(void *arg)
{
	size_t len = strlen(trace);

	assert_true(len + 1 < sizeof(trace));
	trace[len] = *(const char *)arg;
	trace[len + 1] = '\0';
}

static void test_timers_run_in_order_of_deadline(void **state)
{
	struct loop_timer a = {.fn = trace_add, .arg = "a"};
	struct loop_timer b = {.fn = trace_add, .arg = "b"};
	struct loop_timer c = {.fn = trace_add, .arg = "c"};
	struct loop_timer d = {.fn = trace_add, .arg = "d"};
	struct loop_timer end = {.fn = stop};
	u64 start = now_ns();

	memset(trace, 0, sizeof(trace));
	loop_arm(loop, &end, start + 4 * NSEC_PER_MSEC);
	loop_arm(loop, &d, start + 3 * NSEC_PER_MSEC);
	loop_arm(loop, &b, start + 2 * NSEC_PER_MSEC);
	loop_arm(loop, &a, 0); /* long over */
	loop_arm(loop, &c, start + 2 * NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trace, "abcd");
	assert_true(now_ns() - start >= 4 * NSEC_PER_MSEC);
	assert_int_equal(a.deadline_ns, 0);
}

static void test_armed_timer_moves(void **state)
{
	struct loop_timer a = {.fn = trace_add, .arg = "a"};
	struct loop_timer b = {.fn = trace_add, .arg = "b"};
	u64 start = now_ns();

	memset(trace, 0, sizeof(trace));
	loop_arm(loop, &a, start + 1 * NSEC_PER_MSEC);
	loop_arm(loop, &b, start + 2 * NSEC_PER_MSEC);
	loop_arm(loop, &a, start + 3 * NSEC_PER_MSEC);
	loop_arm(loop, &b, start + 1);
	run_for(5 * NSEC_PER_MSEC);
	assert_string_equal(trace, "ba");
}

static void test_disarmed_timer_is_not_called(void **state)
{
	struct loop_timer a = {.fn = trace_add, .arg = "a"};
	struct loop_timer far = {.fn = trace_add, .arg = "f"};

	memset(trace, 0, sizeof(trace));
	loop_disarm(loop, &a);
	loop_arm(loop, &a, now_ns());
	loop_disarm(loop, &a);
	loop_disarm(loop, &a);
	loop_arm(loop, &far, UINT64_MAX);
	run_for(2 * NSEC_PER_MSEC);
	assert_string_equal(trace, "");
	loop_disarm(loop, &far);
}

struct rearming {
	struct loop_timer timer;
	unsigned int calls;
	u64 step_ns; /* 0: re-arm in the past */
};

static void rearm(void *arg)
{
	struct rearming *rearming = arg;

	assert_int_equal(rearming->timer.deadline_ns, 0);
	rearming->calls++;
	loop_arm(loop, &rearming->timer, rearming->step_ns ? now_ns() + rearming->step_ns : 1);
}

static void test_timer_rearms_itself(void **state)
{
	struct rearming rearming = {.timer = {.fn = rearm, .arg = &rearming}, .step_ns = 100000};

	loop_arm(loop, &rearming.timer, now_ns());
	run_for(20 * NSEC_PER_MSEC);
	assert_in_range(rearming.calls, 2, 201);
	loop_disarm(loop, &rearming.timer);
}

/* It would run for ever if one turn saw it more than once. */
static void test_timer_rearmed_in_the_past_starves_nobody(void **state)
{
	struct rearming rearming = {.timer = {.fn = rearm, .arg = &rearming}};
	struct probe probe;

	probe_open_ready(&probe);
	loop_arm(loop, &rearming.timer, 1);
	run_for(2 * NSEC_PER_MSEC);
	assert_true(rearming.calls > 1);
	assert_true(probe.calls > 1);
	loop_disarm(loop, &rearming.timer);
	probe_close(&probe);
}

struct disarming {
	struct loop_timer timer;
	struct loop_timer *other;
};

static void disarm_other(void *arg)
{
	struct disarming *disarming = arg;

	trace_add("x");
	loop_disarm(loop, disarming->other);
}

static void test_callback_disarms_what_is_due(void **state)
{
	struct loop_timer b = {.fn = trace_add, .arg = "b"};
	struct loop_timer c = {.fn = trace_add, .arg = "c"};
	struct disarming first = {.timer = {.fn = disarm_other, .arg = &first}, .other = &b};
	struct disarming last = {.timer = {.fn = disarm_other, .arg = &last}, .other = &last.timer};

	memset(trace, 0, sizeof(trace));
	loop_arm(loop, &first.timer, 1);
	loop_arm(loop, &b, 2);
	loop_arm(loop, &c, 3);
	loop_arm(loop, &last.timer, 4);
	run_for(2 * NSEC_PER_MSEC);
	assert_string_equal(trace, "xcx");
	assert_int_equal(b.deadline_ns, 0);
}

static void arm_other(void *arg)
{
	struct disarming *arming = arg;

	trace_add("x");
	loop_arm(loop, arming->other, now_ns() + NSEC_PER_MSEC);
}

static void test_callback_moves_what_is_due(void **state)
{
	struct loop_timer b = {.fn = trace_add, .arg = "b"};
	struct loop_timer c = {.fn = trace_add, .arg = "c"};
	struct disarming first = {.timer = {.fn = arm_other, .arg = &first}, .other = &b};

	memset(trace, 0, sizeof(trace));
	loop_arm(loop, &first.timer, 1);
	loop_arm(loop, &b, 2);
	loop_arm(loop, &c, 3);
	run_for(4 * NSEC_PER_MSEC);
	assert_string_equal(trace, "xcb");
}

/* --- bells and stopping --- */

static void test_rings_merge(void **state)
{
	struct loop_bell a = {.fn = trace_add, .arg = "a"};
	struct loop_bell silent = {.fn = trace_add, .arg = "s"};

	memset(trace, 0, sizeof(trace));
	loop_add_bell(loop, &a);
	loop_add_bell(loop, &silent);
	for (int i = 0; i < 10; i++)
		loop_ring(loop, &a);
	run_for(2 * NSEC_PER_MSEC);
	assert_string_equal(trace, "a");
	loop_remove_bell(loop, &a);
	loop_remove_bell(loop, &a);
	loop_remove_bell(loop, &silent);
}

struct self_ringing {
	struct loop_bell bell;
	unsigned int calls;
};

static void ring_myself(void *arg)
{
	struct self_ringing *ringing = arg;

	if (++ringing->calls < 100)
		loop_ring(loop, &ringing->bell);
	else
		loop_stop(loop);
}

static void test_ring_in_its_own_callback(void **state)
{
	struct self_ringing ringing = {.bell = {.fn = ring_myself, .arg = &ringing}};

	loop_add_bell(loop, &ringing.bell);
	loop_ring(loop, &ringing.bell);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(ringing.calls, 100);
	loop_remove_bell(loop, &ringing.bell);
}

static struct loop_bell bells[3];

static void remove_all_bells(void *arg)
{
	trace_add(arg);
	for (size_t i = 0; i < ARRAY_SIZE(bells); i++)
		loop_remove_bell(loop, &bells[i]);
}

static void test_callback_removes_bells(void **state)
{
	memset(trace, 0, sizeof(trace));
	for (size_t i = 0; i < ARRAY_SIZE(bells); i++) {
		bells[i] = (struct loop_bell){.fn = remove_all_bells, .arg = "x"};
		loop_add_bell(loop, &bells[i]);
		loop_ring(loop, &bells[i]);
	}
	run_for(2 * NSEC_PER_MSEC);
	assert_string_equal(trace, "x");
}

static void test_bell_rings_again_after_it_was_removed(void **state)
{
	struct loop_bell a = {.fn = trace_add, .arg = "a"};

	memset(trace, 0, sizeof(trace));
	loop_add_bell(loop, &a);
	loop_ring(loop, &a);
	loop_remove_bell(loop, &a);
	run_for(1 * NSEC_PER_MSEC);
	assert_string_equal(trace, "");

	tear_down(state);
	set_up(state);
	loop_add_bell(loop, &a);
	loop_ring(loop, &a);
	run_for(1 * NSEC_PER_MSEC);
	assert_string_equal(trace, "a");
}

#define RINGERS 4
#define RINGS	100000

/* Posted by a ringer, taken by the bell's callback; the last number must arrive. */
static struct ringer {
	struct loop_bell bell;
	pthread_t thread;
	atomic_uint posted;
	unsigned int taken;
} ringers[RINGERS];

static void take(void *arg)
{
	struct ringer *ringer = arg;
	unsigned int posted = atomic_load(&ringer->posted);

	assert_true(posted >= ringer->taken);
	ringer->taken = posted;
	for (int i = 0; i < RINGERS; i++) {
		if (ringers[i].taken != RINGS)
			return;
	}
	loop_stop(loop);
}

static void *ring_often(void *arg)
{
	struct ringer *ringer = arg;

	for (unsigned int i = 1; i <= RINGS; i++) {
		atomic_store_explicit(&ringer->posted, i, memory_order_relaxed);
		loop_ring(loop, &ringer->bell);
	}
	return NULL;
}

static void test_no_ring_of_another_thread_is_lost(void **state)
{
	for (int i = 0; i < RINGERS; i++) {
		ringers[i] = (struct ringer){.bell = {.fn = take, .arg = &ringers[i]}};
		loop_add_bell(loop, &ringers[i].bell);
	}
	for (int i = 0; i < RINGERS; i++)
		assert_int_equal(pthread_create(&ringers[i].thread, NULL, ring_often, &ringers[i]),
				 0);
	assert_int_equal(loop_run(loop), 0);
	for (int i = 0; i < RINGERS; i++) {
		pthread_join(ringers[i].thread, NULL);
		assert_int_equal(ringers[i].taken, RINGS);
		loop_remove_bell(loop, &ringers[i].bell);
	}
}

/* Strictly one ring at a time: each must wake the loop by itself. */
#define QUESTIONS 2000
static unsigned int question; /* not atomic: the ring alone orders it */
static atomic_uint answer;

static void give_answer(void *arg)
{
	unsigned int asked = question;

	if (asked == QUESTIONS)
		loop_stop(loop);
	atomic_store(&answer, asked);
}

static void *ask(void *arg)
{
	for (unsigned int i = 1; i <= QUESTIONS; i++) {
		question = i;
		loop_ring(loop, arg);
		while (atomic_load(&answer) != i)
			sched_yield();
	}
	return NULL;
}

static void test_each_ring_wakes_the_loop(void **state)
{
	struct loop_bell bell = {.fn = give_answer};
	pthread_t thread;

	loop_add_bell(loop, &bell);
	assert_int_equal(pthread_create(&thread, NULL, ask, &bell), 0);
	assert_int_equal(loop_run(loop), 0);
	pthread_join(thread, NULL);
	assert_int_equal(answer, QUESTIONS);
	loop_remove_bell(loop, &bell);
}

static void *stop_later(void *arg)
{
	usleep(1000);
	loop_stop(loop);
	return NULL;
}

static void test_stop_from_another_thread(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, stop_later, NULL), 0);
	assert_int_equal(loop_run(loop), 0);
	pthread_join(thread, NULL);
}

static void test_stop_is_sticky(void **state)
{
	struct probe probe;

	probe_open_ready(&probe);
	loop_stop(loop);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(probe.calls, 0);
	probe_close(&probe);
}

static void stop_loudly(void *arg)
{
	trace_add(arg);
	loop_stop(loop);
}

/* Three of a kind are ready; after the first call nothing more is called. */
static void test_stop_ends_after_the_running_bell(void **state)
{
	memset(trace, 0, sizeof(trace));
	for (size_t i = 0; i < ARRAY_SIZE(bells); i++) {
		bells[i] = (struct loop_bell){.fn = stop_loudly, .arg = "b"};
		loop_add_bell(loop, &bells[i]);
		loop_ring(loop, &bells[i]);
	}
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trace, "b");
}

static void test_stop_ends_after_the_running_timer(void **state)
{
	struct loop_timer timers[3];

	memset(trace, 0, sizeof(trace));
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		timers[i] = (struct loop_timer){.fn = stop_loudly, .arg = "t"};
		loop_arm(loop, &timers[i], 1);
	}
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trace, "t");
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
		loop_disarm(loop, &timers[i]);
}

static void check_stop_ends_after(int (*open_ready)(void))
{
	struct probe probes[3];

	for (int i = 0; i < 3; i++) {
		probe_open(&probes[i], open_ready());
		assert_int_equal(loop_watch(loop, &probes[i].source, EPOLLIN), 0);
		probes[i].stop_after = 1;
	}
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(probes[0].calls + probes[1].calls + probes[2].calls, 1);
	for (int i = 0; i < 3; i++)
		probe_close(&probes[i]);
}

static void test_stop_ends_after_the_running_source(void **state)
{
	check_stop_ends_after(open_eventfd);
}

static void test_stop_ends_after_the_running_file(void **state)
{
	check_stop_ends_after(regular_file);
}

static u64 cpu_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* A bell that was answered, a timer that fired, all that is paused: none may make it spin. */
static void test_idle_loop_sleeps(void **state)
{
	struct loop_bell bell = {.fn = trace_add, .arg = "b"};
	struct loop_timer timer = {.fn = trace_add, .arg = "t"};
	struct probe hung_up, file;
	u64 start = cpu_time_ns();

	memset(trace, 0, sizeof(trace));
	loop_add_bell(loop, &bell);
	loop_ring(loop, &bell);
	loop_arm(loop, &timer, 1);
	probe_open(&hung_up, open_pipe(true));
	probe_open(&file, regular_file());
	assert_int_equal(loop_watch(loop, &hung_up.source, EPOLLIN), 0);
	assert_int_equal(loop_watch(loop, &hung_up.source, 0), 0);
	assert_int_equal(loop_watch(loop, &file.source, EPOLLIN), 0);
	assert_int_equal(loop_watch(loop, &file.source, 0), 0);
	run_for(60 * NSEC_PER_MSEC);
	assert_int_equal(strlen(trace), 2);
	assert_true(cpu_time_ns() - start < 30 * NSEC_PER_MSEC);
	loop_remove_bell(loop, &bell);
	probe_close(&hung_up);
	probe_close(&file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unread_input_is_reported_again),
		TEST(test_change_and_pause),
		TEST(test_resumes_after_a_pause),
		TEST(test_hang_up_is_reported_but_not_while_paused),
		TEST(test_callback_removes_itself),
		TEST(test_callback_removes_what_is_pending),
		TEST(test_memory_may_go_at_once),
		TEST(test_callback_pauses_what_is_pending),
		TEST(test_callback_pauses_a_pending_hang_up),
		TEST(test_callback_narrows_what_is_pending),
		TEST(test_removed_and_added_again_forgets_the_old_event),
		TEST(test_many_sources),
		TEST(test_errors),
		TEST(test_regular_file_is_always_ready),
		TEST(test_regular_file_pauses),
		TEST(test_regular_files_remove_each_other),
		TEST(test_memory_of_a_regular_file_may_go_at_once),
		TEST(test_regular_file_starves_no_timer),
		TEST(test_timers_run_in_order_of_deadline),
		TEST(test_armed_timer_moves),
		TEST(test_disarmed_timer_is_not_called),
		TEST(test_timer_rearms_itself),
		TEST(test_timer_rearmed_in_the_past_starves_nobody),
		TEST(test_callback_disarms_what_is_due),
		TEST(test_callback_moves_what_is_due),
		TEST(test_rings_merge),
		TEST(test_ring_in_its_own_callback),
		TEST(test_callback_removes_bells),
		TEST(test_bell_rings_again_after_it_was_removed),
		TEST(test_no_ring_of_another_thread_is_lost),
		TEST(test_each_ring_wakes_the_loop),
		TEST(test_stop_from_another_thread),
		TEST(test_stop_is_sticky),
		TEST(test_stop_ends_after_the_running_bell),
		TEST(test_stop_ends_after_the_running_timer),
		TEST(test_stop_ends_after_the_running_source),
		TEST(test_stop_ends_after_the_running_file),
		TEST(test_idle_loop_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
