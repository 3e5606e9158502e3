// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI's base address registers (BARs): the guest writes into them where a function answers.
 *
 * In a BAR of 2^n bytes only the bits from n up are writable. So a guest learns the size (it writes
 * all ones and reads which bits are set), and each address in a BAR is aligned. Bits 3:0 tell the
 * kind of the BAR. In a port BAR the upper 16 bits are always 0, because there are 64 KiB of ports.
 *
 * A BAR answers only if the command register also switches ports or memory on. So a write to either
 * register ends in pci_remap() (pci/pci.c), which does three steps for all BARs: pci_bar_look()
 * notes where each should answer, with the registers locked; pci_bar_leave() removes from its bus
 * each BAR that should answer elsewhere or not at all; pci_bar_join() adds the others. The last two
 * steps take the buses' locks and call the owner, so they run without the lock of the registers.
 * The map lock keeps the steps of two vCPUs apart: the later one sees the writes of both.
 *
 * A guest may put a BAR anywhere. We refuse an address in RAM, in the range of IOAPIC, local APIC
 * and KVM's pages, or among the motherboard's ports; and the bus refuses an overlap with a region
 * that it has already: ECAM, a chip or another BAR. A refused BAR answers nothing, and one log line
 * says so. Each later pci_remap() tries to add the BAR again, because the other region may have
 * moved: so a guest can swap two BARs while both are switched on. A BAR at address 0 or at the very
 * end of the address space is only being sized: it answers nothing, without a log line.
 *
 * Power-on: BARs get addresses one after the other, in the order of functions, as firmware would
 * assign them; Linux keeps them. Decoding is off until a driver switches it on.
 *
 * Left out: expansion ROMs, memory below 1 MiB as a type (bits 2:1 = 01).
 *
 * Spec: PCI Local Bus 3.0, section 6.2.5.1 (address maps), 6.2.2 (command)
 */
#include "pci/bar.h"
#include "pci/host.h"

#include <kvm/gmem.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#define BAR_REG(bar)  (PCI_BASE_ADDRESS_0 + 4 * (bar))
#define PORT_BAR_MAX  256
#define PORT_BAR_BITS 0xfffcU
#define PORT_TOP      (64 * KIB)

static bool is_port(const struct pci_bar *bar)
{
	return bar->kind == PCI_BAR_PORT;
}

static struct bus *bar_bus(const struct pci_function *fn, const struct pci_bar *bar)
{
	return is_port(bar) ? &fn->kvm->ports : &fn->kvm->mmio;
}

static u32 get32(const u8 *bytes)
{
	u32 value;

	memcpy(&value, bytes, sizeof(value)); /* PCI and x86 are little-endian */
	return value;
}

static void put32(u8 *bytes, u32 value)
{
	memcpy(bytes, &value, sizeof(value));
}

/* --- registers --- */

static void check_bar(const struct pci_function *fn, unsigned int i)
{
	const struct pci_bar *bar = &fn->bars[i];
	u64 len = bar->region.len;

	assert(len && !(len & (len - 1)));
	if (is_port(bar))
		assert(len >= 4 && len <= PORT_BAR_MAX);
	else
		assert(len >= 16 && len <= 256 * MIB);
	if (bar->kind == PCI_BAR_MEM64)
		assert(i + 1 < PCI_BAR_COUNT && fn->bars[i + 1].kind == PCI_BAR_NONE);
}

void pci_bar_init(struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_BAR_COUNT; i++) {
		struct pci_bar *bar = &fn->bars[i];
		u32 mask = ~((u32)bar->region.len - 1), flags = 0;

		bar->mapped = bar->wanted = bar->refused = false;
		if (bar->kind == PCI_BAR_NONE)
			continue;
		check_bar(fn, i);
		if (is_port(bar)) {
			flags = PCI_BASE_ADDRESS_SPACE_IO;
			mask &= PORT_BAR_BITS;
			fn->writable[PCI_COMMAND] |= PCI_COMMAND_IO;
		} else {
			flags = bar->prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0;
			fn->writable[PCI_COMMAND] |= PCI_COMMAND_MEMORY;
		}
		if (bar->kind == PCI_BAR_MEM64) {
			flags |= PCI_BASE_ADDRESS_MEM_TYPE_64;
			put32(&fn->writable[BAR_REG(i + 1)], UINT32_MAX);
		}
		put32(&fn->config[BAR_REG(i)], flags);
		put32(&fn->writable[BAR_REG(i)], mask);
	}
}

u64 pci_bar_base(const struct pci_function *fn, unsigned int i)
{
	const struct pci_bar *bar = &fn->bars[i];
	u64 base = 0;

	if (bar->kind != PCI_BAR_NONE)
		base = get32(&fn->config[BAR_REG(i)]) & get32(&fn->writable[BAR_REG(i)]);
	if (bar->kind == PCI_BAR_MEM64)
		base |= (u64)get32(&fn->config[BAR_REG(i + 1)]) << 32;
	return base;
}

