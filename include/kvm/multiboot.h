/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The multiboot-1 protocol: a kernel's header, and what it is told. multiboot.c.
 */
#ifndef X86_MULTIBOOT_H
#define X86_MULTIBOOT_H

#include "elf.h"

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

/* Where in low memory lies what the kernel is handed: information (a page), GDT, command line. */
struct multiboot_place {
	gpa_t info, gdt, cmdline;
};

/*
 * Find a place that the kernel does not load over, for a command line of so many bytes. 0, or
 * -ENOMEM when the kernel leaves none.
 */
int multiboot_find_place(const struct elf *elf, size_t cmdline_bytes,
			 struct multiboot_place *place);

/*
 * Write the information structure, the memory map and the list of modules (the initrds,
 * from the address at which the first was loaded) to the page at place->info. 0 or -errno after
 * log_error().
 */
int multiboot_write(const struct gmem *mem, const struct multiboot_place *place, gpa_t initrd);

#endif
