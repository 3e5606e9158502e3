// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/params.c: what is written into guest RAM for Linux, read back by the offsets of
 * boot.rst and zero-page.rst.
 *
 * The header of the kernel file is filled with a pattern, so that a field which is written, or
 * one that is not copied, is seen; for the 16-bit entry the set-up code around it is filled, too.
 */
#include "tests/lib/guest-ram.h"
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/layout.h"
#include "x86/params.h"

#include <errno.h>
#include <kvm/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER	     0x1f1 /* first byte of the header, in the file and in the zero page */
#define CODE	     0xcc
#define FILLER(o)    ((u8)((o)*7 + 1)) /* of the header's byte at file offset o */

#define CMDLINE	     "console=ttyS0 root=/dev/ram"
#define LOAD	     0x1400000
#define INITRD	     0x2345000
#define INITRD_BYTES 0x6789

/* Bits of loadflags. */
#define LOADFLAG_HIGH	  (1 << 0)
#define LOADFLAG_KASLR	  (1 << 1)
#define LOADFLAG_SEGMENTS (1 << 6)
#define LOADFLAG_HEAP	  (1 << 7)

static struct bzimage bz;
static struct params params;

/* header_end: offset in the file of what is behind the header, as the jump at 0x200 says. */
static void make(u16 version, unsigned int header_end)
{
	u8 *header = (u8 *)&bz.header;

	memset(&bz, 0, sizeof(bz));
	for (unsigned int at = HEADER; at < MIN(header_end, HEADER + sizeof(bz.header)); at++)
		header[at - HEADER] = FILLER(at);
	if (version) {
		header[0x200 - HEADER] = 0xeb;
		header[0x201 - HEADER] = (u8)(header_end - 0x202);
		header[0x206 - HEADER] = (u8)version;
		header[0x207 - HEADER] = (u8)(version >> 8);
		header[0x211 - HEADER] = LOADFLAG_HIGH;
	}
	bz.version = version;
	params = (struct params){.bz = &bz,
				 .load = LOAD,
				 .initrd = INITRD,
				 .initrd_bytes = INITRD_BYTES,
				 .cmdline = CMDLINE};
}

static int set_up(void **state)
{
	log_record();
	make(0x020f, 0x26c);
	return ram_map(64 * MIB);
}

static int tear_down(void **state)
{
	log_record_end();
	gmem_unmap(&mem);
	return 0;
}

/* The header's bytes at base are as in the file, but for those of the changed fields. */
static void check_header(gpa_t base, unsigned int end, const u8 *changed)
{
	const u8 *header = (const u8 *)&bz.header;

	for (unsigned int at = HEADER; at < end; at++) {
		if (!changed[at] && ram_get(base + at, 1) != header[at - HEADER])
			fail_msg("the header's byte %#x has changed", at);
	}
}

static void check_seed(void)
{
	u64 sum = 0;

	assert_int_equal(ram_get(LAYOUT_SETUP_DATA, 8), 0);	/* the last of the list */
	assert_int_equal(ram_get(LAYOUT_SETUP_DATA + 8, 4), 9); /* SETUP_RNG_SEED */
	assert_int_equal(ram_get(LAYOUT_SETUP_DATA + 12, 4), 32);
	for (unsigned int i = 0; i < 32; i += 8)
		sum |= ram_get(LAYOUT_SETUP_DATA + 16 + i, 8);
	assert_true(sum);
	assert_int_equal(ram_get(LAYOUT_SETUP_DATA + 48, 8), 0);
}

/* --- 32-bit and 64-bit entry --- */

#define ZERO LAYOUT_ZERO_PAGE

static void check_zero_page(u16 version)
{
	u8 changed[0x280] = {0};

	memset(changed + 0x1fa, 1, 2);	/* vid_mode */
	memset(changed + 0x210, 1, 2);	/* type_of_loader, loadflags */
	memset(changed + 0x214, 1, 12); /* code32_start, ramdisk_image, ramdisk_size */
	memset(changed + 0x224, 1, 2);	/* heap_end_ptr */
	memset(changed + 0x228, 1, 4);	/* cmd_line_ptr */
	if (version >= 0x0209)
		memset(changed + 0x250, 1, 8); /* setup_data */
	check_header(ZERO, HEADER + sizeof(bz.header), changed);
	assert_int_equal(ram_get(ZERO + 0x1fa, 2), 0xffff);
	assert_int_equal(ram_get(ZERO + 0x210, 1), 0xff);
	assert_int_equal(ram_get(ZERO + 0x211, 1), LOADFLAG_HIGH | LOADFLAG_HEAP);
	assert_int_equal(ram_get(ZERO + 0x214, 4), LOAD);
	assert_int_equal(ram_get(ZERO + 0x218, 4), INITRD);
	assert_int_equal(ram_get(ZERO + 0x21c, 4), INITRD_BYTES);
	assert_int_equal(ram_get(ZERO + 0x228, 4), LAYOUT_CMDLINE);
	if (version >= 0x0209)
		assert_int_equal(ram_get(ZERO + 0x250, 8), LAYOUT_SETUP_DATA);
	assert_string_equal(ram_string(LAYOUT_CMDLINE), CMDLINE);
	check_seed();
}

