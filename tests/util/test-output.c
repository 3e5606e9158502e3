// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/output.c: output that was lost is an error of the command, with the reason.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/log.h>
#include <kvm/output.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char said[256];

static void keep_line(enum log_level level, const char *line, void *arg)
{
	snprintf(said, sizeof(said), "%s", line);
}

/* Print to path, and end the output: what output_end() returns. */
static int print_to(const char *path, const char *text)
{
	int own = dup(STDOUT_FILENO), fd = open(path, O_WRONLY | O_CLOEXEC), result;

	assert_true(own >= 0 && fd >= 0);
	fflush(stdout);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	fputs(text, stdout);
	result = output_end("list");
	dup2(own, STDOUT_FILENO);
	clearerr(stdout);
	close(fd);
	close(own);
	return result;
}

static void test_all_is_written(void **state)
{
	said[0] = '\0';
	assert_int_equal(print_to("/dev/null", "text\n"), 0);
	assert_string_equal(said, "");
}

static void test_a_full_disk(void **state)
{
	assert_int_equal(print_to("/dev/full", "text\n"), -ENOSPC);
	assert_non_null(strstr(said, "list: standard output cannot be written: No space left"));
}

/* Nothing was to be written, so nothing was lost. */
static void test_no_output(void **state)
{
	assert_int_equal(print_to("/dev/full", ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_written),
		cmocka_unit_test(test_a_full_disk),
		cmocka_unit_test(test_no_output),
	};

	log_set_sink(keep_line, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
