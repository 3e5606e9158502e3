/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of a kernel's command line. cmdline.c.
 *
 * For the host and for lkvm's init in the guest, so that both split a command line in the same way.
 */
#ifndef GUEST_CMDLINE_H
#define GUEST_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Take the next word from *text and copy it into word[room], without the quotes; a longer word is
 * cut off. False at the end, and at a "--": the words after that are for the init.
 */
bool cmdline_next(const char **text, char *word, size_t room);

/*
 * Get the value of the last word "NAME=VALUE"; it is "" for a bare "NAME". Returns false, and value
 * is "", when there is no such word.
 */
bool cmdline_find(const char *text, const char *name, char *value, size_t room);

/*
 * True if the last one of these two bare words in text is `one`; false if it is `other`, or if text
 * has neither.
 */
bool cmdline_last_is(const char *text, const char *one, const char *other);

#endif
