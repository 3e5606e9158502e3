// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/loop.c, what wakes it besides descriptors: timers in their order,
 * bells of other threads of which none is lost, and the stop.
 */
#include "loop-fixture.h"
#include <pthread.h>
#include <sched.h>

/* --- timers --- */

static void test_timers_run_in_order_of_deadline(void **state)
{
	struct loop_timer a = {.fn = trace_add, .arg = "a"};
	struct loop_timer b = {.fn = trace_add, .arg = "b"};
	struct loop_timer c = {.fn = trace_add, .arg = "c"};
	struct loop_timer d = {.fn = trace_add, .arg = "d"};
	struct loop_timer end = {.fn = stop_loop};
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
	run_for(50 * NSEC_PER_MSEC);
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
	u64 start = now_ns();

	loop_arm(loop, &rearming.timer, start);
	run_for(20 * NSEC_PER_MSEC);
	assert_in_range(rearming.calls, 2, (now_ns() - start) / rearming.step_ns + 1);
	loop_disarm(loop, &rearming.timer);
}

/* It would run for ever if one turn saw it more than once. */
static void test_timer_rearmed_in_the_past_starves_nobody(void **state)
{
	struct rearming rearming = {.timer = {.fn = rearm, .arg = &rearming}};
	struct probe probe;

	probe_open_ready(&probe);
	loop_arm(loop, &rearming.timer, 1);
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
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

/* Stands in for libc's, so that a test can count the turns of a loop. */
static unsigned int waits;

int epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout)
{
	waits++;
	return epoll_pwait(epoll_fd, events, max, timeout, NULL);
}

/* A bell that was answered, a timer that fired, all that is paused: none may make it spin. */
static void test_idle_loop_sleeps(void **state)
{
	struct loop_bell bell = {.fn = trace_add, .arg = "b"};
	struct loop_timer timer = {.fn = trace_add, .arg = "t"};
	struct probe hung_up, file;

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
	waits = 0;
	run_for(5 * NSEC_PER_MSEC);
	assert_int_equal(strlen(trace), 2);
	/* Two for what is ready, one for the end, and one to spare. */
	assert_in_range(waits, 1, 4);
	loop_remove_bell(loop, &bell);
	probe_close(&hung_up);
	probe_close(&file);
}

/* --- a loop that goes on after a stop --- */

static unsigned int late;

static void stop_now(void *arg)
{
	loop_stop(arg);
}

static void count_late(void *arg)
{
	late++;
	if (arg)
		loop_stop(arg);
}

static void test_continue(void **state)
{
	struct loop_timer first = {.fn = stop_now, .arg = loop}, second = {.fn = count_late};
	struct loop_timer end = {.fn = stop_now, .arg = loop};
	struct loop_bell bell = {.fn = count_late};

	/* Two timers ran out at once, and the first stopped it; the bell was rung behind that. */
	late = 0;
	loop_add_bell(loop, &bell);
	loop_arm(loop, &first, now_ns());
	loop_arm(loop, &second, now_ns());
	usleep(2000);
	assert_int_equal(loop_run(loop), 0);
	loop_ring(loop, &bell);
	assert_int_equal(loop_run(loop), 0); /* it is sticky */
	assert_int_equal(late, 0);
	loop_arm(loop, &end, now_ns() + 20 * NSEC_PER_MSEC);
	loop_continue(loop);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(late, 2);
	assert_int_equal(second.deadline_ns, 0);
	loop_remove_bell(loop, &bell);
}

/* The wake-up was taken in the turn in which it stopped: a bell that was rung is not lost. */
static void test_continue_with_a_bell_unheard(void **state)
{
	struct loop_bell heard = {.fn = stop_now, .arg = loop}, unheard = {.fn = count_late};
	struct loop_timer end = {.fn = stop_now, .arg = loop};

	late = 0;
	loop_add_bell(loop, &unheard);
	loop_add_bell(loop, &heard); /* the last added is the first that is looked at */
	loop_ring(loop, &heard);
	loop_ring(loop, &unheard);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(late, 0);
	loop_arm(loop, &end, now_ns() + 20 * NSEC_PER_MSEC);
	loop_continue(loop);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(late, 1);
	loop_remove_bell(loop, &heard);
	loop_remove_bell(loop, &unheard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		TEST(test_idle_loop_sleeps),
		TEST(test_continue),
		TEST(test_continue_with_a_bell_unheard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
