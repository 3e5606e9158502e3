/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a UART, which is saved, loaded and reset as a whole (kvm/device.h). For serial.c
 * alone.
 */
#ifndef HW_SERIAL_STATE_H
#define HW_SERIAL_STATE_H

#include <kvm/types.h>

#include <assert.h>
#include <linux/serial_reg.h>

#define FIFO_SIZE	     16
#define SERIAL_STATE_VERSION 1

struct serial_state {
	u8 ier, lcr, mcr, msr, scr;
	u8 divisor_low, divisor_high;
	u8 fifo;    /* FCR bit 0: a 16550A, else a 16450 */
	u8 trigger; /* from this number of bytes on "data available" interrupts */
	u8 errors;  /* OE and BI as LSR shows them, until the guest reads LSR */
	u8 lowered; /* MSR bits of the modem lines that the peer holds low */

	u8 awaited; /* the guest has waited for a byte since it raised RTS */
	u8 polls;   /* how often LSR was read since a byte was sent */

	u8 thr_emptied; /* the THRE interrupt is pending, until the guest reads IIR */
	u8 withheld;	/* the console was full: the THRE interrupt is held back */

	u8 rx[FIFO_SIZE];
	u8 rx_head, rx_count;
	u8 kept_writable; /* serial_writable() was called while paused */
	u16 rx_breaks;	  /* bit i: rx[i] is a break that LSR has not shown yet */

	u16 kept[FIFO_SIZE]; /* breaks, and bytes that belong to them, that came while paused */
	u16 kept_count;
};

static_assert(sizeof(struct serial_state) == 70, "there is no padding");

static const struct serial_state serial_power_on = {
	.divisor_low = 12, /* 9600 baud; in a real chip the value is undefined */
	.trigger = 1,
};

/* False: no guest, console and peer could have brought the chip into this state. */
static inline bool serial_state_is_good(const struct serial_state *s)
{
	unsigned int depth = s->fifo ? FIFO_SIZE : 1;
	bool trigger = s->trigger == 1 || s->trigger == 4 || s->trigger == 8 || s->trigger == 14;

	if (s->fifo > 1 || s->awaited > 1 || s->thr_emptied > 1 || s->withheld > 1 ||
	    s->kept_writable > 1)
		return false;
	return trigger && s->rx_head < FIFO_SIZE && s->rx_count <= depth &&
	       s->kept_count <= FIFO_SIZE && !(s->errors & ~(UART_LSR_OE | UART_LSR_BI)) &&
	       !(s->mcr &
		 ~(UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 | UART_MCR_LOOP)) &&
	       !(s->ier & ~(UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI));
}

#endif
