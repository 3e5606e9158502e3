// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins console.c with a sink in place of standard output, as a detached machine has it: all output
 * in order, a sink that is full, and the wait for it at the end.
 *
 * The test is the sink: it takes as much as it is told to. The loop runs on a thread.
 */
#include "tests/lib/test.h"

#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <kvm/writer.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "console-calls.h"
#include "loop-thread.h"

#define RING_BYTES (256 * KIB) /* console.h's */
#define PATIENCE   (10 * NSEC_PER_SEC)

static atomic_uint writables;
static char last_line[1024];
static unsigned int lines;

/* Under the lock, for the loop and the test. */
static struct {
	pthread_mutex_t lock;
	u8 bytes[2 * RING_BYTES];
	size_t len;
	size_t budget; /* it takes so many more */
	unsigned int calls;
	struct sink sink;
} taker = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t take(void *arg, const u8 *data, size_t len)
{
	size_t taken;
	eventfd_t ignored;

	if (arg != &taker)
		abort();
	pthread_mutex_lock(&taker.lock);
	taker.calls++;
	taken = MIN(len, taker.budget);
	memcpy(taker.bytes + taker.len, data, taken);
	taker.len += taken;
	taker.budget -= taken;
	if (taken < len)
		eventfd_read(taker.sink.room_fd, &ignored);
	pthread_mutex_unlock(&taker.lock);
	return taken;
}

static void allow(size_t bytes)
{
	pthread_mutex_lock(&taker.lock);
	taker.budget += bytes;
	eventfd_write(taker.sink.room_fd, 1);
	pthread_mutex_unlock(&taker.lock);
}

static unsigned int calls(void)
{
	unsigned int count;

	pthread_mutex_lock(&taker.lock);
	count = taker.calls;
	pthread_mutex_unlock(&taker.lock);
	return count;
}

static size_t taken(void)
{
	size_t len;

	pthread_mutex_lock(&taker.lock);
	len = taker.len;
	pthread_mutex_unlock(&taker.lock);
	return len;
}

static size_t no_room(void *dev)
{
	return 0;
}

static void no_input(void *dev, const u8 *data, size_t len)
{
}

static void be_writable(void *dev)
{
	atomic_fetch_add(&writables, 1);
}

static void record(enum log_level level, const char *line, void *arg)
{
	snprintf(last_line, sizeof(last_line), "%s", line);
	lines++;
}

/* --- set-up --- */

static int set_up(void **state)
{
	static const struct console_port chip = {
		.room = no_room, .input = no_input, .writable = be_writable};

	taker.len = taker.budget = taker.calls = 0;
	taker.sink = (struct sink){.name = "its log",
				   .write = take,
				   .room_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK),
				   .arg = &taker};
	lines = 0;
	atomic_store(&writables, 0);
	log_set_sink(record, NULL);
	kvm.output = &taker.sink;
	kvm.loop = loop_new();
	if (init_run(&kvm))
		return -1;
	console_attach(&chip);
	return 0;
}

static int tear_down(void **state)
{
	stop_loop();
	console_detach();
	init_exit(&kvm);
	loop_free(kvm.loop);
	log_set_sink(NULL, NULL);
	/* The console did not take it for its own. */
	return close(taker.sink.room_fd);
}

static u8 stream(size_t n)
{
	return (u8)(n % 251 + n / 251 % 256);
}

static void write_stream(size_t from, size_t len)
{
	for (size_t i = from; i < from + len; i++)
		console_write(&(u8){stream(i)}, 1);
}

static void wait_for(size_t len)
{
	u64 deadline = now_ns() + PATIENCE;

	while (taken() < len && now_ns() < deadline)
		usleep(500);
	assert_int_equal(taken(), len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(taker.bytes[i], stream(i));
}

/* --- the tests --- */

static void test_all_arrives_in_order(void **state)
{
	allow(RING_BYTES);
	start_loop();
	write_stream(0, 100 * KIB);
	wait_for(100 * KIB);
}

/* It is waited for, as a slow reader is: the ring fills, the chip is told, nothing is lost. */
static void test_a_full_sink_holds_the_guest_up(void **state)
{
	size_t written = 0;
	unsigned int before;

	start_loop();
	while (!console_full()) {
		write_stream(written, 64);
		written += 64;
	}
	usleep(50000);
	before = calls();
	usleep(100000);
	assert_int_equal(calls(), before); /* the loop sleeps */
	assert_int_equal(taken(), 0);
	allow(1000);
	wait_for(1000);
	assert_int_equal(atomic_load(&writables), 0);
	allow(written);
	wait_for(written);
	assert_int_equal(atomic_load(&writables), 1);
	assert_false(console_full());
	stop_loop();
	assert_int_equal(console_drain(-1, UINT64_MAX), 0);
	assert_int_equal(lines, 0);
}

static void *allow_later(void *arg)
{
	usleep(2500 * 1000);
	allow(RING_BYTES);
	return NULL;
}

static void test_it_is_waited_for_at_the_end(void **state)
{
	pthread_t thread;

	write_stream(0, 10000);
	assert_int_equal(pthread_create(&thread, NULL, allow_later, NULL), 0);
	assert_int_equal(console_drain(-1, UINT64_MAX), 0);
	pthread_join(thread, NULL);
	wait_for(10000);
	/* The wait slept: one call finds it full, one comes with the line, one has room. */
	assert_in_range(taker.calls, 2, 5);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "waits for its log to take the last 10000 bytes"));
}

static void test_a_signal_ends_the_wait(void **state)
{
	int enough = eventfd(1, EFD_CLOEXEC);

	write_stream(0, 10000);
	allow(100);
	assert_int_equal(console_drain(enough, UINT64_MAX), 9900);
	wait_for(100);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "9900 bytes of output were lost because they were not "
					  "written in time"));
	close(enough);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	/* What a test leaves in the ring is the next one's: the one that loses some is last. */
	const struct CMUnitTest tests[] = {
		TEST(test_all_arrives_in_order),
		TEST(test_a_full_sink_holds_the_guest_up),
		TEST(test_it_is_waited_for_at_the_end),
		TEST(test_a_signal_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
