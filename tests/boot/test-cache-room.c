// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins the folder of boot/cache.c: when there is none that may be used, many processes at once,
 * and what goes when there is too much in it.
 */
#include "tests/boot/cache-fixture.h"
#include "tests/lib/patience.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* --- without a cache --- */

static void check_not_kept(void)
{
	int fd = write_source(0, 0);

	unpack_fd(fd, 0, false);
	unpack_fd(fd, 0, false);
	close(fd);
}

static void test_no_home(void **state)
{
	unsetenv("XDG_CACHE_HOME");
	check_not_kept();
	setenv("XDG_CACHE_HOME", "relative/path", 1);
	setenv("HOME", "relative", 1);
	check_not_kept();
	setenv("XDG_CACHE_HOME", "", 1);
	setenv("HOME", "", 1);
	check_not_kept();
	assert_int_not_equal(access("relative", F_OK), 0);
}

static void test_home(void **state)
{
	char name[NAME];

	setenv("HOME", base, 1);
	setenv("XDG_CACHE_HOME", "relative", 1); /* is to be ignored */
	snprintf(folder, sizeof(folder), "%s/.cache/lkvm/kernels", base);
	make_entry(0, name);
}

static void test_folder_that_others_may_write_to(void **state)
{
	static const mode_t modes[] = {0720, 0702, 0777, 01777};
	char name[NAME];
	ino_t first = make_entry(0, name);

	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(folder, modes[i]), 0);
		logged.last[0] = '\0';
		check_not_kept();
		assert_non_null(strstr(logged.last, "is not ours alone"));
	}
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(open_again(0), first);
}

static void test_folder_of_another(void **state)
{
	char name[NAME];

	if (geteuid() != 0)
		skip();
	make_entry(0, name);
	assert_int_equal(chown(folder, 1, 0), 0);
	check_not_kept();
	/* Nor an entry of another's in ours. */
	assert_int_equal(chown(folder, 0, 0), 0);
	assert_int_equal(chown(path_of(name), 1, 0), 0);
	open_again(0);
	assert_non_null(strstr(logged.last, "is damaged"));
}

