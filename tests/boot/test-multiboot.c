// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/multiboot.c: where a header is found, and what it may demand.
 *
 * Offsets and values are those of the Multiboot Specification 0.6.96 (3.1.1), written as numbers
 * here.
 */
#include "boot/multiboot.h"
#include "tests/lib/test.h"
#include <stdlib.h>
#include <string.h>

#define MAGIC	     0x1badb002u
#define HEADER_BYTES 12

/* len bytes with a header at that place; as much of it as there is room for. */
static u8 *make_head(size_t len, size_t at, u32 flags, u32 checksum)
{
	const u32 words[] = {MAGIC, flags, checksum};
	u8 *head = malloc(len ?: 1);

	assert_non_null(head);
	memset(head, 0x5a, len);
	for (size_t i = 0; i < HEADER_BYTES && at + i < len; i++)
		head[at + i] = (u8)(words[i / 4] >> (8 * (i % 4)));
	return head;
}

static bool is_found(size_t len, size_t at, u32 flags, u32 checksum)
{
	u8 *head = make_head(len, at, flags, checksum);
	bool found = multiboot_is(head, len);

	free(head);
	return found;
}

static u32 sum_for(u32 flags)
{
	return 0 - MAGIC - flags;
}

static void test_at_each_place(void **state)
{
	for (size_t at = 0; at < 8192; at++) {
		bool within = at % 4 == 0 && at + HEADER_BYTES <= 8192;

		assert_int_equal(is_found(8192, at, 3, sum_for(3)), within);
		/* Longer files are not searched further. */
		if (at >= 8176 || at == 0)
			assert_int_equal(is_found(8192 + 64, at, 3, sum_for(3)), within);
	}
	for (size_t at = 8192; at < 8256; at += 4)
		assert_false(is_found(8192 + 128, at, 3, sum_for(3)));
}

static void test_in_short_files(void **state)
{
	for (size_t len = 0; len < 64; len++) {
		for (size_t at = 0; at < 64; at += 4)
			assert_int_equal(is_found(len, at, 0, sum_for(0)),
					 at + HEADER_BYTES <= len);
	}
}

static void test_checksum(void **state)
{
	assert_true(is_found(64, 0, 0x10003, sum_for(0x10003)));
	assert_true(is_found(64, 0, 0xffffffff, sum_for(0xffffffff)));
	assert_false(is_found(64, 0, 0, sum_for(0) + 1));
	assert_false(is_found(64, 0, 0, sum_for(0) - 1));
	assert_false(is_found(64, 0, 1, sum_for(0)));
	assert_false(is_found(64, 0, 0, sum_for(0) ^ 0x80000000));
	assert_false(is_found(64, 0, 0, 0));
}

static const char *refusal(u32 flags)
{
	u8 *head = make_head(8192, 8180, flags, sum_for(flags));
	const char *text = multiboot_refuses(head, 8192);

	free(head);
	return text;
}

static void test_demands(void **state)
{
	assert_null(refusal(0));
	assert_null(refusal(1)); /* modules page-aligned */
	assert_null(refusal(2)); /* memory information */
	assert_null(refusal(3));
	assert_null(refusal(0xffff0003)); /* no demands, wishes */
	assert_non_null(strstr(refusal(4), "demands a video mode"));
	assert_non_null(strstr(refusal(7), "demands a video mode"));
	for (unsigned int bit = 3; bit < 16; bit++)
		assert_non_null(strstr(refusal(1u << bit), "demands something unknown"));
}

/* The first header counts, what looks like one before it does not. */
static void test_first_of_two(void **state)
{
	u8 *head = make_head(8192, 128, 3, sum_for(3));
	const u32 video[] = {MAGIC, 4, 0 - MAGIC - 4};

	memcpy(head + 256, video, sizeof(video));
	assert_null(multiboot_refuses(head, 8192));
	memcpy(head + 64, video, sizeof(video));
	assert_non_null(multiboot_refuses(head, 8192));
	head[64 + 8] ^= 1;
	assert_null(multiboot_refuses(head, 8192));
	free(head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_each_place), cmocka_unit_test(test_in_short_files),
		cmocka_unit_test(test_checksum),      cmocka_unit_test(test_demands),
		cmocka_unit_test(test_first_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
