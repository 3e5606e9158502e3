// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/kaslr.c: how a relocation table is read, and what it does to a loaded kernel.
 *
 * The kernel is 64 KiB linked at 16 MiB, in a RAM that begins there and is loaded at its place or
 * shifted. Each byte of it has another value than its neighbours, so that a place of the wrong
 * width, or one off by a byte, is seen.
 */
#include "tests/lib/test.h"

#include <kvm/kaslr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKED	     0x1000000
#define KERNEL_BYTES 0x10000
#define RAM_BYTES    0x40000
#define SHIFT	     0x20000
#define FILE_END     100

/* The low half of the virtual address of a byte of the kernel. */
#define PLACE(offset) (0x80000000u + LINKED + (offset))

static const struct elf elf = {.start = LINKED, .end = LINKED + KERNEL_BYTES, .file_end = FILE_END};
static u8 *ram;
static struct gmem mem;
static struct kaslr kaslr;

static u8 pattern(size_t at)
{
	return (u8)(at * 37 + (at >> 8) * 11 + 5);
}

static int set_up(void **state)
{
	ram = malloc(RAM_BYTES); /* of its exact size, for the sanitizer */
	if (!ram)
		return -1;
	for (size_t i = 0; i < RAM_BYTES; i++)
		ram[i] = pattern(i);
	mem = (struct gmem){.banks = {{.base = LINKED, .size = RAM_BYTES, .host = ram}},
			    .count = 1};
	return 0;
}

static int tear_down(void **state)
{
	kaslr_free(&kaslr);
	free(ram);
	return 0;
}

/* A file whose ELF part is followed by so many bytes. */
static int read_bytes(const void *table, size_t bytes, const char **why)
{
	u8 *file = malloc(FILE_END + bytes);
	struct elf_source source;
	int err;

	assert_non_null(file);
	memset(file, 0xcc, FILE_END);
	memcpy(file + FILE_END, table, bytes);
	source = elf_source_memory(file, FILE_END + bytes);
	kaslr_free(&kaslr);
	memset(&kaslr, 0xee, sizeof(kaslr));
	err = kaslr_read(&source, &elf, &kaslr, why);
	free(file);
	return err;
}

/* Words as they are in a file: little-endian. */
static const char *read_table(const u32 *words, size_t count)
{
	const char *why = "nothing was said";
	u8 bytes[256];
	int err;

	assert_true(count * 4 <= sizeof(bytes));
	for (size_t i = 0; i < count * 4; i++)
		bytes[i] = (u8)(words[i / 4] >> (8 * (i % 4)));
	err = read_bytes(bytes, count * 4, &why);
	assert_true(err == 0 || err == -EINVAL);
	if (err)
		assert_null(kaslr.table);
	return err ? why : "";
}

#define READ(...) \
	read_table((const u32[]){__VA_ARGS__}, sizeof((const u32[]){__VA_ARGS__}) / sizeof(u32))
#define NO_SENSE "is damaged: its relocation table makes no sense"

static void check_group(unsigned int group, u32 at, u32 count)
{
	assert_int_equal(kaslr.counts[group], count);
	if (count)
		assert_int_equal(kaslr.at[group], at);
}

/* --- the table --- */

static void test_three_groups(void **state)
{
	assert_string_equal(READ(0, 1, 2, 3, 0, 4, 0, 5, 6), "");
	assert_int_equal(kaslr.count, 9);
	check_group(0, 1, 3);
	check_group(1, 5, 1);
	check_group(2, 7, 2);
	assert_int_equal(kaslr.table[1], 1);
	assert_int_equal(kaslr.table[5], 4);
	assert_int_equal(kaslr.table[8], 6);
}

static void test_two_groups(void **state)
{
	assert_string_equal(READ(0, 1, 2, 0, 3), "");
	check_group(0, 1, 2);
	check_group(1, 0, 0);
	check_group(2, 4, 1);
}

