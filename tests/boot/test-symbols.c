// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/symbols.c: both kinds of file, which symbol an address belongs to, and what a damaged
 * or hostile file gets instead.
 *
 * ELF files are built field by field; the offsets are the specification's (System V ABI, chapter
 * 4).
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/symbols.h>
#include <kvm/util.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct symbols symbols;
static const char *why;

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("test-symbols", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, data, len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int read_map(const char *text, size_t len)
{
	int fd = file_of(text, len), err;

	why = "";
	err = symbols_read_map(fd, &symbols, &why);
	close(fd);
	return err;
}

static int map(const char *text)
{
	return read_map(text, strlen(text));
}

/* "name+offset/size", with "data " in front of what is no code; "" when it is nobody's. */
static const char *at(u64 address)
{
	static char text[256];
	struct symbols_place place;

	if (!symbols_find(&symbols, address, &place))
		return "";
	snprintf(text, sizeof(text), "%s%s+%llx/%llx", place.text ? "" : "data ", place.name,
		 place.offset, place.size);
	return text;
}

/* --- maps --- */

static const char system_map[] = "0000000000000000 D __per_cpu_start\n"
				 "0000000000001000 A fixed_percpu_data\n"
				 "ffffffff81000000 T _stext\n"
				 "ffffffff81000000 T startup_64\n"
				 "ffffffff81000000 t local_alias\n"
				 "ffffffff81000040 t helper\n"
				 "ffffffff81000100 W weak\n"
				 "ffffffff81c00000 R rodata\n"
				 "ffffffff81000080 T entry_SYSCALL_64\n";

static void test_system_map(void **state)
{
	u64 address;

	assert_int_equal(map(system_map), 0);
	assert_int_equal(symbols.count, 7);
	assert_string_equal(at(0xffffffff81000000), "_stext+0/40");
	assert_string_equal(at(0xffffffff8100003f), "_stext+3f/40");
	assert_string_equal(at(0xffffffff81000040), "helper+0/40");
	assert_string_equal(at(0xffffffff810000ff), "entry_SYSCALL_64+7f/80");
	assert_string_equal(at(0xffffffff81000104), "weak+4/bfff00");
	assert_string_equal(at(0xffffffff81c00001), "data rodata+1/0");
	/* Too far behind any; in front of all. */
	assert_string_equal(at(0xffffffff81800000), "");
	assert_string_equal(at(0xffffffff80ffffff), "");
	assert_string_equal(at(0x1000), "");
	assert_true(symbols_address(&symbols, "entry_SYSCALL_64", &address));
	assert_true(address == 0xffffffff81000080);
	assert_false(symbols_address(&symbols, "entry", &address));
	assert_false(symbols_address(&symbols, "fixed_percpu_data", &address));
	symbols_free(&symbols);
	assert_false(symbols_find(&symbols, 0xffffffff81000000, &(struct symbols_place){0}));
}

static void test_kallsyms_over_a_console(void **state)
{
	assert_int_equal(map("# cat /proc/kallsyms\r\n"
			     "ffffffff81000000 T _text\r\n"
			     "[   12.3] usb 1-1: new device\r\n"
			     "ffffffffc0201000 t fill_balloon\t[virtio_balloon]\r\n"
			     "ffffffffc0202000 t \r\n"
			     "zz\n\n \n"
			     "ffffffff81000010 t last"),
			 0);
	assert_int_equal(symbols.count, 3);
	assert_string_equal(at(0xffffffff81000004), "_text+4/10");
	assert_string_equal(at(0xffffffff81000010), "last+0/3f200ff0");
	assert_string_equal(at(0xffffffffc0201002), "fill_balloon [virtio_balloon]+2/0");
	symbols_free(&symbols);
}

/* A kernel of 32 bits has nothing in the upper half: nothing is dropped. */
static void test_a_map_of_32_bits(void **state)
{
	assert_int_equal(map("c1000000 T _text\nc1000200 t f\n00000000 A zero\n"), 0);
	assert_int_equal(symbols.count, 2);
	assert_string_equal(at(0xc1000201), "f+1/0");
	symbols_free(&symbols);
}

static void test_names_cannot_command_a_terminal(void **state)
{
	static const char text[] = "ffffffff81000000 T a\033[2J\001\0b\x9b\n";

	assert_int_equal(read_map(text, sizeof(text) - 1), 0);
	assert_string_equal(at(0xffffffff81000000), "a?[2J??b?+0/0");
	symbols_free(&symbols);
}

static void refused(const char *text, int err, const char *reason)
{
	assert_int_equal(map(text), err);
	assert_non_null(strstr(why, reason));
	assert_null(symbols.list);
	assert_null(symbols.names);
}

static void test_useless_maps(void **state)
{
	refused("", -ENODATA, "no symbols of code");
	refused("some text\nand more\n", -ENODATA, "no symbols of code");
	/* Debian's stub, as it is. */
	refused("ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg "
		"package\n",
		-ENODATA, "is a stub");
	refused("0000000000000000 T _text\n0000000000000000 t f\n", -ENODATA, "has 0 for all");
	refused("ffffffff81000000 D data\n", -ENODATA, "no symbols of code");
}

static void test_a_map_from_a_pipe(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write_full(fds[1], system_map, sizeof(system_map) - 1), 0);
	close(fds[1]);
	assert_int_equal(symbols_read_map(fds[0], &symbols, &why), 0);
	close(fds[0]);
	assert_int_equal(symbols.count, 7);
	symbols_free(&symbols);
}