static void test_zero_page(void **state)
{
	static const struct {
		u16 version;
		unsigned int end;
	} protocols[] = {{0x0202, 0x22c}, {0x0205, 0x238}, {0x0209, 0x258}, {0x020f, 0x26c}};

	for (unsigned int i = 0; i < ARRAY_SIZE(protocols); i++) {
		assert_int_equal(gmem_clear(&mem), 0);
		make(protocols[i].version, protocols[i].end);
		assert_int_equal(params_write(&mem, &params), 0);
		check_zero_page(protocols[i].version);
	}
}

/* What set-up code would have asked a BIOS for. */
static void test_what_firmware_says(void **state)
{
	static const u64 map[][3] = {
		{0, 0x9fc00, 1},	{0x9fc00, 0xa0000, 2},	 {0xe0000, 0xf0000, 3},
		{0xf0000, 0x100000, 2}, {0x100000, 64 * MIB, 1}, {0xfeffc000, 0xff000000, 2},
	};

	assert_int_equal(params_write(&mem, &params), 0);
	assert_int_equal(ram_get(ZERO + 0x070, 8), LAYOUT_ACPI);
	assert_int_equal(ram_get(ZERO + 0x1e8, 1), ARRAY_SIZE(map));
	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++) {
		gpa_t at = ZERO + 0x2d0 + 20 * i;

		assert_int_equal(ram_get(at, 8), map[i][0]);
		assert_int_equal(ram_get(at + 8, 8), map[i][1] - map[i][0]);
		assert_int_equal(ram_get(at + 16, 4), map[i][2]);
	}
	assert_int_equal(ram_get(ZERO + 0x1e0, 4), 63 * 1024); /* alt_mem_k */
	assert_int_equal(ram_get(ZERO + 0x002, 2), 63 * 1024); /* ext_mem_k */
	assert_int_equal(ram_get(ZERO + 0x1ef, 1), 0);	       /* sentinel */
	assert_int_equal(ram_get(ZERO + 0x0c0, 4), 0); /* upper halves of the initrd's place */
}

/* Two bytes of KiB end at 63 MiB, by the BIOS's custom. */
static void test_memory_that_two_bytes_cannot_say(void **state)
{
	gmem_unmap(&mem);
	assert_int_equal(ram_map(65 * MIB), 0);
	assert_int_equal(params_write(&mem, &params), 0);
	assert_int_equal(ram_get(ZERO + 0x002, 2), 0xfc00);
	assert_int_equal(ram_get(ZERO + 0x1e0, 4), 64 * 1024);
}

static void test_loadflags(void **state)
{
	u8 *flags = (u8 *)&bz.header + 0x211 - HEADER;

	*flags = LOADFLAG_SEGMENTS | 1 << 5; /* quiet */
	assert_int_equal(params_write(&mem, &params), 0);
	assert_int_equal(ram_get(ZERO + 0x211, 1), LOADFLAG_HIGH | LOADFLAG_HEAP | 1 << 5);
	params.randomized = true;
	assert_int_equal(params_write(&mem, &params), 0);
	assert_int_equal(ram_get(ZERO + 0x211, 1),
			 LOADFLAG_HIGH | LOADFLAG_KASLR | LOADFLAG_HEAP | 1 << 5);
}

static void test_no_initrd(void **state)
{
	params.initrd = params.initrd_bytes = 0;
	assert_int_equal(params_write(&mem, &params), 0);
	assert_int_equal(ram_get(ZERO + 0x218, 8), 0);
}

static void test_seed_is_fresh(void **state)
{
	u64 first, second;

	assert_int_equal(params_write(&mem, &params), 0);
	first = ram_get(LAYOUT_SETUP_DATA + 16, 8);
	assert_int_equal(params_write(&mem, &params), 0);
	second = ram_get(LAYOUT_SETUP_DATA + 16, 8);
	assert_int_not_equal(first, second);
	assert_int_equal(params_write_setup(&mem, &params), 0);
	assert_int_not_equal(second, ram_get(LAYOUT_SETUP_DATA + 16, 8));
}

