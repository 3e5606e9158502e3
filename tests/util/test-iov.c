// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/iov.c: the same bytes however they are cut, and all or nothing.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/iov.h>
#include <string.h>

#define BYTES 12

/* "abcdefghijkl" in pieces of 3, 0, 1, 0, 8 and 0 bytes; the empty ones have no base. */
struct buffers {
	char bytes[BYTES + 1];
	struct iovec iov[6];
	struct iov_cursor cursor;
};

static void cut(struct buffers *b)
{
	*b = (struct buffers){.bytes = "abcdefghijkl"};
	b->iov[0] = (struct iovec){b->bytes, 3};
	b->iov[2] = (struct iovec){b->bytes + 3, 1};
	b->iov[4] = (struct iovec){b->bytes + 4, 8};
	assert_int_equal(iov_cursor_init(&b->cursor, b->iov, ARRAY_SIZE(b->iov)), 0);
}

static void test_init_adds_up(void **state)
{
	struct iovec huge[] = {{NULL, SIZE_MAX}, {NULL, 0}, {NULL, 1}};
	struct iov_cursor cursor;
	struct buffers b;

	cut(&b);
	assert_int_equal(iov_left(&b.cursor), BYTES);
	assert_int_equal(iov_cursor_init(&cursor, huge, 2), 0);
	assert_true(iov_left(&cursor) == SIZE_MAX);
	assert_int_equal(iov_cursor_init(&cursor, huge, 3), -EOVERFLOW);
	assert_int_equal(iov_left(&cursor), 0);
	assert_int_equal(iov_skip(&cursor, 1), -ENOBUFS);
}

static void test_no_elements(void **state)
{
	struct iovec empty[2] = {};
	struct iovec out[1];
	struct iov_cursor cursor;
	char byte = 'x';

	for (size_t count = 0; count <= 2; count++) {
		assert_int_equal(iov_cursor_init(&cursor, count ? empty : NULL, count), 0);
		assert_int_equal(iov_left(&cursor), 0);
		assert_int_equal(iov_read(&cursor, NULL, 0), 0);
		assert_int_equal(iov_write(&cursor, NULL, 0), 0);
		assert_int_equal(iov_fill(&cursor, 0, 0), 0);
		assert_int_equal(iov_skip(&cursor, 0), 0);
		assert_int_equal(iov_take(&cursor, 0, NULL, 0), 0);
		assert_int_equal(iov_read(&cursor, &byte, 1), -ENOBUFS);
		assert_int_equal(iov_write(&cursor, &byte, 1), -ENOBUFS);
		assert_int_equal(iov_fill(&cursor, 0, 1), -ENOBUFS);
		assert_int_equal(iov_take(&cursor, 1, out, 1), -ENOBUFS);
		assert_int_equal(byte, 'x');
	}
}

/* Every way to read the twelve bytes in three goes. */
static void test_read_across_every_edge(void **state)
{
	for (size_t first = 0; first <= BYTES; first++) {
		for (size_t second = 0; first + second <= BYTES; second++) {
			struct buffers b;
			char got[BYTES];
			size_t third = BYTES - first - second;

			cut(&b);
			assert_int_equal(iov_read(&b.cursor, got, first), 0);
			assert_int_equal(iov_read(&b.cursor, got + first, second), 0);
			assert_int_equal(iov_left(&b.cursor), third);
			assert_int_equal(iov_read(&b.cursor, got + first + second, third), 0);
			assert_memory_equal(got, "abcdefghijkl", BYTES);
			assert_int_equal(iov_left(&b.cursor), 0);
			assert_int_equal(iov_skip(&b.cursor, 1), -ENOBUFS);
		}
	}
}

