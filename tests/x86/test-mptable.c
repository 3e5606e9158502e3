// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/mptable.c: what a kernel without ACPI finds when it searches for the MP table.
 *
 * The reader is written from the specification and knows nothing of mptable.c: it looks for
 * the floating pointer where kernels look, follows it, checks lengths and sums, and walks the
 * entries at the offsets the tables of the specification give. What it found is compared with
 * what the machine is, and with the MADT, which says the same in another form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x86/acpi.h"
#include "x86/cpuid.h"
#include "x86/layout.h"
#include "x86/mptable.h"

#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* cmocka hands every test a state, and some callbacks' arguments go unused. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define SIGNATURE 0x000806d1
#define FEATURES  0x1f8bfbff

struct config config;

/* What x86/cpuid.c would say. */
void x86_cpuid_signature(u32 *signature, u32 *features)
{
	*signature = SIGNATURE;
	*features = FEATURES;
}

/* --- the machine --- */

static struct device_record pci0 = {
	.hid = "PNP0A03",
	.stem = "PCI",
	.resources = {{RESOURCE_PORT, 0xcf8, 8, false}, {RESOURCE_BUS_NUMBERS, 0, 1, false}},
	.count = 2,
};

static const struct device_pin pins[] = {{1, 0, 17}, {4, 3, 23}, {31, 3, 18}};

static void pci_describe(struct device *dev,
			 void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	emit(arg, &pci0);
}

static struct device silent_device = {.name = "silent"};
static struct device pci_device = {.name = "pci", .describe = pci_describe};

static struct gmem mem;
static unsigned int lines;

static void count_line(enum log_level level, const char *line, void *arg)
{
	lines++;
}

static int setup(void **state)
{
	lines = 0;
	pci0.resources[1].base = 0;
	pci0.pins = NULL;
	pci0.pin_count = 0;
	log_set_sink(count_line, NULL);
	device_register(&silent_device);
	device_register(&pci_device);
	return gmem_map(&mem, 2 * MIB, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL);
}

static int teardown(void **state)
{
	device_unregister(&silent_device);
	device_unregister(&pci_device);
	gmem_unmap(&mem);
	log_set_sink(NULL, NULL);
	return 0;
}

/* --- reading as a kernel does --- */

static u32 get(gpa_t gpa, unsigned int bytes)
{
	u32 value = 0;

	assert_int_equal(gmem_read(&mem, gpa, &value, bytes), 0);
	return value;
}

static u8 sum(gpa_t gpa, u32 len)
{
	u8 total = 0;

	while (len--)
		total += get(gpa++, 1);
	return total;
}

static bool is(gpa_t gpa, const char *text)
{
	return !memcmp(gmem_ptr(&mem, gpa, strlen(text)), text, strlen(text));
}

