// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins the order in which lkvm's modules are initialised, to tests/golden/init-order.
 *
 * Linked with all of lkvm but main.c; so the list is the one that `lkvm run` walks. A module that
 * is new, gone, renamed or on another level shows as a difference. `LKVM_GOLDEN=update` writes the
 * file again, for a commit that says why.
 *
 * The golden file is found beside this source.
 */
#include "tests/lib/test.h"

#include <kvm/init.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "tests/golden/init-order"

static const char *golden_path(void)
{
	static char path[4096];
	const char *slash = strrchr(__FILE__, '/');

	/* Run from the top of the tree, or from where the compiler was. */
	snprintf(path, sizeof(path), "%.*s/init-order", (int)(slash - __FILE__), __FILE__);
	return path;
}

static void print_module(const struct init_module *module, void *arg)
{
	fprintf(arg, "%d %s\n", (int)module->level, module->name);
}

static void print_order(FILE *file)
{
	fputs("# level name: the order init_run() walks; see tests/golden/test-init-order.c\n",
	      file);
	init_for_each(print_module, file);
}

static char *current_order(void)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	print_order(file);
	fclose(file);
	return text;
}

static char *golden_order(void)
{
	FILE *file = fopen(golden_path(), "r");
	char *text = calloc(1, 65536);

	if (!file)
		fail_msg("%s cannot be read; run from the top of the tree", golden_path());
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

static void show_difference(const char *now)
{
	char command[4352];
	FILE *diff;

	snprintf(command, sizeof(command), "diff -u --label golden --label now %s - >&2",
		 golden_path());
	fflush(NULL);
	diff = popen(command, "w");
	if (diff) {
		fputs(now, diff);
		pclose(diff);
	}
}

static void test_init_order(void **state)
{
	const char *mode = getenv("LKVM_GOLDEN");
	char *now = current_order();
	char *golden;

	if (mode && !strcmp(mode, "update")) {
		FILE *file = fopen(golden_path(), "w");

		assert_non_null(file);
		print_order(file);
		assert_int_equal(fclose(file), 0);
	}
	golden = golden_order();
	if (strcmp(golden, now) != 0) {
		show_difference(now);
		fail_msg("the init order has changed; if that is meant, run this test again with "
			 "LKVM_GOLDEN=update and commit " GOLDEN);
	}
	free(golden);
	free(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
