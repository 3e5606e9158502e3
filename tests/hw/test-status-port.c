// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins hw/status-port.c with the real hw/serial.c: which port it takes, and which lines of a guest
 * are the status of lkvm's init.
 */
#include "hw/serial.h"
#include "tests/lib/fake-machine.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/status-port.h>
#include <linux/serial_reg.h>
#include <stdio.h>
#include <string.h>

static char number[33]; /* of the last port_open() */

static void port_open(const char *tty)
{
	const char *told = status_port_open();

	assert_non_null(told);
	assert_int_equal(strncmp(told, tty, 5), 0);
	assert_int_equal(told[5], ' ');
	snprintf(number, sizeof(number), "%s", told + 6);
	assert_int_equal(strspn(number, "0123456789abcdef"), 32);
	assert_int_equal(strlen(told), 6 + 32);
	fake.ends = 0;
}

/* A guest's program writes to the port; %s in the text is the number. */
static void guest_says(u16 port, const char *text)
{
	char bytes[512];
	size_t len;

	len = (size_t)snprintf(bytes, sizeof(bytes), text, number);
	assert_true(len < sizeof(bytes));
	for (size_t i = 0; i < len; i++)
		fake_outb(port + UART_TX, (u8)bytes[i]);
}

#define assert_ended(status)                                 \
	do {                                                 \
		assert_int_equal(fake.ends, 1);              \
		assert_int_equal(fake.end_reason, END_EXIT); \
		assert_int_equal(fake.end_status, status);   \
		fake.ends = 0;                               \
	} while (0)

static void test_message(void **state)
{
	port_open("ttyS1");
	guest_says(PORT_COM2, "\nlkvm-status %s 7\n");
	assert_ended(7);
	guest_says(PORT_COM2, "lkvm-status %s 0\r\n"); /* as a terminal in its usual mode says it */
	assert_ended(0);
	guest_says(PORT_COM2, "lkvm-status %s 255\n");
	assert_ended(255);
	guest_says(PORT_COM2, "getty: login: \nlkvm-status %s 137\n");
	assert_ended(137);
}

/* Nothing ends before the line does. */
static void test_half_a_message(void **state)
{
	port_open("ttyS1");
	guest_says(PORT_COM2, "lkvm-status %s 12");
	assert_int_equal(fake.ends, 0);
	guest_says(PORT_COM2, "3\n");
	assert_ended(123);
}

static void test_no_message(void **state)
{
	static const char *const texts[] = {
		"lkvm-status %s\n",
		"lkvm-status %s \n",
		"lkvm-status %s 256\n",
		"lkvm-status %s -1\n",
		"lkvm-status %s 7 \n",
		"lkvm-status %s 7x\n",
		"lkvm-status %s7\n",
		"x lkvm-status %s 7\n",
		"lkvm-status 7 %s\n",
		"lkvm-status  %s 7\n",
		"lkvm-status %s0 7\n",
		"LKVM-STATUS %s 7\n",
		"lkvm-status 0 %s 7\n",
		"lkvm-status %s\n 7\n",
		"\n\n\r\n",
		"%s 7\n",
		"lkvm-status %s\r 7\r\n",
		"lkvm-status %s 18446744073709551623\n",
	};

	port_open("ttyS1");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		guest_says(PORT_COM2, texts[i]);
	assert_int_equal(fake.ends, 0);
	/* Each character of the number counts. */
	for (size_t i = 0; i < 32; i++) {
		char right = number[i];

		number[i] = right == '0' ? '1' : '0';
		guest_says(PORT_COM2, "lkvm-status %s 7\n");
		assert_int_equal(fake.ends, 0);
		number[i] = right;
	}
	guest_says(PORT_COM2, "lkvm-status %s 7\n");
	assert_ended(7);
}

/* A line without an end takes no room, and the message after it is heard. */
static void test_long_lines(void **state)
{
	port_open("ttyS1");
	for (unsigned int i = 0; i < 100000; i++)
		fake_outb(PORT_COM2, i % 100 ? 'x' : 0);
	guest_says(PORT_COM2, "lkvm-status %s 7\n");
	assert_int_equal(fake.ends, 0); /* it stood in the long line */
	guest_says(PORT_COM2, "lkvm-status %s 7\n");
	assert_ended(7);
	guest_says(PORT_COM2, "lkvm-status %s 1                                               "
			      "                                                               \n");
	assert_int_equal(fake.ends, 0);
	fake_outb(PORT_COM2, 0);
	guest_says(PORT_COM2, "lkvm-status %s 7\n");
	assert_int_equal(fake.ends, 0);
}

/* Each power-on has its own number, also on another port. */
static void test_new_number(void **state)
{
	char before[33];

	port_open("ttyS1");
	memcpy(before, number, sizeof(before));
	guest_says(PORT_COM2, "half a line");
	port_open("ttyS1");
	assert_string_not_equal(number, before);
	guest_says(PORT_COM2, "lkvm-status %s 3\n");
	assert_ended(3);
	memcpy(number, before, sizeof(before));
	guest_says(PORT_COM2, "lkvm-status %s 3\n");
	assert_int_equal(fake.ends, 0);
}

static void nowhere(void *arg, u8 byte, bool by_program)
{
}

static const struct serial_wire other = {.write = nowhere};

static void test_which_port(void **state)
{
	static const char *params[] = {"quiet console=ttyS1,115200", "earlyprintk=ttyS3"};

	config.params = (struct option_list){.items = params, .count = 1};
	port_open("ttyS3");
	guest_says(PORT_COM2, "lkvm-status %s 1\n");
	guest_says(PORT_COM1, "lkvm-status %s 1\n");
	assert_int_equal(fake.ends, 0);
	guest_says(PORT_COM4, "lkvm-status %s 1\n");
	assert_ended(1);
	config.params.count = 2;
	port_open("ttyS2");
	guest_says(PORT_COM3, "lkvm-status %s 2\n");
	assert_ended(2);
	serial_connect(3, &other);
	assert_null(status_port_open());
	config.params.count = 0;
	serial_connect(2, &other);
	port_open("ttyS3");
	serial_connect(2, NULL);
	serial_connect(3, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_message),    TEST(test_half_a_message), TEST(test_no_message),
		TEST(test_long_lines), TEST(test_new_number),	  TEST(test_which_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
