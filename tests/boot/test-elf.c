// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/elf.c: what of a good file is taken, and each refusal with its reason.
 *
 * Files are built byte by byte (tests/lib/elf-file.h): two segments to load, as a vmlinux has
 * them, and one of notes; each test then breaks one thing. The parser is given a copy of the
 * exact size, so that a sanitizer sees a read beyond it.
 */
#include "tests/lib/elf-file.h"
#include "tests/lib/test.h"
#include <kvm/elf.h>

#include <errno.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT	    0x1000000
#define TEXT_BYTES  0x100
#define DATA	    0x1200000
#define DATA_BYTES  0x80
#define DATA_MEMORY 0x4000
#define VIRTUAL	    0xffffffff80000000ULL
#define ENTRY	    (TEXT + 0x40)
#define PVH_ENTRY   (TEXT + 0x80)
#define MIN_LOAD    MIB

#define XEN_ENTRY   18

static struct elf_file good, *const file = &good;
static struct elf elf;

/* Of the headers in the good file. */
enum { SEGMENT_TEXT, SEGMENT_DATA, SEGMENT_NOTES };

static struct elf_file_segment text, data, notes;

static void build(bool is_64bit)
{
	u64 base = is_64bit ? VIRTUAL : 0xc0000000;
	u8 entry[8] = {0x80, 0, 0, 1};
	size_t at;

	elf_file_start(file, is_64bit, ENTRY);
	for (size_t i = 0; i < TEXT_BYTES + DATA_BYTES; i++)
		file->bytes[file->len + i] = (u8)i;
	text = (struct elf_file_segment){ELF_SEGMENT_LOAD, ELF_FILE_DATA, base + TEXT, TEXT,
					 TEXT_BYTES,	   TEXT_BYTES};
	data = (struct elf_file_segment){ELF_SEGMENT_LOAD, ELF_FILE_DATA + TEXT_BYTES,
					 base + DATA,	   DATA,
					 DATA_BYTES,	   DATA_MEMORY};
	file->len += TEXT_BYTES + DATA_BYTES;
	at = file->len;
	elf_file_add_note(file, "Xen", 4, 6, "linux", 6);
	elf_file_add_note(file, "GNU", 4, XEN_ENTRY, "\1\2\3\4\5", 5);
	elf_file_add_note(file, "Xen", 4, XEN_ENTRY, entry, is_64bit ? 8 : 4);
	elf_file_add_note(file, "Xen", 4, 5, "2.6", 4);
	notes = (struct elf_file_segment){.type = ELF_SEGMENT_NOTE,
					  .offset = at,
					  .file_bytes = file->len - at,
					  .mem_bytes = file->len - at};
	elf_file_add_segment(file, &text);
	elf_file_add_segment(file, &data);
	elf_file_add_segment(file, &notes);
}

static int set_up(void **state)
{
	build(true);
	return 0;
}

/* What is said of the first len bytes of the file; "" when it is fine. */
static const char *verdict_of(size_t len, gpa_t min)
{
	const char *why = "nothing was said";
	u8 *copy = malloc(MAX(len, 1UL));
	struct elf_source source;
	int err;

	assert_non_null(copy);
	memcpy(copy, file->bytes, len);
	source = elf_source_memory(copy, len);
	err = elf_parse(&source, min, &elf, &why);
	free(copy);
	assert_true(err == 0 || err == -EINVAL);
	return err ? why : "";
}

static const char *verdict(void)
{
	return verdict_of(file->len, MIN_LOAD);
}

#define assert_refused(verdict_, reason)                                      \
	do {                                                                  \
		const char *said = (verdict_);                                \
		if (!strstr(said, reason))                                    \
			fail_msg("wanted '%s', was told '%s'", reason, said); \
	} while (0)

#define assert_good() assert_string_equal(verdict(), "")

static void put_segment(unsigned int i, const struct elf_file_segment *segment)
{
	elf_file_write_segment(file, i, segment);
}

/* --- what is taken --- */

