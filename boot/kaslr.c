// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applies the relocations of an unpacked kernel, as the kernel's own unpacker would.
 *
 * After the ELF file in a bzImage's payload is a table of 32-bit words, made by the kernel's build.
 * Each word is the low half of a virtual address of a place in the image, and each place contains
 * an address that must be changed when the kernel moves. A word of 0 begins each group. The groups
 * are, in this order: places with a 64-bit address; places with a 32-bit offset that shrinks when
 * the kernel moves up (of per-CPU variables; kernels since 6.15 do not have this group); places
 * with a 32-bit address. So the number of zeros tells which groups there are.
 *
 * A kernel is moved in two independent ways: physically, by loading it at another address, which
 * the kernel detects itself, and virtually, by adding an offset to each place in the table. Both
 * distances must be multiples of the kernel's alignment. The virtual window is the range that a
 * kernel with KASLR reserves for its image: 1 GiB above its base.
 *
 * The file is not trusted: with a place outside the loaded kernel the boot fails.
 *
 * Main thread.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst (kernel_alignment, pref_address, KASLR_FLAG),
 * Documentation/arch/x86/x86_64/mm.rst (kernel text mapping).
 */
#include <kvm/kaslr.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <wchar.h>

#define KERNEL_BASE	0xffffffff80000000ULL /* virtual address of physical address 0 */
#define WINDOW_BYTES	GIB
#define TABLE_MAX_BYTES (64 * MIB)

_Static_assert(sizeof(wchar_t) == sizeof(u32), "wmemchr() looks at words of the table");

enum { GROUP_64, GROUP_INVERSE, GROUP_32, GROUP_COUNT };

static int kaslr_refuse(const char **why)
{
	*why = "is damaged: its relocation table makes no sense";
	return -EINVAL;
}

/* Find the groups of a table in host byte order: a zero comes before each. */
static int kaslr_split(struct kaslr *kaslr, const char **why)
{
	unsigned int zeros = 0;

	if (kaslr->table[0])
		return kaslr_refuse(why);
	/* A zero, the group up to the next one, and so on. */
	for (u32 at = 0; at < kaslr->count;) {
		const u32 *group = kaslr->table + at + 1;
		u32 left = kaslr->count - at - 1;
		const u32 *next =
			left ? (const u32 *)wmemchr((const wchar_t *)group, 0, left) : NULL;

		if (zeros == GROUP_COUNT)
			return kaslr_refuse(why);
		kaslr->at[zeros] = at + 1;
		kaslr->counts[zeros] = next ? (u32)(next - group) : left;
		at += 1 + kaslr->counts[zeros++];
	}
	if (zeros == GROUP_COUNT)
		return 0;
	if (zeros != GROUP_COUNT - 1)
		return kaslr_refuse(why);
	kaslr->at[GROUP_32] = kaslr->at[GROUP_INVERSE];
	kaslr->counts[GROUP_32] = kaslr->counts[GROUP_INVERSE];
	kaslr->counts[GROUP_INVERSE] = 0;
	return 0;
}

/* A stock kernel's table has 200 pages: a huge page takes one page fault instead of 200. */
static u32 *kaslr_alloc(u64 bytes)
{
	u64 align = bytes < 256 * KIB ? 64 : 2 * MIB, whole = ALIGN_UP(bytes, align);
	u32 *table = aligned_alloc(align, whole);

	if (table && align == 2 * MIB)
		madvise(table, whole, MADV_HUGEPAGE);
	return table;
}

