// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/log.c: the form of a line, one write each, and the limit on floods.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char last_line[2048];
static enum log_level last_level;
static unsigned int lines;

static void record(enum log_level level, const char *line, void *arg)
{
	assert_ptr_equal(arg, &lines);
	snprintf(last_line, sizeof(last_line), "%s", line);
	last_level = level;
	lines++;
	errno = EIO; /* as a write(2) to a full disk would leave it */
}

static int set_up(void **state)
{
	lines = 0;
	last_line[0] = '\0';
	log_threshold = LOG_WARN;
	log_set_sink(record, &lines);
	return 0;
}

static int tear_down(void **state)
{
	log_set_sink(NULL, NULL);
	log_threshold = LOG_WARN;
	return 0;
}

static void test_prefixes(void **state)
{
	log_threshold = LOG_DEBUG;
	log_error("disk %s: is %d", "x", 7);
	assert_string_equal(last_line, "lkvm: disk x: is 7");
	assert_int_equal(last_level, LOG_ERROR);
	log_warn("w");
	assert_string_equal(last_line, "lkvm: warning: w");
	log_info("i");
	assert_string_equal(last_line, "lkvm: i");
	log_debug("d");
	assert_string_equal(last_line, "lkvm: debug: d");
	assert_int_equal(last_level, LOG_DEBUG);
}

static void test_threshold_drops_lines(void **state)
{
	log_info("no");
	log_debug("no");
	assert_int_equal(lines, 0);
	log_warn("yes");
	log_error("yes");
	assert_int_equal(lines, 2);
	log_threshold = LOG_ERROR;
	log_warn("no");
	assert_int_equal(lines, 2);
}

static void test_errors_are_counted(void **state)
{
	unsigned long before = log_error_count();

	log_warn("not counted");
	assert_int_equal(log_error_count(), before);
	log_error("counted");
	assert_int_equal(log_fail(-ENOENT, "counted %d", 2), -ENOENT);
	assert_int_equal(log_error_count(), before + 2);
	assert_string_equal(last_line, "lkvm: counted 2");
}

static void test_errno_is_kept(void **state)
{
	struct log_limit limit = {};

	errno = ENOENT;
	log_error("%m");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(last_line, "lkvm: No such file or directory");
	log_warn_limited(&limit, "%m");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(last_line, "lkvm: warning: No such file or directory");
}

static void test_control_characters_are_escaped(void **state)
{
	log_error("%s", "a\nb\tc\x1b[31m\x7f\r");
	assert_string_equal(last_line, "lkvm: a\\x0ab\\x09c\\x1b[31m\\x7f\\x0d");
	log_error("%s", "back\\slash 'quote'");
	assert_string_equal(last_line, "lkvm: back\\slash 'quote'");
}

static void test_utf8_is_kept_and_what_is_not_is_escaped(void **state)
{
	static const char *const kept = "\xc3\xa4 \xc2\xa0 \xe2\x82\xac \xf0\x9f\x98\x80";
	char line[64];

	log_error("%s", kept);
	snprintf(line, sizeof(line), "lkvm: %s", kept);
	assert_string_equal(last_line, line);

	log_error("%s", "\xc2\x9b"); /* U+009B, a terminal's other ESC [ */
	assert_string_equal(last_line, "lkvm: \\xc2\\x9b");
	log_error("%s", "\xff\x80\xc0\xaf\xf5");
	assert_string_equal(last_line, "lkvm: \\xff\\x80\\xc0\\xaf\\xf5");
	log_error("%s", "cut \xe2\x82"); /* the message ends within a character */
	assert_string_equal(last_line, "lkvm: cut \\xe2\\x82");
	log_error("%s", "\xf0\x9f\x98q");
	assert_string_equal(last_line, "lkvm: \\xf0\\x9f\\x98q");
}

static void test_long_lines_are_cut(void **state)
{
	char text[3000];
	size_t full;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	full = strlen(last_line);
	assert_in_range(full, 1000, 1023);
	assert_string_equal(last_line + full - 4, "x...");

	/* What fits just so stays whole; one byte more does not. */
	log_error("%.*s", (int)(full - strlen("lkvm: ...")), text);
	assert_null(strchr(last_line, '.'));
	log_error("%.*s", (int)(full - strlen("lkvm: ...")) + 1, text);
	assert_string_equal(last_line + full - 4, "x...");
}