int pci_bar_place(const struct pci_function *fn, u8 config[PCI_CONFIG_BYTES],
		  struct pci_bar_space *next)
{
	for (unsigned int i = 0; i < PCI_BAR_COUNT; i++) {
		const struct pci_bar *bar = &fn->bars[i];
		u64 *at = is_port(bar) ? &next->port : &next->memory;
		u64 end = is_port(bar) ? pci_host_place->ports.end : pci_host_place->memory.end;
		u64 base;

		if (bar->kind == PCI_BAR_NONE)
			continue;
		base = ALIGN_UP(*at, bar->region.len);
		if (base > end - bar->region.len)
			return log_fail(-ENOSPC,
					"%s: no room for BAR %u of %llu bytes below 0x%llx; "
					"use fewer devices",
					fn->name, i, bar->region.len, end);
		put32(&config[BAR_REG(i)], get32(&config[BAR_REG(i)]) | (u32)base);
		*at = base + bar->region.len;
	}
	return 0;
}

/* --- regions --- */

void pci_bar_look(struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_BAR_COUNT; i++) {
		struct pci_bar *bar = &fn->bars[i];
		u8 decodes = is_port(bar) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
		u64 base = pci_bar_base(fn, i), last = base + (bar->region.len - 1);
		u64 top = bar->kind == PCI_BAR_MEM64 ? UINT64_MAX : UINT32_MAX;

		if (is_port(bar))
			top = PORT_TOP - 1;
		bar->wanted = bar->kind != PCI_BAR_NONE && (fn->config[PCI_COMMAND] & decodes) &&
			      base != 0 && last != top;
		bar->refused &= bar->wanted && bar->wanted_base == base;
		bar->wanted_base = base;
	}
}

void pci_bar_leave(struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_BAR_COUNT; i++) {
		struct pci_bar *bar = &fn->bars[i];

		if (!bar->mapped || (bar->wanted && bar->wanted_base == bar->region.base))
			continue;
		bar->mapped = false;
		if (fn->bar_moved)
			fn->bar_moved(fn, i);
		bus_remove(bar_bus(fn, bar), &bar->region);
	}
}

static bool overlaps(u64 base, u64 len, u64 other, u64 other_len)
{
	return base < other + other_len && other < base + len;
}

/*
 * The part of the machine that the BAR would cover and that is not a region on the bus; NULL: none.
 * The BAR does not wrap around the end of the address space.
 */
static const char *machine_owner(const struct pci_function *fn, const struct pci_bar *bar)
{
	const struct pci_place *place = pci_host_place;
	const struct gmem *mem = &fn->kvm->mem;
	u64 base = bar->region.base, len = bar->region.len;

	if (is_port(bar))
		return base < place->first_port ? "the motherboard" : NULL;
	for (unsigned int i = 0; i < mem->count; i++) {
		if (overlaps(base, len, mem->banks[i].base, mem->banks[i].size))
			return "RAM";
	}
	if (overlaps(base, len, place->ecam, place->ecam_bytes) ||
	    overlaps(base, len, place->chipset.start, place->chipset.end - place->chipset.start))
		return "the chipset";
	return NULL;
}

static void bar_refuse(struct pci_function *fn, unsigned int i, const char *owner)
{
	static struct log_limit limit;
	struct pci_bar *bar = &fn->bars[i];

	if (!bar->refused)
		log_warn_limited(&limit,
				 "%s: the guest put BAR %u to 0x%llx, where %s is; it answers "
				 "nothing there",
				 fn->name, i, bar->region.base, owner);
	bar->refused = true;
}

void pci_bar_join(struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_BAR_COUNT; i++) {
		struct pci_bar *bar = &fn->bars[i];
		struct bus_region taken = {.name = "the last free region"};
		const char *owner;

		if (!bar->wanted || bar->mapped)
			continue;
		bar->region.base = bar->wanted_base;
		owner = machine_owner(fn, bar);
		if (!owner && bus_try_add(bar_bus(fn, bar), &bar->region, &taken))
			owner = taken.name;
		if (owner) {
			bar_refuse(fn, i, owner);
			continue;
		}
		bar->mapped = true;
		bar->refused = false;
		if (fn->bar_moved)
			fn->bar_moved(fn, i);
	}
}

/* --- accesses that do not come from the bus --- */

/* The region of the BAR; NULL: the BAR does not take such an access. */
static const struct bus_region *bar_region(const struct pci_function *fn, unsigned int i,
					   u64 offset, unsigned int size)
{
	const struct bus_region *region = i < PCI_BAR_COUNT ? &fn->bars[i].region : NULL;

	if (!region || fn->bars[i].kind == PCI_BAR_NONE || !size || size & (size - 1))
		return NULL;
	if (size > region->width || size > region->len || offset > region->len - size)
		return NULL;
	return region;
}

u64 pci_bar_read(struct pci_function *fn, unsigned int bar, u64 offset, unsigned int size)
{
	const struct bus_region *region = bar_region(fn, bar, offset, size);

	return region && region->read ? region->read(region->dev, offset, size) : UINT64_MAX;
}

void pci_bar_write(struct pci_function *fn, unsigned int bar, u64 offset, unsigned int size,
		   u64 value)
{
	const struct bus_region *region = bar_region(fn, bar, offset, size);

	if (region && region->write)
		region->write(region->dev, offset, size, value);
}
