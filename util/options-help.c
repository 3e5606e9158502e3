// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options in words: the accepted form, for an error line, and the help.
 *
 * Both are made from the same table that the parser uses, so both agree with what the parser
 * accepts. A form is the option's own `arg` with what its type adds: the unit of a bare number, the
 * bounds in the largest unit that divides them, the choices. It is built in a struct text on the
 * caller's stack, which is bounded: what does not fit is cut off.
 *
 * The help lists groups by rank. Groups in a row that share a title (two modules
 * that both own a "Devices" option) come under one heading.
 * Options keep the order of their table. The help starts in one column for all
 * of them, as far left as the synopses allow; an option whose synopsis is too
 * long for that has its help on the next line. Words wrap at 80 columns.
 *
 * Main thread. `lkvm help` calls options_print_help(), options.c the rest.
 *
 * Left out on purpose: the width of the terminal (help that is piped to a file
 * or a manual must not depend on it) and characters wider than one column.
 */
#include "options-help.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_WIDTH	80
#define HELP_COLUMN_MAX 34 /* a form longer than this has its help on the next line */

void text_add(struct text *text, const char *fmt, ...)
{
	size_t room = sizeof(text->buf) - text->len;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text->buf + text->len, room, fmt, ap);
	va_end(ap);
	text->len += MIN((size_t)MAX(len, 0), room - 1);
}

/* --- what an option accepts, in words --- */

struct unit {
	const char *suffix;
	u64 factor;
};

static const struct unit size_units[] = {
	{"T", GIB << 10}, {"G", GIB}, {"M", MIB}, {"K", KIB}, {" bytes", 1},
};

static const struct unit duration_units[] = {
	{"h", 3600 * NSEC_PER_SEC},
	{"m", 60 * NSEC_PER_SEC},
	{"s", NSEC_PER_SEC},
	{"ms", NSEC_PER_MSEC},
	{" ns", 1},
};

/* Add value in the largest unit that divides it. The last unit is 1. */
static void text_add_units(struct text *text, const struct unit *unit, u64 value)
{
	while (value % unit->factor)
		unit++;
	text_add(text, "%llu%s", (value / unit->factor), unit->suffix);
}

static void text_add_value(struct text *text, const struct option *option, u64 value)
{
	if (option->type == OPTION_SIZE)
		text_add_units(text, size_units, value);
	else if (option->type == OPTION_DURATION)
		text_add_units(text, duration_units, value);
	else
		text_add(text, "%llu", value);
}

u64 option_max(const struct option *option)
{
	u64 type_max = option->type == OPTION_UINT ? UINT_MAX : UINT64_MAX;

	return option->max ? MIN(option->max, type_max) : type_max;
}

static void text_add_bounds(struct text *text, const struct option *option)
{
	u64 max = option_max(option);
	bool bounded = max != UINT64_MAX;

	if (option->min) {
		text_add(text, bounded ? ", " : ", at least ");
		text_add_value(text, option, option->min);
	}
	if (bounded) {
		text_add(text, option->min ? " to " : ", at most ");
		text_add_value(text, option, max);
	}
}

/* "exit|reset|fail" */
static void text_add_choices(struct text *text, const struct option *option)
{
	for (size_t i = 0; option->choices[i]; i++)
		text_add(text, "%s%s", i ? "|" : "", option->choices[i]);
}

/* Add the word that stands for the value: "FILE". */
static void text_add_arg(struct text *text, const struct option *option)
{
	if (option->arg)
		text_add(text, "%s", option->arg);
	else if (option->type == OPTION_CHOICE)
		text_add_choices(text, option);
	else
		text_add(text, "VALUE");
}

void text_add_form(struct text *text, const struct option *option)
{
	if (option->type == OPTION_CHOICE) {
		text_add_choices(text, option);
		return;
	}
	text_add_arg(text, option);
	if (option->type == OPTION_SIZE)
		text_add(text, " (MiB without a suffix)");
	if (option->type == OPTION_DURATION)
		text_add(text, "[ms|s|m|h] (seconds without a suffix)");
	if (option->type == OPTION_UINT || option->type == OPTION_SIZE ||
	    option->type == OPTION_DURATION)
		text_add_bounds(text, option);
}

/* --- the help --- */

/* "  -c, --cpus N" */
static void text_add_synopsis(struct text *text, const struct option *option)
{
	if (option->short_name)
		text_add(text, "  -%c, --%s", option->short_name, option->name);
	else
		text_add(text, "      --%s", option->name);
	if (option->type != OPTION_FLAG) {
		text_add(text, " ");
		text_add_arg(text, option);
	}
}

/* Print words from column on. Lines that follow begin at the same column. */
static void help_print_words(const char *words, int column)
{
	int at = column;

	while (*words) {
		int length = strcspn(words, " ");

		if (at > column && at + 1 + length > HELP_WIDTH) {
			printf("\n%*s", column, "");
			at = column;
		} else if (at > column) {
			putchar(' ');
			at++;
		}
		printf("%.*s", length, words);
		at += length;
		words += length + strspn(words + length, " ");
	}
	putchar('\n');
}

static void help_print_option(const struct option *option, int column)
{
	struct text synopsis = {};

	text_add_synopsis(&synopsis, option);
	if (synopsis.len + 2 > (size_t)column)
		printf("%s\n%*s", synopsis.buf, column, "");
	else
		printf("%-*s", column, synopsis.buf);
	help_print_words(option->help, column);
}

/* The column that the help of all options starts at. */
static size_t help_find_column(const struct option_group *const *groups, size_t count)
{
	size_t column = 0;

	for (size_t at = 0; at < count; at++) {
		for (size_t i = 0; i < groups[at]->count; i++) {
			struct text synopsis = {};

			text_add_synopsis(&synopsis, &groups[at]->options[i]);
			if (synopsis.len + 2 <= HELP_COLUMN_MAX)
				column = MAX(column, synopsis.len + 2);
		}
	}
	return column ?: HELP_COLUMN_MAX;
}

int options_print_help(const char *command)
{
	size_t count;
	const struct option_group **groups = option_groups_of(command, &count);
	int column;

	if (!groups)
		return -ENOMEM;
	column = (int)help_find_column(groups, count);
	for (size_t at = 0; at < count; at++) {
		if (!at || strcmp(groups[at]->title, groups[at - 1]->title) != 0)
			printf("%s%s:\n", at ? "\n" : "", groups[at]->title);
		for (size_t i = 0; i < groups[at]->count; i++)
			help_print_option(&groups[at]->options[i], column);
	}
	free(groups);
	return 0;
}
