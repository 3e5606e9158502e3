// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PVH boot protocol: an uncompressed kernel entered in 32-bit mode.
 *
 * The kernel's ELF note names the entry. It is entered without paging, EBX holding the address of
 * one structure: command line, RSDP, one module (all initrds, one after the other: Linux reads only
 * the first module) and the memory map, which exists since version 1 of the structure. The
 * structure has no field for a random seed.
 *
 * Main thread; fills guest RAM at power-on and reset.
 *
 * Spec: Xen docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h.
 */
#include "pvh.h"
#include "e820.h"
#include "layout.h"

#include <endian.h>
#include <stddef.h>

#define START_MAGIC   0x336ec578 /* "xEn3" with bit 7 of the E set */
#define START_VERSION 1
#define MMAP_MAX      16

struct pvh_start {
	le32 magic, version, flags, nr_modules;
	le64 modlist, cmdline, rsdp;
	/* version 1 */
	le64 memmap;
	le32 memmap_entries, reserved;
};

struct pvh_module {
	le64 paddr, size, cmdline, reserved;
};

struct pvh_memmap {
	le64 addr, size;
	le32 type, reserved;
};

/* The content of the page at LAYOUT_BOOT_INFO. */
struct pvh_page {
	struct pvh_start start;
	struct pvh_module module;
	struct pvh_memmap memmap[MMAP_MAX];
};

_Static_assert(sizeof(struct pvh_page) <= 4096, "one page");

#define PAGE_ADDR(member) htole64(LAYOUT_BOOT_INFO + offsetof(struct pvh_page, member))

int pvh_write(const struct gmem *mem, gpa_t initrd, u64 initrd_bytes)
{
	struct boot_e820_entry table[E820_MAX_ENTRIES_ZEROPAGE];
	unsigned int count = MIN(e820_fill(mem, table), (unsigned int)MMAP_MAX);
	struct pvh_page page = {
		.start = {.magic = htole32(START_MAGIC),
			  .version = htole32(START_VERSION),
			  .nr_modules = htole32(initrd_bytes ? 1 : 0),
			  .modlist = initrd_bytes ? PAGE_ADDR(module) : 0,
			  .cmdline = htole64(LAYOUT_CMDLINE),
			  .rsdp = htole64(LAYOUT_ACPI),
			  .memmap = PAGE_ADDR(memmap),
			  .memmap_entries = htole32(count)},
		.module = {.paddr = htole64(initrd), .size = htole64(initrd_bytes)},
	};

	for (unsigned int i = 0; i < count; i++)
		page.memmap[i] = (struct pvh_memmap){.addr = htole64(table[i].addr),
						     .size = htole64(table[i].size),
						     .type = htole32(table[i].type)};
	return gmem_write(mem, LAYOUT_BOOT_INFO, &page, sizeof(page));
}