static void check_good(bool is_64bit)
{
	build(is_64bit);
	assert_good();
	assert_int_equal(elf.is_64bit, is_64bit);
	assert_int_equal(elf.count, 2);
	assert_int_equal(elf.segments[0].addr, TEXT);
	assert_int_equal(elf.segments[0].offset, ELF_FILE_DATA);
	assert_int_equal(elf.segments[0].file_bytes, TEXT_BYTES);
	assert_int_equal(elf.segments[0].mem_bytes, TEXT_BYTES);
	assert_int_equal(elf.segments[1].addr, DATA);
	assert_int_equal(elf.segments[1].offset, ELF_FILE_DATA + TEXT_BYTES);
	assert_int_equal(elf.segments[1].file_bytes, DATA_BYTES);
	assert_int_equal(elf.segments[1].mem_bytes, DATA_MEMORY);
	assert_int_equal(elf.start, TEXT);
	assert_int_equal(elf.end, DATA + DATA_MEMORY);
	assert_int_equal(elf.entry, ENTRY);
	assert_int_equal(elf.pvh_entry, PVH_ENTRY);
	assert_int_equal(elf.file_end, file->len);
}

static void test_a_good_one(void **state)
{
	check_good(true);
	check_good(false);
}

static void test_magic(void **state)
{
	assert_true(elf_is((const u8 *)"\177ELF", 4));
	assert_true(elf_is(file->bytes, file->len));
	assert_false(elf_is((const u8 *)"\177EL", 3));
	assert_false(elf_is((const u8 *)"", 0));
	assert_false(elf_is((const u8 *)"\177ELf", 4));
}

static void test_from_a_file(void **state)
{
	int fd = memfd_create("test-elf", MFD_CLOEXEC);
	struct elf_source source = elf_source_file(fd, 100, file->len);
	const char *why;
	u8 byte;

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, file->bytes, file->len, 100), file->len);
	assert_int_equal(elf_parse(&source, MIN_LOAD, &elf, &why), 0);
	assert_int_equal(elf.pvh_entry, PVH_ENTRY);
	assert_int_equal(source.read(&source, &byte, 1, ELF_FILE_DATA + 7), 0);
	assert_int_equal(byte, 7);
	/* It is shorter than it was said to be: an error of reading, not of the kernel's. */
	assert_int_equal(ftruncate(fd, 130), 0);
	assert_int_equal(elf_parse(&source, MIN_LOAD, &elf, &why), -EIO);
	assert_string_equal(why, "cannot be read");
	close(fd);
}

static void test_shared_objects_are_taken_too(void **state)
{
	elf_file_put(file, ELF_TYPE, 2, 3);
	assert_good();
}

static void test_segments_in_any_order(void **state)
{
	put_segment(SEGMENT_TEXT, &data);
	put_segment(SEGMENT_DATA, &text);
	assert_good();
	assert_int_equal(elf.start, TEXT);
	assert_int_equal(elf.end, DATA + DATA_MEMORY);
	assert_int_equal(elf.segments[0].addr, DATA);
}

/* One without memory is nothing, wherever it is said to be. */
static void test_empty_segments(void **state)
{
	data.mem_bytes = 0;
	data.file_bytes = 0;
	data.paddr = 0;
	data.offset = UINT64_MAX;
	put_segment(SEGMENT_DATA, &data);
	assert_good();
	assert_int_equal(elf.count, 1);
	assert_int_equal(elf.end, TEXT + TEXT_BYTES);
}

static void test_bss_alone(void **state)
{
	data.file_bytes = 0;
	data.offset = file->len; /* its end may be the file's */
	put_segment(SEGMENT_DATA, &data);
	assert_good();
	assert_int_equal(elf.segments[1].file_bytes, 0);
	assert_int_equal(elf.segments[1].mem_bytes, DATA_MEMORY);
}

/* --- the header --- */

static void test_class_and_data(void **state)
{
	static const u8 bad[] = {0, 3, 255};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		file->bytes[4] = bad[i];
		assert_refused(verdict(), "its ELF class is neither 32 nor 64");
	}
	set_up(state);
	file->bytes[5] = 2;
	assert_refused(verdict(), "is not a little-endian ELF file");
	file->bytes[5] = 0;
	assert_refused(verdict(), "is not a little-endian ELF file");
	set_up(state);
	file->bytes[3] = 'f';
	assert_refused(verdict(), "is not a little-endian ELF file");
}

