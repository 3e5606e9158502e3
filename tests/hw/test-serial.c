// SPDX-License-Identifier: GPL-2.0-only
/*
 * hw/serial.c, register by register, as the PC16550D's data sheet has it.
 */
#include "serial-fixture.h"

static const u16 com_ports[] = {PORT_COM1, PORT_COM2, PORT_COM3, PORT_COM4};

/* What Linux does to the console before its init, and then for it. */
static void test_opened(void **state)
{
	/* A console that printk polls; a probe that tries all bits, also in loopback. */
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
	set(UART_IER, 0x0f);
	set(UART_IER, 0);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	set(UART_IER, 0x0f);
	set(UART_IER, 0);
	/* The test of the transmitter's interrupt at the beginning of an open. */
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	set(UART_IER, UART_IER_THRI);
	set(UART_IER, 0);
	/* The divisor is no IER. */
	set(UART_LCR, UART_LCR_DLAB);
	set(UART_IER, UART_IER_RDI);
	set(UART_LCR, 0);
	assert_int_equal(fake.opens, 0);

	set(UART_IER, UART_IER_RLSI | UART_IER_RDI);
	assert_int_equal(fake.opens, 1);
	set(UART_IER, UART_IER_RLSI | UART_IER_RDI | UART_IER_THRI);
	set(UART_IER, UART_IER_RLSI | UART_IER_RDI);
	assert_int_equal(fake.opens, 1);
	set(UART_IER, 0);
	assert_int_equal(fake.opens, 1);
	/* In the other order as well. */
	set(UART_MCR, 0);
	set(UART_IER, UART_IER_RDI);
	assert_int_equal(fake.opens, 1);
	set(UART_MCR, UART_MCR_OUT2);
	assert_int_equal(fake.opens, 2);
	/* COM2 is no console. */
	fake_outb(PORT_COM2 + UART_MCR, UART_MCR_OUT2);
	fake_outb(PORT_COM2 + UART_IER, UART_IER_RDI);
	assert_int_equal(fake.opens, 2);
}

