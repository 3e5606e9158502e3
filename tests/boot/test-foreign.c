// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/foreign.c: what each file is called that is no kernel, and that a kernel's header goes
 * first.
 */
#include "boot/foreign.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static u8 file[FOREIGN_HEAD_BYTES];

/* Of the first len bytes, in a copy of that size, so that a sanitizer sees a read beyond it. */
static const char *name_of(size_t len)
{
	u8 *copy = malloc(len ?: 1);
	const char *text;

	assert_non_null(copy);
	memcpy(copy, file, len);
	text = foreign_name(copy, len);
	free(copy);
	return text;
}

static const struct {
	size_t at;
	const char *magic;
	size_t bytes;
	const char *name;
} files[] = {
	{0x38, "ARM\x64", 4, "is an arm64 Image"},
	{0x38, "RSC\x05", 4, "is a RISC-V Image"},
	{0, "MZ\0\0zimg", 8, "is a compressed EFI Image"},
	{0, "MZ\x90", 3, "is a program for EFI"},
	{0, "070701", 6, "is a cpio archive; --initrd"},
	{0, "070702", 6, "is a cpio archive; --initrd"},
	{0, "070707", 6, "is a cpio archive of the old form"},
	{0, "QFI\xfb\0\0\0\3", 8, "is a qcow2 disk image"},
	{0, "KDMV", 4, "is a VMDK disk image"},
	{0, "vhdxfile", 8, "is a VHDX disk image"},
	{0, "conectix", 8, "is a VHD disk image"},
	{0x40, "\x7f\x10\xda\xbe", 4, "is a VDI disk image"},
	{0, "hsqs", 4, "is a squashfs image; --disk"},
	{512, "EFI PART", 8, "is a disk image with a GPT; --disk"},
	{4096, "EFI PART", 8, "is a disk image with a GPT"},
	{0x438, "\x53\xef", 2, "is an ext2, ext3 or ext4 image; --disk"},
	{0, "XFSB", 4, "is an XFS image"},
	{0x400, "\xe2\xe1\xf5\xe0", 4, "is an EROFS image"},
	{0x36, "FAT12   ", 8, "is a FAT image"},
	{0x36, "FAT16   ", 8, "is a FAT image"},
	{0x52, "FAT32   ", 8, "is a FAT image"},
	{3, "NTFS    ", 8, "is an NTFS image"},
	{0x8001, "CD001", 5, "is an ISO image"},
	{0, "\xd0\x0d\xfe\xed", 4, "is a device tree"},
	{0, "\x27\x05\x19\x56", 4, "is a U-Boot image"},
	{0x101, "ustar", 5, "is a tar archive"},
	{0, "!<arch>\n", 8, "is a Debian package"},
	{0, "\xed\xab\xee\xdb", 4, "is an RPM package"},
	{0, "PK\x03\x04", 4, "is a zip archive"},
	{0, "7z\xbc\xaf\x27\x1c", 6, "is a 7z archive"},
	{0, "\xcf\xfa\xed\xfe", 4, "is a Mach-O program"},
	{0, "\xfe\xed\xfa\xcf", 4, "is a Mach-O program"},
};

static void test_each_kind(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *text;

		memset(file, 0, sizeof(file));
		memcpy(file + files[i].at, files[i].magic, files[i].bytes);
		text = name_of(sizeof(file));
		if (!text || strncmp(text, files[i].name, strlen(files[i].name)))
			fail_msg("wanted '%s', was told '%s'", files[i].name, text ?: "");
		/* A file that ends before its mark has none, and is not read beyond. */
		name_of(files[i].at);
		name_of(files[i].at + 1);
	}
}

static void test_a_kernels_header_goes_first(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		bool machine = strstr(files[i].name, "Image") && !strstr(files[i].name, "FIT");

		if (files[i].at < 0x206 && files[i].at + files[i].bytes > 0x202)
			continue;
		memset(file, 0, sizeof(file));
		memcpy(file + files[i].at, files[i].magic, files[i].bytes);
		memcpy(file + 0x202, "HdrS", 4);
		/* Another machine's kernel is that one's whatever follows. */
		assert_int_equal(name_of(sizeof(file)) != NULL, machine);
	}
}

static void test_text(void **state)
{
	static const char *const texts[] = {"#!/bin/sh\nexec true\n", "x", "\xc3\xa4\t\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		memcpy(file, texts[i], strlen(texts[i]));
		assert_non_null(strstr(name_of(strlen(texts[i])), "is text; "));
	}
	memcpy(file, "text\0", 5);
	assert_null(name_of(5));
}

static void test_nothing_known(void **state)
{
	memset(file, 0, sizeof(file));
	for (size_t len = 1; len < sizeof(file); len += 37)
		assert_null(name_of(len));
	memset(file, 0xff, sizeof(file));
	file[100] = 0;
	assert_null(name_of(sizeof(file)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_a_kernels_header_goes_first),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_nothing_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
