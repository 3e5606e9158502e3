// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins control/detached-log.c and control/remains.c: the console's sink is the log, of which the
 * newest MiB at most is kept; a follower finds its place; what is left when, and what is lost.
 *
 * The test is the console: it writes to the sink, and waits for room as the console does.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/config.h>
#include <kvm/control-name.h>
#include <kvm/detached-log.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/remains.h>
#include <kvm/result.h>
#include <kvm/util.h>
#include <kvm/writer.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 16
#define FULL	   (off_t)(MIB - 32 * KIB)

static char folder[] = "/tmp/test-instance-log.XXXXXX";
static int dir, saved_err;
static struct kvm kvm;
static bool ran;
static const char *result_path;
static char text[2 * MIB];

int instance_dir_fd(void)
{
	return dir;
}

u64 phase_ns(enum phase phase)
{
	return ran;
}

int result_keep(const char *path)
{
	result_path = path;
	return 0;
}

static bool exists(const char *file)
{
	struct stat st;

	return !fstatat(dir, file, &st, 0);
}

static void start(void)
{
	saved_err = dup(STDERR_FILENO);
	ran = true;
	logged.lines = 0;
	assert_int_equal(init_run(&kvm), 0);
	assert_non_null(kvm.output);
}

static void stop_all(void)
{
	init_exit(&kvm);
	assert_null(kvm.output);
	dup2(saved_err, STDERR_FILENO);
	close(saved_err);
}

static void say(const char *what)
{
	const struct sink *sink = kvm.output;
	struct pollfd ready = {.fd = sink->room_fd, .events = POLLIN};
	size_t len = strlen(what), done;

	for (size_t at = 0; at < len; at += done) {
		done = sink->write(sink->arg, (const u8 *)what + at, len - at);
		if (!done)
			assert_int_equal(poll(&ready, 1, 10000), 1);
	}
}

/* Lines of 16 bytes with their number. */
static void write_lines(unsigned int from, unsigned int to)
{
	char line[LINE_BYTES + 1];

	for (unsigned int i = from; i < to; i++) {
		snprintf(line, sizeof(line), "%015u\n", i);
		say(line);
	}
}

static size_t read_log(void)
{
	int fd = openat(dir, "vm.log", O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text) - 1);

	assert_true(fd >= 0 && len >= 0);
	close(fd);
	text[len] = 0;
	return (size_t)len;
}

static void test_what_is_written_is_kept(void **state)
{
	start();
	assert_non_null(result_path);
	assert_non_null(strstr(result_path, "/vm.json"));
	say("one\n");
	say("two");
	stop_all();
	read_log();
	assert_string_equal(text, "one\ntwo");
	assert_null(result_path);
	assert_int_equal(logged.lines, 0);
}

static void test_an_older_log_goes(void **state)
{
	start();
	stop_all();
	assert_int_equal(read_log(), 0);
}

static void test_nothing_is_left_when_no_guest_ran(void **state)
{
	start();
	say("one\n");
	ran = false;
	stop_all();
	assert_false(exists("vm.log"));
}

static void test_in_the_foreground_the_remains_go(void **state)
{
	start();
	stop_all();
	assert_true(exists("vm.log"));
	config.detach = false;
	assert_int_equal(init_run(&kvm), 0);
	init_exit(&kvm);
	config.detach = true;
	assert_false(exists("vm.log"));
}

static void test_a_dry_run_changes_nothing(void **state)
{
	start();
	stop_all();
	config.dry_run = true;
	assert_int_equal(init_run(&kvm), 0);
	init_exit(&kvm);
	config.dry_run = false;
	assert_true(exists("vm.log"));
}

/* 4 MiB, looked at all the time: never more than 1 MiB, whole lines, the newest. */
static void test_bounded(void **state)
{
	const unsigned int count = 4 * MIB / LINE_BYTES, step = KIB;
	char last[LINE_BYTES + 1];
	struct stat st;
	size_t len;

	start();
	for (unsigned int i = 0; i < count; i += step) {
		write_lines(i, i + step);
		assert_int_equal(fstatat(dir, "vm.log", &st, 0), 0);
		assert_true(st.st_size <= (off_t)MIB);
	}
	stop_all();
	len = read_log();
	assert_true(len <= MIB && len > MIB / 2 - 64 * KIB);
	assert_int_equal(len % LINE_BYTES, 0);
	for (size_t i = 0; i < len / LINE_BYTES; i++)
		assert_int_equal(strtoul(text + i * LINE_BYTES, NULL, 10),
				 count - len / LINE_BYTES + i);
	snprintf(last, sizeof(last), "%015u\n", count - 1);
	assert_string_equal(text + len - LINE_BYTES, last);
	assert_false(exists("vm" REMAINS_LOG_NEW));
}

/* Standard error is in it, before and after a turn, also what fills it alone. */
static void test_standard_error_too(void **state)
{
	static char line[LINE_BYTES * KIB];
	struct stat st;

	start();
	instance_log_take_stderr();
	assert_int_equal(write_full(STDERR_FILENO, "first\n", 6), 0);
	usleep(50000);
	read_log();
	assert_string_equal(text, "first\n");
	write_lines(0, MIB / LINE_BYTES);
	assert_int_equal(write_full(STDERR_FILENO, "second\n", 7), 0);
	memset(line, 'x', sizeof(line));
	for (unsigned int i = 0; i < 62; i++)
		assert_int_equal(write_full(STDERR_FILENO, line, sizeof(line)), 0);
	/* The guest writes nothing: a look once a second is enough for that. */
	for (int i = 0; i < 500 && (fstatat(dir, "vm.log", &st, 0) || st.st_size > FULL); i++)
		usleep(10000);
	assert_true(st.st_size <= FULL);
	assert_int_equal(write_full(STDERR_FILENO, "third\n", 6), 0);
	stop_all();
	read_log();
	assert_non_null(strstr(text, "third\n"));
}

static void test_cut(void **state)
{
	static char line[3 * LINE_BYTES * KIB];
	int fd = openat(dir, "cut", O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	/* No line begins near: there exactly. */
	memset(line, 'x', sizeof(line));
	assert_int_equal(pwrite_full(fd, line, sizeof(line), MIB / 2 - 100), 0);
	assert_int_equal(remains_log_cut(fd), MIB / 2);
	assert_int_equal(pwrite_full(fd, "\n", 1, MIB / 2 - 1), 0);
	assert_int_equal(pwrite_full(fd, "\n", 1, MIB / 2 + 9), 0);
	assert_int_equal(remains_log_cut(fd), MIB / 2 + 10);
	close(fd);
	unlinkat(dir, "cut", 0);
}

static void test_remains_go_once(void **state)
{
	start();
	stop_all();
	assert_int_equal(remains_remove(dir, "vm"), 0);
	assert_int_equal(remains_remove(dir, "vm"), -ENOENT);
}

static int group_setup(void **state)
{
	log_record();
	dir = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY) : -1;
	config.name = "vm";
	config.detach = true;
	return dir < 0;
}

static int group_teardown(void **state)
{
	close(dir);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_kept),
		cmocka_unit_test(test_an_older_log_goes),
		cmocka_unit_test(test_nothing_is_left_when_no_guest_ran),
		cmocka_unit_test(test_in_the_foreground_the_remains_go),
		cmocka_unit_test(test_a_dry_run_changes_nothing),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_standard_error_too),
		cmocka_unit_test(test_cut),
		/* The last: it removes what the others left. */
		cmocka_unit_test(test_remains_go_once),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
