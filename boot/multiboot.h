/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A multiboot-1 kernel's header. multiboot.c.
 */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include <kvm/types.h>

#define MULTIBOOT_SEARCH_BYTES 8192 /* the header lies within these */

/* Do the first len bytes of a kernel hold a multiboot header? */
bool multiboot_is(const u8 *head, size_t len);

/*
 * NULL, or what a kernel with this header demands that lkvm does not have, to be said
 * after "kernel FILE: ".
 */
const char *multiboot_refuses(const u8 *head, size_t len);

#endif
