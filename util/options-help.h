/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the options share: the groups, and the texts about an option.
 * util/options-help.c.
 */
#ifndef UTIL_OPTIONS_HELP_H
#define UTIL_OPTIONS_HELP_H

#include <kvm/options.h>

/*
 * The registered groups of command in ascending order of rank; *count is their number. The caller
 * frees the array. NULL after log_error(): no memory. util/option-groups.c.
 */
const struct option_group **option_groups_of(const char *command, size_t *count);

/* A text that is built piece by piece; what does not fit is cut off. */
struct text {
	char buf[256];
	size_t len;
};

void text_add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add the accepted form, as an error shows it: with units, bounds and choices. */
void text_add_form(struct text *text, const struct option *option);

/* The largest value that a number option accepts: its own bound or its type's. */
u64 option_max(const struct option *option);

#endif
