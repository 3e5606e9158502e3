// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins what boot/elf.c takes for a program for Linux.
 */
#include "tests/lib/elf-file.h"
#include "tests/lib/test.h"
#include <kvm/elf.h>

#define TEXT	0x1000000
#define VIRTUAL 0xffffffff80000000ULL

static struct elf_file good, *const file = &good;
static struct elf_file_segment text, notes;

/* One segment, its virtual address so far from its physical one. */
static void build(bool is_64bit, u64 distance)
{
	elf_file_start(file, is_64bit, TEXT);
	file->len += 256;
	text = (struct elf_file_segment){
		ELF_SEGMENT_LOAD, ELF_FILE_DATA, TEXT + distance, TEXT, 256, 256};
	elf_file_add_segment(file, &text);
}

static void check_program(bool is_one)
{
	struct elf_source source = elf_source_memory(file->bytes, file->len);
	const char *why = "";
	struct elf elf;

	if (elf_parse(&source, 0, &elf, &why))
		fail_msg("%s", why);
	assert_int_equal(elf.is_program, is_one);
}

/* Physical addresses are virtual ones, as a program has them; it is not one yet. */
static void build_flat(bool is_64bit)
{
	build(is_64bit, 0);
	check_program(false);
}

/* A static program is known by what its linker leaves, each of it alone. */
static void test_static_program(void **state)
{
	static const u32 types[] = {7 /* TLS */, 0x6474e552 /* RELRO */};

	for (int is_64bit = 0; is_64bit < 2; is_64bit++) {
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			build_flat(is_64bit);
			elf_file_add_segment(file, &(struct elf_file_segment){.type = types[i]});
			check_program(true);
		}
		build_flat(is_64bit);
		notes = (struct elf_file_segment){.type = ELF_SEGMENT_NOTE, .offset = file->len};
		elf_file_add_note(file, "GNU", 4, 1, "\0\0\0\0\3\0\0\0\2\0\0\0\0\0\0\0", 16);
		notes.file_bytes = notes.mem_bytes = file->len - notes.offset;
		elf_file_add_segment(file, &notes);
		check_program(true);
		build_flat(is_64bit);
		file->bytes[7] = 3; /* EI_OSABI: GNU */
		check_program(true);
		file->bytes[7] = 9; /* FreeBSD */
		check_program(false);
	}
}

/* Where programs begin, and with the file's first bytes: both. */
static void test_base_of_programs(void **state)
{
	static const u64 bases[] = {0x400000, 0x8048000};

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		build_flat(true);
		text.paddr = text.vaddr = bases[i];
		elf_file_write_segment(file, 0, &text);
		elf_file_put_word(file, ELF_ENTRY, bases[i]);
		check_program(false);
		text.offset = 0;
		elf_file_write_segment(file, 0, &text);
		check_program(true);
	}
	build_flat(true);
	text.offset = 0;
	elf_file_write_segment(file, 0, &text);
	check_program(false);
}

/* Linux knows two addresses of everything, and is no program whatever its linker adds. */
static void test_linux_is_no_program(void **state)
{
	build(true, VIRTUAL);
	file->bytes[7] = 3;
	elf_file_add_segment(file, &(struct elf_file_segment){.type = 7});
	elf_file_add_segment(file, &(struct elf_file_segment){.type = 0x6474e552});
	check_program(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_static_program),
		cmocka_unit_test(test_base_of_programs),
		cmocka_unit_test(test_linux_is_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
