// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/ring.c: every operation against a plain record of the whole stream.
 */
#include "tests/lib/test.h"

#include <kvm/ring.h>
#include <stdlib.h>
#include <string.h>

#define SIZE   64
#define STREAM 100000

/* Bytes beside the ring, which nothing may touch. */
static struct {
	u8 before[SIZE], bytes[SIZE], behind[SIZE];
} memory;

static struct ring ring;
static u8 stream[STREAM + 4 * SIZE]; /* byte n of what is written */

static int set_up(void **state)
{
	memset(&memory, 0xee, sizeof(memory));
	ring = (struct ring)RING_OVER(memory.bytes);
	for (size_t i = 0; i < sizeof(stream); i++)
		stream[i] = (u8)(i % 251 + i / 251);
	return 0;
}

static int tear_down(void **state)
{
	for (size_t i = 0; i < SIZE; i++) {
		if (memory.before[i] != 0xee || memory.behind[i] != 0xee)
			return -1;
	}
	return 0;
}

static void assert_copies(u64 from)
{
	u8 data[2 * SIZE];
	size_t len = ring_copy(&ring, from, data, sizeof(data));

	assert_int_equal(len, ring.head - from);
	assert_memory_equal(data, stream + from, len);
}

static void test_empty(void **state)
{
	u8 byte;
	const u8 *piece;

	assert_int_equal(ring_used(&ring), 0);
	assert_int_equal(ring_room(&ring), SIZE);
	assert_int_equal(ring_oldest(&ring), 0);
	assert_int_equal(ring_copy(&ring, 0, &byte, 1), 0);
	assert_int_equal(ring_piece(&ring, &piece), 0);
	assert_int_equal(ring_put(&ring, stream, 0), 0);
	assert_int_equal(ring_push(&ring, stream, 0), 0);
	assert_int_equal(ring.head, 0);
}

static void test_put_refuses_what_does_not_fit(void **state)
{
	assert_int_equal(ring_put(&ring, stream, 40), 40);
	assert_int_equal(ring_put(&ring, stream + 40, 40), SIZE - 40);
	assert_int_equal(ring_room(&ring), 0);
	assert_int_equal(ring_put(&ring, stream + SIZE, 1), 0);
	assert_copies(0);
	ring_take(&ring, 10);
	assert_int_equal(ring_put(&ring, stream + SIZE, 40), 10);
	assert_copies(10);
}

static void test_push_loses_the_oldest(void **state)
{
	assert_int_equal(ring_push(&ring, stream, SIZE), 0);
	assert_int_equal(ring_push(&ring, stream + SIZE, 1), 1);
	assert_int_equal(ring.tail, 1);
	assert_copies(1);
	/* Bytes that were taken are not lost. */
	ring_take(&ring, 11);
	assert_int_equal(ring_push(&ring, stream + SIZE + 1, 12), 2);
	assert_int_equal(ring.tail, 13);
	/* More than the ring has: what waited goes, and of the new bytes the first ones. */
	assert_int_equal(ring_push(&ring, stream + SIZE + 13, 3 * SIZE), 3 * SIZE);
	assert_int_equal(ring.head, 4 * SIZE + 13);
	assert_int_equal(ring_used(&ring), SIZE);
	assert_copies(ring_oldest(&ring));
}

static void test_take_does_not_go_back(void **state)
{
	ring_push(&ring, stream, 20);
	ring_take(&ring, 12);
	ring_take(&ring, 5);
	assert_int_equal(ring.tail, 12);
}

static void test_taken_bytes_can_be_copied_until_overwritten(void **state)
{
	ring_push(&ring, stream, 50);
	ring_take(&ring, 50);
	assert_int_equal(ring_oldest(&ring), 0);
	assert_copies(0);
	ring_push(&ring, stream + 50, 20);
	assert_int_equal(ring_oldest(&ring), 6);
	assert_copies(6);
}

static void test_piece_ends_where_the_memory_does(void **state)
{
	const u8 *piece;

	ring_put(&ring, stream, 60);
	ring_take(&ring, 50);
	ring_put(&ring, stream + 60, 20);
	assert_int_equal(ring_piece(&ring, &piece), SIZE - 50);
	assert_memory_equal(piece, stream + 50, SIZE - 50);
	ring_take(&ring, SIZE);
	assert_int_equal(ring_piece(&ring, &piece), 80 - SIZE);
	assert_memory_equal(piece, stream + SIZE, 80 - SIZE);
}

/* Random operations; the record of the stream says what must be where. */
static void test_against_the_stream(void **state)
{
	unsigned int seed = 1;
	u64 tail = 0;

	while (ring.head < STREAM) {
		size_t len = (size_t)rand_r(&seed) % (2 * SIZE);
		u64 head = ring.head, waiting = head - tail;
		size_t room = SIZE - waiting;

		switch (rand_r(&seed) % 3) {
		case 0:
			assert_int_equal(ring_put(&ring, stream + head, len), MIN(len, room));
			assert_int_equal(ring.head, head + MIN(len, room));
			break;
		case 1:
			assert_int_equal(ring_push(&ring, stream + head, len),
					 len - MIN(len, room));
			assert_int_equal(ring.head, head + len);
			tail = MAX(tail, ring.head - MIN(ring.head, (u64)SIZE));
			break;
		default:
			tail += MIN((u64)len, waiting);
			ring_take(&ring, tail);
		}
		assert_int_equal(ring.tail, tail);
		assert_copies(tail);
		assert_copies(ring_oldest(&ring));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_put_refuses_what_does_not_fit),
		TEST(test_push_loses_the_oldest),
		TEST(test_take_does_not_go_back),
		TEST(test_taken_bytes_can_be_copied_until_overwritten),
		TEST(test_piece_ends_where_the_memory_does),
		TEST(test_against_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