static void test_power_on(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(com_ports); i++) {
		u16 port = com_ports[i];

		assert_int_equal(fake_inb(port + UART_IER), 0);
		assert_int_equal(fake_inb(port + UART_IIR), UART_IIR_NO_INT);
		assert_int_equal(fake_inb(port + UART_LCR), 0);
		assert_int_equal(fake_inb(port + UART_MCR), 0);
		assert_int_equal(fake_inb(port + UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
		assert_int_equal(fake_inb(port + UART_MSR), i == 0 ? 0xb0 : 0x00);
	}
	assert_false(fake_irq(GSI_COM1));
	assert_false(fake_irq(GSI_COM2));
}

/* What a driver does to tell an 8250, 16450, 16550, 16550A and 16750 apart. */
static void test_is_a_16550a(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(com_ports); i++) {
		u16 port = com_ports[i];

		fake_outb(port + UART_IER, 0xff);
		assert_int_equal(fake_inb(port + UART_IER), 0x0f);
		fake_outb(port + UART_IER, 0);
		fake_outb(port + UART_SCR, 0xa5);
		assert_int_equal(fake_inb(port + UART_SCR), 0xa5);
		fake_outb(port + UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
		assert_int_equal(fake_inb(port + UART_MSR) & 0xf0, 0x90);
		fake_outb(port + UART_MCR, 0);
		fake_outb(port + UART_FCR, UART_FCR_ENABLE_FIFO);
		assert_int_equal(fake_inb(port + UART_IIR) >> 6, 3);
		fake_outb(port + UART_LCR, UART_LCR_DLAB);
		fake_outb(port + UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
		assert_int_equal(fake_inb(port + UART_IIR) >> 5, 6);
		fake_outb(port + UART_LCR, 0);
		fake_outb(port + UART_FCR, 0);
		assert_int_equal(fake_inb(port + UART_IIR) >> 6, 0);
	}
}

static void test_dlab_selects_divisor(void **state)
{
	set(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	set(UART_DLL, 0x34);
	set(UART_DLM, 0x12);
	assert_int_equal(get(UART_DLL), 0x34);
	assert_int_equal(get(UART_DLM), 0x12);
	set(UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(get(UART_IER), 0);
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(fake.output_len, 0);
	set(UART_LCR, UART_LCR_DLAB);
	assert_int_equal(get(UART_DLL), 0x34);
}

static void test_output_of_com1_only(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(com_ports); i++)
		fake_outb(com_ports[i] + UART_TX, '1' + i);
	assert_int_equal(fake.output_len, 1);
	assert_int_equal(fake.output[0], '1');
	for (unsigned int i = 0; i < ARRAY_SIZE(com_ports); i++)
		assert_int_equal(fake_inb(com_ports[i] + UART_LSR), 0x60);
}

/* All four causes at once; each stays hidden until the one above it is served. */
static void test_iir_priority(void **state)
{
	open_com1();
	set(UART_MCR, UART_MCR_LOOP); /* CTS, DSR and DCD fall: delta bits */
	set(UART_MCR, UART_MCR_RTS | UART_MCR_OUT2);
	fake.console.send_break(fake.console.dev);
	input("12345678", 8);
	set(UART_IER, 0x0f);

	assert_int_equal(cause(), UART_IIR_RLSI);
	assert_int_equal(cause(), UART_IIR_RLSI);
	get(UART_LSR);
	assert_int_equal(cause(), UART_IIR_RDI);
	get(UART_RX);
	get(UART_RX);
	assert_int_equal(cause(), UART_IIR_RX_TIMEOUT);
	for (unsigned int i = 0; i < 7; i++)
		get(UART_RX);
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_THRI);
	assert_int_equal(cause(), UART_IIR_MSI);
	assert_int_equal(get(UART_MSR), 0xbb);
	assert_int_equal(cause(), UART_IIR_NO_INT);
	assert_false(fake_irq(GSI_COM1));
}

static void test_thre_interrupt(void **state)
{
	open_com1();
	set(UART_IER, UART_IER_THRI); /* THR is empty: enabling interrupts at once */
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_THRI);
	assert_false(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_NO_INT);

	set(UART_TX, 'a');
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_THRI);

	set(UART_IER, UART_IER_THRI); /* was enabled before: no news */
	assert_int_equal(cause(), UART_IIR_NO_INT);
	set(UART_IER, 0);
	set(UART_IER, UART_IER_THRI);
	assert_int_equal(cause(), UART_IIR_THRI);
}

/* A burst of 16 writes costs one edge. */
static void test_burst_raises_line_once(void **state)
{
	unsigned int rises;

	open_com1();
	set(UART_IER, UART_IER_THRI);
	get(UART_IIR);
	rises = fake_irq_rises(GSI_COM1);
	for (unsigned int i = 0; i < 16; i++)
		set(UART_TX, 'x');
	assert_int_equal(fake_irq_rises(GSI_COM1), rises + 1);
	assert_int_equal(fake.output_len, 16);
}

/* IER.THRI at the write: Linux's console clears IER, its tty driver sends with it. */
static void test_who_wrote(void **state)
{
	set(UART_TX, 'a'); /* earlycon: no driver yet */
	open_com1();
	set(UART_IER, UART_IER_RDI | UART_IER_RLSI);
	set(UART_TX, 'b');
	assert_int_equal(fake.sources[LINES_KERNEL], 2);
	set(UART_IER, UART_IER_RDI | UART_IER_RLSI | UART_IER_THRI);
	set(UART_TX, 'c');
	assert_int_equal(fake.sources[LINES_PROGRAM], 1);
	set(UART_IER, 0);
	set(UART_TX, 'd');
	assert_int_equal(fake.sources[LINES_KERNEL], 3);
	assert_int_equal(fake.sources[LINES_PROGRAM], 1);
	assert_int_equal(fake.sources[LINES_UNKNOWN], 0);
}

