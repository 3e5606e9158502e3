// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/initrd.c: what is refused before the kernel trips over it, and the layout in RAM.
 *
 * Archives are written to files, for that is what initrd.c takes. It opens files once in the
 * life of a process and keeps them; so each case runs in a child of its own, which tells by its
 * exit status and through a pipe how it went.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x86/initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <kvm/config.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka hands every test a state; none here needs it. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define RAM_BYTES (64 * KIB)
#define START	  0x1000

struct config config;

static char top[] = "/tmp/lkvm-test-initrd-XXXXXX";
static u8 ram[RAM_BYTES];
static struct gmem mem = {.banks = {{.size = RAM_BYTES, .host = ram}}, .count = 1};

/* What the child says. */
static struct outcome {
	int open_err, load_err;
	u64 bytes;
	unsigned int lines;
	char line[512];
	u8 ram[RAM_BYTES];
} outcome;

static void record(enum log_level level, const char *line, void *arg)
{
	snprintf(outcome.line, sizeof(outcome.line), "%s", line);
	outcome.lines++;
}

static int group_set_up(void **state)
{
	return mkdtemp(top) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int group_tear_down(void **state)
{
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void child(const char *const *paths, size_t count, int fd)
{
	alarm(10); /* a walk that does not end is a failure too */
	log_set_sink(record, NULL);
	memset(ram, 0, sizeof(ram));
	config.initrds =
		(struct option_list){.items = (const char **)(uintptr_t)paths, .count = count};
	outcome.open_err = initrd_open(false, 4);
	if (!outcome.open_err) {
		outcome.bytes = initrd_bytes();
		outcome.load_err = initrd_load(&mem, START);
		memcpy(outcome.ram, ram, sizeof(ram));
	}
	_exit(write_full(fd, &outcome, sizeof(outcome)) ? 1 : 0);
}

/* initrd.c on these files. */
static void try_paths(const char *const *paths, size_t count)
{
	size_t got = 0;
	int fds[2], status;
	pid_t pid;

	memset(&outcome, 0, sizeof(outcome));
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid)
		child(paths, count, fds[1]);
	close(fds[1]);
	for (ssize_t n; (n = read(fds[0], (u8 *)&outcome + got, sizeof(outcome) - got)) > 0;)
		got += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("the child ended with %#x; 14 is: it ran for 10 s", (unsigned int)status);
	assert_int_equal(got, sizeof(outcome));
}

static const char *write_file(unsigned int number, const void *bytes, size_t len)
{
	static char paths[4][64];
	char *path = paths[number];
	int fd;

	snprintf(path, sizeof(paths[0]), "%s/%u.cpio", top, number);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, bytes, len), 0);
	close(fd);
	return path;
}

static void try_bytes(const void *bytes, size_t len)
{
	const char *path = write_file(0, bytes, len);

	try_paths(&path, 1);
}

/* --- archives --- */

struct archive {
	u8 bytes[4096];
	size_t len;
};

static void pad(struct archive *cpio)
{
	while (cpio->len % 4)
		cpio->bytes[cpio->len++] = 0;
}

static void add_entry(struct archive *cpio, const char *name, const char *data)
{
	size_t size = strlen(data);
	char head[111];

	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 1U, 0100644U, 0U, 0U, 1U, 0U, (unsigned int)size, 0U, 0U, 0U, 0U,
		 (unsigned int)strlen(name) + 1, 0U);
	memcpy(cpio->bytes + cpio->len, head, 110);
	memcpy(cpio->bytes + cpio->len + 110, name, strlen(name) + 1);
	cpio->len += 110 + strlen(name) + 1;
	pad(cpio);
	memcpy(cpio->bytes + cpio->len, data, size);
	cpio->len += size;
}

/* Two files and the trailer. *ends are the places where an entry is over. */
static struct archive make_archive(size_t ends[3])
{
	struct archive cpio = {.len = 0};

