// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins firmware/mptable.c: what a kernel without ACPI finds when it searches for the MP table.
 *
 * The reader is mp-reader.h. What it found is compared with what the machine is, and with the
 * MADT, which says the same in another form.
 */
#include "firmware/acpi.h"
#include "firmware/mptable.h"
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/layout.h"
#include <kvm/cpuid.h>

#define MP_CHECK(condition) assert_true(condition)
#include "tests/firmware/mp-reader.h"

#include <kvm/device.h>
#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/irq-pin.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What x86/cpuid.c would say. */
void x86_cpuid_signature(u32 *signature, u32 *features)
{
	*signature = MP_SIGNATURE;
	*features = MP_FEATURES;
}

void irq_set_level(struct kvm *kvm, u32 gsi, bool level)
{
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

static int setup(void **state)
{
	pci0.resources[1].base = 0;
	pci0.pins = NULL;
	pci0.pin_count = 0;
	log_record();
	device_register(&silent_device);
	device_register(&pci_device);
	return gmem_map(&mem, 2 * MIB, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL);
}

static int teardown(void **state)
{
	device_unregister(&silent_device);
	device_unregister(&pci_device);
	gmem_unmap(&mem);
	log_record_end();
	return 0;
}

/* --- tests --- */

static void check_machine(unsigned int cpus, unsigned int expected)
{
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(mptable_write(&mem, cpus), 0);
	mp_read(&mem);
	assert_int_equal(mp.cpus, expected);
	for (unsigned int id = 0; id < 256; id++) {
		assert_int_equal(mp.apic_ids[id], id < expected);
		assert_int_equal(mp.boots[id], id == 0);
	}
	assert_int_equal(mp.ioapics, 1);
	assert_int_equal(mp.ioapic_id, expected);
	assert_int_equal(mp.interrupts, 15);
	assert_int_equal(mp.locals, 2);
	assert_int_equal(logged.lines, 0);
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
	mp_read(&mem);
	assert_int_equal(mp.buses, 2);
	assert_int_equal(mp.bus_ids[0], 0);
	assert_string_equal(mp.bus_names[0], "PCI   ");
	assert_int_equal(mp.bus_ids[1], 1);
	assert_string_equal(mp.bus_names[1], "ISA   ");

	pci0.resources[1].base = 0x40;
	assert_int_equal(mptable_write(&mem, 1), 0);
	mp_read(&mem);
	assert_int_equal(mp.bus_ids[0], 0x40);
	assert_int_equal(mp.bus_ids[1], 0x41);
}

/* No PCI, or none that an 8-bit id can name beside ISA: ISA alone. */
static void test_no_pci_bus(void **state)
{
	pci0.resources[1].base = 255;
	assert_int_equal(mptable_write(&mem, 1), 0);
	mp_read(&mem);
	assert_int_equal(mp.buses, 1);
	assert_int_equal(mp.bus_ids[0], 0);

	assert_int_equal(gmem_clear(&mem), 0);
	device_unregister(&pci_device);
	assert_int_equal(mptable_write(&mem, 1), 0);
	mp_read(&mem);
	assert_int_equal(mp.buses, 1);
	assert_string_equal(mp.bus_names[0], "ISA   ");
}

static void test_interrupts(void **state)
{
	assert_int_equal(mptable_write(&mem, 2), 0);
	mp_read(&mem);
	for (unsigned int irq = 0; irq < 16; irq++) {
		assert_int_equal(mp.irqs[irq].seen, irq != 2);
		if (irq == 2)
			continue;
		assert_int_equal(mp.irqs[irq].pin, irq ?: 2);
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
	mp_read(&mem);
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
	mp_read(&mem);
	assert_int_equal(mp.cpus, 255);
	assert_int_equal(mp.pci_interrupts, 128);
	assert_int_equal(mp.pci[127].source, 127);

	/* A bus that has no entry has no interrupts. */
	pci0.resources[1].base = 255;
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(mptable_write(&mem, 1), 0);
	mp_read(&mem);
	assert_int_equal(mp.pci_interrupts, 0);
}

/* Windows of virtio-mmio: two of them share a line. */
static void windows_describe(struct device *dev,
			     void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	static const u64 lines_of[] = {16, 23, 16, 5, 24, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(lines_of); i++) {
		const struct device_record record = {
			.hid = "LNRO0005",
			.resources = {{RESOURCE_MMIO, 0xfebf8000, 512, false},
				      {RESOURCE_IRQ, lines_of[i], 0, true}},
			.count = 2,
		};

		emit(arg, &record);
	}
}

/* Linux without ACPI has no line above ISA's that is not in the table. */
static void test_lines_above_isa(void **state)
{
	struct device windows = {.name = "windows", .describe = windows_describe};

	device_register(&windows);
	assert_int_equal(mptable_write(&mem, 2), 0);
	device_unregister(&windows);
	mp_read(&mem);
	assert_int_equal(mp.interrupts, 15 + 2);
	for (unsigned int irq = 16; irq < 256; irq++)
		assert_int_equal(mp.irqs[irq].seen, irq == 16 || irq == 23);
	assert_int_equal(mp.irqs[16].pin, 16);
	assert_int_equal(mp.irqs[16].flags, 0x0f);
	assert_int_equal(mp.irqs[23].pin, 23);
}

/* Last, for there is no way back: devices share lines that the PICs have. */
static void test_shared_isa_lines(void **state)
{
	irq_pin_use_isa_lines();
	assert_int_equal(mptable_write(&mem, 2), 0);
	mp_read(&mem);
	assert_int_equal(mp.interrupts, 15);
	for (unsigned int irq = 0; irq < 16; irq++) {
		bool shared = irq == 5 || irq == 10 || irq == 11 || irq == 15;

		if (irq != 2 && irq != 9)
			assert_int_equal(mp.irqs[irq].flags, shared ? 0x0f : 0);
	}
}

static gpa_t find_madt(void)
{
	gpa_t xsdt = mp_get(LAYOUT_ACPI + 24, 4);

	for (u32 at = 36; at < mp_get(xsdt + 4, 4); at += 8) {
		gpa_t table = mp_get(xsdt + at, 4);

		if (mp_is(table, "APIC"))
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
	mp_read(&mem);
	madt = find_madt();
	for (entry = madt + 44; entry < madt + mp_get(madt + 4, 4); entry += mp_get(entry + 1, 1)) {
		u8 type = mp_get(entry, 1);

		if (type == 0) {
			assert_int_equal(mp.apic_ids[mp_get(entry + 3, 1)], 1);
			lapics++;
		} else if (type == 1) {
			assert_int_equal(mp.ioapic_id, mp_get(entry + 2, 1));
		} else if (type == 2) {
			u8 source = mp_get(entry + 3, 1);

			assert_int_equal(mp.irqs[source].pin, mp_get(entry + 4, 4));
			assert_int_equal(mp.irqs[source].flags, mp_get(entry + 8, 2));
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
	assert_int_equal(logged.lines, 1);
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
		mp_read(&mem);
		assert_int_equal(mp.cpus, 3);
	}
	init_for_each(exit_module, &kvm);
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(mp_search(0xf0000, 0x100000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines_above_isa, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_pci_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pci_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_as_madt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_ram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_isa_lines, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
