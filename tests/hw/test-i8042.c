// SPDX-License-Identifier: GPL-2.0-only
/*
 * hw/i8042.c as kernels, boot loaders and probes meet it.
 */
#include "tests/lib/device-state.h"
#include "tests/lib/fake-machine.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <string.h>

#define OBF 0x01
#define IBF 0x02

static void command(u8 value)
{
	assert_int_equal(fake_inb(PORT_I8042_COMMAND) & IBF, 0); /* nobody waits to send */
	fake_outb(PORT_I8042_COMMAND, value);
}

static void test_reset_command(void **state)
{
	command(0xfe);
	assert_int_equal(fake.resets, 1);
	assert_string_equal(fake.reset_how, "i8042 command 0xfe");
	assert_int_equal(fake.cpu_resets, 1);
}

static void test_pulse_commands(void **state)
{
	for (unsigned int value = 0; value < 0xf0; value++)
		command(value);
	assert_int_equal(fake.resets, 0);
	for (unsigned int value = 0xf0; value <= 0xff; value++) {
		fake.resets = 0;
		command(value);
		assert_int_equal(fake.resets, !(value & 1));
	}
}

static void test_output_port(void **state)
{
	fake_outb(PORT_I8042_DATA, 0x00); /* keyboard data: nobody there */
	command(0xd1);
	fake_outb(PORT_I8042_DATA, 0xdd); /* A20 off, CPU runs */
	assert_int_equal(fake.resets, 0);
	command(0xd0);
	assert_int_equal(fake_inb(PORT_I8042_COMMAND) & OBF, OBF);
	assert_int_equal(fake_inb(PORT_I8042_DATA), 0xdd);
	command(0xd1);
	fake_outb(PORT_I8042_DATA, 0xde);
	assert_int_equal(fake.resets, 1);
	assert_string_equal(fake.reset_how, "i8042 output port");
	assert_int_equal(fake.cpu_resets, 1);
	fake_outb(PORT_I8042_DATA, 0x00); /* only the byte after 0xd1 counts */
	assert_int_equal(fake.resets, 1);
}

/* Linux's probe takes 16 bytes and concludes that nothing is there. */
static void test_probe_finds_nothing(void **state)
{
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(fake_inb(PORT_I8042_COMMAND), OBF);
		assert_int_equal(fake_inb(PORT_I8042_DATA), 0xff);
	}
	assert_int_equal(fake_inb(PORT_I8042_COMMAND), OBF);
}

/* Code that drains the buffer until it is empty comes to an end. */
static void test_drain_ends(void **state)
{
	unsigned int drained = 0;

	while (fake_inb(PORT_I8042_COMMAND) & OBF) {
		fake_inb(PORT_I8042_DATA);
		assert_true(++drained < 100);
	}
	command(0xd0);
	assert_int_equal(fake_inb(PORT_I8042_DATA), 0x03);
	assert_int_equal(fake_inb(PORT_I8042_COMMAND), 0);
}

static void test_reset_forgets(void **state)
{
	command(0xd1);
	assert_int_equal(device_reset_all(), 0);
	fake_outb(PORT_I8042_DATA, 0x00);
	assert_int_equal(fake.resets, 0);
	assert_int_equal(fake_inb(PORT_I8042_COMMAND), OBF);
}

/* In the middle of a command, with some of the absent bytes read. */
static void test_state(void **state)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < 30; i++)
		fake_inb(PORT_I8042_DATA);
	command(0xd1);
	fake_outb(PORT_I8042_DATA, 0xdd);
	command(0xd1);
	save_state("i8042");

	assert_int_equal(device_reset_all(), 0);
	fake_outb(PORT_I8042_DATA, 0x00);
	assert_int_equal(fake.resets, 0);
	assert_int_equal(load_state("i8042"), 0);
	while (fake_inb(PORT_I8042_COMMAND) & OBF) {
		fake_inb(PORT_I8042_DATA);
		left++;
	}
	assert_int_equal(left, 2);
	fake_outb(PORT_I8042_DATA, 0x55); /* the byte of 0xd1 */
	assert_int_equal(fake.resets, 0);
	command(0xd0);
	assert_int_equal(fake_inb(PORT_I8042_DATA), 0x55);
}

static void test_state_in_a_reply(void **state)
{
	command(0xd1);
	fake_outb(PORT_I8042_DATA, 0xdd);
	command(0xd0);
	save_state("i8042");
	assert_int_equal(fake_inb(PORT_I8042_DATA), 0xdd);
	assert_int_equal(fake_inb(PORT_I8042_DATA), 0xff);
	assert_int_equal(load_state("i8042"), 0);
	assert_int_equal(fake_inb(PORT_I8042_DATA), 0xdd);
	assert_refused("i8042", 1, 2);	/* output_next is a flag */
	assert_refused("i8042", 2, 2);	/* so is reply */
	assert_refused("i8042", 3, 33); /* there are 32 absent bytes */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset_command), TEST(test_pulse_commands),
		TEST(test_output_port),	  TEST(test_probe_finds_nothing),
		TEST(test_drain_ends),	  TEST(test_reset_forgets),
		TEST(test_state),	  TEST(test_state_in_a_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