	add_entry(&cpio, "init", "#!/bin/sh\nexec sh\n");
	ends[0] = cpio.len;
	pad(&cpio);
	add_entry(&cpio, "empty", "");
	ends[1] = cpio.len;
	add_entry(&cpio, "TRAILER!!!", "");
	ends[2] = cpio.len;
	return cpio;
}

static void test_one_archive(void **state)
{
	size_t ends[3];
	struct archive cpio = make_archive(ends);

	try_bytes(cpio.bytes, cpio.len);
	assert_int_equal(outcome.open_err, 0);
	assert_int_equal(outcome.load_err, 0);
	assert_int_equal(outcome.lines, 0);
	assert_int_equal(outcome.bytes, cpio.len);
	assert_memory_equal(outcome.ram + START, cpio.bytes, cpio.len);
	assert_int_equal(outcome.ram[START - 1], 0);
	assert_int_equal(outcome.ram[START + cpio.len], 0);
}

static void test_none(void **state)
{
	try_paths(NULL, 0);
	assert_int_equal(outcome.open_err, 0);
	assert_int_equal(outcome.load_err, 0);
	assert_int_equal(outcome.bytes, 0);
}

/* Each begins at a multiple of 4, with zeros before it; in the order given. */
static void test_concatenation(void **state)
{
	static const char first[] = "\x1f\x8b one", second[] = "\x28\xb5\x2f\xfd"
							       "2";
	size_t ends[3];
	struct archive cpio = make_archive(ends);
	const char *paths[] = {write_file(0, first, 6), write_file(1, second, 5),
			       write_file(2, cpio.bytes, cpio.len)};

	try_paths(paths, 3);
	assert_int_equal(outcome.load_err, 0);
	assert_int_equal(outcome.bytes, 8 + 8 + cpio.len);
	assert_memory_equal(outcome.ram + START, "\x1f\x8b one\0\0", 8);
	assert_memory_equal(outcome.ram + START + 8,
			    "\x28\xb5\x2f\xfd"
			    "2\0\0\0",
			    8);
	assert_memory_equal(outcome.ram + START + 16, cpio.bytes, cpio.len);
}

/* The same file twice is two archives. */
static void test_the_same_twice(void **state)
{
	size_t ends[3];
	struct archive cpio = make_archive(ends);
	const char *path = write_file(0, cpio.bytes, cpio.len);
	const char *paths[] = {path, path};

	try_paths(paths, 2);
	assert_int_equal(outcome.load_err, 0);
	assert_int_equal(outcome.bytes, 2 * cpio.len);
	assert_memory_equal(outcome.ram + START + cpio.len, cpio.bytes, cpio.len);
}

static void test_truncation_at_each_byte(void **state)
{
	size_t ends[3];
	struct archive cpio = make_archive(ends);

	for (size_t len = 1; len < cpio.len; len++) {
		/* Whole is what ends with an entry, or within the padding behind it. */
		bool whole = (len >= ends[0] && len <= ALIGN_UP(ends[0], 4UL)) || len == ends[1];

		try_bytes(cpio.bytes, len);
		if (len < 6) {
			assert_int_equal(outcome.open_err, -EINVAL);
			assert_non_null(strstr(outcome.line, "is not a cpio archive"));
			continue;
		}
		assert_int_equal(outcome.open_err, 0);
		assert_int_equal(outcome.load_err, whole ? 0 : -EINVAL);
		assert_int_equal(outcome.lines, whole ? 0 : 1);
		if (!whole)
			assert_non_null(strstr(outcome.line, "0.cpio: is truncated"));
	}
}

static void test_padding_between_archives_in_one_file(void **state)
{
	size_t ends[3];
	struct archive cpio = make_archive(ends), two = cpio;

	two.len += 508; /* cpio(1) writes blocks of 512 */
	memcpy(two.bytes + two.len, cpio.bytes, cpio.len);
	two.len += cpio.len;
	try_bytes(two.bytes, two.len);
	assert_int_equal(outcome.load_err, 0);
	try_bytes(two.bytes, two.len - 1);
	assert_int_equal(outcome.load_err, -EINVAL);
	/* What is compressed behind a plain one, as microcode has it, is not judged. */
	memcpy(two.bytes + cpio.len + 508, "\x1f\x8b", 2);
	try_bytes(two.bytes, two.len - 1);
	assert_int_equal(outcome.load_err, 0);
}

