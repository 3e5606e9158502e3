/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MP table read as a kernel does, for test-mptable and fuzz-mptable.
 *
 * Written from the specification, it knows nothing of mptable.c: it looks for the floating
 * pointer where kernels look, follows it, checks lengths and sums, and walks the entries at the
 * offsets the tables of the specification give. The includer says by MP_CHECK(condition) what
 * happens when one does not hold, and answers x86_cpuid_signature() with the two values.
 *
 * Spec: Intel MultiProcessor Specification 1.4, chapter 4.
 */
#ifndef TESTS_MP_READER_H
#define TESTS_MP_READER_H

#include "x86/layout.h"

#include <kvm/gmem.h>
#include <kvm/types.h>
#include <string.h>

#ifndef MP_CHECK
#include <assert.h>
#define MP_CHECK(condition) assert(condition)
#endif

#define MP_SIGNATURE 0x000806d1
#define MP_FEATURES  0x1f8bfbff

static const struct gmem *mp_mem;

static u32 mp_get(gpa_t gpa, unsigned int bytes)
{
	u32 value = 0;

	MP_CHECK(!gmem_read(mp_mem, gpa, &value, bytes));
	return value;
}

static u8 mp_sum(gpa_t gpa, u32 len)
{
	const u8 *bytes = gmem_ptr(mp_mem, gpa, len);
	u8 total = 0;

	MP_CHECK(bytes || !len);
	while (len--)
		total += *bytes++;
	return total;
}

static bool mp_is(gpa_t gpa, const char *text)
{
	return !memcmp(gmem_ptr(mp_mem, gpa, strlen(text)), text, strlen(text));
}

/* The one floating pointer in [start, end), or 0. */
static gpa_t mp_search(gpa_t start, gpa_t end)
{
	gpa_t found = 0;

	for (gpa_t gpa = start; gpa < end; gpa += 16) {
		if (!mp_is(gpa, "_MP_") || mp_sum(gpa, 16))
			continue;
		MP_CHECK(found == 0);
		found = gpa;
	}
	return found;
}

/* What the walk found. */
static struct {
	unsigned int cpus, buses, ioapics, interrupts, locals;
	u8 apic_ids[256], boots[256];
	u8 ioapic_id;
	u8 bus_ids[4];
	char bus_names[4][7];
	struct {
		u8 seen, pin;
		u16 flags;
	} irqs[256];
	unsigned int pci_interrupts;
	struct {
		u8 source, pin;
		u16 flags;
	} pci[128];
	u8 lints[2]; /* kind of interrupt at LINT0 and LINT1 */
} mp;

static void mp_walk_processor(gpa_t entry)
{
	u8 id = mp_get(entry + 1, 1), flags = mp_get(entry + 3, 1);

	MP_CHECK(mp.buses == 0); /* types ascend */
	MP_CHECK(mp_get(entry + 2, 1) == 0x14);
	MP_CHECK((flags & ~3) == 0);
	MP_CHECK(flags & 1);
	MP_CHECK(mp_get(entry + 4, 4) == MP_SIGNATURE);
	MP_CHECK(mp_get(entry + 8, 4) == MP_FEATURES);
	MP_CHECK((mp_get(entry + 12, 4) | mp_get(entry + 16, 4)) == 0);
	MP_CHECK(!mp.apic_ids[id]);
	mp.apic_ids[id] = 1;
	mp.boots[id] = flags >> 1;
	mp.cpus++;
}

static void mp_walk_bus(gpa_t entry)
{
	MP_CHECK(mp.buses <= 3);
	MP_CHECK(mp.ioapics == 0);
	mp.bus_ids[mp.buses] = mp_get(entry + 1, 1);
	MP_CHECK(!gmem_read(mp_mem, entry + 2, mp.bus_names[mp.buses], 6));
	mp.buses++;
}

static void mp_walk_ioapic(gpa_t entry)
{
	MP_CHECK(mp.interrupts == 0);
	mp.ioapic_id = mp_get(entry + 1, 1);
	MP_CHECK(!mp.apic_ids[mp.ioapic_id]);
	MP_CHECK(mp_get(entry + 2, 1) == 0x11);
	MP_CHECK(mp_get(entry + 3, 1) == 1);
	MP_CHECK(mp_get(entry + 4, 4) == 0xfec00000);
	mp.ioapics++;
}