static void test_empty_groups(void **state)
{
	assert_string_equal(READ(0, 0, 0), "");
	check_group(0, 0, 0);
	check_group(1, 0, 0);
	check_group(2, 0, 0);
	assert_string_equal(READ(0, 0), "");
	check_group(0, 0, 0);
	check_group(2, 0, 0);
	assert_string_equal(READ(0, 0, 0, 7), "");
	check_group(2, 3, 1);
	assert_string_equal(READ(0, 7, 0, 0), "");
	check_group(0, 1, 1);
	check_group(1, 0, 0);
	check_group(2, 0, 0);
	assert_string_equal(READ(0, 0, 7, 0), "");
	check_group(1, 2, 1);
	assert_string_equal(READ(0, 0, 7), "");
	check_group(1, 0, 0);
	check_group(2, 2, 1);
}

static void test_zeros(void **state)
{
	assert_string_equal(READ(1, 0, 0, 2), NO_SENSE); /* none at the start */
	assert_string_equal(READ(1, 0, 0, 0), NO_SENSE);
	assert_string_equal(READ(1), NO_SENSE);
	assert_string_equal(READ(0), NO_SENSE); /* one */
	assert_string_equal(READ(0, 1, 2, 3), NO_SENSE);
	assert_string_equal(READ(0, 0, 0, 0), NO_SENSE); /* four */
	assert_string_equal(READ(0, 1, 0, 2, 0, 3, 0), NO_SENSE);
}

static void test_words_are_little_endian(void **state)
{
	const char *why;

	assert_int_equal(read_bytes("\0\0\0\0\x78\x56\x34\x81\0\0\0\0", 12, &why), 0);
	assert_int_equal(kaslr.table[1], 0x81345678);
}

static void test_length(void **state)
{
	static const u8 zeros[16];
	const char *why;

	for (size_t bytes = 4; bytes < sizeof(zeros); bytes++) {
		if (bytes == 8 || bytes == 12)
			continue;
		assert_int_equal(read_bytes(zeros, bytes, &why), -EINVAL);
		assert_string_equal(why, NO_SENSE);
		assert_null(kaslr.table);
	}
}

/* Nothing behind the ELF file, or no whole word: not relocatable. */
static void test_no_table(void **state)
{
	struct elf beyond = {.file_end = UINT64_MAX};
	struct elf_source source = elf_source_memory(ram, 64);
	const char *why;

	for (size_t bytes = 0; bytes < 4; bytes++) {
		assert_int_equal(read_bytes("\1\2\3", bytes, &why), 0);
		assert_null(kaslr.table);
		assert_int_equal(kaslr.count, 0);
	}
	/* A section table that lies says that the file ends behind its end. */
	assert_int_equal(kaslr_read(&source, &beyond, &kaslr, &why), 0);
	assert_null(kaslr.table);
	beyond.file_end = 65;
	assert_int_equal(kaslr_read(&source, &beyond, &kaslr, &why), 0);
	assert_null(kaslr.table);
	assert_int_equal(kaslr_apply(&kaslr, &mem, &elf, 0, 0x200000, &why), 0);
	for (size_t i = 0; i < RAM_BYTES; i++)
		assert_int_equal(ram[i], pattern(i));
}

static void test_too_large(void **state)
{
	/* Refused before anything is read. */
	struct elf_source source = elf_source_memory(NULL, FILE_END + 64 * MIB + 4);
	const char *why;

	assert_int_equal(kaslr_read(&source, &elf, &kaslr, &why), -EINVAL);
	assert_string_equal(why, NO_SENSE);
}

static void test_a_file_that_shrank(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct elf_source source = elf_source_file(fd, 0, FILE_END + 12);
	const char *why;

	assert_int_equal(kaslr_read(&source, &elf, &kaslr, &why), -EIO);
	assert_string_equal(why, "cannot be read to its end");
	assert_null(kaslr.table);
	close(fd);
}

