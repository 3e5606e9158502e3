/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text from a guest, a machine or a file, made harmless for a terminal. util/printable.c. Any
 * thread.
 */
#ifndef KVM_PRINTABLE_H
#define KVM_PRINTABLE_H

#include <jansson.h>
#include <stddef.h>

/* Bytes of the UTF-8 sequence that begins bytes[len], 1 to 4; 0 where there is none. */
size_t printable_sequence(const char *bytes, size_t len);

/*
 * How many bytes at text make one character that may be shown as it is: 1 to 4; 0 for a control
 * character (C0, DEL, C1), a byte that is not UTF-8, and the end of the text.
 */
size_t printable_length(const char *text);

/*
 * Copy text into to[size], at least 8 bytes, and end it with a NUL. Each byte that may not be
 * shown becomes \xNN. A text that does not fit ends in "...". Returns the length.
 */
size_t printable_copy(char *to, size_t size, const char *text);

/* A copy of value with all its strings and keys made printable. A new reference, or NULL. */
json_t *printable_json(const json_t *value);

#endif
