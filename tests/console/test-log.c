// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins console/log.c: everything arrives in order, a reader that stands still stops nobody, files
 * that cannot be.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <kvm/console-log.h>
#include <kvm/init.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/util.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_BYTES MIB

static char folder[] = "/tmp/test-console-log.XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int start(const char *path)
{
	static char word[300];
	char *argv[] = {(char *)"lkvm", word, NULL};
	int positional;

	snprintf(word, sizeof(word), "--console-log=%s", path);
	assert_int_equal(options_parse("run", 2, argv, &positional), 0);
	logged.last[0] = 0;
	atomic_store(&logged.lines, 0);
	return init_run(NULL);
}

static void say(const char *text)
{
	console_log_write((const u8 *)text, strlen(text));
}

static void test_everything_in_order(void **state)
{
	char line[32], got[32];
	FILE *file;

	assert_int_equal(start(in_folder("log")), 0);
	for (int i = 0; i < 100000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		say(line);
		if (i % 1000 == 0)
			usleep(1000);
	}
	init_exit(NULL);
	file = fopen(in_folder("log"), "r");
	assert_non_null(file);
	for (int i = 0; i < 100000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		assert_non_null(fgets(got, sizeof(got), file));
		assert_string_equal(got, line);
	}
	assert_null(fgets(got, sizeof(got), file));
	fclose(file);
	assert_string_equal(logged.last, "");
}

static void test_file_is_emptied(void **state)
{
	struct stat st;

	assert_int_equal(start(in_folder("log")), 0);
	init_exit(NULL);
	assert_int_equal(stat(in_folder("log"), &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void test_reader_that_stands_still(void **state)
{
	static u8 bytes[64 * KIB];
	u64 begin = now_ns();

	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	/* Stays open, as the thread stays behind. */
	assert_true(open(in_folder("fifo"), O_RDONLY | O_NONBLOCK) >= 0);
	assert_int_equal(start(in_folder("fifo")), 0);
	for (int i = 0; i < 64; i++)
		console_log_write(bytes, sizeof(bytes));
	assert_true(now_ns() - begin < patient_ns(NSEC_PER_SEC));
	init_exit(NULL);
	assert_non_null(strstr(logged.last, "is not written out after 2 s"));
	assert_true(now_ns() - begin < patient_ns(4 * NSEC_PER_SEC));
}

static void test_file_that_cannot_be(void **state)
{
	assert_true(start(in_folder("none/log")) < 0);
	assert_non_null(strstr(logged.last, "none/log: No such file"));
}

static void test_standard_output_is_refused(void **state)
{
	assert_true(start("-") < 0);
	assert_non_null(strstr(logged.last, "--console-log -: the console is on standard output"));
	assert_int_equal(access("-", F_OK), -1);
}

static void test_fifo_without_a_reader(void **state)
{
	assert_int_equal(mkfifo(in_folder("unread"), 0600), 0);
	assert_true(start(in_folder("unread")) < 0);
	assert_non_null(strstr(logged.last, "a FIFO that nobody reads"));
}

static void test_full_disk(void **state)
{
	assert_int_equal(start("/dev/full"), 0);
	say("one\n");
	for (int i = 0; i < 200 && !atomic_load(&logged.lines); i++)
		usleep(10000);
	assert_non_null(strstr(logged.last, "/dev/full: No space left"));
	say("two\n");
	init_exit(NULL);
}

static int group_setup(void **state)
{
	log_record();
	return mkdtemp(folder) ? 0 : -1;
}

static int group_teardown(void **state)
{
	unlink(in_folder("log"));
	unlink(in_folder("fifo"));
	unlink(in_folder("unread"));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_in_order),
		cmocka_unit_test(test_file_is_emptied),
		cmocka_unit_test(test_file_that_cannot_be),
		cmocka_unit_test(test_standard_output_is_refused),
		cmocka_unit_test(test_fifo_without_a_reader),
		cmocka_unit_test(test_full_disk),
		/* The last: its thread stays behind. */
		cmocka_unit_test(test_reader_that_stands_still),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
