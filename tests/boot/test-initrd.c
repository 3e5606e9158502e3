// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/initrd.c: what is refused before the kernel trips over it, and the layout in RAM.
 *
 * Archives are written to files, for that is what initrd.c takes. It opens files once in the
 * life of a process and keeps them; so each case runs in a child of its own, which tells by its
 * exit status and through a pipe how it went.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <kvm/initrd.h>

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

#define RAM_BYTES (64 * KIB)
#define START	  0x1000

static char top[] = "/tmp/lkvm-test-initrd-XXXXXX";
static u8 ram[RAM_BYTES];
static struct gmem mem = {.banks = {{.size = RAM_BYTES, .host = ram}}, .count = 1};

/* What the child says. */
static struct outcome {
	int open_err, load_err;
	u64 bytes;
	unsigned int lines;
	char line[LOG_TEXT_MAX];
	u8 ram[RAM_BYTES];
} outcome;

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
	alarm(patient_s(10)); /* a walk that does not end is a failure too */
	log_record();
	memset(ram, 0, sizeof(ram));
	config.initrds =
		(struct option_list){.items = (const char **)(uintptr_t)paths, .count = count};
	outcome.open_err = initrd_open(false, 4);
	if (!outcome.open_err) {
		outcome.bytes = initrd_bytes();
		outcome.load_err = initrd_load(&mem, START);
		memcpy(outcome.ram, ram, sizeof(ram));
	}
	memcpy(outcome.line, logged.last, sizeof(outcome.line));
	outcome.lines = logged.lines;
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

/* Each begins at a multiple of 4, with at least 4 zeros before it; in the order given. */
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
	assert_int_equal(outcome.bytes, 12 + 12 + cpio.len);
	assert_memory_equal(outcome.ram + START, "\x1f\x8b one\0\0\0\0\0\0", 12);
	assert_memory_equal(outcome.ram + START + 12,
			    "\x28\xb5\x2f\xfd"
			    "2\0\0\0\0\0\0\0",
			    12);
	assert_memory_equal(outcome.ram + START + 24, cpio.bytes, cpio.len);
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
	assert_int_equal(outcome.bytes, 2 * cpio.len + 4);
	assert_memory_equal(outcome.ram + START + cpio.len + 4, cpio.bytes, cpio.len);
}

/* An LZ4 archive, or a file that ends with one, wants 4 zeros wherever it ends. */
static void test_the_gap(void **state)
{
	size_t ends[3];
	struct archive cpio = make_archive(ends);

	for (size_t len = 4; len < 12; len++) {
		const char *paths[] = {write_file(0, "\x02\x21\x4c\x18yyyyyyyy", len),
				       write_file(1, cpio.bytes, cpio.len)};
		size_t next = ALIGN_UP(len + 4, 4UL);

		try_paths(paths, 2);
		assert_int_equal(outcome.load_err, 0);
		assert_int_equal(outcome.bytes, next + cpio.len);
		for (size_t i = len; i < next; i++)
			assert_int_equal(outcome.ram[START + i], 0);
		assert_memory_equal(outcome.ram + START + next, cpio.bytes, cpio.len);
	}
}

/* --- images of file systems --- */

#define IMAGE_BYTES (32 * KIB)

static u8 *make_image(size_t at, const char *magic, size_t len)
{
	static u8 image[IMAGE_BYTES];

	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (u8)(i * 7 + i / 256) | 0x80;
	memcpy(image + at, magic, len);
	return image;
}

static void put32(u8 *at, u32 value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (u8)(value >> 8 * i);
}

static void check_image(const u8 *image)
{
	try_bytes(image, IMAGE_BYTES);
	assert_int_equal(outcome.open_err, 0);
	assert_int_equal(outcome.load_err, 0);
	assert_int_equal(outcome.lines, 0);
	assert_int_equal(outcome.bytes, IMAGE_BYTES);
	assert_memory_equal(outcome.ram + START, image, IMAGE_BYTES);
}

static void test_images(void **state)
{
	u8 *image = make_image(1080, "\x53\xef", 2);

	put32(image + 1024 + 4, IMAGE_BYTES / 4096); /* blocks */
	put32(image + 1024 + 24, 2);		     /* of 4 KiB */
	check_image(image);
	check_image(make_image(1040, "\x7f\x13", 2));
	check_image(make_image(1040, "\x8f\x13", 2));
	check_image(make_image(0, "-rom1fs-", 8));
	image = make_image(0, "\x45\x3d\xcd\x28", 4);
	put32(image + 4, IMAGE_BYTES);
	check_image(image);
	image = make_image(512, "\x45\x3d\xcd\x28", 4);
	put32(image + 516, IMAGE_BYTES);
	check_image(image);
	image = make_image(0, "hsqs", 4);
	put32(image + 40, IMAGE_BYTES);
	put32(image + 44, 0);
	check_image(image);
}

static void test_images_cut_off(void **state)
{
	u8 *image = make_image(1080, "\x53\xef", 2);

	put32(image + 1024 + 4, IMAGE_BYTES / 1024 + 1);
	put32(image + 1024 + 24, 0);
	try_bytes(image, IMAGE_BYTES);
	assert_int_equal(outcome.open_err, -EINVAL);
	assert_non_null(strstr(outcome.line, "is truncated: its ext2 file system has 33792 bytes, "
					     "the file 32768"));
	image = make_image(0, "hsqs", 4);
	put32(image + 40, 0);
	put32(image + 44, 1);
	try_bytes(image, IMAGE_BYTES);
	assert_int_equal(outcome.open_err, -EINVAL);
	assert_non_null(strstr(outcome.line, "its squashfs file system has 4294967296 bytes"));
	/* So short that it has no superblock. */
	try_bytes(make_image(0, "hsqs", 4), 1000);
	assert_int_equal(outcome.open_err, -EINVAL);
	assert_non_null(strstr(outcome.line, "is not a cpio archive"));
}

static void test_an_image_is_alone(void **state)
{
	size_t ends[3];
	struct archive cpio = make_archive(ends);
	const u8 *image = make_image(0, "-rom1fs-", 8);
	const char *paths[] = {write_file(0, image, IMAGE_BYTES),
			       write_file(1, cpio.bytes, cpio.len)};
	const char *other_way[] = {paths[1], paths[0]};

	try_paths(paths, 2);
	assert_int_equal(outcome.open_err, -EINVAL);
	assert_int_equal(outcome.lines, 1);
	assert_non_null(strstr(outcome.line, "(romfs), which must be the only initrd"));
	try_paths(other_way, 2);
	assert_int_equal(outcome.open_err, -EINVAL);
	/* lkvm's own init would come before it. */
	initrd_prepend(cpio.bytes, cpio.len);
	try_paths(paths, 1);
	initrd_prepend(NULL, 0);
	assert_int_equal(outcome.open_err, 0);
	assert_int_equal(outcome.load_err, -EINVAL);
	assert_non_null(strstr(outcome.line, "the only initrd; lkvm's own init is another"));
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
		cmocka_unit_test(test_the_gap),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_images_cut_off),
		cmocka_unit_test(test_an_image_is_alone),
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
