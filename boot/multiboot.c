// SPDX-License-Identifier: GPL-2.0-only
/*
 * The multiboot-1 protocol, by which many small kernels are booted.
 *
 * The kernel is an ELF file, of either class, with a header of three words somewhere in its first 8
 * KiB: a magic, flags, and a checksum that makes the sum 0. Bits 0 to 15 of its flags are demands:
 * a kernel that demands a video mode, or something unknown, is refused. x86/mbinfo.c makes the
 * information that the kernel gets at its entry.
 *
 * Pure. Spec: Multiboot Specification 0.6.96, section 3.1 (header).
 */
#include "multiboot.h"

#include <endian.h>
#include <string.h>

#define HEADER_MAGIC  0x1badb002
#define HEADER_ALIGN  4
#define DEMANDS	      0xffff
#define DEMAND_PAGES  (1U << 0) /* page-aligned modules: lkvm aligns all */
#define DEMAND_MEMORY (1U << 1) /* memory information: lkvm always gives it */
#define DEMAND_VIDEO  (1U << 2)

static u32 multiboot_word(const u8 *at)
{
	u32 word;

	memcpy(&word, at, sizeof(word));
	return le32toh(word);
}

static const u8 *multiboot_find(const u8 *head, size_t len)
{
	for (size_t at = 0; at + 12 <= MIN(len, (size_t)MULTIBOOT_SEARCH_BYTES);
	     at += HEADER_ALIGN) {
		const u8 *header = head + at;

		if (multiboot_word(header) == HEADER_MAGIC &&
		    !(multiboot_word(header) + multiboot_word(header + 4) +
		      multiboot_word(header + 8)))
			return header;
	}
	return NULL;
}

bool multiboot_is(const u8 *head, size_t len)
{
	return multiboot_find(head, len);
}

const char *multiboot_refuses(const u8 *head, size_t len)
{
	u32 demands = multiboot_word(multiboot_find(head, len) + 4) & DEMANDS;

	if (demands & DEMAND_VIDEO)
		return "demands a video mode in its multiboot header; there is no screen";
	if (demands & ~(DEMAND_PAGES | DEMAND_MEMORY))
		return "demands something unknown in its multiboot header";
	return NULL;
}
