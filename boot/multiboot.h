/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A multiboot-1 kernel's header. multiboot.c.
 */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include <kvm/types.h>

#define MULTIBOOT_SEARCH_BYTES 8192 /* the header lies within the first bytes of the file */

/* Do the first len bytes of a kernel hold a multiboot header? */
bool multiboot_is(const u8 *head, size_t len);

/*
 * NULL, or the demand in this kernel's header that lkvm cannot meet: a text that follows "kernel
 * FILE: " in a message. multiboot_is() was true for these bytes.
 */
const char *multiboot_refuses(const u8 *head, size_t len);

#endif
