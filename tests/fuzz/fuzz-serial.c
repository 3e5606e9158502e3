// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a hostile guest and a careless console against hw/serial.c.
 *
 * The first byte of an input says whether the interrupt lines are checked after each step (which
 * reads IIR, and so acknowledges) or only at the end. Each step after it is three bytes: what is
 * done, where, and with what. Invariants, besides what the sanitizers see:
 * - a line is high exactly when a chip on it has a cause in IIR and its OUT2 gate open;
 * - IIR names one of the six causes, LSR always says that the transmitter is ready;
 * - room() is at most 16, and 0 without RTS or in loopback;
 * - no more than 16 bytes come out of a receiver.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/fuzz.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <linux/serial_reg.h>

static const u16 com_ports[] = {PORT_COM1, PORT_COM2, PORT_COM3, PORT_COM4};

enum step {
	STEP_READ,
	STEP_WRITE,
	STEP_WRITE_AGAIN, /* writes are where most state is: twice as likely */
	STEP_READ_WIDE,
	STEP_WRITE_WIDE,
	STEP_INPUT,
	STEP_INPUT_AS_ROOM,
	STEP_BREAK,
	STEP_FULL,
	STEP_WRITABLE,
	STEP_RESET,
	STEP_COUNT,
};

static size_t room(void)
{
	return fake.console.room(fake.console.dev);
}

static void input(size_t len)
{
	static const u8 bytes[64] = "what somebody types";

	fake.console.input(fake.console.dev, bytes, MIN(len, sizeof(bytes)));
}

/* Does this chip want its line high? Reads IIR: a THRE interrupt is acknowledged. */
static bool wants_line(u16 port)
{
	u8 mcr = fake_inb(port + UART_MCR);
	u8 iir = fake_inb(port + UART_IIR);
	u8 cause = iir & 0x3f;

	CHECK((iir & 0xc0) == 0 || (iir & 0xc0) == 0xc0);
	CHECK(cause == UART_IIR_NO_INT || cause == UART_IIR_MSI || cause == UART_IIR_THRI ||
	      cause == UART_IIR_RDI || cause == UART_IIR_RLSI || cause == UART_IIR_RX_TIMEOUT);
	return cause != UART_IIR_NO_INT && (mcr & UART_MCR_OUT2) && !(mcr & UART_MCR_LOOP);
}

static void check_line(u32 gsi, u16 first, u16 second)
{
	bool level = fake_irq(gsi);
	bool wanted = wants_line(first);

	wanted |= wants_line(second);
	CHECK(level == wanted);
}

static void check_lines(void)
{
	check_line(GSI_COM1, PORT_COM1, PORT_COM3);
	check_line(GSI_COM2, PORT_COM2, PORT_COM4);
}

static void check_room(void)
{
	u8 mcr = fake_inb(PORT_COM1 + UART_MCR);

	CHECK(room() <= 16);
	if (!(mcr & UART_MCR_RTS) || (mcr & UART_MCR_LOOP))
		CHECK(room() == 0);
}

static void check_drains(u16 port)
{
	unsigned int count = 0;

	fake_outb(port + UART_LCR, 0);
	for (;;) {
		u8 lsr = fake_inb(port + UART_LSR);

		CHECK((lsr & 0x60) == 0x60);
		if (!(lsr & UART_LSR_DR))
			break;
		fake_inb(port + UART_RX);
		CHECK(++count <= 16);
	}
}

static void do_step(u8 what, u8 where, u8 with)
{
	u16 port = com_ports[where >> 3 & 3] + (where & 7);

	switch (what % STEP_COUNT) {
	case STEP_READ:
		fake_inb(port);
		break;
	case STEP_WRITE:
	case STEP_WRITE_AGAIN:
		fake_outb(port, with);
		break;
	case STEP_READ_WIDE:
		fake_in(port, 1U << with % 3);
		break;
	case STEP_WRITE_WIDE:
		fake_out(port, 1U << with % 3, with * 0x01010101U);
		break;
	case STEP_INPUT:
		input(with);
		break;
	case STEP_INPUT_AS_ROOM:
		input(room());
		break;
	case STEP_BREAK:
		fake.console.send_break(fake.console.dev);
		break;
	case STEP_FULL:
		fake.console_full = true;
		break;
	case STEP_WRITABLE:
		fake.console_full = false;
		fake.console.writable(fake.console.dev);
		break;
	case STEP_RESET:
		device_reset_all();
		break;
	}
	fake.output_len = 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fake_start();
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	bool each;

	if (!size)
		return 0;
	each = data[0] & 1;
	fake.console_full = false;
	device_reset_all();
	for (size_t i = 1; i + 2 < size; i += 3) {
		do_step(data[i], data[i + 1], data[i + 2]);
		check_room();
		if (each)
			check_lines();
	}
	check_lines();
	for (size_t i = 0; i < ARRAY_SIZE(com_ports); i++)
		check_drains(com_ports[i]);
	check_lines();
	return 0;
}