static void test_too_little_ram(void **state)
{
	static const u64 sizes[] = {ZERO + 4095, LAYOUT_CMDLINE + sizeof(CMDLINE) - 1,
				    LAYOUT_SETUP_DATA + 47, 0};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct gmem small = {.banks = {{.size = sizes[i], .host = mem.banks[0].host}},
				     .count = 1};

		logged.last[0] = '\0';
		assert_int_equal(params_write(&small, &params), -EFAULT);
		assert_non_null(strstr(logged.last, "--mem: too little RAM"));
		assert_int_equal(params_write_setup(&small, &params), -EFAULT);
	}
}

/* --- 16-bit entry --- */

#define SETUP LAYOUT_SETUP

/* The set-up code as boot.c loads it: code but for the header. */
static void load_setup(u16 version, unsigned int header_end)
{
	static u8 code[0x1000];

	make(version, header_end);
	memset(code, CODE, sizeof(code));
	memcpy(code + HEADER, &bz.header, MIN(header_end - HEADER, sizeof(bz.header)));
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(gmem_write(&mem, SETUP, code, sizeof(code)), 0);
}

static void check_code(unsigned int header_end, bool old_cmdline)
{
	for (unsigned int at = 0; at < 0x1000; at++) {
		bool is_old = old_cmdline && at >= 0x20 && at < 0x24;

		if ((at < HEADER || at >= header_end) && !is_old && ram_get(SETUP + at, 1) != CODE)
			fail_msg("the set-up code's byte %#x has changed", at);
	}
}

/* Fields of the header by the protocol that brought them. */
static void check_setup(u16 version, unsigned int header_end)
{
	u8 changed[0x280] = {0};

	memset(changed + 0x1fa, 1, 2);
	memset(changed + 0x210, 1, 2);
	memset(changed + 0x214, 1, 12);
	assert_int_equal(ram_get(SETUP + 0x1fa, 2), 0x0f04);
	assert_int_equal(ram_get(SETUP + 0x210, 1), 0xff);
	assert_int_equal(ram_get(SETUP + 0x211, 1),
			 LOADFLAG_HIGH | (version >= 0x0201 ? LOADFLAG_HEAP : 0));
	assert_int_equal(ram_get(SETUP + 0x214, 4), LOAD);
	assert_int_equal(ram_get(SETUP + 0x218, 4), INITRD);
	assert_int_equal(ram_get(SETUP + 0x21c, 4), INITRD_BYTES);
	if (version >= 0x0201) {
		memset(changed + 0x224, 1, 2);
		assert_int_equal(ram_get(SETUP + 0x224, 2), 0xde00); /* 0x9e000, see boot.rst */
	}
	if (version >= 0x0202) {
		memset(changed + 0x228, 1, 4);
		assert_int_equal(ram_get(SETUP + 0x228, 4), LAYOUT_CMDLINE);
	}
	if (version >= 0x0209) {
		memset(changed + 0x250, 1, 8);
		assert_int_equal(ram_get(SETUP + 0x250, 8), LAYOUT_SETUP_DATA);
	}
	check_header(SETUP, header_end, changed);
	check_code(header_end, version < 0x0202);
	check_seed();
	/* The zero page is the set-up code's to make. */
	assert_int_equal(ram_get(ZERO + 0x1fa, 8), 0);
}

static void test_setup(void **state)
{
	static const struct {
		u16 version;
		unsigned int end;
	} protocols[] = {{0x0200, 0x224}, {0x0201, 0x228}, {0x0202, 0x22c},
			 {0x0205, 0x238}, {0x0209, 0x258}, {0x020f, 0x26c}};

	for (unsigned int i = 0; i < ARRAY_SIZE(protocols); i++) {
		load_setup(protocols[i].version, protocols[i].end);
		assert_int_equal(params_write_setup(&mem, &params), 0);
		check_setup(protocols[i].version, protocols[i].end);
		if (protocols[i].version >= 0x0202)
			assert_string_equal(ram_string(LAYOUT_CMDLINE), CMDLINE);
	}
}

/* A header longer than any we know is completed as far as we know it. */
static void test_setup_of_the_future(void **state)
{
	load_setup(0x0215, 0x301);
	assert_int_equal(params_write_setup(&mem, &params), 0);
	check_setup(0x0215, HEADER + sizeof(bz.header));
}

