/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * COM1 as its driver sees it, for the tests of hw/serial.c.
 */
#ifndef TESTS_HW_SERIAL_FIXTURE_H
#define TESTS_HW_SERIAL_FIXTURE_H

#include "tests/lib/fake-machine.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <errno.h>
#include <kvm/device.h>
#include <kvm/own-init.h>
#include <kvm/util.h>
#include <linux/serial_reg.h>
#include <string.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

/* COM1's registers. */
static inline u8 get(unsigned int reg)
{
	return fake_inb(PORT_COM1 + reg);
}

static inline void set(unsigned int reg, u8 value)
{
	fake_outb(PORT_COM1 + reg, value);
}

/* IIR without the FIFO bits: the cause. */
static inline u8 cause(void)
{
	return get(UART_IIR) & 0x0f;
}

static inline void input(const char *text, size_t len)
{
	fake.console.input(fake.console.dev, (const u8 *)text, len);
}

static inline size_t room(void)
{
	return fake.console.room(fake.console.dev);
}

/* As a driver leaves COM1: FIFO on, trigger 8, ready to receive, no interrupt enabled yet. */
static inline void open_com1(void)
{
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_8);
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
}

static inline void ask(void *arg)
{
	own_init_ask(now_ns() + 100 * NSEC_PER_SEC);
}

#endif
