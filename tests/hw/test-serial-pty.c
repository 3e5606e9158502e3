// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins hw/serial-pty.c with the real hw/serial.c: COM2 as the guest uses it on one side, the
 * pseudo-terminal that lkvm names on the other.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <fcntl.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <linux/serial_reg.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 2000

static int terminal;

static int parse(const char *word)
{
	char *argv[] = {(char *)"lkvm", (char *)(uintptr_t)word, NULL};
	int positional;

	return options_parse("run", 2, argv, &positional);
}

static int setup(void **state)
{
	const char *name;

	log_record();
	assert_int_equal(parse("--tty=1"), 0);
	fake_start();
	assert_non_null(strstr(logged.last, "ttyS1 of the guest is "));
	name = strstr(logged.last, "/dev/pts/");
	assert_non_null(name);
	terminal = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(terminal >= 0);
	return 0;
}

static int teardown(void **state)
{
	close(terminal);
	fake_stop();
	return 0;
}

static void expect(const char *text)
{
	struct pollfd ready = {.fd = terminal, .events = POLLIN};
	char got[256] = "";
	size_t len = 0;

	while (len < strlen(text)) {
		ssize_t n;

		assert_int_equal(poll(&ready, 1, patient_ms(PATIENCE_MS)), 1);
		n = read(terminal, got + len, sizeof(got) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_string_equal(got, text);
}

static void say(const char *text)
{
	for (; *text; text++)
		fake_outb(PORT_COM2 + UART_TX, (u8)*text);
}

static void hear(const char *text)
{
	for (; *text; text++) {
		for (int i = 0; i < patient_ms(PATIENCE_MS); i++) {
			if (fake_inb(PORT_COM2 + UART_LSR) & UART_LSR_DR)
				break;
			usleep(1000);
		}
		assert_true(fake_inb(PORT_COM2 + UART_LSR) & UART_LSR_DR);
		assert_int_equal(fake_inb(PORT_COM2 + UART_RX), *text);
	}
}

static void test_output(void **state)
{
	say("hello\r\n");
	expect("hello\r\n");
	assert_int_equal(fake.output_len, 0);
}

/* More than a FIFO holds, and no byte before the guest asks for it by RTS. */
static void test_input(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog";

	assert_int_equal(write(terminal, text, strlen(text)), (ssize_t)strlen(text));
	usleep(20000);
	assert_false(fake_inb(PORT_COM2 + UART_LSR) & UART_LSR_DR);
	fake_outb(PORT_COM2 + UART_FCR, UART_FCR_ENABLE_FIFO);
	fake_outb(PORT_COM2 + UART_MCR, UART_MCR_RTS);
	hear(text);
}

/* Somebody is there: carrier, ready, clear to send. The other spare port leads nowhere. */
static void test_modem_lines(void **state)
{
	assert_int_equal(fake_inb(PORT_COM2 + UART_MSR) & 0xf0,
			 UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	assert_int_equal(fake_inb(PORT_COM3 + UART_MSR) & 0xf0, 0);
}

/* Nobody reads: the guest goes on, and the reader who comes late has the end of it. */
static void test_nobody_reads(void **state)
{
	struct pollfd ready = {.fd = terminal, .events = POLLIN};
	char bytes[4096], last = 0;
	ssize_t n;

	for (int i = 0; i < 100000; i++)
		fake_outb(PORT_COM2 + UART_TX, '.');
	fake_outb(PORT_COM2 + UART_TX, '!');
	while (poll(&ready, 1, 200) == 1 && (n = read(terminal, bytes, sizeof(bytes))) > 0)
		last = bytes[n - 1];
	assert_int_equal(last, '!');
}

static void test_ports_that_are_not(void **state)
{
	assert_true(parse("--tty=0") < 0);
	assert_true(parse("--tty=4") < 0);
	assert_true(parse("--tty=x") < 0);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_output),
		EACH(test_input),
		EACH(test_modem_lines),
		EACH(test_nobody_reads),
		cmocka_unit_test(test_ports_that_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
