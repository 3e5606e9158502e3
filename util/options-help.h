/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options in words: what options.c needs to say what an option accepts.
 * util/options-help.c.
 */
#ifndef UTIL_OPTIONS_HELP_H
#define UTIL_OPTIONS_HELP_H

#include <kvm/options.h>

/* The registered groups, as the linker gathered them. NULL where there are none. */
extern const struct option_group *const __start_option_groups[] __attribute__((weak));
extern const struct option_group *const __stop_option_groups[] __attribute__((weak));

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