/* The one floating pointer in [start, end), or 0. */
static gpa_t search(gpa_t start, gpa_t end)
{
	gpa_t found = 0;

	for (gpa_t gpa = start; gpa < end; gpa += 16) {
		if (!is(gpa, "_MP_") || sum(gpa, 16))
			continue;
		assert_int_equal(found, 0);
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

static void walk_processor(gpa_t entry)
{
	u8 id = get(entry + 1, 1), flags = get(entry + 3, 1);

	assert_int_equal(mp.buses, 0); /* types ascend */
	assert_int_equal(get(entry + 2, 1), 0x14);
	assert_int_equal(flags & ~3, 0);
	assert_true(flags & 1);
	assert_int_equal(get(entry + 4, 4), SIGNATURE);
	assert_int_equal(get(entry + 8, 4), FEATURES);
	assert_int_equal(get(entry + 12, 4) | get(entry + 16, 4), 0);
	assert_false(mp.apic_ids[id]);
	mp.apic_ids[id] = 1;
	mp.boots[id] = flags >> 1;
	mp.cpus++;
}

static void walk_bus(gpa_t entry)
{
	assert_in_range(mp.buses, 0, 3);
	assert_int_equal(mp.ioapics, 0);
	mp.bus_ids[mp.buses] = get(entry + 1, 1);
	assert_int_equal(gmem_read(&mem, entry + 2, mp.bus_names[mp.buses], 6), 0);
	mp.buses++;
}

static void walk_ioapic(gpa_t entry)
{
	assert_int_equal(mp.interrupts, 0);
	mp.ioapic_id = get(entry + 1, 1);
	assert_false(mp.apic_ids[mp.ioapic_id]);
	assert_int_equal(get(entry + 2, 1), 0x11);
	assert_int_equal(get(entry + 3, 1), 1);
	assert_int_equal(get(entry + 4, 4), 0xfec00000);
	mp.ioapics++;
}

static void walk_interrupt(gpa_t entry)
{
	u8 source = get(entry + 5, 1);

	assert_int_equal(mp.locals, 0);
	assert_int_equal(get(entry + 1, 1), 0); /* INT */
	assert_int_equal(get(entry + 6, 1), mp.ioapic_id);
	assert_in_range(get(entry + 7, 1), 0, 23);
	if (mp.buses > 1 && get(entry + 4, 1) == mp.bus_ids[0]) {
		mp.pci[mp.pci_interrupts].source = source;
		mp.pci[mp.pci_interrupts].pin = get(entry + 7, 1);
		mp.pci[mp.pci_interrupts++].flags = get(entry + 2, 2);
		return;
	}
	assert_int_equal(get(entry + 4, 1), mp.bus_ids[mp.buses - 1]);
	assert_string_equal(mp.bus_names[mp.buses - 1], "ISA   ");
	assert_false(mp.irqs[source].seen);
	mp.irqs[source].seen = 1;
	mp.irqs[source].flags = get(entry + 2, 2);
	mp.irqs[source].pin = get(entry + 7, 1);
	mp.interrupts++;
}

static void walk_local_interrupt(gpa_t entry)
{
	u8 pin = get(entry + 7, 1);

	assert_in_range(pin, 0, 1);
	assert_int_equal(get(entry + 2, 2), 0);
	assert_int_equal(get(entry + 6, 1), 0xff);
	mp.lints[pin] = get(entry + 1, 1);
	mp.locals++;
}

static void walk_entries(gpa_t entry, gpa_t end, unsigned int count)
{
	static const struct {
		u8 bytes;
		void (*walk)(gpa_t entry);
	} kinds[] = {{20, walk_processor},
		     {8, walk_bus},
		     {8, walk_ioapic},
		     {8, walk_interrupt},
		     {8, walk_local_interrupt}};

	memset(&mp, 0, sizeof(mp));
	while (count--) {
		u8 type = get(entry, 1);

		assert_in_range(type, 0, ARRAY_SIZE(kinds) - 1);
		assert_in_range(entry + kinds[type].bytes, entry, end);
		kinds[type].walk(entry);
		entry += kinds[type].bytes;
	}
	assert_int_equal(entry, end);
}

/* Find the table, check all that has one right value, walk it. */
static void read_tables(void)
{
	gpa_t floating = search(0xf0000, 0x100000), table;
	u32 len;

	assert_int_not_equal(floating, 0);
	assert_int_equal(search(639 * KIB, 640 * KIB), 0);
	assert_int_equal(get(floating + 8, 1), 1);  /* 16 bytes */
	assert_int_equal(get(floating + 9, 1), 4);  /* 1.4 */
	assert_int_equal(get(floating + 11, 4), 0); /* no default configuration, no IMCR */
	assert_int_equal(get(floating + 15, 1), 0);

	table = get(floating + 4, 4);
	assert_true(is(table, "PCMP"));
	len = get(table + 4, 2);
	assert_in_range(table, floating + 16, LAYOUT_MPTABLE_END - 44);
	assert_in_range(len, 44, LAYOUT_MPTABLE_END - table);
	assert_int_equal(get(table + 6, 1), 4);
	assert_int_equal(sum(table, len), 0);
	assert_true(is(table + 8, "LKVM    LKVM        "));
	assert_int_equal(get(table + 28, 4) | get(table + 32, 2), 0); /* no OEM table */
	assert_int_equal(get(table + 36, 4), 0xfee00000);
	assert_int_equal(get(table + 40, 4), 0); /* no extended entries */
	walk_entries(table + 44, table + len, get(table + 34, 2));
	assert_int_equal(sum(table + len, LAYOUT_MPTABLE_END - table - len), 0);
}

/* --- tests --- */

static void check_machine(unsigned int cpus, unsigned int expected)
{
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(mptable_write(&mem, cpus), 0);
	read_tables();
	assert_int_equal(mp.cpus, expected);
	for (unsigned int id = 0; id < 256; id++) {
		assert_int_equal(mp.apic_ids[id], id < expected);
		assert_int_equal(mp.boots[id], id == 0);
	}
	assert_int_equal(mp.ioapics, 1);
	assert_int_equal(mp.ioapic_id, expected);
	assert_int_equal(mp.interrupts, 15);
	assert_int_equal(mp.locals, 2);
	assert_int_equal(lines, 0);
}

static void test_cpus(void **state)
{
	check_machine(1, 1);
	check_machine(2, 2);
	check_machine(4, 4);
	check_machine(255, 255);
}

/* 255 is no APIC id, it means all of them. */
static void test_too_many_cpus(void **state)
{
	check_machine(256, 255);
	check_machine(1000, 255);
}

static void test_buses(void **state)
{
	assert_int_equal(mptable_write(&mem, 1), 0);
	read_tables();
	assert_int_equal(mp.buses, 2);
	assert_int_equal(mp.bus_ids[0], 0);
	assert_string_equal(mp.bus_names[0], "PCI   ");
	assert_int_equal(mp.bus_ids[1], 1);
	assert_string_equal(mp.bus_names[1], "ISA   ");

	pci0.resources[1].base = 0x40;
	assert_int_equal(mptable_write(&mem, 1), 0);
	read_tables();
	assert_int_equal(mp.bus_ids[0], 0x40);
	assert_int_equal(mp.bus_ids[1], 0x41);
}

/* No PCI, or none that an 8-bit id can name beside ISA: ISA alone. */
static void test_no_pci_bus(void **state)
{
	pci0.resources[1].base = 255;
	assert_int_equal(mptable_write(&mem, 1), 0);
	read_tables();
	assert_int_equal(mp.buses, 1);
	assert_int_equal(mp.bus_ids[0], 0);

	assert_int_equal(gmem_clear(&mem), 0);
	device_unregister(&pci_device);
	assert_int_equal(mptable_write(&mem, 1), 0);
	read_tables();
	assert_int_equal(mp.buses, 1);
	assert_string_equal(mp.bus_names[0], "ISA   ");
}

static void test_interrupts(void **state)
{
	assert_int_equal(mptable_write(&mem, 2), 0);
	read_tables();
	for (unsigned int irq = 0; irq < 16; irq++) {
		assert_int_equal(mp.irqs[irq].seen, irq != 2);
		if (irq == 2)
			continue;
		assert_int_equal(mp.irqs[irq].pin, irq ? irq : 2);
		assert_int_equal(mp.irqs[irq].flags, irq == 9 ? 0x0d : 0);
	}
	assert_int_equal(mp.lints[0], 3); /* ExtINT */
	assert_int_equal(mp.lints[1], 1); /* NMI */
}

/* Device and pin of PCI, to the IOAPIC's pin, level-triggered and active low. */
static void test_pci_interrupts(void **state)
{
	static struct device_pin all[128];

	pci0.pins = pins;
	pci0.pin_count = ARRAY_SIZE(pins);
	assert_int_equal(mptable_write(&mem, 2), 0);
	read_tables();
	assert_int_equal(mp.interrupts, 15);
	assert_int_equal(mp.pci_interrupts, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(mp.pci[i].source, pins[i].device << 2 | pins[i].pin);
		assert_int_equal(mp.pci[i].pin, pins[i].gsi);
		assert_int_equal(mp.pci[i].flags, 0x0f);
	}

	/* All that a bus can have, beside as many CPUs as there can be. */
	for (u8 i = 0; i < 128; i++)
		all[i] = (struct device_pin){i / 4, i % 4, 16 + i % 8};
	pci0.pins = all;
	pci0.pin_count = 128;
	assert_int_equal(mptable_write(&mem, 255), 0);
	read_tables();
	assert_int_equal(mp.cpus, 255);
	assert_int_equal(mp.pci_interrupts, 128);
	assert_int_equal(mp.pci[127].source, 127);

	/* A bus that has no entry has no interrupts. */
	pci0.resources[1].base = 255;
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(mptable_write(&mem, 1), 0);
	read_tables();
	assert_int_equal(mp.pci_interrupts, 0);
}

static gpa_t find_madt(void)
{
	gpa_t xsdt = get(LAYOUT_ACPI + 24, 4);

	for (u32 at = 36; at < get(xsdt + 4, 4); at += 8) {
		gpa_t table = get(xsdt + at, 4);

		if (is(table, "APIC"))
			return table;
	}
	fail_msg("there is no MADT");
	return 0;
}

/* What the MADT says of processors, IOAPIC and overridden interrupts, the MP table says. */
static void check_against_madt(unsigned int cpus)
{
	unsigned int lapics = 0, overrides = 0;
	gpa_t madt, entry;

	assert_int_equal(acpi_write_tables(&mem, cpus), 0);
	assert_int_equal(mptable_write(&mem, cpus), 0);
	read_tables();
	madt = find_madt();
	for (entry = madt + 44; entry < madt + get(madt + 4, 4); entry += get(entry + 1, 1)) {
		u8 type = get(entry, 1);

		if (type == 0) {
			assert_int_equal(mp.apic_ids[get(entry + 3, 1)], 1);
			lapics++;
		} else if (type == 1) {
			assert_int_equal(mp.ioapic_id, get(entry + 2, 1));
		} else if (type == 2) {
			u8 source = get(entry + 3, 1);

			assert_int_equal(mp.irqs[source].pin, get(entry + 4, 4));
			assert_int_equal(mp.irqs[source].flags, get(entry + 8, 2));
			overrides++;
		}
	}
	assert_int_equal(lapics, mp.cpus);
	assert_int_equal(overrides, 2);
}

static void test_same_as_madt(void **state)
{
	check_against_madt(1);
	check_against_madt(4);
	check_against_madt(255);
}

static void test_no_ram(void **state)
{
	struct gmem small;

	assert_int_equal(gmem_map(&small, LAYOUT_MPTABLE, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL),
			 0);
	assert_int_equal(mptable_write(&small, 1), -EFAULT);
	assert_int_equal(lines, 1);
	gmem_unmap(&small);
}

static void init_module(const struct init_module *module, void *arg)
{
	if (!strcmp(module->name, "mptable"))
		assert_int_equal(module->init(arg), 0);
}

static void exit_module(const struct init_module *module, void *arg)
{
	if (!strcmp(module->name, "mptable"))
		module->exit(arg);
}

static void test_reset_writes(void **state)
{
	static struct kvm kvm;

	kvm.mem = mem;
	kvm.cpu_count = 3;
	init_for_each(init_module, &kvm);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(gmem_clear(&mem), 0);
		assert_int_equal(device_reset_all(), 0);
		read_tables();
		assert_int_equal(mp.cpus, 3);
	}
	init_for_each(exit_module, &kvm);
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(search(0xf0000, 0x100000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_pci_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pci_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_as_madt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_ram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_writes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
