// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins guest/cpio.c: the bytes of an archive, read here as the format says (buffer-format.rst).
 */
#include "guest-fixture.h"

#include "guest/cpio.h"

static u32 field(const u8 *header, unsigned int index)
{
	char digits[9] = "";

	memcpy(digits, header + 6 + 8 * index, 8);
	return (u32)strtoul(digits, NULL, 16);
}

/* The entry at *at: its name and data; *at moves behind it. */
static const char *next_entry(const struct cpio *cpio, size_t *at, u32 *mode, const u8 **data,
			      size_t *bytes)
{
	const u8 *header = cpio->data + *at;
	u32 name_bytes = field(header, 11);

	assert_true(*at % 4 == 0 && *at + 110 <= cpio->len);
	assert_memory_equal(header, "070701", 6);
	*mode = field(header, 1);
	*bytes = field(header, 6);
	*data = header + ALIGN_UP(110 + name_bytes, 4);
	*at = (size_t)(*data - cpio->data) + ALIGN_UP(*bytes, 4UL);
	assert_true(*at <= cpio->len);
	assert_int_equal(header[110 + name_bytes - 1], 0);
	return (const char *)header + 110;
}

static void test_entries_are_what_was_added(void **state)
{
	struct cpio cpio = {0};
	size_t at = 0, bytes;
	const u8 *data;
	u32 mode;

	cpio_add(&cpio, "bin", S_IFDIR | 0755, NULL, 0);
	cpio_add(&cpio, "bin/x", S_IFREG | 0644, "12345", 5);
	cpio_add(&cpio, "empty", S_IFREG | 0600, NULL, 0);
	assert_int_equal(cpio_finish(&cpio), 0);
	assert_string_equal(next_entry(&cpio, &at, &mode, &data, &bytes), "bin");
	assert_int_equal(mode, S_IFDIR | 0755);
	assert_string_equal(next_entry(&cpio, &at, &mode, &data, &bytes), "bin/x");
	assert_int_equal(bytes, 5);
	assert_memory_equal(data, "12345\0\0\0", 8);
	assert_string_equal(next_entry(&cpio, &at, &mode, &data, &bytes), "empty");
	assert_int_equal(bytes, 0);
	assert_string_equal(next_entry(&cpio, &at, &mode, &data, &bytes), "TRAILER!!!");
	assert_int_equal(at, cpio.len);
	cpio_free(&cpio);
	assert_null(cpio.data);
}

static void test_it_grows(void **state)
{
	static u8 piece[700000];
	struct cpio cpio = {0};
	size_t at = 0, bytes;
	const u8 *data;
	u32 mode;

	memset(piece, 0x5a, sizeof(piece));
	for (int i = 0; i < 20; i++)
		cpio_add(&cpio, "piece", S_IFREG | 0644, piece, sizeof(piece) - (size_t)i);
	assert_int_equal(cpio_finish(&cpio), 0);
	for (int i = 0; i < 20; i++) {
		next_entry(&cpio, &at, &mode, &data, &bytes);
		assert_int_equal(bytes, sizeof(piece) - (size_t)i);
		assert_memory_equal(data, piece, bytes);
	}
	cpio_free(&cpio);
}

static void test_too_much_is_an_error_that_stays(void **state)
{
	struct cpio cpio = {0};

	cpio_add(&cpio, "x", S_IFREG | 0644, "", 5 * GIB);
	assert_int_equal(cpio.err, -E2BIG);
	cpio_add(&cpio, "y", S_IFREG | 0644, "", 0);
	assert_int_equal(cpio.len, 0);
	assert_int_equal(cpio_finish(&cpio), -E2BIG);
	cpio_free(&cpio);
	cpio_add(&cpio, "x", S_IFREG | 0644, "", GIB);
	assert_int_equal(cpio.err, -E2BIG);
	cpio_free(&cpio);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_are_what_was_added),
		cmocka_unit_test(test_it_grows),
		cmocka_unit_test(test_too_much_is_an_error_that_stays),
	};

	return cmocka_run_group_tests_name("cpio", tests, NULL, NULL);
}