static void test_machine(void **state)
{
	static const struct {
		u16 machine;
		const char *text;
	} others[] = {
		{183, "is an Arm kernel"}, {40, "is an Arm kernel"},	{243, "is a RISC-V kernel"},
		{2, "another machine"},	   {8, "another machine"},	{22, "another machine"},
		{0, "another machine"},	   {0xffff, "another machine"}, {258, "another machine"},
	};

	for (int is_64bit = 0; is_64bit < 2; is_64bit++) {
		build(is_64bit);
		for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
			elf_file_put(file, ELF_MACHINE, 2, others[i].machine);
			assert_refused(verdict(), others[i].text);
		}
		/* i386 and x86-64 have each their class; x32 has none here. */
		elf_file_put(file, ELF_MACHINE, 2, is_64bit ? 3 : 62);
		assert_refused(verdict(), "another machine");
	}
}

static void test_not_linked(void **state)
{
	static const u16 types[] = {0, 1, 5, 0xff00, 0xffff};

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		elf_file_put(file, ELF_TYPE, 2, types[i]);
		assert_refused(verdict(), "is not linked: an object or a module");
	}
	elf_file_put(file, ELF_TYPE, 2, 4);
	assert_refused(verdict(), "is a core dump");
}

static void test_number_of_headers(void **state)
{
	for (int is_64bit = 0; is_64bit < 2; is_64bit++) {
		build(is_64bit);
		elf_file_put(file, ELF_PHNUM, 2, 0);
		assert_refused(verdict(), "without program headers");
		elf_file_put(file, ELF_PHNUM, 2, 129);
		assert_refused(verdict(), "program headers make no sense");
		elf_file_put(file, ELF_PHNUM, 2, 0xffff);
		assert_refused(verdict(), "program headers make no sense");
	}
}

/* 128 of them are many, but most say nothing. */
static void test_as_many_headers_as_may_be(void **state)
{
	elf_file_start(file, false, ENTRY);
	text.offset = 0;
	elf_file_add_segment(file, &text);
	file->len = 52 + 128 * 32;
	elf_file_put(file, ELF_PHNUM, 2, 128);
	assert_good();
	elf_file_put(file, ELF_PHNUM, 2, 129);
	file->len += 32;
	assert_refused(verdict(), "program headers make no sense");
}

static void test_length_of_a_header(void **state)
{
	static const u16 bad[] = {0, 1, 31, 33, 55, 57, 64, 0xffff};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		elf_file_put(file, ELF_PHENTSIZE, 2, bad[i]);
		assert_refused(verdict(), "program headers make no sense");
	}
	elf_file_put(file, ELF_PHENTSIZE, 2, 32); /* that of the other class */
	assert_refused(verdict(), "program headers make no sense");
	build(false);
	elf_file_put(file, ELF_PHENTSIZE, 2, 56);
	assert_refused(verdict(), "program headers make no sense");
}

/* --- truncation --- */

static void test_truncation_at_each_byte(void **state)
{
	for (int is_64bit = 0; is_64bit < 2; is_64bit++) {
		build(is_64bit);
		for (size_t len = 0; len < file->len; len++)
			assert_refused(verdict_of(len, MIN_LOAD), "is truncated: ");
		assert_good();
	}
}

static void test_tables_outside(void **state)
{
	static const u64 bad[] = {ELF_FILE_MAX,	  1ULL << 32,	   UINT64_MAX - 55,
				  UINT64_MAX - 1, UINT64_MAX - 56, UINT64_MAX};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		elf_file_put_word(file, ELF_PHOFF, bad[i]);
		assert_refused(verdict(), "is truncated: its ELF headers");
	}
	build(false);
	elf_file_put_word(file, ELF_PHOFF, UINT32_MAX);
	assert_refused(verdict(), "is truncated: its ELF headers");
}

static void test_table_at_the_end_of_the_file(void **state)
{
	memcpy(file->bytes + file->len, file->bytes + 64, 3 * 56);
	elf_file_put_word(file, ELF_PHOFF, file->len);
	file->len += 3 * 56;
	assert_good();
	assert_int_equal(elf.file_end, file->len);
	file->len--;
	assert_refused(verdict(), "is truncated: its ELF headers");
}

