// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/mbinfo.c: what a multiboot kernel is told, and where that lies.
 *
 * Offsets and values are those of the Multiboot Specification 0.6.96 (3.3), written as
 * numbers here. The initrds are this file's: initrd.c is not linked.
 */
#include "tests/lib/guest-ram.h"
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/layout.h"
#include "x86/mbinfo.h"
#include <kvm/initrd.h>

#include <errno.h>
#include <kvm/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what takes initrd.c's place --- */

#define INITRDS_MAX 128

static struct {
	u64 bytes;
	char path[128];
} initrds[INITRDS_MAX];
static size_t initrds_count;

size_t initrd_count(void)
{
	return initrds_count;
}

u64 initrd_file_bytes(size_t i)
{
	return initrds[i].bytes;
}

const char *initrd_path(size_t i)
{
	return initrds[i].path;
}

static int set_up(void **state)
{
	initrds_count = 0;
	log_record();
	return ram_map(64 * MIB);
}

static int tear_down(void **state)
{
	log_record_end();
	gmem_unmap(&mem);
	return 0;
}

/* --- what is written --- */

#define INFO LAYOUT_BOOT_INFO

static const struct mbinfo_place usual = {
	.info = INFO, .gdt = LAYOUT_GDT, .cmdline = LAYOUT_CMDLINE};

static u32 info(size_t at)
{
	return (u32)ram_get(INFO + at, 4);
}

static bool in_page(u64 at, u64 bytes)
{
	return at >= INFO && at + bytes <= INFO + 4096;
}

static void test_information(void **state)
{
	assert_int_equal(mbinfo_write(&mem, &usual, 0), 0);
	/* Memory, command line, modules, memory map, loader's name; nothing else. */
	assert_int_equal(info(0), 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	assert_int_equal(info(4), 0x9fc00 / 1024);  /* up to the EBDA, in KiB */
	assert_int_equal(info(8), (64 - 1) * 1024); /* above 1 MiB */
	assert_int_equal(info(16), LAYOUT_CMDLINE);
	assert_int_equal(info(20), 0);
	assert_true(in_page(info(64), 5));
	assert_string_equal(ram_string(info(64)), "lkvm");
	assert_int_equal(ram_get(INFO + 4096, 8), 0);
	assert_int_equal(ram_get(INFO - 8, 8), 0);
}

static void check_map(const u64 (*expected)[3], size_t count)
{
	u32 length = info(44), at = info(48), end = at + length;

	assert_true(in_page(at, length));
	for (size_t i = 0; i < count; i++) {
		u32 size = (u32)ram_get(at, 4);

		assert_int_equal(size, 20);
		assert_int_equal(ram_get(at + 4, 8), expected[i][0]);
		assert_int_equal(ram_get(at + 12, 8), expected[i][1] - expected[i][0]);
		assert_int_equal(ram_get(at + 20, 4), expected[i][2]);
		at += size + 4;
	}
	assert_int_equal(at, end);
}

static void test_memory_map(void **state)
{
	static const u64 expected[][3] = {
		{0, 0x9fc00, 1},	{0x9fc00, 0xa0000, 2},	 {0xe0000, 0xf0000, 3},
		{0xf0000, 0x100000, 2}, {0x100000, 64 * MIB, 1}, {0xfeffc000, 0xff000000, 2},
	};

	assert_int_equal(mbinfo_write(&mem, &usual, 0), 0);
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
	assert_int_equal(mbinfo_write(&mem, &usual, 0), 0);
	assert_int_equal(info(8), (3 * 1024 - 1) * 1024); /* up to the first hole */
	check_map(expected, ARRAY_SIZE(expected));
}

static void add_initrd(const char *path, u64 bytes)
{
	snprintf(initrds[initrds_count].path, sizeof(initrds[0].path), "%s", path);
	initrds[initrds_count++].bytes = bytes;
}

static void check_module(u32 i, u64 start, u64 bytes, const char *path)
{
	u32 at = info(24) + 16 * i;

	assert_true(in_page(at, 16));
	assert_int_equal(ram_get(at, 4), start);
	assert_int_equal(ram_get(at + 4, 4), start + bytes);
	assert_int_equal(ram_get(at + 12, 4), 0);
	at = (u32)ram_get(at + 8, 4);
	assert_true(in_page(at, strlen(path) + 1));
	assert_string_equal(ram_string(at), path);
}

/* Each begins on a page, in the order given, and ends behind its last byte. */
static void test_modules(void **state)
{
	add_initrd("initrd", 1);
	add_initrd("/a/path/to modules", 4096);
	add_initrd("third", 4097);
	add_initrd("fourth", 3 * MIB);
	assert_int_equal(mbinfo_write(&mem, &usual, 0x2000000), 0);
	assert_int_equal(info(20), 4);
	check_module(0, 0x2000000, 1, "initrd");
	check_module(1, 0x2001000, 4096, "/a/path/to modules");
	check_module(2, 0x2002000, 4097, "third");
	check_module(3, 0x2004000, 3 * MIB, "fourth");
}

static void test_long_path(void **state)
{
	char path[101] = {0};

	memset(path, 'x', 100);
	add_initrd(path, 1);
	add_initrd("next", 1);
	assert_int_equal(mbinfo_write(&mem, &usual, 0x2000000), 0);
	path[63] = '\0'; /* what has room */
	check_module(0, 0x2000000, 1, path);
	check_module(1, 0x2001000, 1, "next");
}

/* As many as have room, each with its string; one more is an error, not forgotten. */
static void test_many_modules(void **state)
{
	char name[32];

	for (u32 i = 0; i < 44; i++) {
		snprintf(name, sizeof(name), "module %u", i);
		add_initrd(name, i + 1);
	}
	assert_int_equal(mbinfo_write(&mem, &usual, 0x2000000), 0);
	assert_int_equal(info(20), 44);
	for (u32 i = 0; i < 44; i++) {
		snprintf(name, sizeof(name), "module %u", i);
		check_module(i, 0x2000000 + 4096 * i, i + 1, name);
	}
	test_memory_map(state);
	add_initrd("too many", 1);
	assert_int_equal(mbinfo_write(&mem, &usual, 0x2000000), -E2BIG);
	assert_non_null(strstr(logged.last, "45 multiboot modules; at most 44 fit"));
}

static void test_too_little_ram(void **state)
{
	struct gmem small = {.banks = {{.size = INFO + 1000, .host = mem.banks[0].host}},
			     .count = 1};

	assert_int_equal(mbinfo_write(&small, &usual, 0), -EFAULT);
}

/* --- where --- */

static struct elf kernel(u64 start, u64 end)
{
	return (struct elf){.segments = {{.addr = start, .mem_bytes = end - start}}, .count = 1};
}

/* Nothing that is handed over may lie in the kernel, below 4 KiB or in the EBDA. */
static void check_place(u64 start, u64 end, size_t bytes)
{
	struct elf elf = kernel(start, end);
	struct mbinfo_place place;

	assert_int_equal(mbinfo_find_place(&elf, bytes, &place), 0);
	const u64 pieces[][2] = {{place.info, 4096}, {place.gdt, 32}, {place.cmdline, bytes}};

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		u64 at = pieces[i][0], piece_end = at + pieces[i][1];

		assert_true(at >= 0x500 && piece_end <= 0x9fc00);
		assert_true(piece_end <= start || at >= end);
		for (size_t j = 0; j < i; j++)
			assert_true(piece_end <= pieces[j][0] || at >= pieces[j][0] + pieces[j][1]);
	}
}

