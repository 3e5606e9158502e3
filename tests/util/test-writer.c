// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/writer.c: all bytes in order, a full ring that refuses and tells of new room, the pause
 * without bytes, a file that ends, and a write that hangs.
 *
 * The file is a callback that the test holds up and looks into.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/util.h>
#include <kvm/writer.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_BYTES  4096
#define FILE_BYTES  (512 * KIB)
#define PATIENCE_MS 10000

static u8 ring_bytes[RING_BYTES];

static struct {
	u8 bytes[FILE_BYTES];
	atomic_size_t len;
	size_t at_most; /* a call takes so many */
	pthread_mutex_t held;
	atomic_int error;
	atomic_uint idles;
} file = {.held = PTHREAD_MUTEX_INITIALIZER};

static ssize_t file_write(void *arg, const u8 *data, size_t len)
{
	size_t at = atomic_load(&file.len);

	if (arg != &file)
		abort();
	pthread_mutex_lock(&file.held);
	pthread_mutex_unlock(&file.held);
	if (atomic_load(&file.error))
		return -atomic_load(&file.error);
	len = MIN(len, file.at_most);
	memcpy(file.bytes + at, data, len);
	atomic_store(&file.len, at + len);
	return (ssize_t)len;
}

static void file_idle(void *arg)
{
	atomic_fetch_add(&file.idles, 1);
}

static struct writer writer;

static int set_up(void **state)
{
	writer = (struct writer){.write = file_write, .arg = &file, .ring = RING_OVER(ring_bytes)};
	atomic_store(&file.len, 0);
	atomic_store(&file.error, 0);
	atomic_store(&file.idles, 0);
	file.at_most = FILE_BYTES;
	return 0;
}

static u8 stream(size_t n)
{
	return (u8)(n % 251 + n / 251 % 256);
}

/* Put bytes of the stream in chunks, from a place on. Returns how many were taken. */
static size_t put(size_t from, size_t len, size_t chunk)
{
	u8 bytes[RING_BYTES];

	for (size_t i = 0; i < MIN(len, chunk); i++)
		bytes[i] = stream(from + i);
	return writer_sink(&writer, "").write(&writer, bytes, MIN(len, chunk));
}

static bool has_room(int ms)
{
	struct pollfd ready = {.fd = writer_sink(&writer, "").room_fd, .events = POLLIN};

	return poll(&ready, 1, ms) == 1;
}

static void stop_and_check(size_t len)
{
	u64 left;

	assert_true(writer_stop(&writer, PATIENCE_MS * NSEC_PER_MSEC, &left));
	assert_int_equal(left, 0);
	assert_int_equal(file.len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(file.bytes[i], stream(i));
}

/* Through a ring that is much smaller, and by writes that take less than they are given. */
static void test_all_in_order(void **state)
{
	size_t done = 0;

	file.at_most = 333;
	assert_int_equal(writer_start(&writer), 0);
	while (done < FILE_BYTES) {
		size_t taken = put(done, FILE_BYTES - done, done % 1000 + 1);

		done += taken;
		if (taken < MIN(FILE_BYTES - (done - taken), (done - taken) % 1000 + 1))
			assert_true(has_room(PATIENCE_MS));
	}
	stop_and_check(FILE_BYTES);
}

static void test_a_full_ring_refuses_and_tells_of_room(void **state)
{
	size_t taken;

	pthread_mutex_lock(&file.held);
	assert_int_equal(writer_start(&writer), 0);
	assert_true(has_room(0)); /* nobody was refused */
	assert_int_equal(put(0, RING_BYTES, RING_BYTES), RING_BYTES);
	assert_true(has_room(0));
	assert_int_equal(put(RING_BYTES, 10, 10), 0);
	assert_false(has_room(50));
	pthread_mutex_unlock(&file.held);
	assert_true(has_room(PATIENCE_MS));
	taken = put(RING_BYTES, 10, 10);
	assert_int_equal(taken, 10);
	stop_and_check(RING_BYTES + 10);
}

static void test_idle_when_nothing_comes(void **state)
{
	u64 deadline = now_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	writer.idle = file_idle;
	writer.idle_ns = 10 * NSEC_PER_MSEC;
	assert_int_equal(writer_start(&writer), 0);
	while (atomic_load(&file.idles) < 3 && now_ns() < deadline)
		usleep(1000);
	assert_true(atomic_load(&file.idles) >= 3);
	assert_int_equal(put(0, 10, 10), 10);
	stop_and_check(10);
}

/* The rest is thrown away, and a caller that waits for room does not wait for ever. */
static void test_a_file_that_ends(void **state)
{
	u64 left;

	pthread_mutex_lock(&file.held);
	assert_int_equal(writer_start(&writer), 0);
	assert_int_equal(put(0, RING_BYTES, RING_BYTES), RING_BYTES);
	assert_int_equal(put(0, 1, 1), 0);
	atomic_store(&file.error, ENOSPC);
	pthread_mutex_unlock(&file.held);
	assert_true(has_room(PATIENCE_MS));
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(put(0, RING_BYTES, RING_BYTES), RING_BYTES);
	assert_true(writer_stop(&writer, PATIENCE_MS * NSEC_PER_MSEC, &left));
	assert_int_equal(left, 0);
	assert_int_equal(file.len, 0);
}

static void *put_some(void *arg)
{
	static const u8 bytes[16] = "sixteen bytes..";
	size_t *taken = arg;

	for (unsigned int i = 0; i < 2000; i++)
		*taken += writer_put(&writer, bytes, sizeof(bytes));
	return NULL;
}

/* As two vCPUs do; what was taken is written, and none is torn. */
static void test_two_threads(void **state)
{
	pthread_t threads[2];
	size_t taken[2] = {0, 0};
	u64 left;

	assert_int_equal(writer_start(&writer), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_some, &taken[i]), 0);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_true(writer_stop(&writer, PATIENCE_MS * NSEC_PER_MSEC, &left));
	assert_int_equal(file.len, taken[0] + taken[1]);
	for (size_t i = 0; i + 16 <= file.len; i += 16)
		assert_memory_equal(file.bytes + i, "sixteen bytes..", 16);
}

static void test_a_write_that_hangs(void **state)
{
	u64 left = 0, before;

	pthread_mutex_lock(&file.held);
	assert_int_equal(writer_start(&writer), 0);
	assert_int_equal(put(0, 100, 100), 100);
	before = now_ns();
	assert_false(writer_stop(&writer, 100 * NSEC_PER_MSEC, &left));
	assert_true(now_ns() - before >= 90 * NSEC_PER_MSEC);
	assert_int_equal(left, 100);
	/* The thread is let go and ends by itself: TSan would miss it otherwise. */
	pthread_mutex_unlock(&file.held);
	usleep(50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all_in_order, set_up),
		cmocka_unit_test_setup(test_a_full_ring_refuses_and_tells_of_room, set_up),
		cmocka_unit_test_setup(test_idle_when_nothing_comes, set_up),
		cmocka_unit_test_setup(test_a_file_that_ends, set_up),
		cmocka_unit_test_setup(test_two_threads, set_up),
		/* The last: its thread is left behind. */
		cmocka_unit_test_setup(test_a_write_that_hangs, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