/* Before 2.02 the command line is in the set-up segment, and two words say where. */
static void check_old_cmdline(void)
{
	assert_int_equal(ram_get(SETUP + 0x20, 2), 0xa33f);
	assert_int_equal(ram_get(SETUP + 0x22, 2), 0xe000);
	assert_string_equal(ram_string(SETUP + 0xe000), CMDLINE);
	assert_int_equal(ram_get(LAYOUT_CMDLINE, 8), 0);
}

static void test_old_cmdline(void **state)
{
	load_setup(0x0201, 0x228);
	assert_int_equal(params_write_setup(&mem, &params), 0);
	check_old_cmdline();
	load_setup(0x0200, 0x224);
	assert_int_equal(params_write_setup(&mem, &params), 0);
	check_old_cmdline();
	load_setup(0x0202, 0x22c);
	assert_int_equal(params_write_setup(&mem, &params), 0);
	assert_int_equal(ram_get(SETUP + 0x20, 4), CODE * 0x01010101U);
}

/* Before there was a protocol: two words of the boot sector, and the command line. */
static void test_boot_sector(void **state)
{
	load_setup(0, 0x200);
	bz.low = true;
	params.load = 0x10000;
	params.initrd = params.initrd_bytes = 0;
	assert_int_equal(params_write_setup(&mem, &params), 0);
	for (unsigned int at = HEADER; at < 0x200; at++)
		assert_int_equal(ram_get(SETUP + at, 1), at == 0x1fa   ? 0x04
							 : at == 0x1fb ? 0x0f
								       : FILLER(at));
	check_code(0x200, true);
	check_old_cmdline();
}

/*
 * A zImage's set-up code moves the kernel from 0x10000 to 0x1000 and enters it where code32_start
 * says: at 0x1000, as the file has it. What lies on the way is overwritten.
 */
static void test_zimage(void **state)
{
	static const struct {
		u16 version;
		unsigned int end;
	} protocols[] = {{0x0200, 0x224}, {0x0201, 0x228}, {0x0202, 0x22c}, {0x0209, 0x258}};

	for (unsigned int i = 0; i < ARRAY_SIZE(protocols); i++) {
		u16 version = protocols[i].version;

		load_setup(version, protocols[i].end);
		bz.low = true;
		((u8 *)&bz.header)[0x211 - HEADER] = 0;
		params.load = 0x10000;
		assert_int_equal(params_write_setup(&mem, &params), 0);
		for (unsigned int at = 0x214; at < 0x218; at++)
			assert_int_equal(ram_get(SETUP + at, 1), FILLER(at));
		assert_int_equal(ram_get(SETUP + 0x211, 1), version > 0x0200 ? LOADFLAG_HEAP : 0);
		assert_int_equal(ram_get(SETUP + 0x218, 4), INITRD);
		assert_string_equal(ram_string(0x9e000), CMDLINE);
		if (version >= 0x0202)
			assert_int_equal(ram_get(SETUP + 0x228, 4), 0x9e000);
		for (unsigned int at = 0x250; version >= 0x0209 && at < 0x258; at++)
			assert_int_equal(ram_get(SETUP + at, 1), FILLER(at));
		assert_int_equal(ram_get(LAYOUT_CMDLINE, 8), 0); /* the kernel is there */
	}
}

static void test_longest_cmdline(void **state)
{
	static char text[0x1c01];

	/* From the heap's end to the EBDA, with its NUL. */
	load_setup(0x0201, 0x228);
	memset(text, 'x', 0x1bff);
	params.cmdline = text;
	assert_int_equal(params_write_setup(&mem, &params), 0);
	assert_int_equal(ram_get(0x9fbfe, 4), 'x');
	text[0x1bff] = 'x';
	assert_int_equal(params_write_setup(&mem, &params), -E2BIG);
	assert_non_null(strstr(logged.last,
			       "command line: too long for a kernel of this old boot protocol"));
	bz.low = true;
	bz.version = 0x0202;
	assert_int_equal(params_write_setup(&mem, &params), -E2BIG);
	bz.low = false;
	assert_int_equal(params_write_setup(&mem, &params), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_zero_page),
		TEST(test_what_firmware_says),
		TEST(test_memory_that_two_bytes_cannot_say),
		TEST(test_loadflags),
		TEST(test_no_initrd),
		TEST(test_seed_is_fresh),
		TEST(test_too_little_ram),
		TEST(test_setup),
		TEST(test_setup_of_the_future),
		TEST(test_old_cmdline),
		TEST(test_boot_sector),
		TEST(test_zimage),
		TEST(test_longest_cmdline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
