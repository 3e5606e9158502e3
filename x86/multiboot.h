/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The multiboot-1 protocol: a kernel's header, and what it is told. multiboot.c.
 */
#ifndef X86_MULTIBOOT_H
#define X86_MULTIBOOT_H

#include <kvm/gmem.h>
#include <kvm/types.h>

#define MULTIBOOT_SEARCH_BYTES 8192	  /* the header lies within these */
#define MULTIBOOT_LOADER_MAGIC 0x2badb002 /* EAX at the entry */
#define MULTIBOOT_MODULE_ALIGN 4096

/* Do the first len bytes of a kernel hold a multiboot header? */
bool multiboot_is(const u8 *head, size_t len);

/*
 * NULL, or what a kernel with this header demands that lkvm does not have, to be said
 * after "kernel FILE: ".
 */
const char *multiboot_refuses(const u8 *head, size_t len);

/*
 * Write the information structure, the memory map and the list of modules (the initrds,
 * from the address at which the first was loaded) to LAYOUT_BOOT_INFO. 0 or -errno after
 * log_error().
 */
int multiboot_write(const struct gmem *mem, gpa_t initrd);

#endif