/* --- what it does --- */

static u64 value_at(size_t at, unsigned int width)
{
	u64 value = 0;

	for (unsigned int i = 0; i < width; i++)
		value |= (u64)ram[at + i] << (8 * i);
	return value;
}

static u64 value_was(size_t at, unsigned int width)
{
	u64 value = 0;

	for (unsigned int i = 0; i < width; i++)
		value |= (u64)pattern(at + i) << (8 * i);
	return value;
}

/* Nothing but [first, first + width) has changed. */
static void check_rest(size_t first, unsigned int width)
{
	for (size_t i = 0; i < RAM_BYTES; i++) {
		if ((i < first || i >= first + width) && ram[i] != pattern(i))
			fail_msg("byte %#zx has changed", i);
	}
}

static void apply(u64 shift, u64 offset)
{
	const char *why = "";

	if (kaslr_apply(&kaslr, &mem, &elf, shift, offset, &why))
		fail_msg("refused: %s", why);
}

static void test_places_with_64_bits(void **state)
{
	assert_string_equal(READ(0, PLACE(0x123), 0, 0), "");
	apply(0, 0x3fe00000);
	assert_int_equal(value_at(0x123, 8), value_was(0x123, 8) + 0x3fe00000);
	check_rest(0x123, 8);
}

/* The carry goes through all 8 bytes, and out of them. */
static void test_carry(void **state)
{
	memset(ram + 0x200, 0xff, 16);
	assert_string_equal(READ(0, PLACE(0x200), 0, 0), "");
	apply(0, 1);
	assert_int_equal(value_at(0x200, 8), 0);
	assert_int_equal(ram[0x208], 0xff);
	memset(ram + 0x200, 0xff, 16);
	assert_string_equal(READ(0, 0, 0, PLACE(0x200)), "");
	apply(0, 1);
	assert_int_equal(value_at(0x200, 4), 0);
	assert_int_equal(ram[0x204], 0xff);
}

static void test_places_with_32_bits(void **state)
{
	assert_string_equal(READ(0, 0, 0, PLACE(0x321)), "");
	apply(0, 0x200000);
	assert_int_equal(value_at(0x321, 4), (u32)(value_was(0x321, 4) + 0x200000));
	check_rest(0x321, 4);
}

static void test_inverse_places(void **state)
{
	assert_string_equal(READ(0, 0, PLACE(0x7), 0), "");
	apply(0, 0x200000);
	assert_int_equal(value_at(0x7, 4), (u32)(value_was(0x7, 4) - 0x200000));
	check_rest(0x7, 4);
}

/* In a table of two groups the second one's places are no inverse ones. */
static void test_new_kernels(void **state)
{
	assert_string_equal(READ(0, PLACE(0x10), 0, PLACE(0x20)), "");
	apply(0, 0x1000000);
	assert_int_equal(value_at(0x10, 8), value_was(0x10, 8) + 0x1000000);
	assert_int_equal(value_at(0x20, 4), (u32)(value_was(0x20, 4) + 0x1000000));
}

static void test_all_groups(void **state)
{
	assert_string_equal(READ(0, PLACE(0), PLACE(0x100), PLACE(0xfff8), 0, PLACE(0x200), 0,
				 PLACE(0x300), PLACE(0xfff0)),
			    "");
	apply(0, 0x12345678);
	assert_int_equal(value_at(0, 8), value_was(0, 8) + 0x12345678);
	assert_int_equal(value_at(0x100, 8), value_was(0x100, 8) + 0x12345678);
	assert_int_equal(value_at(0xfff8, 8), value_was(0xfff8, 8) + 0x12345678);
	assert_int_equal(value_at(0x200, 4), (u32)(value_was(0x200, 4) - 0x12345678));
	assert_int_equal(value_at(0x300, 4), (u32)(value_was(0x300, 4) + 0x12345678));
	assert_int_equal(value_at(0xfff0, 4), (u32)(value_was(0xfff0, 4) + 0x12345678));
}

