/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One of depmod's text files, its lines found by name. modules-table.c.
 */
#ifndef GUEST_MODULES_TABLE_H
#define GUEST_MODULES_TABLE_H

#include <kvm/types.h>

#define TABLE_LINES_MAX 1000000U /* a distribution's kernel has 5,000 modules */

/* A line, or a word of one: not terminated. */
struct span {
	const char *at;
	size_t len;
};

/* What a line says: `name` is what it is found by. */
struct table_line {
	struct span name, value, rest;
	bool taken; /* the caller's */
};

struct table {
	char *text;
	struct table_line *lines; /* by name; those of one name as they are in the file */
	size_t count;
	bool made;
};

/* Splits a line; false: it says nothing. */
typedef bool table_parse_fn(struct span line, struct table_line *entry);

/*
 * Take over a malloc()ed text of len bytes. 0, -E2BIG (more than TABLE_LINES_MAX lines that say
 * something), -ENOMEM, or -ECANCELED; table_free() is due in any case.
 */
int table_make(struct table *table, char *text, size_t len, table_parse_fn *parse);
void table_free(struct table *table);

/* The first of *count lines with this name; - and _ are the same. NULL: there is none. */
struct table_line *table_find(const struct table *table, struct span name, size_t *count);

/* Cut the first word off a line; false when there is none. */
bool span_word(struct span *line, struct span *word);

#endif
