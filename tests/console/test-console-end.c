// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins console.c at the end of a run: console_drain() and whom it waits for.
 *
 * Standard output is a pipe whose other end is the test's; there is no guest any more, and the loop
 * does not run. test-console.c has what comes before.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <kvm/console.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console-calls.h"

static struct kvm kvm;
static int saved_out, reader = -1;
static u8 got[200 * KIB];

/* --- set-up --- */

static int set_up(void **state)
{
	int out[2];

	log_record();
	if (pipe(out))
		return -1;
	fflush(stdout);
	saved_out = dup(STDOUT_FILENO);
	reader = out[0];
	dup2(out[1], STDOUT_FILENO);
	close(out[1]);
	kvm.loop = loop_new();
	return init_run(&kvm);
}

static int tear_down(void **state)
{
	init_exit(&kvm);
	loop_free(kvm.loop);
	dup2(saved_out, STDOUT_FILENO);
	close(saved_out);
	close(reader);
	log_record_end();
	return 0;
}

static u8 stream(size_t n)
{
	return (u8)(n % 251 + n / 251 % 256);
}

static void write_stream(size_t len)
{
	for (size_t i = 0; i < len; i++)
		console_write(&(u8){stream(i)}, 1);
}

static void read_all(size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(reader, got + at, len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	for (size_t i = 0; i < len; i++)
		assert_int_equal(got[i], stream(i));
}

/* --- the tests --- */

/* Reads all of it, but not at once. */
static void *read_later(void *arg)
{
	usleep(2500 * 1000);
	read_all(sizeof(got));
	return NULL;
}

static void test_a_late_reader_is_waited_for(void **state)
{
	pthread_t thread;

	write_stream(sizeof(got));
	assert_int_equal(pthread_create(&thread, NULL, read_later, NULL), 0);
	assert_int_equal(console_drain(-1, UINT64_MAX), 0);
	pthread_join(thread, NULL);
	/* It is said once that there is a wait, and nothing is lost. */
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "waits for the reader of standard output"));
}

static void *end_the_wait(void *arg)
{
	usleep(100 * 1000);
	(void)!write(*(int *)arg, "x", 1);
	return NULL;
}

static void test_a_signal_ends_the_wait(void **state)
{
	pthread_t thread;
	int enough[2];
	size_t left;
	u64 before;

	assert_int_equal(pipe(enough), 0);
	write_stream(sizeof(got));
	assert_int_equal(pthread_create(&thread, NULL, end_the_wait, &enough[1]), 0);
	before = now_ns();
	left = console_drain(enough[0], UINT64_MAX);
	assert_true(now_ns() - before < patient_ns(2 * NSEC_PER_SEC));
	pthread_join(thread, NULL);
	/* The pipe takes 64 KiB, or a little less where its pages are not full. */
	assert_in_range(left, sizeof(got) - 64 * KIB, sizeof(got) - 48 * KIB);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "were lost because standard output was not read"));
	read_all(sizeof(got) - left);
	/* What can be written at once is written nevertheless. */
	assert_in_range(console_drain(enough[0], UINT64_MAX), 1, left - 48 * KIB);
	close(enough[0]);
	close(enough[1]);
}

static void *close_reader(void *arg)
{
	usleep(100 * 1000);
	close(reader);
	reader = -1;
	return NULL;
}

static void test_a_reader_that_goes_is_waited_for_no_longer(void **state)
{
	pthread_t thread;
	u64 before = now_ns();

	write_stream(sizeof(got));
	assert_int_equal(pthread_create(&thread, NULL, close_reader, NULL), 0);
	assert_true(console_drain(-1, UINT64_MAX) > 0);
	pthread_join(thread, NULL);
	assert_true(now_ns() - before < patient_ns(2 * NSEC_PER_SEC));
	assert_non_null(strstr(logged.last, "standard output: Broken pipe"));
}

static size_t no_room(void *dev)
{
	return 0;
}

static void no_input(void *dev, const u8 *data, size_t len)
{
}

static void nothing(void *dev)
{
}

static void finish_chip(void *dev)
{
	write_stream(1000);
}

static void test_what_the_chip_still_has_comes_too(void **state)
{
	const struct console_port late = {
		.room = no_room, .input = no_input, .writable = nothing, .finish = finish_chip};

	console_attach(&late);
	assert_int_equal(console_drain(-1, UINT64_MAX), 0);
	console_detach();
	read_all(1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	/* What a test leaves in the ring is the next one's: those that lose some are last. */
	const struct CMUnitTest tests[] = {
		TEST(test_what_the_chip_still_has_comes_too),
		TEST(test_a_late_reader_is_waited_for),
		TEST(test_a_signal_ends_the_wait),
		TEST(test_a_reader_that_goes_is_waited_for_no_longer),
	};

	signal(SIGPIPE, SIG_IGN); /* as builtin-run.c does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
