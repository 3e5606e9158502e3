/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The relocations of an unpacked kernel, and moving it about by them. kaslr.c.
 */
#ifndef X86_KASLR_H
#define X86_KASLR_H

#include <kvm/elf.h>

#include <kvm/gmem.h>

struct kaslr {
	u32 *table;	      /* owned; NULL: the kernel has no relocations */
	u32 count;	      /* words in it */
	u32 at[3], counts[3]; /* 64-bit, inverse 32-bit, 32-bit ones: first, and how many */
};

/*
 * Read what lies behind the ELF file in source as the relocation table of an x86-64 kernel.
 * A kernel without one is good; one whose table makes no sense is -EINVAL with *why.
 */
int kaslr_read(const struct elf_source *source, const struct elf *elf, struct kaslr *kaslr,
	       const char **why);
void kaslr_free(struct kaslr *kaslr);

/*
 * A random multiple of align that may be added to an address: at start + it, bytes bytes
 * end at limit at most. 0 when there is no other, or no entropy.
 */
u64 kaslr_choose(u64 start, u64 bytes, u64 limit, u64 align);

/* How far the kernel may be moved in its virtual window. align: a power of two. */
u64 kaslr_choose_virtual(const struct elf *elf, u64 align);

/*
 * The kernel was loaded shift bytes above where it is linked: let it run offset bytes
 * above its virtual address. 0, or -EINVAL with *why when a relocation points outside.
 */
int kaslr_apply(const struct kaslr *kaslr, const struct gmem *mem, const struct elf *elf, u64 shift,
		u64 offset, const char **why);

#endif
