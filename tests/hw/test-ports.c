// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one-port devices: hw/reset-port.c (through pci/pci.c, which owns its port), hw/exit-port.c,
 * hw/pvpanic.c.
 */
#include "tests/lib/device-state.h"
#include "tests/lib/fake-machine.h"
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <kvm/log.h>
#include <string.h>

static void test_reset_port(void **state)
{
	fake_outb(PORT_RESET, 0x02); /* says how, not that */
	assert_int_equal(fake.resets, 0);
	assert_int_equal(fake_inb(PORT_RESET), 0x02);
	fake_outb(PORT_RESET, RESET_VALUE);
	assert_int_equal(fake.resets, 1);
	assert_non_null(strstr(fake.reset_how, "0xcf9"));
	fake_outb(PORT_RESET, RESET_VALUE); /* no change of bit 2 */
	assert_int_equal(fake.resets, 1);
	fake_outb(PORT_RESET, 0x00);
	fake_outb(PORT_RESET, 0xf4);
	assert_int_equal(fake.resets, 2);
	assert_int_equal(fake_inb(PORT_RESET), 0x04);
}

/* A reset in place leaves the register ready for the next. */
static void test_reset_port_resets(void **state)
{
	fake_outb(PORT_RESET, RESET_VALUE);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(fake_inb(PORT_RESET), 0);
	fake_outb(PORT_RESET, RESET_VALUE);
	assert_int_equal(fake.resets, 2);
}

/* Without bits 1 and 3 it is the CPU alone. */
static void test_reset_port_cpu(void **state)
{
	static const u8 deep[] = {0x06, 0x0c, 0x0e};

	fake_outb(PORT_RESET, 0x04);
	assert_int_equal(fake.cpu_resets, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(deep); i++) {
		fake_outb(PORT_RESET, 0);
		fake_outb(PORT_RESET, deep[i]);
		assert_int_equal(fake.resets, 2 + i);
	}
	assert_int_equal(fake.cpu_resets, 1);
}

static void test_system_control_a(void **state)
{
	assert_int_equal(fake_inb(PORT_SYSTEM_A), 0x02); /* A20 is open */
	fake_outb(PORT_SYSTEM_A, 0xfe);
	assert_int_equal(fake_inb(PORT_SYSTEM_A), 0x02);
	fake_outb(PORT_SYSTEM_A, 0x00);
	assert_int_equal(fake_inb(PORT_SYSTEM_A), 0x00);
	assert_int_equal(fake.resets, 0);
	/* As code does it: read, set the bit, write. It works a second time. */
	for (unsigned int i = 1; i <= 2; i++) {
		fake_outb(PORT_SYSTEM_A, fake_inb(PORT_SYSTEM_A) | 1);
		assert_int_equal(fake.resets, i);
		assert_int_equal(fake.cpu_resets, i);
		assert_string_equal(fake.reset_how, "port 0x92");
	}
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(fake_inb(PORT_SYSTEM_A), 0x02);
}

static void test_reset_port_state(void **state)
{
	fake_outb(PORT_RESET, 0x0a);
	fake_outb(PORT_SYSTEM_A, 0x00);
	save_state("reset-port");

	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(fake_inb(PORT_RESET), 0);
	assert_int_equal(load_state("reset-port"), 0);
	assert_int_equal(fake_inb(PORT_RESET), 0x0a);
	assert_int_equal(fake_inb(PORT_SYSTEM_A), 0x00);
	assert_int_equal(fake.resets, 0);
	fake_outb(PORT_RESET, 0x0e);
	assert_int_equal(fake.resets, 1);
	assert_refused("reset-port", 0, 0x10);
	assert_refused("reset-port", 1, 0x01);
	assert_int_equal(fake_inb(PORT_RESET), 0x0e);
}

static void test_exit_port(void **state)
{
	static const unsigned int widths[] = {1, 2, 4};

	for (unsigned int i = 0; i < ARRAY_SIZE(widths); i++) {
		fake.ends = 0;
		fake_out(PORT_EXIT, widths[i], 0x0403022a + i);
		assert_int_equal(fake.ends, 1);
		assert_int_equal(fake.end_reason, END_EXIT);
		assert_int_equal(fake.end_status, 0x2a + i);
	}
	fake_outb(PORT_EXIT + 1, 1);
	assert_int_equal(fake.ends, 1);
	assert_int_equal(fake_inb(PORT_EXIT), 0xff);
	assert_int_equal(fake_in(PORT_EXIT, 4), 0xffffffff);
}

static void test_pvpanic(void **state)
{
	assert_int_equal(fake_inb(PORT_PVPANIC), 0x03);
	fake_outb(PORT_PVPANIC, 0x01);
	assert_int_equal(fake.panics, 1);
	log_record();
	for (unsigned int i = 0; i < 100; i++)
		fake_outb(PORT_PVPANIC, 0x02);
	log_record_end();
	assert_int_equal(fake.panics, 1); /* the guest goes on */
	assert_in_range(logged.lines, 1, LOG_BURST);
	fake_outb(PORT_PVPANIC, 0xfc);
	assert_int_equal(fake.panics, 1);
	assert_int_equal(fake.ends, 0);
}

static void see_record(void *arg, const struct device_record *record)
{
	if (!strcmp(record->hid, "PNP0A03"))
		return; /* tests/pci/test-pci.c's */
	assert_string_equal(record->hid, "QEMU0001");
	assert_string_equal(record->stem, "PEV");
	assert_int_equal(record->count, 1);
	assert_int_equal(record->resources[0].type, RESOURCE_PORT);
	assert_int_equal(record->resources[0].base, PORT_PVPANIC);
	++*(unsigned int *)arg;
}

static void see_device(struct device *dev, void *arg)
{
	if (dev->describe)
		dev->describe(dev, see_record, arg);
}

static void test_describe(void **state)
{
	unsigned int records = 0;

	device_for_each(see_device, &records);
	assert_int_equal(records, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset_port),	     TEST(test_reset_port_resets),
		TEST(test_reset_port_cpu),   TEST(test_system_control_a),
		TEST(test_reset_port_state), TEST(test_exit_port),
		TEST(test_pvpanic),	     TEST(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
