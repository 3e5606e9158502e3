// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins the options of `lkvm run`, their words and their order, to tests/golden/help-run.
 *
 * Linked with all of lkvm but main.c; so the groups are those of the binary. See golden.h.
 */
#include "tests/golden/golden.h"

#include <kvm/options.h>

static void print_help(FILE *out)
{
	FILE *own = stdout;

	stdout = out;
	assert_int_equal(options_print_help("run"), 0);
	stdout = own;
}

static void test_help_run(void **state)
{
	golden_check(__FILE__, "help-run", print_help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