static void test_empty(void **state)
{
	try_bytes("", 0);
	assert_int_equal(outcome.open_err, -EINVAL);
	assert_int_equal(outcome.lines, 1);
	assert_non_null(strstr(outcome.line, "0.cpio: is empty"));
}

static void test_garbage(void **state)
{
	static const char *const garbage[] = {
		"x",	"0",  "07070",	"070707old format", "\177ELF", "hello, world",
		"\x1f", "BZ", "\3757zX"};

	for (unsigned int i = 0; i < ARRAY_SIZE(garbage); i++) {
		try_bytes(garbage[i], strlen(garbage[i]));
		assert_int_equal(outcome.open_err, -EINVAL);
		assert_int_equal(outcome.lines, 1);
		assert_non_null(strstr(outcome.line, "is not a cpio archive"));
	}
}

static void test_compressed_is_taken_as_it_is(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} packed[] = {{"\x1f\x8b\x08", 3},
		      {"\x1f\x9e\x08", 3},
		      {"BZh9", 4},
		      {"\x5d\0\0\0", 4},
		      {"\xfd"
		       "7zXZ\0",
		       6},
		      {"\x89LZO\0", 5},
		      {"\x02\x21\x4c\x18", 4},
		      {"\x28\xb5\x2f\xfd\x04", 5}};

	for (unsigned int i = 0; i < ARRAY_SIZE(packed); i++) {
		try_bytes(packed[i].bytes, packed[i].len);
		assert_int_equal(outcome.open_err, 0);
		assert_int_equal(outcome.load_err, 0);
	}
}

/* Fields that are no 8 hexadecimal digits; one with a sign would send the walk backwards. */
static void test_bad_fields(void **state)
{
	static const char *const fields[] = {"xxxxxxxx", "        ", "-0000001", "-000006e",
					     "-0000070", "+0000005", "0x000005", "    0005",
					     "0000000g", "ffffffff"};
	static const size_t places[] = {54, 94}; /* of the file's size, of its name's */

	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++) {
		for (unsigned int at = 0; at < ARRAY_SIZE(places); at++) {
			size_t ends[3];
			struct archive cpio = make_archive(ends);

			memcpy(cpio.bytes + places[at], fields[i], 8);
			try_bytes(cpio.bytes, cpio.len);
			assert_int_equal(outcome.open_err, 0);
			assert_int_equal(outcome.load_err, -EINVAL);
			assert_non_null(strstr(outcome.line, "is truncated"));
		}
	}
}

static void test_no_file(void **state)
{
	const char *nowhere = "/nowhere/initrd", *dir = "/tmp", *device = "/dev/null";

	try_paths(&nowhere, 1);
	assert_int_equal(outcome.open_err, -ENOENT);
	assert_non_null(strstr(outcome.line, "initrd /nowhere/initrd: "));
	try_paths(&dir, 1);
	assert_int_equal(outcome.open_err, -EINVAL);
	assert_non_null(strstr(outcome.line, "is a directory"));
	try_paths(&device, 1);
	assert_int_equal(outcome.open_err, -EINVAL);
	assert_non_null(strstr(outcome.line, "not a regular file"));
}

static void test_one_that_does_not_fit(void **state)
{
	static u8 large[RAM_BYTES];

	memcpy(large, "\x1f\x8b", 2);
	try_bytes(large, RAM_BYTES - START);
	assert_int_equal(outcome.load_err, 0);
	try_bytes(large, RAM_BYTES - START + 1);
	assert_int_equal(outcome.load_err, -EFAULT);
	assert_non_null(strstr(outcome.line, "does not fit into RAM"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_archive),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_concatenation),
		cmocka_unit_test(test_the_same_twice),
		cmocka_unit_test(test_truncation_at_each_byte),
		cmocka_unit_test(test_padding_between_archives_in_one_file),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_compressed_is_taken_as_it_is),
		cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_one_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
