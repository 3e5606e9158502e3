// SPDX-License-Identifier: GPL-2.0-only
/*
 * hw/serial.c: its state saved and loaded, as the driver of COM1 sees it.
 */
#include "serial-fixture.h"
#include "tests/lib/device-state.h"

#define COM1 "serial0"

static void reset_machine(void *arg)
{
	*(int *)arg = device_reset_all();
}

static void reset_all(void)
{
	int err = -1;

	fake_on_loop(reset_machine, &err);
	assert_int_equal(err, 0);
}

/* Registers that a read does not change. DLAB is clear. */
struct registers {
	u8 ier, lcr, mcr, scr, low, high;
};

static struct registers read_registers(void)
{
	struct registers now = {
		.ier = get(UART_IER),
		.lcr = get(UART_LCR),
		.mcr = get(UART_MCR),
		.scr = get(UART_SCR),
	};

	set(UART_LCR, now.lcr | UART_LCR_DLAB);
	now.low = get(UART_DLL);
	now.high = get(UART_DLM);
	set(UART_LCR, now.lcr);
	return now;
}

static void test_registers(void **state)
{
	struct registers before, after;

	set(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	set(UART_DLL, 0x01);
	set(UART_DLM, 0x02);
	set(UART_LCR, UART_LCR_WLEN8);
	set(UART_SCR, 0xa5);
	open_com1();
	set(UART_IER, UART_IER_RDI | UART_IER_RLSI);
	before = read_registers();
	save_state(COM1);

	reset_all();
	after = read_registers();
	assert_int_equal(after.mcr, 0);
	assert_int_equal(after.low, 12);
	assert_int_equal(get(UART_IIR) & 0xc0, 0);
	assert_int_equal(load_state(COM1), 0);
	after = read_registers();
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(get(UART_IIR) & 0xc0, 0xc0);
}

/* Bytes and a break in the FIFO, and the line high for them. */
static void test_receiver(void **state)
{
	unsigned int rises;

	open_com1();
	set(UART_IER, UART_IER_RDI | UART_IER_RLSI);
	input("ab", 2);
	fake.console.send_break(fake.console.dev);
	input("c", 1);
	assert_int_equal(get(UART_RX), 'a');
	save_state(COM1);

	reset_all();
	assert_false(fake_irq(GSI_COM1));
	assert_int_equal(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	rises = fake_irq_rises(GSI_COM1);
	assert_int_equal(load_state(COM1), 0);
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(fake_irq_rises(GSI_COM1), rises + 1);
	assert_int_equal(room(), 16 - 3);
	assert_int_equal(cause(), UART_IIR_RX_TIMEOUT);
	assert_int_equal(get(UART_RX), 'b');
	assert_int_equal(get(UART_LSR) & (UART_LSR_BI | UART_LSR_DR), UART_LSR_BI | UART_LSR_DR);
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_RX), 'c');
	assert_int_equal(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_false(fake_irq(GSI_COM1));
}

/* The THRE interrupt is still to be told. */
static void test_transmitter(void **state)
{
	open_com1();
	set(UART_IER, UART_IER_THRI);
	save_state(COM1);
	assert_int_equal(cause(), UART_IIR_THRI); /* which takes it back */
	assert_int_equal(cause(), UART_IIR_NO_INT);
	assert_int_equal(load_state(COM1), 0);
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_THRI);
}

static void pause_machine(void *arg)
{
	*(int *)arg = device_pause_all();
}

static void resume_machine(void *arg)
{
	device_resume_all();
}

/* What came while the machine was paused is in the state too: it is saved when paused. */
static void test_kept(void **state)
{
	int err = -1;

	open_com1();
	set(UART_IER, UART_IER_RDI);
	assert_int_equal(room(), 16);
	fake_on_loop(pause_machine, &err);
	assert_int_equal(fake.console.send_sysrq(fake.console.dev, 'h'), 0);
	save_state(COM1);
	reset_all();
	assert_int_equal(load_state(COM1), 0);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(get(UART_LSR) & UART_LSR_BI, UART_LSR_BI);
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_RX), 'h');
}

/* Offsets are those of struct serial_state. */
static void test_refused(void **state)
{
	save_state(COM1);
	assert_refused(COM1, 0, 0x10); /* an IER bit that is always 0 */
	assert_refused(COM1, 2, 0x20); /* MCR likewise */
	assert_refused(COM1, 7, 2);    /* a flag */
	assert_refused(COM1, 8, 0);    /* no such trigger */
	assert_refused(COM1, 9, 0x04); /* a parity error: the wire has none */
	assert_refused(COM1, 31, 16);  /* where the oldest byte is, past the FIFO */
	assert_refused(COM1, 32, 2);   /* two bytes in a 16450 */
	assert_refused(COM1, 68, 17);  /* more kept than there is room for */
	assert_int_equal(load_state(COM1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers), TEST(test_receiver), TEST(test_transmitter),
		TEST(test_kept),      TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
