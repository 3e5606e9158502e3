// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins control/name.c and control/runtime-dir.c: one machine a name, whatever other processes do
 * meanwhile; whose files lie in the folder.
 *
 * flock() is this file's own: it can remove the lock file first, as an instance that ends
 * between our open() and our flock() does, or say that another has the lock.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/log.h>
#include <kvm/runtime-dir.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char top[] = "/tmp/lkvm-test-instance-XXXXXX";
static char dir[64], lock_path[256];
static unsigned int vanish, busy, flocks;

int flock(int fd, int operation)
{
	flocks++;
	if (busy) {
		busy--;
		errno = EWOULDBLOCK;
		return -1;
	}
	if (vanish) {
		vanish--;
		unlink(lock_path);
	}
	return (int)syscall(SYS_flock, fd, operation);
}

static int group_set_up(void **state)
{
	if (!mkdtemp(top))
		return -1;
	snprintf(dir, sizeof(dir), "%s/run", top);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int group_tear_down(void **state)
{
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int set_up(void **state)
{
	log_record();
	vanish = busy = flocks = 0;
	config.name = "box";
	snprintf(lock_path, sizeof(lock_path), "%s/box.lock", dir);
	return setenv("LKVM_RUNTIME_DIR", dir, 1);
}

static int tear_down(void **state)
{
	log_record_end();
	return 0;
}

static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

/* The descriptors that are open, to see what is left behind. */
static unsigned int open_fds(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* --- names --- */

static void test_good_names(void **state)
{
	static const char longest[] = "0123456789012345678901234567890123456789"
				      "012345678901234567890123";
	static const char *const names[] = {"a", "guest-1", "my.box", "-", "\xc3\xbc", longest};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		config.name = names[i];
		snprintf(lock_path, sizeof(lock_path), "%s/%s.lock", dir, names[i]);
		assert_int_equal(init_run(NULL), 0);
		assert_true(exists(lock_path));
		init_exit(NULL);
		assert_false(exists(lock_path));
	}
	assert_int_equal(logged.lines, 0);
}

static void test_bad_names(void **state)
{
	static const char too_long[] = "0123456789012345678901234567890123456789"
				       "0123456789012345678901234";
	static const char *const names[] = {"",	     ".",	 "..",	   ".hidden",  "a/b",
					    "/",     "../x",	 "a b",	   "a\n",      "a\x7f",
					    "\t",    "x\x01y",	 too_long, "a\x1b[2J", "a\xc2\x9b",
					    "a\x9b", "\xc2\x80", "b\xf6x", "\xe2\x82"};
	unsigned int before = open_fds();

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		config.name = names[i];
		assert_int_equal(init_run(NULL), -EINVAL);
		assert_int_equal(logged.lines, i + 1);
		assert_non_null(strstr(logged.last, "--name takes "));
	}
	assert_int_equal(open_fds(), before);
}

/* --- the lock --- */

/* Another process that holds the name, until it is killed. */
static pid_t start_holder(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (!init_run(NULL))
			(void)!write(ready[1], "k", 1);
		close(ready[1]);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void kill_holder(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_in_use_by_another_process(void **state)
{
	pid_t holder = start_holder();
	unsigned int before = open_fds();

	assert_int_equal(init_run(NULL), -EEXIST);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "--name box: is in use"));
	assert_true(exists(lock_path)); /* it is the other's */
	assert_int_equal(open_fds(), before);
	config.name = "box2";
	assert_int_equal(init_run(NULL), 0);
	init_exit(NULL);
	kill_holder(holder);
}

/* Looking shows who has it, and leaves no file. */
static void test_a_look(void **state)
{
	int look;
	pid_t holder;

	assert_int_equal(mkdir(dir, 0700) < 0 && errno != EEXIST, 0);
	unlink(lock_path); /* a killed holder's */
	look = runtime_dir_open(false);
	assert_true(look >= 0);
	assert_false(runtime_dir_is_locked(look, "box"));
	assert_false(exists(lock_path));
	holder = start_holder();
	assert_true(runtime_dir_is_locked(look, "box"));
	kill_holder(holder);
	assert_false(runtime_dir_is_locked(look, "box"));
	close(look);
}

/* Who only looks has the file locked for a moment: no reason to refuse the name. */
static void test_a_look_is_waited_for(void **state)
{
	busy = 3;
	assert_int_equal(init_run(NULL), 0);
	assert_int_equal(flocks, 4);
	assert_int_equal(logged.lines, 0);
	init_exit(NULL);
}

static void test_a_stale_file_blocks_nobody(void **state)
{
	kill_holder(start_holder());
	assert_true(exists(lock_path));
	assert_int_equal(init_run(NULL), 0);
	init_exit(NULL);
	assert_false(exists(lock_path));
}

static void test_deleted_while_locking(void **state)
{
	vanish = 3;
	assert_int_equal(init_run(NULL), 0);
	assert_int_equal(flocks, 4);
	/* What is locked is the file that has the name. */
	assert_true(exists(lock_path));
	init_exit(NULL);
	assert_false(exists(lock_path));
}

static void test_deleted_again_and_again(void **state)
{
	unsigned int before = open_fds();

	vanish = 1000;
	assert_int_equal(init_run(NULL), -EAGAIN);
	assert_in_range(flocks, 1, 100);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last,
			       "--name box: box.lock in the runtime directory cannot be locked"));
	assert_int_equal(open_fds(), before);
}

