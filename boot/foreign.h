/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that are taken for kernels, and what they are. foreign.c.
 */
#ifndef X86_FOREIGN_H
#define X86_FOREIGN_H

#include <kvm/types.h>

/* What foreign_name() wants to see of a file at most: an ISO image's name is the farthest. */
#define FOREIGN_HEAD_BYTES 0x8006

/*
 * NULL, or what the file whose first len bytes these are is instead of a kernel for this
 * machine, to be said after "kernel FILE: " (a constant string).
 */
const char *foreign_name(const u8 *head, size_t len);

#endif
