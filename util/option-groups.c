// SPDX-License-Identifier: GPL-2.0-only
/*
 * The option groups that the linked modules registered, in the order of their ranks.
 *
 * The linker gathers the pointers that OPTION_GROUP() leaves in the section option_groups, in link
 * order. That order must have no effect: the help and the candidates of an ambiguous option follow
 * the ranks, which are written in the source. Two groups of a command cannot have the same rank.
 *
 * The bounds are weak, so that a binary without any group (a unit test) links, too. Main thread.
 */
#include "options-help.h"
#include <errno.h>
#include <kvm/log.h>
#include <stdlib.h>
#include <string.h>

extern const struct option_group *const __start_option_groups[] __attribute__((weak));
extern const struct option_group *const __stop_option_groups[] __attribute__((weak));

static int option_groups_compare(const void *a, const void *b)
{
	const struct option_group *const *left = a, *const *right = b;

	return (*left)->rank - (*right)->rank;
}

const struct option_group **option_groups_of(const char *command, size_t *count)
{
	size_t all = __stop_option_groups - __start_option_groups;
	const struct option_group **groups = calloc(all + 1, sizeof(*groups));

	*count = 0;
	if (!groups) {
		log_error("%s: no memory for a list of %zu option groups", command, all);
		return NULL;
	}
	for (size_t i = 0; i < all; i++) {
		if (!strcmp(__start_option_groups[i]->command, command))
			groups[(*count)++] = __start_option_groups[i];
	}
	qsort(groups, *count, sizeof(*groups), option_groups_compare);
	return groups;
}