static void test_place(void **state)
{
	struct elf elf = kernel(MIB, 2 * MIB);
	struct mbinfo_place place;

	/* Where it has always been, unless the kernel is there. */
	assert_int_equal(mbinfo_find_place(&elf, 0x10000, &place), 0);
	assert_memory_equal(&place, &usual, sizeof(place));
	elf = kernel(0x30000, 0x9fc00);
	assert_int_equal(mbinfo_find_place(&elf, 0x10000, &place), 0);
	assert_memory_equal(&place, &usual, sizeof(place));
	check_place(0, 0x71400, 100); /* memtest86+ 5.01 */
	check_place(0, 0x71400, 0x10000);
	check_place(0x500, 0x501, 100);
	check_place(0x6fff, 0x7000, 100);
	check_place(0x20063, 0x20064, 100);
	check_place(0x20000, 0x9fc00, 4096);
	check_place(0x10000, 0x90000, 0xa000);
	check_place(0, 0x9c000, 4096);
	elf = kernel(0, 0x9c001);
	assert_int_equal(mbinfo_find_place(&elf, 4096, &place), -ENOMEM);
	elf = kernel(0, 0x9fc00);
	assert_int_equal(mbinfo_find_place(&elf, 1, &place), -ENOMEM);
}

/* All addresses in the page are right wherever it is. */
static void test_written_elsewhere(void **state)
{
	const struct mbinfo_place high = {.info = 0x9b000, .gdt = 0x9c000, .cmdline = 0x9d000};

	add_initrd("first", 5);
	assert_int_equal(mbinfo_write(&mem, &high, 0x2000000), 0);
	assert_int_equal(ram_get(INFO, 8), 0);
	assert_int_equal(ram_get(high.info + 16, 4), high.cmdline);
	assert_string_equal(ram_string(ram_get(high.info + 64, 4)), "lkvm");
	assert_in_range(ram_get(high.info + 64, 4), high.info, high.info + 4095);
	assert_in_range(ram_get(high.info + 48, 4), high.info, high.info + 4095);
	assert_int_equal(ram_get(ram_get(high.info + 48, 4), 4), 20);
	assert_string_equal(ram_string(ram_get(ram_get(high.info + 24, 4) + 8, 4)), "first");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_information),	   TEST(test_memory_map), TEST(test_memory_above_4_gib),
		TEST(test_modules),	   TEST(test_long_path),  TEST(test_many_modules),
		TEST(test_too_little_ram), TEST(test_place),	  TEST(test_written_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
