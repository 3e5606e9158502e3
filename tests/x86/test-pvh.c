// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/pvh.c: what a kernel finds by EBX, read back by the offsets of Xen's start_info.h.
 */
#include "tests/lib/guest-ram.h"
#include "tests/lib/test.h"
#include "x86/layout.h"
#include "x86/pvh.h"

#include <errno.h>

#define START LAYOUT_BOOT_INFO

static int set_up(void **state)
{
	return ram_map(64 * MIB);
}

static int tear_down(void **state)
{
	gmem_unmap(&mem);
	return 0;
}

static bool in_page(u64 at, u64 bytes)
{
	return at >= START && at + bytes <= START + 4096;
}

static void test_start(void **state)
{
	assert_int_equal(pvh_write(&mem, 0, 0), 0);
	assert_int_equal(ram_get(START, 4), 0x336ec578);
	assert_int_equal(ram_get(START + 4, 4), 1);  /* version */
	assert_int_equal(ram_get(START + 8, 4), 0);  /* flags: not privileged */
	assert_int_equal(ram_get(START + 12, 4), 0); /* modules */
	assert_int_equal(ram_get(START + 16, 8), 0);
	assert_int_equal(ram_get(START + 24, 8), LAYOUT_CMDLINE);
	assert_int_equal(ram_get(START + 32, 8), LAYOUT_ACPI);
	assert_int_equal(ram_get(START + 52, 4), 0); /* reserved */
	assert_int_equal(ram_get(START + 4096, 8), 0);
	assert_int_equal(ram_get(START - 8, 8), 0);
}

static void test_module(void **state)
{
	u64 at;

	assert_int_equal(pvh_write(&mem, 0x3456000, 0x123457), 0);
	assert_int_equal(ram_get(START + 12, 4), 1);
	at = ram_get(START + 16, 8);
	assert_true(in_page(at, 32));
	assert_int_equal(ram_get(at, 8), 0x3456000);
	assert_int_equal(ram_get(at + 8, 8), 0x123457);
	assert_int_equal(ram_get(at + 16, 8), 0); /* it has no command line */
	assert_int_equal(ram_get(at + 24, 8), 0);
}

static void check_map(const u64 (*expected)[3], size_t count)
{
	u64 at = ram_get(START + 40, 8);

	assert_int_equal(ram_get(START + 48, 4), count);
	assert_true(in_page(at, 24 * count));
	for (size_t i = 0; i < count; i++, at += 24) {
		assert_int_equal(ram_get(at, 8), expected[i][0]);
		assert_int_equal(ram_get(at + 8, 8), expected[i][1] - expected[i][0]);
		assert_int_equal(ram_get(at + 16, 4), expected[i][2]);
		assert_int_equal(ram_get(at + 20, 4), 0);
	}
}

static void test_memory_map(void **state)
{
	static const u64 expected[][3] = {
		{0, 0x9fc00, 1},	{0x9fc00, 0xa0000, 2},	 {0xe0000, 0xf0000, 3},
		{0xf0000, 0x100000, 2}, {0x100000, 64 * MIB, 1}, {0xfeffc000, 0xff000000, 2},
	};

	assert_int_equal(pvh_write(&mem, 0x3456000, 4096), 0);
	check_map(expected, ARRAY_SIZE(expected));
}

static void test_memory_above_4_gib(void **state)
{
	static const u64 expected[][3] = {
		{0, 0x9fc00, 1},
		{0x9fc00, 0xa0000, 2},
		{0xe0000, 0xf0000, 3},
		{0xf0000, 0x100000, 2},
		{0x100000, 0xc0000000, 1},
		{0xfeffc000, 0xff000000, 2},
		{0x100000000, 0x140000000, 1},
	};

	gmem_unmap(&mem);
	assert_int_equal(ram_map(4 * GIB), 0);
	assert_int_equal(pvh_write(&mem, 0, 0), 0);
	check_map(expected, ARRAY_SIZE(expected));
}

static void test_too_little_ram(void **state)
{
	struct gmem small = {.banks = {{.size = START + 64, .host = mem.banks[0].host}},
			     .count = 1};

	assert_int_equal(pvh_write(&small, 0, 0), -EFAULT);
	assert_int_equal(ram_get(START, 8), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_start),	   TEST(test_module),
		TEST(test_memory_map),	   TEST(test_memory_above_4_gib),
		TEST(test_too_little_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