static void test_not_moved(void **state)
{
	assert_string_equal(READ(0, PLACE(0), 0, 0), "");
	apply(0, 0);
	apply(SHIFT, 0);
	check_rest(0, 0);
}

/* The table speaks of the linked addresses wherever the kernel was put. */
static void test_shifted(void **state)
{
	assert_string_equal(READ(0, PLACE(0xfff8), 0, PLACE(4), 0, PLACE(0)), "");
	apply(SHIFT, 0x200000);
	assert_int_equal(value_at(SHIFT + 0xfff8, 8), value_was(SHIFT + 0xfff8, 8) + 0x200000);
	assert_int_equal(value_at(SHIFT + 4, 4), (u32)(value_was(SHIFT + 4, 4) - 0x200000));
	assert_int_equal(value_at(SHIFT, 4), (u32)(value_was(SHIFT, 4) + 0x200000));
	for (size_t i = 0; i < SHIFT; i++)
		assert_int_equal(ram[i], pattern(i));
}

static void check_outside(u64 shift)
{
	const char *why = "nothing was said";

	assert_int_equal(kaslr_apply(&kaslr, &mem, &elf, shift, 0x200000, &why), -EINVAL);
	assert_string_equal(why, NO_SENSE);
	check_rest(0, 0);
}

static void test_places_outside(void **state)
{
	static const u32 wide[] = {PLACE(KERNEL_BYTES - 7),
				   PLACE(KERNEL_BYTES),
				   PLACE(-1),
				   PLACE(-8),
				   0x80000000,
				   0xffffffff,
				   0x7fffffff,
				   LINKED,
				   1};
	static const u32 narrow[] = {PLACE(KERNEL_BYTES - 3),
				     PLACE(KERNEL_BYTES),
				     PLACE(-1),
				     PLACE(-4),
				     0x80000000,
				     0xffffffff,
				     0x7fffffff,
				     LINKED,
				     1};

	for (unsigned int i = 0; i < ARRAY_SIZE(wide); i++) {
		assert_string_equal(READ(0, wide[i], 0, 0), "");
		check_outside(0);
		check_outside(SHIFT);
		assert_string_equal(READ(0, 0, narrow[i], 0), "");
		check_outside(0);
		assert_string_equal(READ(0, 0, 0, narrow[i]), "");
		check_outside(SHIFT);
	}
	/* The last that are inside. */
	assert_string_equal(READ(0, PLACE(KERNEL_BYTES - 8), 0, PLACE(KERNEL_BYTES - 12), 0,
				 PLACE(KERNEL_BYTES - 16)),
			    "");
	apply(0, 1);
	assert_string_equal(READ(0, 0, PLACE(KERNEL_BYTES - 4), PLACE(0), 0), "");
	apply(0, 1);
}

/* A kernel smaller than a place has none. */
static void test_tiny_kernel(void **state)
{
	struct elf tiny = {.start = LINKED, .end = LINKED + 7};
	const char *why;

	assert_string_equal(READ(0, PLACE(0), 0, 0), "");
	assert_int_equal(kaslr_apply(&kaslr, &mem, &tiny, 0, 1, &why), -EINVAL);
	tiny.end++;
	assert_int_equal(kaslr_apply(&kaslr, &mem, &tiny, 0, 1, &why), 0);
}

static void test_kernel_outside_of_ram(void **state)
{
	assert_string_equal(READ(0, PLACE(0), 0, 0), "");
	check_outside(RAM_BYTES - KERNEL_BYTES + 1);
	check_outside(UINT64_MAX);
	check_outside(0 - (u64)LINKED);
	apply(RAM_BYTES - KERNEL_BYTES, 0x200000);
}

/* --- where to --- */

