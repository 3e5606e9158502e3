// SPDX-License-Identifier: GPL-2.0-only
/*
 * Variables and the expansion of words, in the shell of lkvm's init: $NAME, quotes, fields and * ?
 * [.
 *
 * Exported variables are in the environment, and so are the variables with which the shell was
 * started; all others are in a list here. A word was checked when it was parsed (shell-parse.c), so
 * every quote that is found here is closed.
 *
 * A word becomes no field, one field or several. For each character it is stored whether it was
 * quoted: only blanks in the value of a variable that is not quoted separate fields, and only * ? [
 * that are not quoted make a field a pattern for file names, by glob(3). A pattern that no file
 * matches stays as it is.
 *
 * Left out: positional parameters (they are all empty), IFS other than blank, tab and newline.
 */
#include "shell-run.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_OURS 125

struct variable {
	struct variable *next;
	char *value;
	char name[];
};

struct shell_state shell;

static struct variable *variables; /* the variables that are not exported */

void *shell_alloc(void *old, size_t bytes)
{
	void *new = realloc(old, bytes);

	if (!new) {
		fprintf(stderr, "lkvm: no memory\n");
		_Exit(STATUS_OURS);
	}
	return new;
}

static char *copy_text(const char *text, size_t len)
{
	char *copy = shell_alloc(NULL, len + 1);

	memcpy(copy, text, len);
	copy[len] = 0;
	return copy;
}

/* --- variables --- */

static struct variable *find_variable(const char *name)
{
	struct variable *at = variables;

	while (at && strcmp(at->name, name) != 0)
		at = at->next;
	return at;
}

const char *shell_get(const char *name)
{
	const struct variable *found = find_variable(name);

	return found ? found->value : getenv(name);
}

void shell_unset(const char *name)
{
	struct variable **link = &variables, *old;

	while (*link && strcmp((*link)->name, name) != 0)
		link = &(*link)->next;
	old = *link;
	if (old) {
		*link = old->next;
		free(old->value);
		free(old);
	}
	unsetenv(name);
}

bool shell_set(const char *name, const char *value, bool export)
{
	size_t len = strlen(name);
	struct variable *variable;

	if (!len || shell_name_length(name, len) != len)
		return false;
	if (export || getenv(name)) {
		char *copy = copy_text(value, strlen(value)); /* value may be the old value */

		shell_unset(name);
		setenv(name, copy, 1);
		free(copy);
		return true;
	}
	variable = find_variable(name);
	if (!variable) {
		variable = shell_alloc(NULL, sizeof(*variable) + len + 1);
		memcpy(variable->name, name, len + 1);
		variable->value = NULL;
		variable->next = variables;
		variables = variable;
	}
	free(variable->value);
	variable->value = copy_text(value, strlen(value));
	return true;
}

/* --- fields --- */

struct fields {
	char **items;
	size_t count;
	bool one; /* the word stays one field, and no pattern is expanded */

	/* The field that is being built. */
	char *text;
	bool *quoted;
	size_t len, room;
	bool exists; /* true also for an empty field: "" */
};

static void add_field(struct fields *fields, const char *text, size_t len)
{
	fields->items = shell_alloc(fields->items, (fields->count + 2) * sizeof(char *));
	fields->items[fields->count++] = copy_text(text, len);
	fields->items[fields->count] = NULL;
}

static void add_char(struct fields *fields, char c, bool quoted)
{
	if (fields->len == fields->room) {
		fields->room = fields->room * 2 + 64;
		fields->text = shell_alloc(fields->text, fields->room);
		fields->quoted = shell_alloc(fields->quoted, fields->room * sizeof(bool));
	}
	fields->text[fields->len] = c;
	fields->quoted[fields->len++] = quoted;
	fields->exists = true;
}

/*
 * The field as a pattern for glob(), with a backslash before each quoted character. NULL: it is not
 * a pattern.
 */
static char *field_pattern(const struct fields *fields)
{
	char *pattern = shell_alloc(NULL, 2 * fields->len + 1), *to = pattern;
	bool special = false;

	for (size_t i = 0; i < fields->len; i++) {
		char c = fields->text[i];

		if (fields->quoted[i] || c == '\\')
			*to++ = '\\';
		else if (strchr("*?[", c))
			special = true;
		*to++ = c;
	}
	*to = 0;
	if (special)
		return pattern;
	free(pattern);
	return NULL;
}

