// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks through the guest's page tables and shows each entry to a person.
 *
 * CR0, CR4 and EFER select one of five forms: no tables, two levels of 32-bit entries, three levels
 * with PAE, four or five levels in 64-bit mode. A form is a list of levels from the root down; a
 * level says which bits of the address are its index and whether its entry may map a large page.
 * One loop handles all forms.
 *
 * The guest writes the tables, so no address in them is trusted: each entry is read once, with
 * gmem_read(), and an entry outside RAM ends the walk with a text (walk->why), not with an error. A
 * walk has at most as many steps as its form has levels, for any content of the tables. Other
 * checks of a processor (access rights, reserved bits above its physical width) are left out: the
 * walk shows what is mapped, not who may access it.
 *
 * With PAE a processor loads the four entries of the root into registers when CR3 is written; here
 * they are read from memory. If the guest is a hypervisor that runs its own guest at this moment,
 * the tables contain addresses of that inner guest: then the result differs from KVM's (arch_view's
 * gpa).
 *
 * Pure, except that it reads guest RAM.
 *
 * Spec: Intel SDM volume 3, 4.3 (32-bit), 4.4 (PAE), 4.5 (4-level and 5-level paging).
 */
#include "pagewalk.h"

#include <endian.h>

#define CR0_PG		 (1ULL << 31)
#define CR4_PSE		 (1ULL << 4)
#define CR4_PAE		 (1ULL << 5)
#define CR4_LA57	 (1ULL << 12)
#define EFER_LMA	 (1ULL << 10)

#define ENTRY_PRESENT	 (1ULL << 0)
#define ENTRY_BIT7	 (1ULL << 7)
#define ENTRY_ADDRESS	 0x000ffffffffff000ULL /* bits 51 to 12 */
#define ENTRY_ADDRESS_32 0xfffff000ULL

/* The meaning of bit 7 of an entry. */
enum pagewalk_bit7 { BIT7_NOTHING, BIT7_LARGE, BIT7_RESERVED };

struct pagewalk_level {
	const char *name;
	unsigned int shift, bits; /* position and number of the address bits of the index */
	enum pagewalk_bit7 bit7;
};

struct pagewalk_form {
	const char *name;
	unsigned int entry_bytes, address_bits;
	u64 root_mask; /* bits of CR3 that are the root's address */
	unsigned int count;
	struct pagewalk_level levels[ARCH_WALK_MAX];
};

/* clang-format off */
#define LEVEL_PML5 {"PML5", 48, 9, BIT7_RESERVED}
#define LEVEL_PML4 {"PML4", 39, 9, BIT7_RESERVED}
#define LEVEL_PDPT {"PDPT", 30, 9, BIT7_LARGE}
#define LEVEL_PD   {"PD", 21, 9, BIT7_LARGE}
#define LEVEL_PT   {"PT", 12, 9, BIT7_NOTHING}

static const struct pagewalk_form form_5_level = {
	"5-level", 8, 57, ENTRY_ADDRESS, 5,
	{LEVEL_PML5, LEVEL_PML4, LEVEL_PDPT, LEVEL_PD, LEVEL_PT}};
static const struct pagewalk_form form_4_level = {
	"4-level", 8, 48, ENTRY_ADDRESS, 4, {LEVEL_PML4, LEVEL_PDPT, LEVEL_PD, LEVEL_PT}};
static const struct pagewalk_form form_pae = {
	"PAE", 8, 32, 0xffffffe0, 3, {{"PDPT", 30, 2, BIT7_RESERVED}, LEVEL_PD, LEVEL_PT}};
static const struct pagewalk_form form_32_bit = {
	"32-bit", 4, 32, ENTRY_ADDRESS_32, 2,
	{{"PD", 22, 10, BIT7_LARGE}, {"PT", 12, 10, BIT7_NOTHING}}};
static const struct pagewalk_form form_32_bit_no_pse = {
	"32-bit", 4, 32, ENTRY_ADDRESS_32, 2,
	{{"PD", 22, 10, BIT7_NOTHING}, {"PT", 12, 10, BIT7_NOTHING}}};
/* clang-format on */

static const struct pagewalk_form *pagewalk_choose(const struct kvm_sregs *sregs)
{
	if (!(sregs->cr0 & CR0_PG))
		return NULL;
	if (sregs->efer & EFER_LMA)
		return sregs->cr4 & CR4_LA57 ? &form_5_level : &form_4_level;
	if (sregs->cr4 & CR4_PAE)
		return &form_pae;
	return sregs->cr4 & CR4_PSE ? &form_32_bit : &form_32_bit_no_pse;
}

/* True if all bits above the highest used bit are equal to that bit. */
static bool pagewalk_is_canonical(u64 address, unsigned int bits)
{
	return bits == 32 || (u64)((s64)(address << (64 - bits)) >> (64 - bits)) == address;
}

/* Read an entry. False: it is outside RAM. */
static bool pagewalk_read(const struct gmem *mem, gpa_t at, unsigned int bytes, u64 *value)
{
	le64 raw = 0;

	if (gmem_read(mem, at, &raw, bytes))
		return false;
	*value = le64toh(raw);
	return true;
}

static void pagewalk_end(struct arch_walk *walk, const struct pagewalk_form *form, u64 entry,
			 unsigned int shift)
{
	u64 mask = (1ULL << shift) - 1;

	walk->page_bytes = mask + 1;
	walk->gpa = (entry & ENTRY_ADDRESS & ~mask) | (walk->address & mask);
	/* PSE-36: bits 20 to 13 of the entry are bits 39 to 32 of a 4 MiB page's address. */
	if (form->entry_bytes == 4 && shift == 22)
		walk->gpa |= (entry >> 13 & 0xff) << 32;
}

void pagewalk(const struct gmem *mem, const struct kvm_sregs *sregs, u64 address,
	      struct arch_walk *walk)
{
	const struct pagewalk_form *form = pagewalk_choose(sregs);
	u64 table;

	*walk = (struct arch_walk){.mode = form ? form->name : "no paging", .address = address};
	if (!form) {
		walk->gpa = address;
		return;
	}
	if (!pagewalk_is_canonical(address, form->address_bits)) {
		walk->why = "the address is not canonical";
		return;
	}
	table = sregs->cr3 & form->root_mask;
	for (unsigned int i = 0; i < form->count; i++) {
		const struct pagewalk_level *level = &form->levels[i];
		u32 index = address >> level->shift & ((1U << level->bits) - 1);
		gpa_t at = table + (u64)index * form->entry_bytes;
		u64 entry;

		if (!pagewalk_read(mem, at, form->entry_bytes, &entry)) {
			walk->why = "the next table lies outside of RAM";
			return;
		}
		walk->entries[walk->count++] =
			(struct arch_walk_entry){level->name, index, at, entry};
		if (!(entry & ENTRY_PRESENT)) {
			walk->why = "not present";
			return;
		}
		if (level->bit7 == BIT7_RESERVED && entry & ENTRY_BIT7) {
			walk->why = "a reserved bit is set";
			return;
		}
		if (i == form->count - 1 || (level->bit7 == BIT7_LARGE && entry & ENTRY_BIT7)) {
			pagewalk_end(walk, form, entry, level->shift);
			return;
		}
		table = entry & ENTRY_ADDRESS;
	}
}
