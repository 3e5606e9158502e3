// SPDX-License-Identifier: GPL-2.0-only
/*
 * hw/serial.c while the machine is paused: nothing in the chip changes, and what came is not lost.
 */
#include "serial-fixture.h"

static void pause_machine(void *arg)
{
	*(int *)arg = device_pause_all();
}

static void resume_machine(void *arg)
{
	device_resume_all();
}

/* Nothing comes in while the machine is paused; what cannot wait outside is kept. */
static void test_pause(void **state)
{
	unsigned int rises;
	int paused = 1;

	open_com1();
	set(UART_IER, UART_IER_RDI | UART_IER_RLSI);
	assert_int_equal(room(), 16);
	fake_on_loop(pause_machine, &paused);
	assert_int_equal(paused, 0);
	rises = fake_irq_rises(GSI_COM1);
	assert_int_equal(room(), 0);
	fake.console.send_break(fake.console.dev);
	assert_int_equal(fake.console.send_sysrq(fake.console.dev, 'h'), 0);
	assert_int_equal(fake_irq_rises(GSI_COM1), rises);
	assert_int_equal(get(UART_LSR), 0x60);
	fake.room_changes = 0;
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(fake.room_changes, 1);
	assert_int_equal(room(), 13);
	assert_int_equal(fake_irq_rises(GSI_COM1), rises + 1);
	assert_int_equal(get(UART_LSR), 0x61 | UART_LSR_FIFOE | UART_LSR_BI);
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_LSR), 0x61 | UART_LSR_FIFOE | UART_LSR_BI);
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_LSR), 0x61);
	assert_int_equal(get(UART_RX), 'h');
	assert_int_equal(get(UART_LSR), 0x60);
}

/* lkvm's init is asked while the machine is paused: it hears so afterwards. */
static void test_modem_lines_while_paused(void **state)
{
	unsigned int rises;
	int paused;

	open_com1();
	own_init_expect(false);
	set(UART_IER, UART_IER_MSI);
	fake_on_loop(pause_machine, &paused);
	rises = fake_irq_rises(GSI_COM1);
	fake_on_loop(ask, NULL);
	assert_int_equal(fake_irq_rises(GSI_COM1), rises);
	assert_int_equal(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(fake_irq_rises(GSI_COM1), rises + 1);
	assert_int_equal(get(UART_MSR) & ~UART_MSR_TERI,
			 UART_MSR_DCD | UART_MSR_CTS | UART_MSR_DDSR);
	while (!(get(UART_MSR) & UART_MSR_TERI))
		usleep(1000);
}

/* What is accepted arrives: there is room for it behind what is kept already. */
static void test_sysrq_while_paused(void **state)
{
	int paused;

	open_com1();
	set(UART_IER, UART_IER_RDI);
	input("123456789ab", 11);
	fake_on_loop(pause_machine, &paused);
	assert_int_equal(fake.console.send_sysrq(fake.console.dev, 'x'), 0);
	assert_int_equal(fake.console.send_sysrq(fake.console.dev, 'y'), 0);
	assert_int_equal(fake.console.send_sysrq(fake.console.dev, 'z'), -EBUSY);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(room(), 1);
	assert_int_equal(fake.console.send_sysrq(fake.console.dev, 'z'), -EBUSY);
	for (int i = 0; i < 12; i++)
		get(UART_RX);
	assert_int_equal(get(UART_RX), 'x');
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_RX), 'y');
	assert_int_equal(fake.console.send_sysrq(fake.console.dev, 'z'), 0);
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_RX), 'z');
	assert_int_equal(get(UART_LSR) & UART_LSR_OE, 0);
	fake_on_loop(pause_machine, &paused);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(get(UART_LSR), 0x60); /* it came once */
	/* More than the receiver holds, and a reset: nothing is left of it. */
	fake_on_loop(pause_machine, &paused);
	for (int i = 0; i < 100; i++)
		fake.console.send_break(fake.console.dev);
	device_reset_all();
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(get(UART_LSR), 0x60);
}

static void test_writable_while_paused(void **state)
{
	int paused;

	open_com1();
	fake.console_full = true;
	set(UART_IER, UART_IER_THRI);
	assert_int_equal(cause(), UART_IIR_NO_INT);
	fake_on_loop(pause_machine, &paused);
	fake.console_full = false;
	fake.console.writable(fake.console.dev);
	assert_int_equal(cause(), UART_IIR_NO_INT);
	assert_false(fake_irq(GSI_COM1));
	fake_on_loop(resume_machine, NULL);
	assert_true(fake_irq(GSI_COM1));
	assert_int_equal(cause(), UART_IIR_THRI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pause),
		TEST(test_modem_lines_while_paused),
		TEST(test_sysrq_while_paused),
		TEST(test_writable_while_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