static void mp_walk_interrupt(gpa_t entry)
{
	u8 source = mp_get(entry + 5, 1);

	MP_CHECK(mp.locals == 0);
	MP_CHECK(mp_get(entry + 1, 1) == 0); /* INT */
	MP_CHECK(mp_get(entry + 6, 1) == mp.ioapic_id);
	MP_CHECK(mp_get(entry + 7, 1) <= 23);
	if (mp.buses > 1 && mp_get(entry + 4, 1) == mp.bus_ids[0]) {
		MP_CHECK(mp.pci_interrupts < ARRAY_SIZE(mp.pci));
		mp.pci[mp.pci_interrupts].source = source;
		mp.pci[mp.pci_interrupts].pin = mp_get(entry + 7, 1);
		mp.pci[mp.pci_interrupts++].flags = mp_get(entry + 2, 2);
		return;
	}
	MP_CHECK(mp_get(entry + 4, 1) == mp.bus_ids[mp.buses - 1]);
	MP_CHECK(!strcmp(mp.bus_names[mp.buses - 1], "ISA   "));
	MP_CHECK(!mp.irqs[source].seen);
	mp.irqs[source].seen = 1;
	mp.irqs[source].flags = mp_get(entry + 2, 2);
	mp.irqs[source].pin = mp_get(entry + 7, 1);
	mp.interrupts++;
}

static void mp_walk_local_interrupt(gpa_t entry)
{
	u8 pin = mp_get(entry + 7, 1);

	MP_CHECK(pin <= 1);
	MP_CHECK(mp_get(entry + 2, 2) == 0);
	MP_CHECK(mp_get(entry + 6, 1) == 0xff);
	mp.lints[pin] = mp_get(entry + 1, 1);
	mp.locals++;
}

static void mp_walk_entries(gpa_t entry, gpa_t end, unsigned int count)
{
	static const struct {
		u8 bytes;
		void (*walk)(gpa_t entry);
	} kinds[] = {{20, mp_walk_processor},
		     {8, mp_walk_bus},
		     {8, mp_walk_ioapic},
		     {8, mp_walk_interrupt},
		     {8, mp_walk_local_interrupt}};

	memset(&mp, 0, sizeof(mp));
	while (count--) {
		u8 type = mp_get(entry, 1);

		MP_CHECK(type < ARRAY_SIZE(kinds));
		MP_CHECK(entry + kinds[type].bytes <= end);
		kinds[type].walk(entry);
		entry += kinds[type].bytes;
	}
	MP_CHECK(entry == end);
}

/* Find the table, check all that has one right value, walk it. */
static void mp_read(const struct gmem *mem)
{
	gpa_t floating, table;
	u32 len;

	mp_mem = mem;
	floating = mp_search(0xf0000, 0x100000);
	MP_CHECK(floating != 0);
	MP_CHECK(mp_search(639 * KIB, 640 * KIB) == 0);
	MP_CHECK(mp_get(floating + 8, 1) == 1);	 /* 16 bytes */
	MP_CHECK(mp_get(floating + 9, 1) == 4);	 /* 1.4 */
	MP_CHECK(mp_get(floating + 11, 4) == 0); /* no default configuration, no IMCR */
	MP_CHECK(mp_get(floating + 15, 1) == 0);

	table = mp_get(floating + 4, 4);
	MP_CHECK(mp_is(table, "PCMP"));
	len = mp_get(table + 4, 2);
	MP_CHECK(table >= floating + 16 && table <= LAYOUT_MPTABLE_END - 44);
	MP_CHECK(len >= 44 && len <= LAYOUT_MPTABLE_END - table);
	MP_CHECK(mp_get(table + 6, 1) == 4);
	MP_CHECK(mp_sum(table, len) == 0);
	MP_CHECK(mp_is(table + 8, "LKVM    LKVM        "));
	MP_CHECK((mp_get(table + 28, 4) | mp_get(table + 32, 2)) == 0); /* no OEM table */
	MP_CHECK(mp_get(table + 36, 4) == 0xfee00000);
	MP_CHECK(mp_get(table + 40, 4) == 0); /* no extended entries */
	mp_walk_entries(table + 44, table + len, mp_get(table + 34, 2));
	MP_CHECK(mp_sum(table + len, LAYOUT_MPTABLE_END - table - len) == 0);
}

#endif
