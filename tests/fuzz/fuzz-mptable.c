// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any machine through firmware/mptable.c, and its table through the test's reader.
 *
 * The machine is what the input says: how many processors; and PCI root bridges, each with a bus
 * number and up to 128 interrupt pins. Invariants: the reader, which checks every length, sum and
 * order that the specification asks for, gets through the table; and it has found just the
 * processors there are, and the pins of the first bridge whose bus can be named.
 */
#include "firmware/mptable.h"
#include "tests/lib/fuzz.h"
#include <kvm/cpuid.h>

#include <kvm/device.h>
#include <kvm/irq.h>

#define MP_CHECK CHECK
#include "tests/firmware/mp-reader.h"

#define BRIDGES	    3
#define PINS_MAX    128
#define TABLE_BYTES (LAYOUT_MPTABLE_END - LAYOUT_MPTABLE)

struct bridge {
	struct device device;
	struct device_record record;
	struct device_pin pins[PINS_MAX];
};

static struct bridge bridges[BRIDGES];

void irq_set_level(struct kvm *kvm, u32 gsi, bool level)
{
}

void x86_cpuid_signature(u32 *signature, u32 *features)
{
	*signature = MP_SIGNATURE;
	*features = MP_FEATURES;
}

static void describe(struct device *dev,
		     void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	emit(arg, &container_of(dev, struct bridge, device)->record);
}

/* 2 bytes of bus number, 1 of how many pins, and 2 for each pin. How many were used, or 0. */
static size_t add_bridge(struct bridge *bridge, const u8 *data, size_t size)
{
	unsigned int count;

	if (size < 3)
		return 0;
	/* No two bridges lead to one bus. */
	for (const struct bridge *each = bridges; each < bridge; each++) {
		if (each->record.resources[1].base == (u64)(data[0] | data[1] << 8))
			return 0;
	}
	count = MIN(data[2], (size - 3) / 2);
	count = MIN(count, PINS_MAX);
	for (unsigned int i = 0; i < count; i++) {
		const u8 *at = data + 3 + 2UL * i;

		bridge->pins[i] = (struct device_pin){
			.device = at[0] >> 3, .pin = at[0] & 3, .gsi = at[1] % 24};
	}
	bridge->record = (struct device_record){
		.hid = "PNP0A03",
		.resources = {{.type = RESOURCE_PORT, .base = 0xcf8, .len = 8},
			      {.type = RESOURCE_BUS_NUMBERS,
			       .base = (u64)(data[0] | data[1] << 8),
			       .len = 1}},
		.count = 2,
		.pins = bridge->pins,
		.pin_count = count};
	bridge->device = (struct device){.name = "pci", .describe = describe};
	device_register(&bridge->device);
	return 3 + 2UL * count;
}

/* The one whose bus an 8-bit id can name beside ISA's. */
static const struct bridge *named_bridge(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (bridges[i].record.resources[1].base < 255)
			return &bridges[i];
	}
	return NULL;
}

static void check(unsigned int cpus, unsigned int count)
{
	const struct bridge *bridge = named_bridge(count);
	unsigned int pins = bridge ? bridge->record.pin_count : 0;

	MP_CHECK(mp.cpus == MIN(cpus, 255U));
	for (unsigned int id = 0; id < 256; id++) {
		MP_CHECK(mp.apic_ids[id] == (id < mp.cpus));
		MP_CHECK(mp.boots[id] == !id);
	}
	MP_CHECK(mp.ioapics == 1 && mp.ioapic_id == mp.cpus);
	MP_CHECK(mp.buses == 1U + !!bridge);
	MP_CHECK(!bridge || mp.bus_ids[0] == bridge->record.resources[1].base);
	MP_CHECK(mp.interrupts == 15 && mp.locals == 2);
	MP_CHECK(mp.pci_interrupts == pins);
	for (unsigned int i = 0; i < pins; i++) {
		MP_CHECK(mp.pci[i].source == (bridge->pins[i].device << 2 | bridge->pins[i].pin));
		MP_CHECK(mp.pci[i].pin == bridge->pins[i].gsi);
		MP_CHECK(mp.pci[i].flags == 0x0f);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct gmem mem;
	unsigned int cpus, count = 0;

	if (!mem.count)
		MP_CHECK(!gmem_map(&mem, 2 * MIB, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL));
	if (size < 2)
		return 0;
	cpus = 1 + (data[0] | (data[1] & 3U) << 8);
	data += 2;
	size -= 2;
	while (count < BRIDGES) {
		size_t used = add_bridge(&bridges[count], data, size);

		if (!used)
			break;
		data += used;
		size -= used;
		count++;
	}
	/* As at a reset, which clears RAM. */
	memset(gmem_ptr(&mem, LAYOUT_MPTABLE, TABLE_BYTES), 0, TABLE_BYTES);
	MP_CHECK(!mptable_write(&mem, cpus));
	mp_read(&mem);
	check(cpus, count);
	while (count)
		device_unregister(&bridges[--count].device);
	return 0;
}