static void test_cut_never_splits_a_character(void **state)
{
	char text[3000];

	for (int shift = 0; shift < 4; shift++) {
		size_t len;

		memset(text, 'x', shift);
		memset(text + shift, '\n', sizeof(text) - shift);
		text[sizeof(text) - 1] = '\0';
		log_error("%s", text);
		len = strlen(last_line);
		assert_string_equal(last_line + len - 7, "\\x0a...");

		for (size_t i = shift; i + 2 < sizeof(text); i += 2)
			memcpy(text + i, "\xc3\xa4", 3);
		log_error("%s", text);
		len = strlen(last_line);
		assert_string_equal(last_line + len - 5, "\xc3\xa4...");
	}
}

/* A packet socket keeps the borders of each write(2). */
static void test_one_write_a_line(void **state)
{
	int saved = dup(STDERR_FILENO);
	char got[2048];
	ssize_t len;
	int fds[2];

	log_set_sink(NULL, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	dup2(fds[0], STDERR_FILENO);
	log_error("one %s", "line");
	log_error("%2000s", "long");
	log_info("dropped");
	log_error("last");
	dup2(saved, STDERR_FILENO);
	close(saved);

	len = recv(fds[1], got, sizeof(got), MSG_DONTWAIT);
	assert_int_equal(len, strlen("lkvm: one line\n"));
	assert_memory_equal(got, "lkvm: one line\n", len);
	len = recv(fds[1], got, sizeof(got), MSG_DONTWAIT);
	assert_in_range(len, 1000, 1024);
	assert_memory_equal(got + len - 4, "...\n", 4);
	len = recv(fds[1], got, sizeof(got), MSG_DONTWAIT);
	assert_int_equal(len, strlen("lkvm: last\n"));
	close(fds[0]);
	close(fds[1]);
}

static void test_limit_lets_a_burst_through(void **state)
{
	struct log_limit limit = {}, other = {};

	for (int i = 0; i < 100; i++)
		log_warn_limited(&limit, "flood %d", i);
	assert_int_equal(lines, LOG_BURST);
	assert_string_equal(last_line, "lkvm: warning: flood 4");
	log_warn_limited(&other, "another");
	assert_int_equal(lines, LOG_BURST + 1);
}

static void test_limit_tells_what_it_held_back(void **state)
{
	struct log_limit limit = {};

	for (int i = 0; i < LOG_BURST + 37; i++)
		log_warn_limited(&limit, "flood");
	limit.window_start_ns -= 5 * NSEC_PER_SEC; /* as if the time had passed */
	log_warn_limited(&limit, "flood");
	assert_int_equal(lines, LOG_BURST + 1);
	assert_string_equal(last_line, "lkvm: warning: flood (37 more suppressed)");
	log_warn_limited(&limit, "flood");
	assert_int_equal(lines, LOG_BURST + 2);
	assert_string_equal(last_line, "lkvm: warning: flood");
}

static void test_limit_ignores_lines_below_the_threshold(void **state)
{
	struct log_limit limit = {};

	for (int i = 0; i < 100; i++)
		log_line_limited(&limit, LOG_DEBUG, "unseen");
	assert_int_equal(limit.suppressed, 0);
	log_warn_limited(&limit, "seen");
	assert_string_equal(last_line, "lkvm: warning: seen");
}

static atomic_uint admitted;

static void count(enum log_level level, const char *line, void *arg)
{
	atomic_fetch_add(&admitted, 1);
}

static void *flood(void *limit)
{
	for (int i = 0; i < 1000; i++)
		log_warn_limited(limit, "flood");
	return NULL;
}

static void test_limit_holds_for_all_threads_together(void **state)
{
	struct log_limit limit = {};
	pthread_t threads[4];

	log_set_sink(count, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood, &limit), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(admitted, LOG_BURST);
	assert_int_equal(limit.suppressed, 4000 - LOG_BURST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_prefixes),
		TEST(test_threshold_drops_lines),
		TEST(test_errors_are_counted),
		TEST(test_errno_is_kept),
		TEST(test_control_characters_are_escaped),
		TEST(test_utf8_is_kept_and_what_is_not_is_escaped),
		TEST(test_long_lines_are_cut),
		TEST(test_cut_never_splits_a_character),
		TEST(test_one_write_a_line),
		TEST(test_limit_lets_a_burst_through),
		TEST(test_limit_tells_what_it_held_back),
		TEST(test_limit_ignores_lines_below_the_threshold),
		TEST(test_limit_holds_for_all_threads_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
