// SPDX-License-Identifier: GPL-2.0-only
/*
 * One of depmod's text files, with a search for lines by name.
 *
 * A file is read once and its lines are sorted by name, so a look-up is a binary search. A hash
 * table would save some microseconds, but the author of the file could put all lines into one
 * bucket: with a search through all lines, a file of 6.5 MB took ten minutes.
 *
 * Any thread; the caller owns all state.
 *
 * Spec: modules.dep(5)
 */
#include "modules-table.h"

#include <kvm/cancel.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_LINES 4096 /* between two calls of cancel_check() */

/* Get the next line of the text, without its newline; false after the last line. */
static bool table_next(const char *text, size_t len, size_t *at, struct span *line)
{
	const char *end;

	if (*at >= len)
		return false;
	line->at = text + *at;
	end = memchr(line->at, '\n', len - *at);
	line->len = end ? (size_t)(end - line->at) : len - *at;
	*at += line->len + 1;
	return true;
}

bool span_word(struct span *line, struct span *word)
{
	while (line->len && (*line->at == ' ' || *line->at == '\t'))
		line->at++, line->len--;
	word->at = line->at;
	while (line->len && *line->at != ' ' && *line->at != '\t')
		line->at++, line->len--;
	word->len = (size_t)(line->at - word->at);
	return word->len != 0;
}

static int table_compare_names(struct span a, struct span b)
{
	for (size_t i = 0; i < MIN(a.len, b.len); i++) {
		int left = a.at[i] == '-' ? '_' : a.at[i], right = b.at[i] == '-' ? '_' : b.at[i];

		if (left != right)
			return left - right;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

/* Lines with the same name keep the order of the file. */
static int table_compare(const void *a, const void *b)
{
	const struct table_line *left = a, *right = b;
	int order = table_compare_names(left->name, right->name);

	if (order)
		return order;
	return left->name.at < right->name.at ? -1 : left->name.at > right->name.at;
}

static int table_append(struct table *table, const struct table_line *entry, size_t *room)
{
	struct table_line *lines;

	if (table->count == TABLE_LINES_MAX)
		return -E2BIG;
	if (table->count == *room) {
		*room = MAX(2 * *room, (size_t)1024);
		lines = realloc(table->lines, *room * sizeof(*lines));
		if (!lines)
			return -ENOMEM;
		table->lines = lines;
	}
	table->lines[table->count++] = *entry;
	return 0;
}

int table_make(struct table *table, char *text, size_t len, table_parse_fn *parse)
{
	size_t at = 0, room = 0;
	struct span line;
	int err = 0;

	*table = (struct table){.text = text, .made = true};
	for (size_t i = 1; !err && table_next(text, len, &at, &line); i++) {
		struct table_line entry = {.taken = false};

		if (parse(line, &entry))
			err = table_append(table, &entry, &room);
		if (!err && i % CHECK_LINES == 0)
			err = cancel_check();
	}
	if (!err && table->count)
		qsort(table->lines, table->count, sizeof(*table->lines), table_compare);
	return err;
}

void table_free(struct table *table)
{
	free(table->lines);
	free(table->text);
	*table = (struct table){.text = NULL};
}

struct table_line *table_find(const struct table *table, struct span name, size_t *count)
{
	size_t from = 0, to = table->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (table_compare_names(table->lines[middle].name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	*count = 0;
	while (from + *count < table->count &&
	       !table_compare_names(table->lines[from + *count].name, name))
		++*count;
	return *count ? &table->lines[from] : NULL;
}