static void test_segments_outside(void **state)
{
	static const struct {
		u64 offset, bytes;
	} bad[] = {{UINT64_MAX, 1}, {UINT64_MAX, UINT64_MAX}, {0, UINT64_MAX},
		   {1, UINT64_MAX}, {ELF_FILE_MAX, 1},	      {1ULL << 63, 1ULL << 63}};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		data.offset = bad[i].offset;
		data.file_bytes = data.mem_bytes = bad[i].bytes;
		put_segment(SEGMENT_DATA, &data);
		assert_refused(verdict(), "is truncated: an ELF segment");
	}
	data.offset = file->len - 1;
	data.file_bytes = 2;
	data.mem_bytes = 2;
	put_segment(SEGMENT_DATA, &data);
	assert_refused(verdict(), "is truncated: an ELF segment");
	data.file_bytes = 1;
	put_segment(SEGMENT_DATA, &data);
	assert_good();
}

/* --- memory --- */

static void test_longer_than_its_memory(void **state)
{
	for (int is_64bit = 0; is_64bit < 2; is_64bit++) {
		build(is_64bit);
		data.mem_bytes = DATA_BYTES - 1;
		put_segment(SEGMENT_DATA, &data);
		assert_refused(verdict(), "longer than its memory");
		data.mem_bytes = DATA_BYTES;
		put_segment(SEGMENT_DATA, &data);
		assert_good();
	}
}

static void test_above_4_gib(void **state)
{
	static const u64 bad[] = {4 * GIB,	 4 * GIB - DATA_MEMORY + 1, 1ULL << 63,
				  UINT64_MAX,	 UINT64_MAX - DATA_MEMORY,  4 * GIB - 1,
				  VIRTUAL + DATA};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		data.paddr = bad[i];
		put_segment(SEGMENT_DATA, &data);
		assert_refused(verdict(), "loads above 4 GiB");
	}
	data.paddr = 4 * GIB - DATA_MEMORY;
	put_segment(SEGMENT_DATA, &data);
	assert_good();
	assert_int_equal(elf.end, 4 * GIB);
	data.paddr = DATA;
	data.mem_bytes = UINT64_MAX;
	put_segment(SEGMENT_DATA, &data);
	assert_refused(verdict(), "loads above 4 GiB");
	build(false);
	data.paddr = UINT32_MAX;
	put_segment(SEGMENT_DATA, &data);
	assert_refused(verdict(), "loads above 4 GiB");
}

static void test_below_the_lowest(void **state)
{
	data.paddr = MIN_LOAD - 1;
	put_segment(SEGMENT_DATA, &data);
	assert_refused(verdict(), "loads below 1 MiB");
	assert_string_equal(verdict_of(file->len, MIN_LOAD - 1), "");
	data.paddr = 0;
	put_segment(SEGMENT_DATA, &data);
	assert_refused(verdict(), "loads below 1 MiB");
	data.paddr = MIN_LOAD;
	put_segment(SEGMENT_DATA, &data);
	assert_good();
	assert_int_equal(elf.start, MIN_LOAD);
}

static void test_number_of_segments(void **state)
{
	elf_file_start(file, true, ENTRY);
	text.offset = 0;
	for (unsigned int i = 0; i < 32; i++) {
		elf_file_add_segment(file, &text);
		text.paddr += 0x1000;
	}
	assert_good();
	assert_int_equal(elf.count, 32);
	assert_int_equal(elf.end, TEXT + 31 * 0x1000 + TEXT_BYTES);
	elf_file_add_segment(file, &text);
	assert_refused(verdict(), "more than 32 ELF segments");
}

static void test_program(void **state)
{
	notes.type = ELF_SEGMENT_INTERP;
	put_segment(SEGMENT_NOTES, &notes);
	assert_refused(verdict(), "is a program, not a kernel");
}

