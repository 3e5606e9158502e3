/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The relocations of an unpacked kernel, used to move it. kaslr.c.
 */
#ifndef X86_KASLR_H
#define X86_KASLR_H

#include <kvm/elf.h>

#include <kvm/gmem.h>

struct kaslr {
	u32 *table;	      /* owned; NULL: the kernel has no relocations */
	u32 count;	      /* words in it */
	u32 at[3], counts[3]; /* first word and count of: 64-bit, inverse 32-bit, 32-bit */
};

/*
 * Read the relocation table of an x86-64 kernel, which follows the ELF file in source. A kernel
 * without a table is valid: 0. Errors have *why: -EINVAL (invalid table), -ENOMEM, or another
 * -errno (the source cannot be read).
 */
int kaslr_read(const struct elf_source *source, const struct elf *elf, struct kaslr *kaslr,
	       const char **why);
void kaslr_free(struct kaslr *kaslr);

/*
 * Choose a random multiple of align, so that `bytes` bytes from start + result on end at limit or
 * below. 0 if there is no other choice or no entropy.
 */
u64 kaslr_choose(u64 start, u64 bytes, u64 limit, u64 align);

/* Choose a random distance to move the kernel in its virtual window. align: a power of two. */
u64 kaslr_choose_virtual(const struct elf *elf, u64 align);

/*
 * Change a kernel that was loaded shift bytes above its linked address, so that it runs offset
 * bytes above its linked virtual address. 0, or -EINVAL with *why if a relocation points outside
 * the kernel.
 */
int kaslr_apply(const struct kaslr *kaslr, const struct gmem *mem, const struct elf *elf, u64 shift,
		u64 offset, const char **why);

#endif
