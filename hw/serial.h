/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is at the end of a serial port's wire. serial.c.
 */
#ifndef HW_SERIAL_H
#define HW_SERIAL_H

#include <kvm/types.h>

struct serial_wire {
	/*
	 * The guest sent a byte; by_program: with the THR-empty interrupt enabled, as a tty driver
	 * does and a kernel's console does not. vCPU thread, no lock held; must not block.
	 */
	void (*write)(void *arg, u8 byte, bool by_program);
	/* Withhold "ready for more"? Under the line's lock. NULL: never. */
	bool (*full)(void);
	/* serial_room() may have grown. Any thread, no lock held. */
	void (*room_changed)(void *arg);
	/* A driver receives by interrupt from now on. vCPU thread. NULL: nobody wants to know. */
	void (*opened)(void);
	/* OUT1 has risen while RTS is high, and DTR is so. vCPU thread. NULL: the same. */
	void (*called)(bool dtr);
	void *arg;
};

/* COM1's: to the console. serial-console.c. */
extern const struct serial_wire serial_console_wire;

/* Lead COM2 to COM4 somewhere, or nowhere (NULL), before or after vCPUs run. The port. */
void *serial_connect(unsigned int com, const struct serial_wire *wire);

/* What COM2 to COM4 leads to; NULL: nowhere. Main thread. */
const struct serial_wire *serial_wire_of(unsigned int com);

/* How many bytes the port takes now; then at most as many into it. Loop. */
size_t serial_room(void *port);
void serial_input(void *port, const u8 *data, size_t len);

#endif