static void test_a_map_without_end(void **state)
{
	int fd = memfd_create("test-symbols", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 40 * (off_t)MIB), 0);
	assert_int_equal(symbols_read_map(fd, &symbols, &why), -EFBIG);
	close(fd);
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(symbols_read_map(fd, &symbols, &why), -EBADF);
	close(fd);
	assert_null(symbols.names);
}

/* --- ELF --- */

#define SECTIONS 5 /* null, text, data, symbols, names */

static struct {
	u8 bytes[4096];
	bool is_64bit;
	size_t sections, table, names, names_len, count;
} elf;

static void put(size_t where, unsigned int bytes, u64 value)
{
	for (unsigned int i = 0; i < bytes; i++)
		elf.bytes[where + i] = (u8)(value >> (8 * i));
}

/* A field of section i, by its number; those of Elf64_Shdr have two widths. */
enum {
	SH_NAME,
	SH_TYPE,
	SH_FLAGS,
	SH_ADDR,
	SH_OFFSET,
	SH_SIZE,
	SH_LINK,
	SH_INFO,
	SH_ALIGN,
	SH_ENT
};

static void put_section(unsigned int i, unsigned int field, u64 value)
{
	static const u8 wide[] = {0, 4, 8, 16, 24, 32, 40, 44, 48, 56};
	bool word = field == SH_NAME || field == SH_TYPE || field == SH_LINK || field == SH_INFO;

	if (elf.is_64bit)
		put(elf.sections + 64UL * i + wide[field], word ? 4 : 8, value);
	else
		put(elf.sections + 40UL * i + 4UL * field, 4, value);
}

static void add_symbol(const char *name, u64 value, u8 info, u16 section)
{
	size_t entry = elf.is_64bit ? 24 : 16, where = elf.table + entry * elf.count++;

	put(where, 4, elf.names_len);
	put(where + (elf.is_64bit ? 4 : 12), 1, info);
	put(where + (elf.is_64bit ? 6 : 14), 2, section);
	put(where + (elf.is_64bit ? 8 : 4), elf.is_64bit ? 8 : 4, value);
	memcpy(elf.bytes + elf.names + elf.names_len, name, strlen(name) + 1);
	elf.names_len += strlen(name) + 1;
	put_section(3, SH_SIZE, entry * elf.count);
	put_section(4, SH_SIZE, elf.names_len);
}

static void elf_start(bool is_64bit)
{
	static const u8 ident[] = {0x7f, 'E', 'L', 'F', 1, 1, 1};

	memset(&elf, 0, sizeof(elf));
	elf.is_64bit = is_64bit;
	elf.sections = 512;
	elf.table = 1024;
	elf.names = 2048;
	memcpy(elf.bytes, ident, sizeof(ident));
	elf.bytes[4] = is_64bit ? 2 : 1;
	put(is_64bit ? 40 : 32, 4, elf.sections);
	put(is_64bit ? 58 : 46, 2, is_64bit ? 64 : 40);
	put(is_64bit ? 60 : 48, 2, SECTIONS);
	put_section(1, SH_FLAGS, 6); /* allocated, executable */
	put_section(2, SH_FLAGS, 3);
	put_section(3, SH_TYPE, 2);
	put_section(3, SH_OFFSET, elf.table);
	put_section(3, SH_LINK, 4);
	put_section(4, SH_TYPE, 3);
	put_section(4, SH_OFFSET, elf.names);
	add_symbol("", 0, 0, 0);
}

static int read_elf(size_t len)
{
	int fd = file_of(elf.bytes, len), err;

	why = "";
	err = symbols_read_elf(fd, &symbols, &why);
	close(fd);
	return err;
}

static void an_elf_file(bool is_64bit)
{
	u64 base = is_64bit ? 0xffffffff81000000 : 0xc1000000, address;

	elf_start(is_64bit);
	add_symbol("file.c", base, 4, 1);	  /* a file's name */
	add_symbol("", base, 3, 1);		  /* a section's */
	add_symbol("main", base + 0x10, 0x12, 1); /* global function */
	add_symbol("entry", base + 0x80, 0, 1);	  /* local, of no type, as assembly makes them */
	add_symbol("main_alias", base + 0x10, 0x02, 1); /* local */
	add_symbol("data", base + 0x1000, 0x11, 2);
	add_symbol("undefined", base, 0x12, 0);
	add_symbol("absolute", base, 0x10, 0xfff1);
	add_symbol("nowhere", base, 0x10, 77);
	assert_int_equal(read_elf(sizeof(elf.bytes)), 0);
	assert_int_equal(symbols.count, 4);
	assert_string_equal(at(base + 0x11), "main+1/70");
	assert_string_equal(at(base + 0x82), "entry+2/f80");
	assert_string_equal(at(base + 0x1000), "data data+0/0");
	assert_true(symbols_address(&symbols, "entry", &address));
	assert_true(address == base + 0x80);
	symbols_free(&symbols);
}

