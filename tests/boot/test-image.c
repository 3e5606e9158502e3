// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/image.c: what kind of kernel a file is, which entry is taken, and what is no kernel.
 * What is packed is test-image-packed.c's.
 */
#include "tests/boot/image-fixture.h"

/* --- kinds and entries --- */

static void test_bzimage(void **state)
{
	make_bzimage(0x020f, true, true, 1000);
	check_entries(IMAGE_BZIMAGE, IMAGE_ENTRY_64, BIT(64) | BIT(32) | BIT(16));
	assert_int_equal(image.bz.payload_offset, PAYLOAD);
	assert_false(image.unpacked);
	assert_int_equal(image.source.bytes, made.len);
}

static void test_bzimage_for_i386(void **state)
{
	make_bzimage(0x020f, true, false, 1000);
	check_entries(IMAGE_BZIMAGE, IMAGE_ENTRY_32, BIT(32) | BIT(16));
}

static void test_zimage(void **state)
{
	make_bzimage(0x0201, false, false, 1000);
	check_entries(IMAGE_BZIMAGE, IMAGE_ENTRY_16, BIT(16));
}

static void test_bzimage_that_is_damaged(void **state)
{
	make_bzimage(0x020f, true, true, 1000);
	made.len -= 100;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is truncated");
}

/* A bzImage with an EFI stub begins as any program for EFI. */
static void test_bzimage_with_an_efi_stub(void **state)
{
	make_bzimage(0x020f, true, true, 1000);
	memcpy(made.bytes, "MZ", 2);
	check_entries(IMAGE_BZIMAGE, IMAGE_ENTRY_64, BIT(64) | BIT(32) | BIT(16));
}

static void test_vmlinux(void **state)
{
	struct elf_file file;

	make_elf(&file, true, false);
	use_elf(&file);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_64, BIT(64));
	assert_true(image.elf.is_64bit);
	assert_int_equal(image.elf.entry, TEXT);
	assert_null(image.kaslr.table);
	/* What its zero page begins as. */
	assert_int_equal(image.bz.cmdline_size, 2047);
	assert_int_equal(image.bz.initrd_max, 0x7fffffff);
	assert_memory_equal(&image.bz.header.header, "HdrS", 4);
	assert_int_equal(image.bz.header.boot_flag, 0xaa55);
	assert_int_equal(image.bz.header.loadflags & LOADED_HIGH, LOADED_HIGH);
	assert_true(image.bz.version >= 0x020c);
	assert_int_equal(image.bz.header.version, image.bz.version);
	/* --unpack=never is no matter of it. */
	assert_string_equal(verdict_of(&(struct image_wish){.never_unpack = true}), "");
}

static void test_vmlinux_with_pvh(void **state)
{
	struct elf_file file;

	make_elf(&file, true, true);
	use_elf(&file);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_PVH, BIT(64) | BIT(PVH));
	assert_int_equal(image.elf.pvh_entry, PVH_ENTRY);
}

static void test_vmlinux_for_i386(void **state)
{
	struct elf_file file;

	make_elf(&file, false, false);
	use_elf(&file);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_32, BIT(32));
	assert_int_equal(image.bz.initrd_max, 0x37ffffff);
	make_elf(&file, false, true);
	use_elf(&file);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_PVH, BIT(32) | BIT(PVH));
}

static void test_multiboot(void **state)
{
	struct elf_file file;

	make_elf(&file, false, false);
	use_elf(&file);
	put_multiboot(0x400, 3);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_MULTIBOOT, BIT(32) | BIT(MULTIBOOT));
	make_elf(&file, false, true);
	use_elf(&file);
	put_multiboot(0x400, 3);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_PVH, BIT(32) | BIT(PVH) | BIT(MULTIBOOT));
	/* A 64-bit file with its header begins in 32-bit mode: it is no Linux. */
	make_elf(&file, true, false);
	use_elf(&file);
	put_multiboot(0x400, 3);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_MULTIBOOT, BIT(64) | BIT(MULTIBOOT));
	make_elf(&file, true, true);
	use_elf(&file);
	put_multiboot(0x400, 3);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_PVH, BIT(64) | BIT(PVH) | BIT(MULTIBOOT));
}

