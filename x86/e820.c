// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory map: what of the RAM the kernel may use.
 *
 * RAM is usable up to the EBDA and from 1 MiB on. In between lie what a PC keeps
 * there: the EBDA, the video hole, and the ACPI tables, which are type 3 (ACPI
 * data) and never inside a usable range. SMBIOS, MP table and generation ID follow them,
 * reserved: a kernel may take ACPI data for itself once it has read it, but nobody ever
 * what firmware keeps. Under 4 GiB, above the hole where RAM
 * stops, the pages that KVM itself uses on Intel (identity map, TSS) are reserved.
 *
 * Pure; called whenever the boot image is (re)written. Numbers are x86/layout.h's.
 *
 * Spec: ACPI 6.5 section 15 (System Address Map Interfaces).
 */
#include "e820.h"
#include "layout.h"

static unsigned int e820_add(struct boot_e820_entry *table, unsigned int count, gpa_t start,
			     gpa_t end, u32 type)
{
	if (start >= end)
		return count;
	table[count] = (struct boot_e820_entry){.addr = start, .size = end - start, .type = type};
	return count + 1;
}

unsigned int e820_fill(const struct gmem *mem, struct boot_e820_entry *table)
{
	gpa_t low_top = gmem_low_top(mem);
	unsigned int n = 0;

	n = e820_add(table, n, 0, MIN(low_top, (gpa_t)LAYOUT_EBDA), E820_RAM);
	n = e820_add(table, n, LAYOUT_EBDA, LAYOUT_EBDA_END, E820_RESERVED);
	n = e820_add(table, n, LAYOUT_ACPI, LAYOUT_ACPI_END, E820_ACPI);
	n = e820_add(table, n, LAYOUT_FIRMWARE, LAYOUT_FIRMWARE_END, E820_RESERVED);
	n = e820_add(table, n, LAYOUT_KERNEL_MIN, low_top, E820_RAM);
	n = e820_add(table, n, LAYOUT_IDENTITY_MAP, LAYOUT_TSS + LAYOUT_TSS_BYTES, E820_RESERVED);
	for (unsigned int i = 1; i < mem->count; i++)
		n = e820_add(table, n, mem->banks[i].base, mem->banks[i].base + mem->banks[i].size,
			     E820_RAM);
	return n;
}
