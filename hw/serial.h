/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between a serial port and the other end of its wire. serial.c.
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
	/* True: hold the THRE interrupt back. Called under the line's lock. NULL: never. */
	bool (*full)(void);
	/* serial_room() may have grown. Any thread, no lock held. */
	void (*room_changed)(void *arg);
	/* A driver receives by interrupt from now on. vCPU thread, no lock held. May be NULL. */
	void (*opened)(void);
	/* OUT1 has risen while RTS is high; dtr: DTR is too. Thread as opened(). May be NULL. */
	void (*called)(bool dtr);
	void *arg;
};

/* The wire of COM1, to the console. serial-console.c. */
extern const struct serial_wire serial_console_wire;

/*
 * Connect one of COM2 to COM4 to a wire, or to none (NULL), before or after vCPUs run. Returns the
 * port, for serial_room() and serial_input().
 */
void *serial_connect(unsigned int com, const struct serial_wire *wire);

/* The wire of one of COM2 to COM4, or NULL. Main thread. */
const struct serial_wire *serial_wire_of(unsigned int com);

/*
 * serial_room(): how many bytes the port takes now. serial_input(): give it bytes, at most as many.
 * Loop's thread.
 */
size_t serial_room(void *port);
void serial_input(void *port, const u8 *data, size_t len);

#endif
