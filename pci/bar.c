// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI's base address registers: where a function answers, as the guest decides.
 *
 * A BAR of 2^n bytes has as its writable bits those above n; that is how it is sized (write all
 * ones, see which stick) and why each address it can hold is aligned. Bits 3:0 say what it is.
 * A port BAR has its upper 16 bits hardwired to 0, there being no ports beyond 64 KiB.
 *
 * Whether a BAR answers is not in its register alone: the command register switches ports and
 * memory on. So a write to either ends in a look at all BARs (pci/pci.c, pci_remap()): where
 * should each answer (pci_bar_look, with the registers locked), which must leave its bus because
 * that changed (pci_bar_leave), which must join (pci_bar_join). The last two take the buses'
 * locks and call the owner, so the registers are not locked then; that two vCPUs who write at
 * the same time do not mix is the map lock's doing, and that the later one sees both writes.
 *
 * A guest may put a BAR anywhere. What is not ours to give away is refused: RAM, the range of
 * IOAPIC, local APIC and KVM's pages, the motherboard's ports; and the bus refuses what overlaps
 * a region that is there already, be it ECAM, a chip or another BAR. A BAR that is refused
 * answers nothing and one line says so. It is tried again whenever a look is taken, since what
 * was in its way may have moved: guests that swap two BARs while both are switched on get there.
 * At address 0, and at the very end of the space, where a BAR is while it is being sized, it
 * answers nothing either, and no line is due.
 *
 * Power-on: BARs get addresses one after the other, in the order of functions, as firmware would
 * do it; Linux keeps them. Decoding is off until a driver switches it on.
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

/* What no BAR may cover though no region is there; NULL: nothing. The BAR does not wrap. */
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

/* --- past the bus --- */

/* The BAR, when it takes an access like this one. */
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
