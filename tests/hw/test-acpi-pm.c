// SPDX-License-Identifier: GPL-2.0-only
/*
 * hw/acpi-pm.c: button, SCI and power-off.
 */
#include "tests/lib/device-state.h"
#include "tests/lib/fake-machine.h"
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <kvm/log.h>
#include <string.h>

#define PM1_STATUS   PORT_ACPI_PM1_EVENT
#define PM1_ENABLE   (PORT_ACPI_PM1_EVENT + 2)
#define PM1_CONTROL  PORT_ACPI_PM1_CONTROL

#define POWER_BUTTON 0x0100
#define SCI_EN	     0x0001
#define SLP_EN	     0x2000
#define SLP_TYP(n)   ((n) << 10)

static void test_power_on(void **state)
{
	assert_int_equal(fake_in(PM1_STATUS, 2), 0);
	assert_int_equal(fake_in(PM1_ENABLE, 2), 0);
	assert_int_equal(fake_in(PM1_CONTROL, 2), SCI_EN);
	assert_false(fake_irq(GSI_ACPI));
}

static void test_button(void **state)
{
	fake_out(PM1_ENABLE, 2, POWER_BUTTON);
	assert_int_equal(fake_in(PM1_ENABLE, 2), POWER_BUTTON);
	kvm_press_power_button(0);
	assert_true(fake_irq(GSI_ACPI));
	assert_int_equal(fake_in(PM1_STATUS, 2), POWER_BUTTON);
	fake_out(PM1_STATUS, 2, (u16)~POWER_BUTTON); /* clears all the others */
	assert_true(fake_irq(GSI_ACPI));
	fake_out(PM1_STATUS, 2, POWER_BUTTON);
	assert_false(fake_irq(GSI_ACPI));
	assert_int_equal(fake_in(PM1_STATUS, 2), 0);
}

/* Pressed before the guest's driver was ready: it is told as soon as it listens. */
static void test_button_before_enable(void **state)
{
	kvm_press_power_button(0);
	assert_false(fake_irq(GSI_ACPI));
	fake_out(PM1_ENABLE, 2, POWER_BUTTON);
	assert_true(fake_irq(GSI_ACPI));
	fake_out(PM1_ENABLE, 2, 0);
	assert_false(fake_irq(GSI_ACPI));
	assert_int_equal(fake_irq_rises(GSI_ACPI), 1);
}

static void test_byte_access(void **state)
{
	fake_outb(PM1_ENABLE + 1, POWER_BUTTON >> 8);
	assert_int_equal(fake_in(PM1_ENABLE, 2), POWER_BUTTON);
	kvm_press_power_button(0);
	assert_int_equal(fake_inb(PM1_STATUS + 1), POWER_BUTTON >> 8);
	fake_outb(PM1_STATUS + 1, POWER_BUTTON >> 8);
	assert_false(fake_irq(GSI_ACPI));
	assert_int_equal(fake_in(PM1_STATUS, 4), POWER_BUTTON << 16);
}

static void test_only_defined_enables(void **state)
{
	fake_out(PM1_ENABLE, 2, 0xffff);
	assert_int_equal(fake_in(PM1_ENABLE, 2), 0x0520);
	assert_false(fake_irq(GSI_ACPI));
}

static void test_power_off(void **state)
{
	fake_out(PM1_CONTROL, 2, SCI_EN | SLP_TYP(ACPI_S5_SLP_TYP));
	assert_int_equal(fake.ends, 0);
	assert_int_equal(fake_in(PM1_CONTROL, 2), SCI_EN | SLP_TYP(ACPI_S5_SLP_TYP));
	fake_out(PM1_CONTROL, 2, SCI_EN | SLP_TYP(ACPI_S5_SLP_TYP) | SLP_EN);
	assert_int_equal(fake.ends, 1);
	assert_int_equal(fake.end_reason, END_POWEROFF);
	assert_int_equal(fake.end_status, 0);
	assert_int_equal(fake_in(PM1_CONTROL, 2) & SLP_EN, 0);
}

static void test_other_sleep_is_refused(void **state)
{
	log_record();
	for (unsigned int i = 0; i < 100; i++) {
		for (unsigned int type = 0; type < 8; type++) {
			if (type != ACPI_S5_SLP_TYP)
				fake_out(PM1_CONTROL, 2, SLP_TYP(type) | SLP_EN);
		}
	}
	log_record_end();
	assert_int_equal(fake.ends, 0);
	assert_in_range(logged.lines, 1, LOG_BURST);
	assert_ptr_equal(strstr(logged.last, "lkvm: warning: "), logged.last);
}

/* SCI_EN cannot be cleared; GBL_RLS goes nowhere and SLP_EN is write-only. */
static void test_control_bits(void **state)
{
	fake_out(PM1_CONTROL, 2, 0);
	assert_int_equal(fake_in(PM1_CONTROL, 2), SCI_EN);
	fake_out(PM1_CONTROL, 2, 0xdfff); /* all but SLP_EN */
	assert_int_equal(fake_in(PM1_CONTROL, 2), 0x1c03);
	assert_int_equal(fake_in(PM1_STATUS, 2), 0);
}

static void test_reset(void **state)
{
	fake_out(PM1_ENABLE, 2, POWER_BUTTON);
	kvm_press_power_button(0);
	assert_int_equal(device_reset_all(), 0);
	test_power_on(state);
}

/* The button is pressed and the SCI is high; a machine that starts with that state is the same. */
static void test_state(void **state)
{
	fake_out(PM1_ENABLE, 2, POWER_BUTTON);
	fake_out(PM1_CONTROL, 2, SLP_TYP(3));
	kvm_press_power_button(0);
	save_state("acpi-pm");

	assert_int_equal(device_reset_all(), 0);
	test_power_on(state);
	assert_int_equal(load_state("acpi-pm"), 0);
	assert_true(fake_irq(GSI_ACPI));
	assert_int_equal(fake_in(PM1_STATUS, 2), POWER_BUTTON);
	assert_int_equal(fake_in(PM1_ENABLE, 2), POWER_BUTTON);
	assert_int_equal(fake_in(PM1_CONTROL, 2), SCI_EN | SLP_TYP(3));
	fake_out(PM1_STATUS, 2, POWER_BUTTON);
	assert_false(fake_irq(GSI_ACPI));

	assert_refused("acpi-pm", 0, 0x02); /* a status that nothing sets */
	assert_refused("acpi-pm", 3, 0x80); /* an enable bit that cannot be set */
	assert_refused("acpi-pm", 5, 0x20); /* SLP_EN, which reads as 0 */
	assert_false(fake_irq(GSI_ACPI));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_on),
		TEST(test_button),
		TEST(test_button_before_enable),
		TEST(test_byte_access),
		TEST(test_only_defined_enables),
		TEST(test_power_off),
		TEST(test_other_sleep_is_refused),
		TEST(test_control_bits),
		TEST(test_reset),
		TEST(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
