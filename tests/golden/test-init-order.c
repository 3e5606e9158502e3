// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins the order in which lkvm's modules are initialised, to tests/golden/init-order.
 *
 * Linked with all of lkvm but main.c; so the list is the one that `lkvm run` walks. A module that
 * is new, gone, renamed or on another level shows as a difference. See golden.h.
 */
#include "tests/golden/golden.h"

#include <kvm/init.h>

static void print_module(const struct init_module *module, void *arg)
{
	fprintf(arg, "%d %s\n", (int)module->level, module->name);
}

static void print_order(FILE *out)
{
	fputs("# level name: the order init_run() walks; see tests/golden/test-init-order.c\n",
	      out);
	init_for_each(print_module, out);
}

static void test_init_order(void **state)
{
	golden_check(__FILE__, "init-order", print_order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
