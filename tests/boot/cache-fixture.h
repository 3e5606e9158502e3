/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cache folder for each test of boot/cache.c, and kernels to keep in it. For test-cache.c and
 * test-cache-room.c.
 *
 * time() is this file's, so that kernels are as old as a test wants them to be. That the packed
 * bytes are not read is seen by a descriptor that cannot be read from.
 */
#ifndef TESTS_UTIL_CACHE_FIXTURE_H
#define TESTS_UTIL_CACHE_FIXTURE_H

#include "tests/lib/log-record.h"
#include "tests/lib/pack.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <kvm/cache.h>
#include <kvm/feature.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BYTES	  100000
#define PAGE	  4096 /* of an entry's header */
#define MAX_BYTES (16 * MIB)
#define NAME	  128

/* --- the clock --- */

static time_t clock_ahead; /* of the real one */
static time_t clock_fixed; /* 0: it runs */

time_t time(time_t *to)
{
	struct timespec now;
	time_t told;

	clock_gettime(CLOCK_REALTIME, &now);
	told = clock_fixed ?: now.tv_sec + clock_ahead;
	if (to)
		*to = told;
	return told;
}

/* --- the folder --- */

static char top[] = "/tmp/lkvm-test-cache-XXXXXX";
static char base[64], folder[128], source_path[64];
static unsigned int tests_run;

static inline int group_set_up(void **state)
{
	return mkdtemp(top) ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline int group_tear_down(void **state)
{
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static u8 plain[2][BYTES], packed[2][PACK_MAX(BYTES)];
static size_t packed_bytes[2];

static inline int set_up(void **state)
{
	snprintf(base, sizeof(base), "%s/%u", top, ++tests_run);
	snprintf(folder, sizeof(folder), "%s/lkvm/kernels", base);
	snprintf(source_path, sizeof(source_path), "%s/%u.kernel", top, tests_run);
	setenv("XDG_CACHE_HOME", base, 1);
	unsetenv("HOME");
	clock_ahead = 10;
	clock_fixed = 0;
	log_threshold = LOG_INFO;
	log_record();
	for (size_t i = 0; i < BYTES; i++) {
		plain[0][i] = (u8)(i * 7 + i / 255);
		plain[1][i] = (u8)(i * 3 + i / 250);
	}
	for (int i = 0; i < 2; i++)
		packed_bytes[i] = pack_gzip(packed[i], plain[i], BYTES);
	return 0;
}

static inline int tear_down(void **state)
{
	log_record_end();
	return 0;
}

#define have_libsodium feature_is_built("cache")

/* Of names that begin so; the last one's to name. Links, entries and temporary files. */
static inline unsigned int count_names(const char *prefix, char name[NAME])
{
	DIR *dir = opendir(folder);
	const struct dirent *each;
	unsigned int count = 0;

	if (!dir)
		return 0;
	while ((each = readdir(dir))) {
		if (each->d_name[0] == '.' || strncmp(each->d_name, prefix, strlen(prefix)) != 0)
			continue;
		count++;
		if (name)
			snprintf(name, NAME, "%.127s", each->d_name);
	}
	closedir(dir);
	return count;
}

static inline bool is_entry(const char *name)
{
	return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

/* Entries; the last one's name to name. */
static inline unsigned int count_entries(char name[NAME])
{
	DIR *dir = opendir(folder);
	const struct dirent *each;
	unsigned int count = 0;

	if (!dir)
		return 0;
	while ((each = readdir(dir))) {
		if (!is_entry(each->d_name))
			continue;
		count++;
		if (name)
			snprintf(name, NAME, "%.127s", each->d_name);
	}
	closedir(dir);
	return count;
}

/* In the folder; two at a time. */
static inline const char *path_of(const char *name)
{
	static char paths[2][300];
	static unsigned int turn;
	char *path = paths[++turn % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* --- kernels --- */

static inline int write_source(int which, u64 offset)
{
	int fd = open(source_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, packed[which], packed_bytes[which], (off_t)offset),
			 packed_bytes[which]);
	return fd;
}

/* The content and the inode of what is had. */
static inline ino_t check_content(const struct cache_file *file, int which)
{
	static u8 got[BYTES];
	struct stat st;

	assert_int_equal(file->bytes, BYTES);
	assert_int_equal(pread_full(file->fd, got, BYTES, (off_t)file->offset), 0);
	assert_memory_equal(got, plain[which], BYTES);
	assert_int_equal(fstat(file->fd, &st), 0);
	assert_int_equal(st.st_size, file->offset + BYTES);
	assert_true(fcntl(file->fd, F_GETFD) & FD_CLOEXEC);
	close(file->fd);
	return st.st_ino;
}

static inline ino_t unpack_fd(int fd, int which, bool kept)
{
	struct cache_file file = {.fd = -1};
	const char *why = "";

	if (cache_unpack(fd, 0, packed_bytes[which], MAX_BYTES, false, NULL, &file, &why))
		fail_msg("refused: %s", why);
	assert_int_equal(file.offset, kept ? PAGE : 0);
	return check_content(&file, which);
}

/* A new kernel file, unpacked once. Its entry's name and inode. */
static inline ino_t make_entry(int which, char name[NAME])
{
	int fd = write_source(which, 0);
	ino_t ino = unpack_fd(fd, which, true);

	close(fd);
	assert_int_equal(count_entries(name), 1);
	return ino;
}

static inline ino_t open_again(int which)
{
	int fd = open(source_path, O_RDONLY | O_CLOEXEC);
	ino_t ino;

	assert_true(fd >= 0);
	ino = unpack_fd(fd, which, true);
	close(fd);
	return ino;
}

/* Without a look at the packed bytes. False: they were wanted. */
static inline bool open_blind(int which, ino_t *ino)
{
	int fd = open(source_path, O_WRONLY | O_CLOEXEC);
	struct cache_file file;
	const char *why;
	int err;

	assert_true(fd >= 0);
	err = cache_unpack(fd, 0, packed_bytes[which], MAX_BYTES, false, NULL, &file, &why);
	close(fd);
	if (err) {
		assert_string_equal(why, "cannot be read to its end");
		return false;
	}
	*ino = check_content(&file, which);
	return true;
}

/* Without the libraries there is nothing to see. */
static inline bool cache_is_built(void)
{
	if (have_libsodium && unpack_supported(UNPACK_GZIP))
		return true;
	print_message("skipped: this build has no libsodium or no zlib, and keeps nothing\n");
	return false;
}

#endif