static void test_folder_that_is_something_else(void **state)
{
	char name[NAME], other[200];
	int fd;

	make_entry(0, name);
	snprintf(other, sizeof(other), "%s.moved", folder);
	assert_int_equal(rename(folder, other), 0);
	assert_int_equal(symlink(other, folder), 0);
	check_not_kept();
	assert_int_equal(unlink(folder), 0);
	fd = open(folder, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	check_not_kept();
}

/* A disk with room for the bytes, but not for their header. */
static void test_full_disk(void **state)
{
	pid_t pid;
	int status;

	pid = fork();
	if (!pid) {
		const struct rlimit limit = {BYTES + 100, BYTES + 100};
		int fd = write_source(0, 0);
		struct cache_file file;
		const char *why;
		u8 byte = 0;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		if (cache_unpack(fd, 0, packed_bytes[0], MAX_BYTES, false, NULL, &file, &why))
			_exit(1);
		if (file.offset || file.bytes != BYTES ||
		    pread_full(file.fd, &byte, 1, BYTES - 1) || byte != plain[0][BYTES - 1])
			_exit(2);
		_exit(strstr(logged.last, "the unpacked kernel is not kept") ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(count_names("", NULL), 0);
}

/* --- many at once --- */

static void test_parallel_starts(void **state)
{
	for (int round = 0; round < 10; round++) {
		pid_t pids[4];
		char name[NAME];
		int fd = write_source(0, 0);

		for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
			pids[i] = fork();
			if (pids[i])
				continue;
			alarm(patient_s(60));
			unpack_fd(fd, 0, true);
			_exit(0);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
			int status;

			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_int_equal(status, 0);
		}
		close(fd);
		assert_int_equal(count_entries(name), 1);
		assert_int_equal(count_names("tmp-", NULL), 0);
		open_again(0);
		assert_int_equal(unlink(path_of(name)), 0);
	}
}

/* --- room --- */

/* A file of the folder, of that length, used at that second. */
static void make_file(const char *name, u64 bytes, time_t used)
{
	const struct timespec times[2] = {{.tv_sec = used}, {.tv_nsec = UTIME_OMIT}};
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static const char *filler(unsigned int i)
{
	static char name[65];

	snprintf(name, sizeof(name), "%064x", i);
	return name;
}

static bool exists(const char *name)
{
	struct stat st;

	return !lstat(path_of(name), &st);
}

static void make_folder(void)
{
	assert_int_equal(mkdir(base, 0700), 0);
	snprintf(folder, sizeof(folder), "%s/lkvm", base);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(folder, sizeof(folder), "%s/lkvm/kernels", base);
	assert_int_equal(mkdir(folder, 0700), 0);
}

/* All that fit stay, to the last byte. */
static void test_room_for_all(void **state)
{
	u64 left = CACHE_MAX_BYTES - PAGE - BYTES;
	int fd = write_source(0, 0);

	make_folder();
	make_file(filler(1), 500 * MIB, 1000);
	make_file(filler(2), left - 500 * MIB, 2000);
	unpack_fd(fd, 0, true);
	close(fd);
	assert_int_equal(count_entries(NULL), 3);
}

static void test_one_byte_too_many(void **state)
{
	u64 left = CACHE_MAX_BYTES - PAGE - BYTES;
	int fd = write_source(0, 0);

	make_folder();
	make_file(filler(1), 400 * MIB, 3000);
	make_file(filler(2), 400 * MIB, 2000); /* unused for longest */
	make_file(filler(3), left - 800 * MIB + 1, 2500);
	unpack_fd(fd, 0, true);
	close(fd);
	assert_int_equal(count_entries(NULL), 3);
	assert_true(exists(filler(1)));
	assert_false(exists(filler(2)));
	assert_true(exists(filler(3)));
}

static void test_many_go(void **state)
{
	int fd = write_source(0, 0);

	make_folder();
	for (unsigned int i = 1; i <= 20; i++)
		make_file(filler(i), 200 * MIB, 1000 + i * 7 % 20);
	make_file("notes.txt", 2 * GIB, 1); /* not ours to count, nor to delete */
	make_file("1234", 2 * GIB, 1);
	unpack_fd(fd, 0, true);
	close(fd);
	/* 5 of 200 MiB and the new one are less than 1 GiB: those used last. */
	assert_int_equal(count_entries(NULL), 6);
	for (unsigned int i = 1; i <= 20; i++)
		assert_int_equal(exists(filler(i)), i * 7 % 20 >= 15);
	assert_true(exists("notes.txt"));
	assert_true(exists("1234"));
}

/* One that is larger than the cache may be removes all others, and no more than that. */
static void test_entries_that_cannot_be_removed(void **state)
{
	int fd = write_source(0, 0);

	make_folder();
	make_file(filler(1), 10 * GIB, 1000);
	unpack_fd(fd, 0, true);
	close(fd);
	assert_false(exists(filler(1)));
	/* A folder of such a name cannot go: it ends, and the kernel is had. */
	assert_int_equal(mkdir(path_of(filler(0)), 0700), 0);
	make_file(filler(2), 10 * GIB, INT32_MAX);
	fd = write_source(1, 0);
	unpack_fd(fd, 1, true);
	close(fd);
}

static void test_what_a_crash_left(void **state)
{
	int fd = write_source(0, 0);

	make_folder();
	make_file("tmp-1-0123456789abcdef", 100, 1000);
	assert_int_equal(symlink(filler(1), path_of("by-nothing")), 0);
	make_file(filler(2), 100, 1000);
	assert_int_equal(symlink(filler(2), path_of("by-something")), 0);
	/* It is in use, perhaps: it was made just now. */
	unpack_fd(fd, 0, true);
	assert_true(exists("tmp-1-0123456789abcdef"));
	assert_false(exists("by-nothing"));
	assert_true(exists("by-something"));
	close(fd);
	clock_ahead = 3700;
	fd = write_source(1, 0);
	unpack_fd(fd, 1, true);
	close(fd);
	assert_false(exists("tmp-1-0123456789abcdef"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_home),
		TEST(test_home),
		TEST(test_folder_that_others_may_write_to),
		TEST(test_folder_of_another),
		TEST(test_folder_that_is_something_else),
		TEST(test_full_disk),
		TEST(test_parallel_starts),
		TEST(test_room_for_all),
		TEST(test_one_byte_too_many),
		TEST(test_many_go),
		TEST(test_entries_that_cannot_be_removed),
		TEST(test_what_a_crash_left),
	};

	if (!cache_is_built())
		return 0;
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
