/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes the information for a multiboot-1 kernel. mbinfo.c.
 */
#ifndef X86_MBINFO_H
#define X86_MBINFO_H

#include <kvm/elf.h>
#include <kvm/gmem.h>
#include <kvm/types.h>

#define MBINFO_LOADER_MAGIC 0x2badb002 /* EAX at the entry */
#define MBINFO_MODULE_ALIGN 4096

/* Addresses in low memory: information (a page), GDT, command line. */
struct mbinfo_place {
	gpa_t info, gdt, cmdline;
};

/*
 * Find places that the kernel does not occupy, for information, GDT and a command line of
 * cmdline_bytes bytes. 0, or -ENOMEM if the kernel leaves too little space.
 */
int mbinfo_find_place(const struct elf *elf, size_t cmdline_bytes, struct mbinfo_place *place);

/*
 * Write the information structure, the memory map and the list of modules (the initrds,
 * from the address at which the first was loaded) to the page at place->info. 0 or -errno after
 * log_error().
 */
int mbinfo_write(const struct gmem *mem, const struct mbinfo_place *place, gpa_t initrd);

#endif