static void end_field(struct fields *fields)
{
	char *pattern;
	glob_t found;

	if (!fields->exists)
		return;
	pattern = fields->one ? NULL : field_pattern(fields);
	if (pattern && !glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			add_field(fields, found.gl_pathv[i], strlen(found.gl_pathv[i]));
		globfree(&found);
	} else {
		add_field(fields, fields->text ? fields->text : "", fields->len);
	}
	free(pattern);
	fields->len = 0;
	fields->exists = false;
}

/* Add the value of a variable; if it is not quoted, blanks separate fields. */
static void add_value(struct fields *fields, const char *value, bool quoted)
{
	for (; *value; value++) {
		if (quoted || fields->one || !strchr(" \t\n", *value))
			add_char(fields, *value, quoted);
		else
			end_field(fields);
	}
}

/* --- a word --- */

/* The value of $NAME, $?, $0, ...; "" when it has none. */
static const char *parameter(const char *name, size_t len, char number[16])
{
	int is = 0;

	if (shell_name_length(name, len) == len) {
		char *copy = copy_text(name, len);
		const char *value = shell_get(copy);

		free(copy);
		return value ?: "";
	}
	if (*name == '0' && len == 1)
		return "sh";
	if (*name == '!' && !shell.background)
		return "";
	if (*name == '?')
		is = shell.status;
	else if (*name == '$')
		is = (int)shell.pid;
	else if (*name == '!')
		is = (int)shell.background;
	snprintf(number, 16, "%d", is);
	return *name >= '0' && *name <= '9' ? "" : number;
}

/* Expand a variable: at is after the $. Returns the place after the name. */
static const char *expand_dollar(struct fields *fields, const char *at, const char *end,
				 bool quoted)
{
	bool braces = at < end && *at == '{';
	const char *name = at + braces;
	size_t len = shell_name_length(name, (size_t)(end - name));
	char number[16];

	if (!len && braces)
		len = (size_t)((const char *)memchr(name, '}', (size_t)(end - name)) - name);
	else if (!len && name < end && memchr("?$!#0123456789", *name, 14))
		len = 1;
	if (!len) {
		add_char(fields, '$', quoted);
		return at;
	}
	add_value(fields, parameter(name, len, number), quoted);
	return name + len + braces;
}

/* Add the character after a backslash; a newline joins two lines instead. */
static void expand_escaped(struct fields *fields, char c, bool in_quotes)
{
	if (c == '\n')
		return;
	if (in_quotes && !strchr("$`\"\\", c))
		add_char(fields, '\\', true);
	add_char(fields, c, true);
}

/*
 * Expand a quoted string: at is after the opening quote. Returns the place after the closing one.
 */
static const char *expand_quotes(struct fields *fields, const char *at, const char *end, char quote)
{
	fields->exists = true;
	while (*at != quote) {
		char c = *at++;

		if (quote == '"' && c == '$')
			at = expand_dollar(fields, at, end, true);
		else if (quote == '"' && c == '\\')
			expand_escaped(fields, *at++, true);
		else
			add_char(fields, c, true);
	}
	return at + 1;
}

static const char *expand_home(struct fields *fields, const char *at)
{
	const char *home = shell_get("HOME");

	for (home = home ?: "/"; *home; home++)
		add_char(fields, *home, true);
	return at + 1;
}

static void expand_word(struct fields *fields, const struct shell_word *word)
{
	const char *at = word->text, *end = at + word->len;

	if (word->len && *at == '~' && (word->len == 1 || at[1] == '/'))
		at = expand_home(fields, at);
	while (at < end) {
		char c = *at++;

		if (c == '\'' || c == '"')
			at = expand_quotes(fields, at, end, c);
		else if (c == '$')
			at = expand_dollar(fields, at, end, false);
		else if (c == '\\')
			expand_escaped(fields, *at++, false);
		else
			add_char(fields, c, false);
	}
	end_field(fields);
}

static void fields_free(struct fields *fields)
{
	free(fields->text);
	free(fields->quoted);
}

char **shell_expand_words(const struct shell_word *words)
{
	struct fields fields = {.items = shell_alloc(NULL, sizeof(char *))};

	fields.items[0] = NULL;
	for (; words; words = words->next)
		expand_word(&fields, words);
	fields_free(&fields);
	return fields.items;
}

void shell_free_words(char **words)
{
	for (char **word = words; *word; word++)
		free(*word);
	free(words);
}

char *shell_expand_one(const struct shell_word *word)
{
	struct fields fields = {.one = true, .exists = true};
	char *text;

	expand_word(&fields, word);
	text = fields.items[0];
	free(fields.items);
	fields_free(&fields);
	return text;
}