int kaslr_read(const struct elf_source *source, const struct elf *elf, struct kaslr *kaslr,
	       const char **why)
{
	u64 bytes = elf->file_end < source->bytes ? source->bytes - elf->file_end : 0;
	int err;

	*kaslr = (struct kaslr){0};
	if (bytes < sizeof(u32))
		return 0;
	if (bytes > TABLE_MAX_BYTES || bytes % sizeof(u32))
		return kaslr_refuse(why);
	kaslr->table = kaslr_alloc(bytes);
	if (!kaslr->table) {
		*why = "has more relocations than there is memory for";
		return -ENOMEM;
	}
	kaslr->count = (u32)(bytes / sizeof(u32));
	err = source->read(source, kaslr->table, bytes, elf->file_end);
	if (err)
		*why = "cannot be read to its end";
	for (u32 i = 0; i < kaslr->count; i++)
		kaslr->table[i] = le32toh(kaslr->table[i]);
	err = err ?: kaslr_split(kaslr, why);
	if (err)
		kaslr_free(kaslr);
	return err;
}

void kaslr_free(struct kaslr *kaslr)
{
	free(kaslr->table);
	*kaslr = (struct kaslr){0};
}

u64 kaslr_choose(u64 start, u64 bytes, u64 limit, u64 align)
{
	u64 room = start < limit && bytes < limit - start ? limit - start - bytes : 0;
	u64 value;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		return 0;
	/* The slots are few, compared with 2^64: the bias of the remainder does not matter. */
	return value % (room / align + 1) * align;
}

u64 kaslr_choose_virtual(const struct elf *elf, u64 align)
{
	return kaslr_choose(elf->start, elf->end - elf->start, WINDOW_BYTES, align);
}

struct kaslr_view {
	u8 *host;	  /* where the loaded kernel is in our memory */
	u64 start, bytes; /* physical, as linked */
};

/*
 * The loops over 200,000 places take a tenth of the time to the first entry. So there are two
 * simple loops, with constant values in local variables: each step is one check and one addition.
 */
static bool kaslr_add32(const struct kaslr_view *view, const u32 *words, u32 count, u32 offset)
{
	u64 base = KERNEL_BASE + view->start, last = view->bytes - sizeof(u32);
	u8 *host = view->host;

	if (view->bytes < sizeof(u32))
		return !count;
#pragma GCC unroll 8
	for (u32 i = 0; i < count; i++) {
		u64 at = (u64)(int64_t)(int32_t)words[i] - base;
		u32 value;

		if (at > last)
			return false;
		memcpy(&value, host + at, sizeof(value));
		value = htole32(le32toh(value) + offset);
		memcpy(host + at, &value, sizeof(value));
	}
	return true;
}

static bool kaslr_add64(const struct kaslr_view *view, const u32 *words, u32 count, u64 offset)
{
	u64 base = KERNEL_BASE + view->start, last = view->bytes - sizeof(u64);
	u8 *host = view->host;

	if (view->bytes < sizeof(u64))
		return !count;
#pragma GCC unroll 8
	for (u32 i = 0; i < count; i++) {
		u64 at = (u64)(int64_t)(int32_t)words[i] - base;
		u64 value;

		if (at > last)
			return false;
		memcpy(&value, host + at, sizeof(value));
		value = htole64(le64toh(value) + offset);
		memcpy(host + at, &value, sizeof(value));
	}
	return true;
}

int kaslr_apply(const struct kaslr *kaslr, const struct gmem *mem, const struct elf *elf, u64 shift,
		u64 offset, const char **why)
{
	struct kaslr_view view = {.start = elf->start, .bytes = elf->end - elf->start};
	const u32 *table = kaslr->table, *at = kaslr->at, *counts = kaslr->counts;

	if (!table || !offset)
		return 0;
	view.host = gmem_ptr(mem, elf->start + shift, view.bytes);
	if (!view.host)
		return kaslr_refuse(why);
	if (!kaslr_add64(&view, table + at[GROUP_64], counts[GROUP_64], offset) ||
	    !kaslr_add32(&view, table + at[GROUP_INVERSE], counts[GROUP_INVERSE],
			 0 - (u32)offset) ||
	    !kaslr_add32(&view, table + at[GROUP_32], counts[GROUP_32], (u32)offset))
		return kaslr_refuse(why);
	return 0;
}
