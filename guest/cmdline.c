// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of a kernel's command line, split as the kernel itself splits them.
 *
 * Words are separated by white space. Double quotes keep white space together: around a whole word
 * ("root=LABEL=my disk"), around a value (root="LABEL=my disk"), or anywhere inside. The quotes at
 * either end of the word or the value are removed, other quotes stay. A word "--" ends the part for
 * the kernel. If a word is given several times, the last one counts.
 *
 * Built twice: into lkvm, and with musl into its init. So this file needs only libc.
 *
 * Spec: Linux Documentation/admin-guide/kernel-parameters.rst; lib/cmdline.c (next_arg).
 */
#include "cmdline.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 2048 /* as long as the command line of x86 may be */

/* The length of the word at text, quotes included. */
static size_t cmdline_word_len(const char *text)
{
	bool quoted = false;
	size_t len = 0;

	for (; text[len] && (quoted || !isspace((unsigned char)text[len])); len++)
		quoted ^= text[len] == '"';
	return len;
}

bool cmdline_next(const char **text, char *word, size_t room)
{
	const char *at = *text, *equals;
	size_t len, value;

	while (isspace((unsigned char)*at))
		at++;
	len = cmdline_word_len(at);
	*text = at + len;
	if (!len || (len == 2 && !memcmp(at, "--", 2)))
		return false;
	if (*at == '"') {
		at++;
		len--;
		len -= len && at[len - 1] == '"';
	}
	snprintf(word, room, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX), at);
	equals = strchr(word, '=');
	if (!equals || equals[1] != '"')
		return true;
	value = (size_t)(equals + 1 - word);
	memmove(word + value, word + value + 1, strlen(word + value));
	len = strlen(word);
	if (len > value && word[len - 1] == '"')
		word[len - 1] = 0;
	return true;
}

bool cmdline_find(const char *text, const char *name, char *value, size_t room)
{
	size_t len = strlen(name);
	char word[WORD_MAX];
	bool found = false;

	*value = 0;
	while (cmdline_next(&text, word, sizeof(word))) {
		if (strncmp(word, name, len) != 0 || (word[len] && word[len] != '='))
			continue;
		snprintf(value, room, "%s", word[len] ? word + len + 1 : "");
		found = true;
	}
	return found;
}

bool cmdline_last_is(const char *text, const char *one, const char *other)
{
	char word[WORD_MAX];
	bool is = false;

	while (cmdline_next(&text, word, sizeof(word)))
		is = strcmp(word, other) != 0 && (is || !strcmp(word, one));
	return is;
}