#define ALIGN (2 * MIB)
#define TRIES 2000

static void test_choose_keeps_the_bounds(void **state)
{
	const u64 start = 16 * MIB, bytes = 40 * MIB + 123, limit = 120 * MIB;
	u64 seen = 0;

	for (int i = 0; i < TRIES; i++) {
		u64 shift = kaslr_choose(start, bytes, limit, ALIGN);

		assert_int_equal(shift % ALIGN, 0);
		assert_true(start + shift + bytes <= limit);
		assert_true(shift / ALIGN < 64);
		seen |= 1ULL << (shift / ALIGN);
	}
	/* 120 - 16 - 40.0001 is 63.9: 0 to 62 MiB. One of the 32 is missed once in 1e26 runs. */
	assert_int_equal(seen, (1ULL << 32) - 1);
}

static void test_choose_exact_fit(void **state)
{
	bool moved = false;

	for (int i = 0; i < TRIES; i++) {
		u64 shift = kaslr_choose(16 * MIB, 2 * MIB, 20 * MIB, ALIGN);

		assert_true(shift == 0 || shift == ALIGN);
		moved |= shift != 0;
		/* One byte less, and there is no other place. */
		assert_int_equal(kaslr_choose(16 * MIB, 2 * MIB, 20 * MIB - 1, ALIGN), 0);
	}
	assert_true(moved);
}

static void test_choose_without_room(void **state)
{
	for (int i = 0; i < 100; i++) {
		assert_int_equal(kaslr_choose(16 * MIB, 2 * MIB, 18 * MIB, ALIGN), 0);
		assert_int_equal(kaslr_choose(16 * MIB, 2 * MIB, 17 * MIB, ALIGN), 0);
		assert_int_equal(kaslr_choose(16 * MIB, 2 * MIB, 16 * MIB, ALIGN), 0);
		assert_int_equal(kaslr_choose(16 * MIB, 2 * MIB, 0, ALIGN), 0);
		assert_int_equal(kaslr_choose(16 * MIB, UINT64_MAX, GIB, ALIGN), 0);
		assert_int_equal(kaslr_choose(UINT64_MAX, UINT64_MAX, GIB, ALIGN), 0);
		assert_int_equal(kaslr_choose(16 * MIB, MIB, 32 * MIB, 1ULL << 63), 0);
	}
}

/* The virtual window is 1 GiB, whatever RAM there is. */
static void test_choose_virtual(void **state)
{
	const struct elf kernel = {.start = 16 * MIB, .end = 76 * MIB};
	const struct elf large = {.start = 16 * MIB, .end = GIB};
	u64 highest = 0;

	for (int i = 0; i < TRIES; i++) {
		u64 offset = kaslr_choose_virtual(&kernel, ALIGN);

		assert_int_equal(offset % ALIGN, 0);
		assert_true(76 * MIB + offset <= GIB);
		highest = MAX(highest, offset);
		assert_int_equal(kaslr_choose_virtual(&large, ALIGN), 0);
	}
	assert_true(highest > 512 * MIB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_three_groups),
		TEST(test_two_groups),
		TEST(test_empty_groups),
		TEST(test_zeros),
		TEST(test_words_are_little_endian),
		TEST(test_length),
		TEST(test_no_table),
		TEST(test_too_large),
		TEST(test_a_file_that_shrank),
		TEST(test_places_with_64_bits),
		TEST(test_carry),
		TEST(test_places_with_32_bits),
		TEST(test_inverse_places),
		TEST(test_new_kernels),
		TEST(test_all_groups),
		TEST(test_not_moved),
		TEST(test_shifted),
		TEST(test_places_outside),
		TEST(test_tiny_kernel),
		TEST(test_kernel_outside_of_ram),
		TEST(test_choose_keeps_the_bounds),
		TEST(test_choose_exact_fit),
		TEST(test_choose_without_room),
		TEST(test_choose_virtual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
