// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text from elsewhere, made harmless before a terminal sees it.
 *
 * A guest, a file or the other end of a control socket chooses the bytes of many strings that
 * lkvm prints. Terminals obey control characters: C0 (with ESC, which begins a sequence), DEL, and
 * C1 (U+0080 to U+009F in UTF-8, and the single bytes 80 to 9f on a terminal with 8-bit codes). All
 * of these, and bytes that are not UTF-8, are shown as \xNN. A newline is one of them: a string
 * cannot fake a second line.
 *
 * A backslash stays a backslash: paths are to be copied and pasted, and the form is for people,
 * not for a parser. An escape or a character is never cut in the middle.
 *
 * Any thread; nothing here keeps state.
 *
 * Spec: RFC 3629 (UTF-8), ECMA-48 (control functions).
 */
#include <kvm/printable.h>
#include <kvm/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUT "..."

/* Length of the UTF-8 sequence that begins with this byte; 0 if none can. */
static size_t printable_need(u8 first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	if (first < 0xe0)
		return 2;
	return first < 0xf0 ? 3 : 4;
}

size_t printable_sequence(const char *bytes, size_t len)
{
	const u8 *text = (const u8 *)bytes;
	size_t need = len ? printable_need(text[0]) : 0;
	u8 first = need ? text[0] : 0;

	if (!need || need > len)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Overlong forms, surrogates, and beyond U+10FFFF. */
	if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
	    (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
		return 0;
	return need;
}

size_t printable_length(const char *text)
{
	size_t bytes = printable_sequence(text, strnlen(text, 4));

	if (bytes == 1)
		return text[0] >= 0x20 && text[0] != 0x7f;
	/* U+0080 to U+009F: the C1 controls. */
	if (bytes == 2 && (u8)text[0] == 0xc2 && (u8)text[1] < 0xa0)
		return 0;
	return bytes;
}

size_t printable_copy(char *to, size_t size, const char *text)
{
	const size_t limit = size - sizeof(CUT);
	size_t len = 0;

	while (*text) {
		size_t shown = printable_length(text);
		size_t needed = shown ?: strlen("\\xNN");

		if (len + needed > limit) {
			memcpy(to + len, CUT, strlen(CUT));
			len += strlen(CUT);
			break;
		}
		if (shown)
			memcpy(to + len, text, shown);
		else
			sprintf(to + len, "\\x%02x", (unsigned char)*text);
		len += needed;
		text += shown ?: 1;
	}
	to[len] = '\0';
	return len;
}

/* A printable copy of a text of any length, malloc()ed. NULL: no memory. */
static char *printable_dup(const char *text)
{
	size_t size = strlen("\\xNN") * strlen(text) + sizeof(CUT);
	char *copy = malloc(MAX(size, (size_t)8));

	if (copy)
		printable_copy(copy, size, text);
	return copy;
}

static json_t *printable_string(const json_t *value)
{
	char *text = printable_dup(json_string_value(value));
	json_t *string = text ? json_string(text) : NULL;

	free(text);
	return string;
}

static json_t *printable_object(const json_t *value)
{
	json_t *object = (json_t *)(uintptr_t)value, *copy = json_object();

	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		char *key = printable_dup(json_object_iter_key(at));

		if (key)
			json_object_set_new(copy, key, printable_json(json_object_iter_value(at)));
		free(key);
	}
	return copy;
}

json_t *printable_json(const json_t *value)
{
	json_t *copy;

	if (json_is_string(value))
		return printable_string(value);
	if (json_is_object(value))
		return printable_object(value);
	if (!json_is_array(value))
		return json_copy((json_t *)(uintptr_t)value);
	copy = json_array();
	for (size_t i = 0; i < json_array_size(value); i++)
		json_array_append_new(copy, printable_json(json_array_get(value, i)));
	return copy;
}