static void test_full_console_withholds_thre(void **state)
{
	open_com1();
	set(UART_IER, UART_IER_THRI);
	get(UART_IIR);
	fake.console_full = true;
	set(UART_TX, 'a');
	assert_false(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_NO_INT);
	assert_int_equal(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	set(UART_IER, 0);
	set(UART_IER, UART_IER_THRI);
	assert_int_equal(cause(), UART_IIR_NO_INT);

	fake.console_full = false;
	fake.console.writable(fake.console.dev);
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_THRI);
	assert_false(fake_irq(GSI_COM1));
}

static void test_trigger_levels(void **state)
{
	static const unsigned int levels[] = {1, 4, 8, 14};

	open_com1();
	set(UART_IER, UART_IER_RDI);
	for (unsigned int i = 0; i < ARRAY_SIZE(levels); i++) {
		set(UART_FCR, i << 6 | UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
		for (unsigned int n = 1; n < levels[i]; n++) {
			input("x", 1);
			assert_int_equal(get(UART_IIR), 0xc0 | UART_IIR_RX_TIMEOUT);
		}
		input("x", 1);
		assert_int_equal(get(UART_IIR), 0xc0 | UART_IIR_RDI);
	}
}

static void test_fifo_keeps_order_and_overruns(void **state)
{
	open_com1();
	set(UART_IER, UART_IER_RLSI);
	input("abcdefghijklmnop", 16);
	assert_int_equal(get(UART_LSR), 0x61);
	assert_false(fake_irq(GSI_COM1));
	input("q", 1);
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(get(UART_LSR), 0x61 | UART_LSR_OE);
	assert_false(fake_irq(GSI_COM1));
	assert_int_equal(get(UART_LSR), 0x61);
	for (u8 c = 'a'; c <= 'p'; c++)
		assert_int_equal(get(UART_RX), c);
	assert_int_equal(get(UART_LSR), 0x60);
}

static void test_16450_has_one_register(void **state)
{
	set(UART_MCR, UART_MCR_RTS | UART_MCR_OUT2);
	set(UART_IER, UART_IER_RDI);
	assert_int_equal(room(), 1);
	input("a", 1);
	assert_int_equal(room(), 0);
	assert_int_equal(get(UART_IIR), UART_IIR_RDI);
	input("b", 1);
	assert_int_equal(get(UART_LSR), 0x61 | UART_LSR_OE);
	assert_int_equal(get(UART_RX), 'b');
	assert_int_equal(get(UART_LSR), 0x60);
}

static void test_fifo_control(void **state)
{
	open_com1();
	input("abc", 3);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_XMIT);
	assert_int_equal(get(UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_int_equal(get(UART_LSR) & UART_LSR_DR, 0);
	input("abc", 3);
	set(UART_FCR, 0); /* leaving FIFO mode empties it */
	assert_int_equal(get(UART_LSR) & UART_LSR_DR, 0);
	set(UART_IER, UART_IER_RDI);
	assert_int_equal(room(), 1);
}

static void test_loopback_of_data(void **state)
{
	open_com1();
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	for (unsigned int i = 0; i < 17; i++)
		set(UART_TX, 'A' + i);
	assert_int_equal(fake.output_len, 0);
	assert_int_equal(get(UART_LSR), 0x61 | UART_LSR_OE);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(get(UART_RX), 'A' + i);
	assert_int_equal(room(), 0); /* the wire is not connected */
	input("x", 1);
	assert_int_equal(get(UART_LSR), 0x60);
}

static void test_loopback_of_modem_lines(void **state)
{
	static const struct {
		u8 mcr, msr;
	} wires[] = {
		{UART_MCR_RTS, UART_MSR_CTS},
		{UART_MCR_DTR, UART_MSR_DSR},
		{UART_MCR_OUT1, UART_MSR_RI},
		{UART_MCR_OUT2, UART_MSR_DCD},
	};

	set(UART_MCR, UART_MCR_LOOP);
	assert_int_equal(get(UART_MSR), UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD);
	for (unsigned int i = 0; i < ARRAY_SIZE(wires); i++) {
		bool ring = wires[i].mcr == UART_MCR_OUT1;
		u8 delta = wires[i].msr >> 4;

		set(UART_MCR, UART_MCR_LOOP | wires[i].mcr);
		assert_int_equal(get(UART_MSR), wires[i].msr | (ring ? 0 : delta));
		assert_int_equal(get(UART_MSR), wires[i].msr);
		set(UART_MCR, UART_MCR_LOOP);
		assert_int_equal(get(UART_MSR), delta); /* RI: the trailing edge is told */
	}
}

static void reset_all(void *arg)
{
	*(int *)arg = device_reset_all();
}

/* --- the line between lkvm and its own init --- */

/* OUT1 up with RTS, without loopback, is a call; DTR says which. It counts once. */
static void test_out1_calls(void **state)
{
	u8 framed[8];
	size_t len = 0;
	unsigned int room_changes = fake.room_changes;

	own_init_expect(true);
	/* Linux with CONFIG_SERIAL_8250_DETECT_IRQ looks for the port's interrupt. */
	set(UART_MCR, UART_MCR_OUT1 | UART_MCR_OUT2);
	set(UART_MCR, 0);
	assert_true(own_init_frames());
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_LOOP);
	assert_int_equal(own_init_frame(NULL, &len, true, framed, sizeof(framed)), 0);
	assert_int_equal(fake.room_changes, room_changes);
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1);
	assert_int_equal(fake.room_changes, room_changes + 1);
	assert_int_equal(own_init_frame(NULL, &len, true, framed, sizeof(framed)), 2);
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2);
	assert_int_equal(fake.room_changes, room_changes + 1);
	assert_true(own_init_frames());

	own_init_expect(true);
	set(UART_MCR, 0);
	set(UART_MCR, UART_MCR_RTS | UART_MCR_OUT1);
	assert_false(own_init_frames());
}

