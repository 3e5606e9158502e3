/* SPDX-License-Identifier: GPL-2.0-only */
/* One of depmod's text files, with a search for lines by name. modules-table.c. */
#ifndef GUEST_MODULES_TABLE_H
#define GUEST_MODULES_TABLE_H

#include <kvm/types.h>

#define TABLE_LINES_MAX 1000000U /* a distribution's kernel has 5,000 modules */

/* A line, or a word of one; without a NUL at the end. */
struct span {
	const char *at;
	size_t len;
};

/* The content of a line; table_find() searches for `name`. */
struct table_line {
	struct span name, value, rest;
	bool taken; /* for the caller */
};

struct table {
	char *text;
	struct table_line *lines; /* sorted by name; of one name, in the order of the file */
	size_t count;
	bool made;
};

/* Split a line into an entry; false: the line has no entry. */
typedef bool table_parse_fn(struct span line, struct table_line *entry);

/*
 * Make a table of a malloc()ed text of len bytes, which the table owns from now on. 0, -E2BIG (more
 * than TABLE_LINES_MAX entries), -ENOMEM, or -ECANCELED; call table_free() in any case.
 */
int table_make(struct table *table, char *text, size_t len, table_parse_fn *parse);
void table_free(struct table *table);

/* The first of *count lines with this name, in which - and _ are the same. NULL: there is none. */
struct table_line *table_find(const struct table *table, struct span name, size_t *count);

/* Take the first word from a line; false when there is none. */
bool span_word(struct span *line, struct span *word);

#endif
