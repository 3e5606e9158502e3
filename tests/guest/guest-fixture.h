/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the unit tests of guest/: a folder for each test, files in it, and what was said. (The other
 * files of tests/guest/ are payloads.)
 */
#ifndef TESTS_GUEST_FIXTURE_H
#define TESTS_GUEST_FIXTURE_H

#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static inline int set_up(void **state)
{
	strcpy(folder, "/tmp/lkvm-test-guest-XXXXXX");
	log_record();
	return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline int tear_down(void **state)
{
	return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A file below the folder, and the folders that it is in. Returns its path, until the next call. */
static inline const char *put_bytes(const char *name, const void *data, size_t bytes)
{
	static char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *at = path + strlen(folder) + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = 0;
		mkdir(path, 0755);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, data, bytes), 0);
	close(fd);
	return path;
}

static inline const char *put(const char *name, const char *text)
{
	return put_bytes(name, text, strlen(text));
}

/* One line, with all of this in it. */
static inline void assert_said(const char *what)
{
	assert_int_equal(logged.lines, 1);
	if (!strstr(logged.last, what))
		fail_msg("'%s' is not in '%s'", what, logged.last);
	logged.lines = 0;
}

#define GUEST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
