/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the options share: the groups, and an option in words. util/options-help.c.
 */
#ifndef UTIL_OPTIONS_HELP_H
#define UTIL_OPTIONS_HELP_H

#include <kvm/options.h>

/*
 * The registered groups of command, ascending by rank: *count of them, to be freed by the caller.
 * NULL after log_error(): no memory. util/option-groups.c.
 */
const struct option_group **option_groups_of(const char *command, size_t *count);

/* A text put together piece by piece; what does not fit is cut off. */
struct text {
	char buf[256];
	size_t len;
};

void text_add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add the accepted form, with all that an error has to tell: units, bounds, choices. */
void text_add_form(struct text *text, const struct option *option);

/* The largest value that a number option accepts: its own bound or its type's. */
u64 option_max(const struct option *option);

#endif