/* One segment of 100 bytes at that address, entered at its first byte. */
static void make_at(u64 addr, bool pvh)
{
	struct elf_file file;
	struct elf_file_segment text = {ELF_SEGMENT_LOAD, ELF_FILE_DATA, addr, addr, 100, 100};

	make_elf(&file, false, pvh);
	elf_file_write_segment(&file, 0, &text);
	elf_file_put_word(&file, ELF_ENTRY, addr);
	use_elf(&file);
}

static void test_low_memory(void **state)
{
	static const u64 good[] = {0, 0x500, 0x10000, 0x9fc00 - 100};
	static const u64 bad[] = {0x9fc00 - 99, 0x9fc00, 0xa0000, 0xe0000, MIB - 1};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		make_at(good[i], false);
		assert_refused(verdict(IMAGE_ENTRY_AUTO), "loads below 1 MiB");
		put_multiboot(0x400, 3);
		assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
		assert_int_equal(image.entry, IMAGE_ENTRY_MULTIBOOT);
		assert_int_equal(image.elf.start, good[i]);
		assert_string_equal(verdict(IMAGE_ENTRY_MULTIBOOT), "");
		assert_refused(verdict(IMAGE_ENTRY_32), "loads below 1 MiB");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		make_at(bad[i], false);
		put_multiboot(0x400, 3);
		assert_refused(verdict(IMAGE_ENTRY_AUTO), "loads between 639 KiB and 1 MiB");
	}
	make_at(MIB, false);
	put_multiboot(0x400, 3);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
}

/* busybox is one: nothing but its kind of file says that it is a kernel. */
static void test_static_program(void **state)
{
	struct elf_file file;

	make_at(0x400000, false);
	made.bytes[7] = 3; /* EI_OSABI: GNU */
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is a program, not a kernel");
	assert_string_equal(verdict(IMAGE_ENTRY_32), "");
	make_at(0, false); /* position-independent */
	made.bytes[7] = 3;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is a program, not a kernel");
	/* With something that says it is a kernel, it is one. */
	make_at(0x400000, false);
	made.bytes[7] = 3;
	put_multiboot(0x400, 3);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	make_elf(&file, true, true);
	use_elf(&file);
	made.bytes[7] = 3;
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
}

/* Its demands matter when it is booted so, and then only. */
static void test_multiboot_demands(void **state)
{
	struct elf_file file;

	make_elf(&file, false, false);
	use_elf(&file);
	put_multiboot(0x400, 4);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "demands a video mode");
	assert_refused(verdict(IMAGE_ENTRY_MULTIBOOT), "demands a video mode");
	assert_string_equal(verdict(IMAGE_ENTRY_32), "");
	/* A header behind the 8 KiB is none. */
	use_elf(&file);
	made.len = 8192 + 64;
	put_multiboot(8192 - 8, 3);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_32, BIT(32));
}

static void test_flat(void **state)
{
	static const struct image_wish flat = {.flat = true};
	struct stat st;

	made.len = 1;
	assert_string_equal(verdict_of(&flat), "");
	assert_int_equal(image.kind, IMAGE_FLAT);
	assert_int_equal(image.entry, IMAGE_ENTRY_REAL);
	assert_int_equal(image.source.bytes, 1);
	/* Whatever it looks like. */
	make_bzimage(0x020f, true, true, 1000);
	assert_string_equal(verdict_of(&flat), "");
	assert_int_equal(image.kind, IMAGE_FLAT);
	for (enum image_entry entry = IMAGE_ENTRY_64; entry <= IMAGE_ENTRY_MULTIBOOT; entry++)
		assert_string_equal(verdict_of(&(struct image_wish){.flat = true, .entry = entry}),
				    NOT_OFFERED);
	made.len = 0;
	assert_refused(verdict_of(&flat), "is empty");
	assert_int_equal(fstat(fd, &st), 0); /* the file is the caller's */
}