static void test_elf_of_64_bits(void **state)
{
	an_elf_file(true);
}

static void test_elf_of_32_bits(void **state)
{
	an_elf_file(false);
}

static void elf_refused(int err, const char *reason)
{
	assert_int_equal(read_elf(sizeof(elf.bytes)), err);
	assert_non_null(strstr(why, reason));
	assert_null(symbols.list);
	assert_null(symbols.names);
}

static void elf_good(void)
{
	elf_start(true);
	add_symbol("main", 0xffffffff81000010, 0x12, 1);
}

static void test_damaged_elf(void **state)
{
	elf_good();
	memset(elf.bytes, 'x', 4);
	elf_refused(-EINVAL, "not a little-endian ELF");
	elf_good();
	elf.bytes[5] = 2;
	elf_refused(-EINVAL, "not a little-endian ELF");
	elf_good();
	put(58, 2, 63);
	elf_refused(-EINVAL, "no table of sections");
	elf_good();
	put(60, 2, 0);
	elf_refused(-EINVAL, "no table of sections");
	elf_good();
	put(40, 8, ~0ULL);
	elf_refused(-EINVAL, "truncated");
	elf_good();
	put(60, 2, 0xffff);
	elf_refused(-EINVAL, "truncated");
	elf_good();
	put_section(3, SH_TYPE, 1);
	elf_refused(-ENODATA, "stripped");
	elf_good();
	put_section(3, SH_LINK, SECTIONS);
	elf_refused(-EINVAL, "have no names");
	for (unsigned int section = 3; section <= 4; section++) {
		elf_good();
		put_section(section, SH_OFFSET, ~0ULL - 8);
		elf_refused(-EINVAL, "more than the file holds");
		elf_good();
		put_section(section, SH_SIZE, ~0ULL);
		elf_refused(-EINVAL, "more than the file holds");
		elf_good();
		put_section(section, SH_SIZE, 4096);
		elf_refused(-EINVAL, "more than the file holds");
	}
}

static void test_truncated_elf(void **state)
{
	elf_good();
	for (size_t len = 0; len < elf.names + elf.names_len; len++) {
		if (read_elf(len))
			assert_true(why[0]);
		else
			symbols_free(&symbols);
	}
}

/* A name behind the names, or one that has no end: neither is read beyond. */
static void test_elf_names(void **state)
{
	elf_good();
	add_symbol("x", 0xffffffff81000020, 0x12, 1);
	put(elf.table + 24 * 2, 4, elf.names_len + 1);
	assert_int_equal(read_elf(sizeof(elf.bytes)), 0);
	assert_int_equal(symbols.count, 1);
	symbols_free(&symbols);

	elf_good();
	add_symbol("y\033z", 0xffffffff81000020, 0x12, 1);
	put_section(4, SH_SIZE, elf.names_len - 1);
	assert_int_equal(read_elf(sizeof(elf.bytes)), 0);
	assert_string_equal(at(0xffffffff81000020), "y?z+0/0");
	symbols_free(&symbols);
}

/* Debug information of any size costs nothing: the file is 40 GiB long. */
static void test_a_large_elf_file(void **state)
{
	u64 far = 40 * GIB;
	int fd;

	elf_good();
	put_section(4, SH_OFFSET, far);
	fd = file_of(elf.bytes, sizeof(elf.bytes));
	assert_int_equal(pwrite_full(fd, elf.bytes + elf.names, elf.names_len, (off_t)far), 0);
	assert_int_equal(symbols_read_elf(fd, &symbols, &why), 0);
	assert_string_equal(at(0xffffffff81000010), "main+0/0");
	symbols_free(&symbols);
	/* But 65 MiB of symbols are too many. */
	put_section(3, SH_SIZE, 65 * MIB);
	assert_int_equal(pwrite_full(fd, elf.bytes, sizeof(elf.bytes), 0), 0);
	assert_int_equal(symbols_read_elf(fd, &symbols, &why), -EINVAL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system_map),
		cmocka_unit_test(test_kallsyms_over_a_console),
		cmocka_unit_test(test_a_map_of_32_bits),
		cmocka_unit_test(test_names_cannot_command_a_terminal),
		cmocka_unit_test(test_useless_maps),
		cmocka_unit_test(test_a_map_from_a_pipe),
		cmocka_unit_test(test_a_map_without_end),
		cmocka_unit_test(test_elf_of_64_bits),
		cmocka_unit_test(test_elf_of_32_bits),
		cmocka_unit_test(test_damaged_elf),
		cmocka_unit_test(test_truncated_elf),
		cmocka_unit_test(test_elf_names),
		cmocka_unit_test(test_a_large_elf_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