static void test_a_symbolic_link_is_not_followed(void **state)
{
	char target[96];

	snprintf(target, sizeof(target), "%s/elsewhere", top);
	assert_int_equal(symlink(target, lock_path), 0);
	assert_int_equal(init_run(NULL), -ELOOP);
	assert_int_equal(logged.lines, 1);
	assert_false(exists(target));
	unlink(lock_path);
}

/* --- the directory --- */

static unsigned int mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_directories_are_made_for_the_owner_alone(void **state)
{
	char path[128], part[128];
	mode_t mask = umask(0);

	snprintf(path, sizeof(path), "%s/a/b//c/", top);
	setenv("LKVM_RUNTIME_DIR", path, 1);
	assert_int_equal(init_run(NULL), 0);
	snprintf(part, sizeof(part), "%s/a/b/c/box.lock", top);
	assert_int_equal(mode_of(part), 0600);
	snprintf(part, sizeof(part), "%s/a/b/c", top);
	assert_int_equal(mode_of(part), 0700);
	snprintf(part, sizeof(part), "%s/a", top);
	assert_int_equal(mode_of(part), 0700);
	init_exit(NULL);
	umask(mask);
}

static void test_where_the_directory_is(void **state)
{
	char path[128];

	unsetenv("LKVM_RUNTIME_DIR");
	setenv("XDG_RUNTIME_DIR", top, 1);
	snprintf(path, sizeof(path), "%s/lkvm/box.lock", top);
	assert_int_equal(init_run(NULL), 0);
	assert_true(exists(path));
	init_exit(NULL);

	setenv("XDG_RUNTIME_DIR", "", 1); /* empty is unset */
	setenv("HOME", top, 1);
	snprintf(path, sizeof(path), "%s/.lkvm/run/box.lock", top);
	assert_int_equal(init_run(NULL), 0);
	assert_true(exists(path));
	init_exit(NULL);

	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("HOME");
	assert_int_equal(init_run(NULL), -EINVAL);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "set LKVM_RUNTIME_DIR"));
}

/* The session's directory is not made: the home's is used, and said once. */
static void test_a_session_that_is_not_there(void **state)
{
	char path[128], session[128];

	unsetenv("LKVM_RUNTIME_DIR");
	snprintf(session, sizeof(session), "%s/run/user/7", top);
	setenv("XDG_RUNTIME_DIR", session, 1);
	setenv("HOME", top, 1);
	snprintf(path, sizeof(path), "%s/.lkvm/run/box.lock", top);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(init_run(NULL), 0);
		assert_true(exists(path));
		init_exit(NULL);
		assert_false(exists(session));
		assert_int_equal(logged.lines, 1);
	}
	assert_non_null(strstr(logged.last, session));
	assert_non_null(strstr(logged.last, " is not there; the runtime directory is "));
	assert_non_null(strstr(logged.last, "/.lkvm/run instead"));
	/* Who looks for machines looks in the same place. */
	assert_int_equal(close(runtime_dir_open(false)), 0);

	unsetenv("HOME");
	assert_int_equal(init_run(NULL), -EINVAL);
	assert_non_null(
		strstr(logged.last, "(XDG_RUNTIME_DIR is not there): set LKVM_RUNTIME_DIR"));
}

static void test_a_directory_that_cannot_be(void **state)
{
	unsigned int before = open_fds();
	char path[8192];

	setenv("LKVM_RUNTIME_DIR", "/proc/self/status/x", 1);
	assert_int_equal(init_run(NULL), -ENOTDIR);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "runtime directory /proc/self/status/x: "));

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("LKVM_RUNTIME_DIR", path, 1);
	assert_int_equal(init_run(NULL), -ENAMETOOLONG);
	assert_int_equal(logged.lines, 2);
	assert_int_equal(open_fds(), before);
}

static void note_name(int dir_fd, const char *name, void *arg)
{
	strcat(arg, name);
	strcat(arg, " ");
}

/* In order, and only what a machine can be called. */
static void test_for_each(void **state)
{
	static const char *const files[] = {"b.json",  "a.b.json", ".c.json", ".json",
					    "d.jsonx", "e.log",	   "f g.json"};
	char names[64] = "", too_long[RUNTIME_NAME_MAX + 8];
	int fd = runtime_dir_open(true);

	assert_true(fd >= 0);
	memset(too_long, 'x', sizeof(too_long));
	strcpy(too_long + RUNTIME_NAME_MAX + 1, ".json");
	close(openat(fd, too_long, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		close(openat(fd, files[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(runtime_dir_for_each(fd, ".json", note_name, names), 0);
	assert_string_equal(names, "a.b b ");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(unlinkat(fd, files[i], 0), 0);
	assert_int_equal(unlinkat(fd, too_long, 0), 0);
	close(fd);
	assert_true(runtime_dir_for_each(-1, ".json", note_name, names) < 0);
	assert_non_null(strstr(logged.last, "runtime directory: cannot be read"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good_names),
		TEST(test_bad_names),
		TEST(test_in_use_by_another_process),
		TEST(test_a_look),
		TEST(test_a_look_is_waited_for),
		TEST(test_a_stale_file_blocks_nobody),
		TEST(test_deleted_while_locking),
		TEST(test_deleted_again_and_again),
		TEST(test_a_symbolic_link_is_not_followed),
		TEST(test_directories_are_made_for_the_owner_alone),
		TEST(test_where_the_directory_is),
		TEST(test_a_session_that_is_not_there),
		TEST(test_a_directory_that_cannot_be),
		TEST(test_for_each),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
