/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words of a kernel's command line. cmdline.c.
 *
 * For the host and for lkvm's init in the guest, so that both read the same.
 */
#ifndef GUEST_CMDLINE_H
#define GUEST_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Cut the next word off *text, into room bytes of word: without the quotes, and cut off when it is
 * longer. False at the end, and at a "--": what follows that is for the init.
 */
bool cmdline_next(const char **text, char *word, size_t room);

/*
 * The value of the last word "NAME=VALUE", or "" when that is a bare "NAME". False, and value is
 * "", when there is none.
 */
bool cmdline_find(const char *text, const char *name, char *value, size_t room);

/* Which of these two bare words stands last: true for the first one. */
bool cmdline_last_is(const char *text, const char *one, const char *other);

#endif