static void test_uses(void **state)
{
	assert_good();
	assert_true(elf_uses(&elf, TEXT, TEXT + 1));
	assert_true(elf_uses(&elf, TEXT + TEXT_BYTES - 1, TEXT + TEXT_BYTES));
	assert_true(elf_uses(&elf, DATA + DATA_MEMORY - 1, UINT64_MAX));
	assert_true(elf_uses(&elf, 0, UINT64_MAX));
	assert_false(elf_uses(&elf, 0, TEXT));
	assert_false(elf_uses(&elf, TEXT + TEXT_BYTES, DATA));
	assert_false(elf_uses(&elf, DATA + DATA_MEMORY, UINT64_MAX));
}

static void test_nothing_to_load(void **state)
{
	for (int is_64bit = 0; is_64bit < 2; is_64bit++) {
		build(is_64bit);
		text.type = data.type = 6;
		put_segment(SEGMENT_TEXT, &text);
		put_segment(SEGMENT_DATA, &data);
		assert_refused(verdict(), "nothing to load");
		text.type = ELF_SEGMENT_LOAD;
		text.mem_bytes = 0;
		put_segment(SEGMENT_TEXT, &text);
		assert_refused(verdict(), "nothing to load");
	}
}

/* --- entries --- */

static void test_entry_in_no_segment(void **state)
{
	static const u64 bad[] = {
		0, 1, TEXT - 1, TEXT + TEXT_BYTES, DATA - 1, DATA + DATA_MEMORY, UINT32_MAX};

	for (int is_64bit = 0; is_64bit < 2; is_64bit++) {
		build(is_64bit);
		for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
			elf_file_put_word(file, ELF_ENTRY, bad[i]);
			assert_refused(verdict(), "its entry lies in no segment");
		}
	}
	build(true);
	elf_file_put_word(file, ELF_ENTRY, (1ULL << 32) + ENTRY);
	assert_refused(verdict(), "its entry lies in no segment");
	elf_file_put_word(file, ELF_ENTRY, UINT64_MAX);
	assert_refused(verdict(), "its entry lies in no segment");
}

static void test_entry_at_the_bounds(void **state)
{
	static const u64 good_ones[] = {TEXT, TEXT + TEXT_BYTES - 1, DATA, DATA + DATA_MEMORY - 1};

	for (unsigned int i = 0; i < ARRAY_SIZE(good_ones); i++) {
		elf_file_put_word(file, ELF_ENTRY, good_ones[i]);
		assert_good();
		assert_int_equal(elf.entry, good_ones[i]);
	}
}

static void test_virtual_entry(void **state)
{
	elf_file_put_word(file, ELF_ENTRY, VIRTUAL + ENTRY);
	assert_good();
	assert_int_equal(elf.entry, ENTRY);
	elf_file_put_word(file, ELF_ENTRY, VIRTUAL + DATA + DATA_MEMORY - 1);
	assert_good();
	assert_int_equal(elf.entry, DATA + DATA_MEMORY - 1);
	elf_file_put_word(file, ELF_ENTRY, VIRTUAL + DATA + DATA_MEMORY);
	assert_refused(verdict(), "its entry lies in no segment");
	build(false);
	elf_file_put_word(file, ELF_ENTRY, 0xc0000000 + ENTRY);
	assert_good();
	assert_int_equal(elf.entry, ENTRY);
}

/* What is both a physical and a virtual address is physical: so Linux means it. */
static void test_physical_entry_wins(void **state)
{
	data.vaddr = TEXT;
	put_segment(SEGMENT_DATA, &data);
	assert_good();
	assert_int_equal(elf.entry, ENTRY);
}

/* --- notes --- */

/* The notes anew: only what the caller adds. */
static void start_notes(void)
{
	file->len = notes.offset;
	memset(file->bytes + file->len, 0, ELF_FILE_MAX - file->len);
}

static void end_notes(void)
{
	notes.file_bytes = file->len - notes.offset;
	put_segment(SEGMENT_NOTES, &notes);
}

static const u8 entry_bytes[8] = {0x80, 0, 0, 1};