static void test_flat_too_large(void **state)
{
	static const struct image_wish flat = {.flat = true};
	const char *why = "";

	made.len = 1;
	assert_string_equal(verdict_of(&flat), "");
	assert_int_equal(image_open(fd, 512 * KIB, &flat, &image, &why), 0);
	assert_int_equal(image_open(fd, 512 * KIB + 1, &flat, &image, &why), -EINVAL);
	assert_string_equal(why, "is more than the 512 KiB that a flat image may have");
}

static void test_names(void **state)
{
	assert_string_equal(image_entry_name(IMAGE_ENTRY_64), "64-bit");
	assert_string_equal(image_entry_name(IMAGE_ENTRY_32), "32-bit");
	assert_string_equal(image_entry_name(IMAGE_ENTRY_16), "16-bit");
	assert_string_equal(image_entry_name(IMAGE_ENTRY_PVH), "PVH");
	assert_string_equal(image_entry_name(IMAGE_ENTRY_MULTIBOOT), "multiboot");
	assert_non_null(strstr(image_entry_name(IMAGE_ENTRY_REAL), "real mode"));
}

/* --- what is no kernel --- */

static void test_empty(void **state)
{
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO),
			    "is empty; a bzImage or a vmlinux is wanted");
}

static void test_text(void **state)
{
	static const char *const texts[] = {"#!/bin/sh\nexec true\n", "x", "\xc3\xa4\t\r\n"};

	for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++) {
		made.len = strlen(texts[i]);
		memcpy(made.bytes, texts[i], made.len);
		assert_refused(verdict(IMAGE_ENTRY_AUTO), "is text; ");
	}
	/* A bzImage that is missing its beginning is no text, nor anything else. */
	made.len = 4096;
	memset(made.bytes, 0, made.len);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is not a kernel image of a kind");
	made.len = 100;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is too short to be a kernel");
}

static void test_other_architectures(void **state)
{
	struct elf_file file;

	made.len = 4096;
	memcpy(made.bytes, "MZ", 2); /* with an EFI stub, as they mostly are */
	memcpy(made.bytes + 0x38, "ARM\x64", 4);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is an arm64 Image");
	made.bytes[0] = 0;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is an arm64 Image");
	memcpy(made.bytes + 0x38, "RSC\x05", 4);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is a RISC-V Image");
	made.len = 0x3c;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is a RISC-V Image");
	made.len = 0x3b;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is too short to be a kernel");
	make_elf(&file, false, false);
	elf_file_put(&file, ELF_MACHINE, 2, 40);
	use_elf(&file);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is an Arm kernel");
}

static void test_program_for_efi(void **state)
{
	made.len = 4096;
	memcpy(made.bytes, "MZ", 2);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is a program for EFI without a Linux boot");
	made.len = 2;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is a program for EFI");
}

static void test_a_file_that_shrank(void **state)
{
	const char *why = "";

	make_bzimage(0x020f, true, true, 1000);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(image_open(fd, made.len, &(struct image_wish){0}, &image, &why), -EIO);
	assert_true(*why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bzimage),
		TEST(test_bzimage_for_i386),
		TEST(test_zimage),
		TEST(test_bzimage_that_is_damaged),
		TEST(test_bzimage_with_an_efi_stub),
		TEST(test_vmlinux),
		TEST(test_vmlinux_with_pvh),
		TEST(test_vmlinux_for_i386),
		TEST(test_multiboot),
		TEST(test_multiboot_demands),
		TEST(test_low_memory),
		TEST(test_static_program),
		TEST(test_flat),
		TEST(test_flat_too_large),
		TEST(test_names),
		TEST(test_empty),
		TEST(test_text),
		TEST(test_other_architectures),
		TEST(test_program_for_efi),
		TEST(test_a_file_that_shrank),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
