// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/loop.c, descriptors: what is reported, and what no longer is once a
 * callback removed, paused or changed it. Timers and bells: test-loop-wake.c.
 */
#include "loop-fixture.h"
#include <errno.h>
#include <stdlib.h>

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

static void write_eventfd(void *arg)
{
	eventfd_write(*(const int *)arg, 1);
}

/* A doorbell: nobody reads it, and each ring is seen. */
static void test_edge_triggered_is_reported_once_a_change(void **state)
{
	struct probe probe;
	struct loop_timer ring = {.fn = write_eventfd, .arg = &probe.source.fd};

	probe_open_ready(&probe);
	assert_int_equal(loop_watch(loop, &probe.source, EPOLLIN | EPOLLET), 0);
	loop_arm(loop, &ring, now_ns() + 2 * NSEC_PER_MSEC);
	probe.stop_after = 2;
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(ring.deadline_ns, 0); /* else the second call came by itself */
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
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
	assert_null(victim);
	loop_unwatch(loop, &first);
	loop_unwatch(loop, &last);
	close(first.fd);
	close(last.fd);
}

static void test_memory_may_go_at_once(void **state)
{
	check_memory_may_go(open_eventfd);
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
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
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
		run_for(50 * NSEC_PER_MSEC);
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
	run_for(50 * NSEC_PER_MSEC);
	assert_true(probe.calls > 1);
	probe_close(&probe);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unread_input_is_reported_again),
		TEST(test_edge_triggered_is_reported_once_a_change),
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
		TEST(test_stop_ends_after_the_running_source),
		TEST(test_stop_ends_after_the_running_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