static void hurry(void *arg)
{
	own_init_hurry();
}

static void test_dsr_and_ri_ask(void **state)
{
	int err;

	open_com1();
	fake_on_loop(ask, NULL);
	/* Nobody expects lkvm's init. */
	assert_int_equal(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	own_init_expect(false);
	set(UART_IER, UART_IER_MSI);
	fake_on_loop(ask, NULL);
	assert_int_equal(cause(), UART_IIR_MSI);
	assert_int_equal(get(UART_MSR),
			 UART_MSR_DCD | UART_MSR_CTS | UART_MSR_DDSR | UART_MSR_TERI);
	/* The level stays over a reset, and says nothing new then. */
	fake_on_loop(reset_all, &err);
	assert_int_equal(err, 0);
	assert_int_equal(get(UART_MSR), UART_MSR_DCD | UART_MSR_CTS);
	fake_on_loop(hurry, NULL);
	assert_int_equal(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS | UART_MSR_DDSR |
						UART_MSR_TERI);
	/* It rings on: Linux may not have looked. */
	while (!(get(UART_MSR) & UART_MSR_TERI))
		usleep(1000);
}

static void test_out2_gates_interrupt(void **state)
{
	set(UART_IER, UART_IER_THRI);
	assert_false(fake_irq(GSI_COM1));
	set(UART_MCR, UART_MCR_OUT2);
	assert_true(fake_irq(GSI_COM1));
	set(UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP); /* takes the pin away */
	assert_false(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_THRI); /* yet the register knows */
}

static void test_room_is_rts(void **state)
{
	assert_int_equal(room(), 0);
	open_com1();
	assert_int_equal(room(), 0);
	set(UART_IER, UART_IER_RDI);
	assert_int_equal(fake.room_changes, 1);
	assert_int_equal(room(), 16);
	input("abc", 3);
	assert_int_equal(room(), 13);
	get(UART_RX);
	get(UART_RX);
	assert_int_equal(fake.room_changes, 1);
	get(UART_RX); /* ran empty */
	assert_int_equal(fake.room_changes, 2);
	get(UART_RX);
	assert_int_equal(fake.room_changes, 2);
	input("abc", 3);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_int_equal(fake.room_changes, 3);
	set(UART_MCR, UART_MCR_OUT2);
	assert_int_equal(room(), 0);
	assert_int_equal(fake.room_changes, 3);
	set(UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(fake.room_changes, 4);
	fake_outb(PORT_COM3 + UART_MCR, UART_MCR_RTS); /* not the console's business */
	assert_int_equal(fake.room_changes, 4);
}

/* An early console raises RTS and polls to print; nothing is sent to it, for it would be lost. */
static void test_room_needs_somebody_who_waits(void **state)
{
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
	for (unsigned int i = 0; i < 100; i++) {
		get(UART_LSR);
		set(UART_TX, 'x');
		get(UART_LSR);
	}
	assert_int_equal(room(), 0);
	/* A driver takes over: what it does not get, it cannot throw away. */
	set(UART_MCR, 0);
	open_com1();
	get(UART_LSR);
	get(UART_RX);
	get(UART_LSR);
	assert_int_equal(room(), 0);
	assert_int_equal(fake.room_changes, 0);
	set(UART_IER, UART_IER_RDI | UART_IER_RLSI);
	assert_int_equal(fake.room_changes, 1);
	assert_int_equal(room(), 16);
	/* It may mask the interrupt for a while, and print. */
	set(UART_IER, 0);
	set(UART_TX, 'x');
	assert_int_equal(room(), 16);
	set(UART_MCR, UART_MCR_OUT2);
	set(UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(room(), 0);
	/* Somebody who waits for input without interrupts. */
	for (unsigned int i = 0; i < 15; i++)
		get(UART_LSR);
	assert_int_equal(room(), 0);
	get(UART_LSR);
	assert_int_equal(room(), 16);
	assert_int_equal(fake.room_changes, 2);
}

/* BI belongs to its byte: LSR tells it when that is the oldest, FIFOE before. */
static void test_break(void **state)
{
	open_com1();
	set(UART_IER, UART_IER_RLSI);
	input("a", 1);
	fake.console.send_break(fake.console.dev);
	assert_false(fake_irq(GSI_COM1));
	assert_int_equal(get(UART_LSR), 0x61 | UART_LSR_FIFOE);
	assert_int_equal(get(UART_RX), 'a');
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(get(UART_LSR), 0x61 | UART_LSR_FIFOE | UART_LSR_BI);
	assert_int_equal(get(UART_LSR), 0x61);
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_LSR), 0x60);
}

static void test_shared_line(void **state)
{
	unsigned int rises;

	set(UART_MCR, UART_MCR_OUT2);
	fake_outb(PORT_COM3 + UART_MCR, UART_MCR_OUT2);
	set(UART_IER, UART_IER_THRI);
	rises = fake_irq_rises(GSI_COM1);
	fake_outb(PORT_COM3 + UART_IER, UART_IER_THRI); /* an edge of its own */
	assert_int_equal(fake_irq_rises(GSI_COM1), rises + 1);
	get(UART_IIR);
	assert_true(fake_irq(GSI_COM1)); /* COM3 holds it */
	assert_int_equal(fake_irq_rises(GSI_COM1), rises + 1);
	fake_inb(PORT_COM3 + UART_IIR);
	assert_false(fake_irq(GSI_COM1));

	fake_outb(PORT_COM4 + UART_MCR, UART_MCR_OUT2);
	fake_outb(PORT_COM4 + UART_IER, UART_IER_THRI);
	assert_true(fake_irq(GSI_COM2));
	assert_false(fake_irq(GSI_COM1));
}

/* A handler that took one byte and left is called again by the next key. */
static void test_arrival_gets_an_edge(void **state)
{
	unsigned int rises;

	open_com1();
	set(UART_IER, UART_IER_RDI);
	input("ab", 2);
	get(UART_RX);
	rises = fake_irq_rises(GSI_COM1);
	input("c", 1);
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(fake_irq_rises(GSI_COM1), rises + 1);
}

static void test_wide_access_is_bytes(void **state)
{
	fake_out(PORT_COM1 + UART_LCR, 2, UART_MCR_RTS << 8 | UART_LCR_WLEN8);
	assert_int_equal(get(UART_LCR), UART_LCR_WLEN8);
	assert_int_equal(get(UART_MCR), UART_MCR_RTS);
	assert_int_equal(fake_in(PORT_COM1 + UART_LSR, 4), 0xff00b060); /* past the end: nobody */
}

static void test_reset(void **state)
{
	int err = -1;

	open_com1();
	set(UART_IER, 0x0f);
	set(UART_LCR, UART_LCR_DLAB);
	input("abc", 3);
	assert_true(fake_irq(GSI_COM1));
	fake_on_loop(reset_all, &err);
	assert_int_equal(err, 0);
	assert_false(fake_irq(GSI_COM1));
	assert_int_equal(room(), 0);
	test_power_on(state);
}

struct seen {
	unsigned int records;
	u64 in, out, overruns;
};

static void see_record(void *arg, const struct device_record *record)
{
	struct seen *seen = arg;
	unsigned int i = seen->records++;

	assert_string_equal(record->hid, "PNP0501");
	assert_string_equal(record->stem, "COM");
	assert_int_equal(record->uid, i + 1);
	assert_int_equal(record->count, 2);
	assert_int_equal(record->resources[0].base, com_ports[i]);
	assert_int_equal(record->resources[0].len, 8);
	assert_int_equal(record->resources[1].base, i % 2 ? GSI_COM2 : GSI_COM1);
	assert_false(record->resources[1].level_low);
}

static void see_stat(void *arg, const char *counter, u64 value)
{
	struct seen *seen = arg;

	if (!strcmp(counter, "bytes_in"))
		seen->in += value;
	else if (!strcmp(counter, "bytes_out"))
		seen->out += value;
	else if (!strcmp(counter, "overruns"))
		seen->overruns += value;
}

static void see_device(struct device *dev, void *arg)
{
	dev->describe(dev, see_record, arg);
	dev->stats(dev, see_stat, arg);
}

static void test_describe_and_stats(void **state)
{
	struct seen seen = {0};

	open_com1();
	set(UART_TX, 'a');
	fake_outb(PORT_COM4 + UART_TX, 'b');
	input("abcdefghijklmnopqr", 18);
	device_for_each(see_device, &seen);
	assert_int_equal(seen.records, 4);
	assert_int_equal(seen.in, 18);
	assert_int_equal(seen.out, 2);
	assert_int_equal(seen.overruns, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_on),
		TEST(test_opened),
		TEST(test_is_a_16550a),
		TEST(test_dlab_selects_divisor),
		TEST(test_output_of_com1_only),
		TEST(test_iir_priority),
		TEST(test_thre_interrupt),
		TEST(test_burst_raises_line_once),
		TEST(test_who_wrote),
		TEST(test_full_console_withholds_thre),
		TEST(test_trigger_levels),
		TEST(test_fifo_keeps_order_and_overruns),
		TEST(test_16450_has_one_register),
		TEST(test_fifo_control),
		TEST(test_loopback_of_data),
		TEST(test_loopback_of_modem_lines),
		TEST(test_out1_calls),
		TEST(test_dsr_and_ri_ask),
		TEST(test_out2_gates_interrupt),
		TEST(test_room_is_rts),
		TEST(test_room_needs_somebody_who_waits),
		TEST(test_break),
		TEST(test_shared_line),
		TEST(test_arrival_gets_an_edge),
		TEST(test_wide_access_is_bytes),
		TEST(test_reset),
		TEST(test_describe_and_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
