// SPDX-License-Identifier: GPL-2.0-only
/*
 * The multiboot-1 protocol: makes the information for the kernel.
 *
 * The kernel (boot/multiboot.c recognizes its header) is entered in 32-bit mode without paging. EAX
 * has a magic number, and EBX the address of a structure with the memory size, the command line and
 * the list of modules. The command line begins with the kernel's path (boot.c): other loaders put
 * the file's name there, and kernels skip it. Each -i is a module, page-aligned, in the given
 * order; its string is the path. The structure, the memory map and the module list share one page;
 * if the modules do not fit, that is an error.
 *
 * A kernel may be loaded anywhere in low memory up to the EBDA, as with GRUB: so the page, the GDT
 * and the command line are put where the kernel is not. Our BIOS is written before the kernel is
 * loaded, as on a PC: such kernels ask the BIOS for the memory size, or call it (Xen).
 *
 * Main thread; fills guest RAM at power-on and reset.
 *
 * Spec: Multiboot Specification 0.6.96, sections 3.2 (machine state), 3.3 (boot information
 * format).
 */
#include "mbinfo.h"
#include "e820.h"
#include "entry.h"
#include "layout.h"
#include <kvm/initrd.h>

#include <kvm/log.h>

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define INFO_MEMORY  (1U << 0)
#define INFO_CMDLINE (1U << 2)
#define INFO_MODULES (1U << 3)
#define INFO_MMAP    (1U << 6)
#define INFO_LOADER  (1U << 9)

#define NAME_BYTES   64

struct mbinfo_module {
	le32 start, end, string, reserved;
};

/* size: bytes after this field */
struct mbinfo_mmap {
	le32 size;
	le64 base, length;
	le32 type;
} __attribute__((packed));

struct mbinfo_info {
	le32 flags;
	le32 mem_lower, mem_upper; /* KiB */
	le32 boot_device;
	le32 cmdline;
	le32 mods_count, mods_addr;
	le32 symbols[4];
	le32 mmap_length, mmap_addr;
	le32 drives_length, drives_addr;
	le32 config_table, boot_loader_name, apm_table;
};

#define MMAP_MAX   16
#define MODULE_MAX ((4096 - 128 - MMAP_MAX * 24) / (16 + NAME_BYTES))

/* The page at mbinfo_place.info. */
struct mbinfo_page {
	struct mbinfo_info info;
	char loader[8];
	struct mbinfo_mmap mmap[MMAP_MAX];
	struct mbinfo_module modules[MODULE_MAX];
	char names[MODULE_MAX][NAME_BYTES];
};

_Static_assert(sizeof(struct mbinfo_page) <= 4096, "one page");

#define PAGE_BYTES	      4096
#define PAGE_ADDR(at, member) htole32((u32)(at) + (u32)offsetof(struct mbinfo_page, member))

static void mbinfo_fill_mmap(const struct gmem *mem, struct mbinfo_page *page, gpa_t at)
{
	struct boot_e820_entry table[E820_MAX_ENTRIES_ZEROPAGE];
	unsigned int count = MIN(e820_fill(mem, table), (unsigned int)MMAP_MAX);

	for (unsigned int i = 0; i < count; i++)
		page->mmap[i] = (struct mbinfo_mmap){
			.size = htole32(sizeof(struct mbinfo_mmap) - sizeof(le32)),
			.base = htole64(table[i].addr),
			.length = htole64(table[i].size),
			.type = htole32(table[i].type)};
	page->info.mmap_addr = PAGE_ADDR(at, mmap);
	page->info.mmap_length = htole32(count * (u32)sizeof(struct mbinfo_mmap));
}

static int mbinfo_fill_modules(struct mbinfo_page *page, gpa_t info, gpa_t at)
{
	size_t count = initrd_count();

	if (count > MODULE_MAX)
		return log_fail(-E2BIG, "initrd: %zu multiboot modules; at most %zu fit", count,
				(size_t)MODULE_MAX);
	for (size_t i = 0; i < count; i++) {
		size_t bytes = initrd_file_bytes(i);

		page->modules[i] =
			(struct mbinfo_module){.start = htole32((u32)at),
					       .end = htole32((u32)(at + bytes)),
					       .string = PAGE_ADDR(info + i * NAME_BYTES, names)};
		strncpy(page->names[i], initrd_path(i), NAME_BYTES - 1);
		at += ALIGN_UP(bytes, (u64)MBINFO_MODULE_ALIGN);
	}
	page->info.mods_count = htole32((u32)count);
	page->info.mods_addr = PAGE_ADDR(info, modules);
	return 0;
}

static bool mbinfo_place_is_free(const struct elf *elf, size_t cmdline_bytes,
				 const struct mbinfo_place *place)
{
	return !elf_uses(elf, place->gdt, place->gdt + ENTRY_GDT_BYTES) &&
	       !elf_uses(elf, place->info, place->info + PAGE_BYTES) &&
	       !elf_uses(elf, place->cmdline, place->cmdline + cmdline_bytes);
}

int mbinfo_find_place(const struct elf *elf, size_t cmdline_bytes, struct mbinfo_place *place)
{
	u64 bytes = 2 * PAGE_BYTES + ALIGN_UP((u64)cmdline_bytes, (u64)PAGE_BYTES);

	*place = (struct mbinfo_place){
		.info = LAYOUT_BOOT_INFO, .gdt = LAYOUT_GDT, .cmdline = LAYOUT_CMDLINE};
	if (mbinfo_place_is_free(elf, cmdline_bytes, place))
		return 0;
	/* Search from the top, because kernels load low. The first page belongs to the BIOS. */
	for (gpa_t end = ALIGN_DOWN((u64)LAYOUT_EBDA, (u64)PAGE_BYTES); end >= PAGE_BYTES + bytes;
	     end -= PAGE_BYTES) {
		gpa_t at = end - bytes;

		*place = (struct mbinfo_place){
			.info = at, .gdt = at + PAGE_BYTES, .cmdline = at + 2 * PAGE_BYTES};
		if (mbinfo_place_is_free(elf, cmdline_bytes, place))
			return 0;
	}
	return -ENOMEM;
}

int mbinfo_write(const struct gmem *mem, const struct mbinfo_place *place, gpa_t initrd)
{
	struct mbinfo_page page = {.loader = "lkvm"};
	int err;

	page.info.flags =
		htole32(INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MMAP | INFO_LOADER);
	page.info.mem_lower = htole32(LAYOUT_EBDA / KIB);
	page.info.mem_upper = htole32((u32)((gmem_low_top(mem) - MIB) / KIB));
	page.info.cmdline = htole32((u32)place->cmdline);
	page.info.boot_loader_name = PAGE_ADDR(place->info, loader);
	mbinfo_fill_mmap(mem, &page, place->info);
	err = mbinfo_fill_modules(&page, place->info, initrd);
	return err ?: gmem_write(mem, place->info, &page, sizeof(page));
}
