// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/trust.c: whose hands a path may be in, part by part.
 *
 * Files of other users need root; without it those cases are skipped.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <kvm/trust.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHER	     54321
#define NOT_HERE     "belongs to another user"

#define OVERFLOW_UID 65534 /* who is not in a user namespace, seen from there */

static char top[] = "/tmp/lkvm-test-trust-XXXXXX";
static char folder[64], middle[80], file[96];
static struct trust_problem problem;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* top/TEST/a/b, a file. */
static int set_up(void **state)
{
	static unsigned int tests;
	int fd;

	snprintf(folder, sizeof(folder), "%s/%u", top, ++tests);
	snprintf(middle, sizeof(middle), "%s/a", folder);
	snprintf(file, sizeof(file), "%s/b", middle);
	if (mkdir(folder, 0755) || mkdir(middle, 0755))
		return -1;
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 ? -1 : close(fd);
}

static int group_set_up(void **state)
{
	return mkdtemp(top) ? 0 : -1;
}

static int group_tear_down(void **state)
{
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void trusted(const char *path)
{
	if (trust_check(path, 0, geteuid(), &problem))
		fail_msg("%s %s", problem.path, problem.why ? problem.why : "?");
}

static void refused(const char *path, const char *culprit, const char *why)
{
	assert_int_equal(trust_check(path, 0, geteuid(), &problem), -EPERM);
	assert_string_equal(problem.path, culprit);
	assert_string_equal(problem.why, why);
}

/* /tmp is writable for everyone, and sticky. */
static void test_our_own(void **state)
{
	trusted(file);
	trusted(middle);
	trusted("/");
	trusted("/etc/passwd");
}

static void test_writable_for_everyone(void **state)
{
	chmod(middle, 0757);
	refused(file, middle, "is writable for everyone");
	chmod(middle, 01777);
	trusted(file);
	chmod(file, 0646);
	refused(file, file, "is writable for everyone");
	chmod(file, 01646); /* a sticky file is not protected */
	refused(file, file, "is writable for everyone");
	trusted(middle);
}

static void test_writable_for_a_group(void **state)
{
	if (geteuid() != 0)
		skip();
	chmod(middle, 0775);
	trusted(file); /* root's */
	assert_int_equal(chown(middle, 0, OTHER), 0);
	refused(file, middle, "is writable for a group");
	chmod(middle, 01775);
	trusted(file);
	chmod(middle, 0755);
	trusted(file);
	/* daemon's own group is 1 in every Debian, and games' 60. */
	assert_int_equal(chown(middle, 1, 1), 0);
	chmod(middle, 0775);
	assert_int_equal(trust_check(file, 0, 1, &problem), 0);
	assert_int_equal(chown(middle, 1, 60), 0);
	assert_int_equal(trust_check(file, 0, 1, &problem), -EPERM);
}

static void test_owners(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(middle, OTHER, 0), 0);
	refused(file, middle, NOT_HERE);
	assert_int_equal(trust_check(file, 0, OTHER, &problem), 0);
	assert_int_equal(trust_check(file, 0, OTHER + 1, &problem), -EPERM);
	/* What comes before `skip` was looked at already. */
	assert_int_equal(trust_check(file, strlen(middle), 0, &problem), 0);
	assert_int_equal(trust_check(file, strlen(folder), 0, &problem), -EPERM);
	assert_int_equal(chown(file, OTHER, 0), 0);
	assert_int_equal(trust_check(file, strlen(middle), 0, &problem), -EPERM);
	assert_string_equal(problem.path, file);
}

#define NO_NAMESPACE 77

/* What is root's outside, seen by an ordinary user who is root of a namespace. */
static int look_from_a_namespace(void)
{
	int fd, err;

	/* After setuid() the files in /proc/self are root's until it is dumpable again. */
	if (setuid(OTHER) || prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER))
		return NO_NAMESPACE;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	err = fd < 0 ? 0 : dprintf(fd, "0 %d 1", OTHER);
	if (err <= 0 || geteuid() != 0)
		return NO_NAMESPACE;
	if (trust_check("/usr", 0, geteuid(), &problem) != -EPERM)
		return 1;
	if (strcmp(problem.path, "/") != 0 || strcmp(problem.why, NOT_HERE) != 0)
		return 2;
	/* Unless the kernel is that root's, too. */
	return trust_check("/usr", 0, OVERFLOW_UID, &problem) ? 3 : 0;
}

static void test_a_user_namespace(void **state)
{
	struct stat st;
	int status;
	pid_t pid;

	if (geteuid() != 0 || stat("/", &st) || st.st_uid != 0)
		skip();
	pid = fork();
	if (!pid)
		_exit(look_from_a_namespace());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_NAMESPACE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_links(void **state)
{
	char link[128], through[160];

	snprintf(link, sizeof(link), "%s/link", folder);
	snprintf(through, sizeof(through), "%s/b", link);
	assert_int_equal(symlink(middle, link), 0);
	trusted(through);
	if (geteuid() != 0)
		skip();
	assert_int_equal(lchown(link, OTHER, OTHER), 0);
	refused(through, link, NOT_HERE);
}

static void test_relative_and_dots(void **state)
{
	char here[PATH_MAX], dots[160];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(folder), 0);
	trusted("a/b");
	trusted("./a//../a/b");
	chmod(middle, 0757);
	refused("a/b", middle, "is writable for everyone");
	chmod(middle, 0755);
	chmod(folder, 0757);
	refused("a/b", folder, "is writable for everyone");
	snprintf(dots, sizeof(dots), "%s/a/..", folder);
	assert_int_equal(trust_check("a/../a/b", strlen("a"), geteuid(), &problem), -EPERM);
	assert_string_equal(problem.path, dots);
	assert_int_equal(chdir(here), 0);
}

static void test_what_is_not_there(void **state)
{
	char path[PATH_MAX + 100];

	snprintf(path, sizeof(path), "%s/no/such", middle);
	assert_int_equal(trust_check(path, 0, 0, &problem), -ENOENT);
	path[strlen(path) - 5] = '\0';
	assert_string_equal(problem.path, path);
	assert_null(problem.why);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(trust_check(path, 0, 0, &problem), -ENAMETOOLONG);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_our_own),
		TEST(test_writable_for_everyone),
		TEST(test_writable_for_a_group),
		TEST(test_owners),
		TEST(test_a_user_namespace),
		TEST(test_links),
		TEST(test_relative_and_dots),
		TEST(test_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