/* Skip to every place and overwrite every length from there. */
static void test_write_and_fill_across_every_edge(void **state)
{
	for (size_t start = 0; start <= BYTES; start++) {
		for (size_t len = 0; start + len <= BYTES; len++) {
			char want[] = "abcdefghijkl";
			struct buffers b;

			memcpy(want + start, "ABCDEFGHIJKL", len);
			cut(&b);
			assert_int_equal(iov_skip(&b.cursor, start), 0);
			assert_int_equal(iov_write(&b.cursor, "ABCDEFGHIJKL", len), 0);
			assert_string_equal(b.bytes, want);
			assert_int_equal(iov_left(&b.cursor), BYTES - start - len);

			memset(want + start, '#', len);
			cut(&b);
			assert_int_equal(iov_skip(&b.cursor, start), 0);
			assert_int_equal(iov_fill(&b.cursor, '#', len), 0);
			assert_string_equal(b.bytes, want);
		}
	}
}

static void test_too_long_moves_nothing(void **state)
{
	struct iov_cursor before;
	struct iovec out[6];
	struct buffers b;
	char got[BYTES] = {};

	cut(&b);
	assert_int_equal(iov_skip(&b.cursor, 2), 0);
	before = b.cursor;
	assert_int_equal(iov_read(&b.cursor, got, BYTES - 1), -ENOBUFS);
	assert_int_equal(got[0], 0);
	assert_int_equal(iov_write(&b.cursor, "ABCDEFGHIJKL", BYTES - 1), -ENOBUFS);
	assert_int_equal(iov_fill(&b.cursor, 0, BYTES - 1), -ENOBUFS);
	assert_int_equal(iov_skip(&b.cursor, SIZE_MAX), -ENOBUFS);
	assert_int_equal(iov_take(&b.cursor, BYTES - 1, out, 6), -ENOBUFS);
	assert_string_equal(b.bytes, "abcdefghijkl");
	assert_memory_equal(&before, &b.cursor, sizeof(before));
	assert_int_equal(iov_read(&b.cursor, got, BYTES - 2), 0);
	assert_memory_equal(got, "cdefghijkl", BYTES - 2);
}

static void test_take_has_no_empty_pieces(void **state)
{
	struct iovec out[6];
	struct buffers b;

	cut(&b);
	assert_int_equal(iov_skip(&b.cursor, 1), 0);
	assert_int_equal(iov_take(&b.cursor, 5, out, 6), 3);
	assert_ptr_equal(out[0].iov_base, b.bytes + 1);
	assert_int_equal(out[0].iov_len, 2);
	assert_ptr_equal(out[1].iov_base, b.bytes + 3);
	assert_int_equal(out[1].iov_len, 1);
	assert_ptr_equal(out[2].iov_base, b.bytes + 4);
	assert_int_equal(out[2].iov_len, 2);
	assert_int_equal(iov_left(&b.cursor), 6);

	assert_int_equal(iov_take(&b.cursor, 6, out, 1), 1);
	assert_ptr_equal(out[0].iov_base, b.bytes + 6);
	assert_int_equal(out[0].iov_len, 6);
	assert_int_equal(iov_left(&b.cursor), 0);
}

static void test_take_needs_room(void **state)
{
	struct iov_cursor before;
	struct iovec out[3];
	struct buffers b;

	cut(&b);
	before = b.cursor;
	assert_int_equal(iov_take(&b.cursor, BYTES, out, 2), -E2BIG);
	assert_int_equal(iov_take(&b.cursor, 1, out, 0), -E2BIG);
	assert_memory_equal(&before, &b.cursor, sizeof(before));
	assert_int_equal(iov_take(&b.cursor, 4, out, 2), 2);
	assert_int_equal(iov_take(&b.cursor, 8, out, 1), 1);
}

static void test_iovec_is_not_changed(void **state)
{
	struct iovec before[6];
	struct buffers b;
	char got[BYTES];

	cut(&b);
	memcpy(before, b.iov, sizeof(before));
	assert_int_equal(iov_read(&b.cursor, got, BYTES), 0);
	assert_memory_equal(before, b.iov, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_adds_up),
		cmocka_unit_test(test_no_elements),
		cmocka_unit_test(test_read_across_every_edge),
		cmocka_unit_test(test_write_and_fill_across_every_edge),
		cmocka_unit_test(test_too_long_moves_nothing),
		cmocka_unit_test(test_take_has_no_empty_pieces),
		cmocka_unit_test(test_take_needs_room),
		cmocka_unit_test(test_iovec_is_not_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
