// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory map: the RAM that the kernel may use.
 *
 * RAM is usable up to the EBDA and from 1 MiB on. Between them are, as on a PC, the EBDA, the video
 * hole, and the ACPI tables, which have type 3 (ACPI data) and are never inside a usable range.
 * SMBIOS, MP table and generation ID follow them and are reserved: a kernel may reuse ACPI data
 * after it has read them, but never reserved memory. Below 4 GiB, above the start of the hole in
 * RAM, the pages that KVM itself uses on Intel (identity map, TSS) are reserved.
 *
 * Pure; called each time the boot image is written. The numbers are in x86/layout.h.
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
