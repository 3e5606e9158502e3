/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory map that a PC's firmware gives to the kernel. e820.c.
 */
#ifndef X86_E820_H
#define X86_E820_H

#include <kvm/gmem.h>

#include <asm/bootparam.h>

/* Types of an entry, ACPI 6.5 table 15-374. */
#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3

/*
 * Fill table with the map of a machine with this RAM: in ascending order, without overlap. All RAM
 * that the kernel may use, and nothing else, has type E820_RAM. Returns the number of entries, at
 * most E820_MAX_ENTRIES_ZEROPAGE.
 */
unsigned int e820_fill(const struct gmem *mem, struct boot_e820_entry *table);

#endif