static void test_no_pvh_note(void **state)
{
	start_notes();
	elf_file_add_note(file, "Xen", 4, XEN_ENTRY - 1, entry_bytes, 8);
	elf_file_add_note(file, "Xen", 3, XEN_ENTRY, entry_bytes, 8);
	elf_file_add_note(file, "Xen\0", 5, XEN_ENTRY, entry_bytes, 8);
	elf_file_add_note(file, "xen", 4, XEN_ENTRY, entry_bytes, 8);
	elf_file_add_note(file, "Xen", 4, XEN_ENTRY, entry_bytes, 3);
	elf_file_add_note(file, "", 0, XEN_ENTRY, entry_bytes, 8);
	end_notes();
	assert_good();
	assert_int_equal(elf.pvh_entry, 0);
	/* All those were walked over. */
	elf_file_add_note(file, "Xen", 4, XEN_ENTRY, entry_bytes, 4);
	end_notes();
	assert_good();
	assert_int_equal(elf.pvh_entry, PVH_ENTRY);
	notes.type = 5;
	end_notes();
	assert_good();
	assert_int_equal(elf.pvh_entry, 0);
}

static void test_several_segments_of_notes(void **state)
{
	struct elf_file_segment first = notes, third = notes;
	size_t at = notes.offset;

	start_notes();
	elf_file_add_note(file, "GNU", 4, 3, "0123456789012345678", 20);
	first.file_bytes = file->len - at;
	notes.offset = file->len;
	elf_file_add_note(file, "Xen", 4, XEN_ENTRY, entry_bytes, 8);
	end_notes();
	third.offset = file->len;
	elf_file_add_note(file, "Xen", 4, XEN_ENTRY, "\0\0\0\0\0\0\0", 8);
	third.file_bytes = file->len - third.offset;
	elf_file_add_segment(file, &first);
	elf_file_add_segment(file, &third);
	assert_good();
	assert_int_equal(elf.pvh_entry, PVH_ENTRY); /* the first that is found */
	assert_int_equal(elf.count, 2);
}

/* Notes that are longer than what is left of them end the walk, and no more than that. */
static void test_damaged_notes(void **state)
{
	static const u32 lengths[] = {9,	  12,	      0x1000,	  0x10000,   0x7fffffff,
				      0x80000000, 0xfffffffc, 0xfffffffd, 0xffffffff};

	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t field = 0; field < 8; field += 4) {
			set_up(state);
			start_notes();
			elf_file_add_note(file, "Xen", 4, XEN_ENTRY, entry_bytes, 8);
			elf_file_put(file, notes.offset + field, 4, lengths[i]);
			end_notes();
			assert_good();
			assert_int_equal(elf.pvh_entry, 0);
		}
	}
}

static void test_notes_cut_at_each_byte(void **state)
{
	size_t whole;

	start_notes();
	elf_file_add_note(file, "Xen", 4, XEN_ENTRY, entry_bytes, 8);
	whole = file->len;
	for (; file->len >= notes.offset; file->len--) {
		end_notes();
		assert_good();
		assert_int_equal(elf.pvh_entry, file->len == whole ? PVH_ENTRY : 0);
	}
}

static void test_notes_outside(void **state)
{
	notes.file_bytes++;
	put_segment(SEGMENT_NOTES, &notes);
	assert_refused(verdict(), "is truncated: ");
	notes.offset = UINT64_MAX;
	put_segment(SEGMENT_NOTES, &notes);
	assert_refused(verdict(), "is truncated: ");
	notes.offset = 0;
	notes.file_bytes = UINT64_MAX;
	put_segment(SEGMENT_NOTES, &notes);
	assert_refused(verdict(), "is truncated: ");
}

/* Of notes longer than 64 KiB the first 64 KiB are looked at. */
static void test_long_notes(void **state)
{
	static const u64 at[] = {64 * KIB - 24, 64 * KIB - 20};

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		u64 size = notes.offset + 128 * KIB;
		u8 *large = calloc(1, size), *note = large + notes.offset;
		struct elf_source source = elf_source_memory(large, size);
		const char *why;
		u32 filler = (u32)at[i] - 12;

		assert_non_null(large);
		notes.file_bytes = 128 * KIB;
		put_segment(SEGMENT_NOTES, &notes);
		memcpy(large, file->bytes, notes.offset);
		memcpy(note + 4, &filler, 4);
		memcpy(note + at[i], "\4\0\0\0\x08\0\0\0\x12\0\0\0Xen\0\x80\0\0\1\0\0\0\0", 24);
		assert_int_equal(elf_parse(&source, MIN_LOAD, &elf, &why), 0);
		assert_int_equal(elf.pvh_entry, i ? 0 : PVH_ENTRY);
		free(large);
	}
}

