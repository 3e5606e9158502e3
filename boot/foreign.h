/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recognizes files that users give as a kernel by mistake. foreign.c.
 */
#ifndef X86_FOREIGN_H
#define X86_FOREIGN_H

#include <kvm/types.h>

/* Bytes of a file that foreign_name() looks at, at most: the name in an ISO image is last. */
#define FOREIGN_HEAD_BYTES 0x8006

/*
 * head: the first len bytes of a file. NULL: none of the known other kinds. Else the text that says
 * what the file is, to follow "kernel FILE: " in a message (a constant string).
 */
const char *foreign_name(const u8 *head, size_t len);

#endif