static void test_pvh_entry_in_no_segment(void **state)
{
	static const u8 bad[][8] = {{0xff, 0xff, 0xff, 0}, {0, 1, 0, 1}, {1}, {0, 0, 0, 0xff}};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		start_notes();
		elf_file_add_note(file, "Xen", 4, XEN_ENTRY, bad[i], 8);
		end_notes();
		assert_refused(verdict(), "its PVH entry lies in no segment");
	}
}

/* --- where the file ends --- */

static void test_section_table(void **state)
{
	for (int is_64bit = 0; is_64bit < 2; is_64bit++) {
		size_t one = is_64bit ? 64 : 40;

		build(is_64bit);
		elf_file_put_word(file, ELF_SHOFF, file->len + 13);
		elf_file_put(file, ELF_SHNUM, 2, 3);
		assert_good(); /* the table need not be there: nobody reads it */
		assert_int_equal(elf.file_end, file->len + 13 + 3 * one);
		/* Within what is there already it changes nothing. */
		elf_file_put_word(file, ELF_SHOFF, 0x100);
		assert_good();
		assert_int_equal(elf.file_end, file->len);
	}
}

static void test_section_table_that_lies(void **state)
{
	static const u64 far[] = {UINT64_MAX, UINT64_MAX - 63, UINT64_MAX - 0xffff * 0xffffULL};

	elf_file_put(file, ELF_SHENTSIZE, 2, 0xffff);
	elf_file_put(file, ELF_SHNUM, 2, 0xffff);
	for (unsigned int i = 0; i < ARRAY_SIZE(far); i++) {
		elf_file_put_word(file, ELF_SHOFF, far[i]);
		assert_good();
		assert_int_equal(elf.file_end, UINT64_MAX);
	}
	elf_file_put_word(file, ELF_SHOFF, 1ULL << 40);
	assert_good();
	assert_int_equal(elf.file_end, (1ULL << 40) + 0xffff * 0xffffULL);
}

/* A segment that is neither loaded nor read still is part of the file. */
static void test_other_segments_are_part_of_the_file(void **state)
{
	notes.type = 0x6474e551;
	notes.offset = file->len + 100;
	notes.file_bytes = 23;
	put_segment(SEGMENT_NOTES, &notes);
	assert_good();
	assert_int_equal(elf.file_end, file->len + 123);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_good_one),
		TEST(test_magic),
		TEST(test_from_a_file),
		TEST(test_shared_objects_are_taken_too),
		TEST(test_segments_in_any_order),
		TEST(test_empty_segments),
		TEST(test_bss_alone),
		TEST(test_class_and_data),
		TEST(test_machine),
		TEST(test_not_linked),
		TEST(test_number_of_headers),
		TEST(test_as_many_headers_as_may_be),
		TEST(test_length_of_a_header),
		TEST(test_truncation_at_each_byte),
		TEST(test_tables_outside),
		TEST(test_table_at_the_end_of_the_file),
		TEST(test_segments_outside),
		TEST(test_longer_than_its_memory),
		TEST(test_above_4_gib),
		TEST(test_below_the_lowest),
		TEST(test_number_of_segments),
		TEST(test_program),
		TEST(test_uses),
		TEST(test_nothing_to_load),
		TEST(test_entry_in_no_segment),
		TEST(test_entry_at_the_bounds),
		TEST(test_virtual_entry),
		TEST(test_physical_entry_wins),
		TEST(test_no_pvh_note),
		TEST(test_several_segments_of_notes),
		TEST(test_damaged_notes),
		TEST(test_notes_cut_at_each_byte),
		TEST(test_notes_outside),
		TEST(test_long_notes),
		TEST(test_pvh_entry_in_no_segment),
		TEST(test_section_table),
		TEST(test_section_table_that_lies),
		TEST(test_other_segments_are_part_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
