// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wire of COM1, which leads to the console.
 *
 * Each byte that the guest sends goes to the console, and to the search for panics and reports,
 * which must know whether the kernel or a program sent the byte. The wire also tells the console
 * when COM1 has room again and when a driver listens, and own-init.c when lkvm's own init calls.
 * Threads: those of struct serial_wire (serial.h).
 */
#include "hw/serial.h"

#include <kvm/console.h>
#include <kvm/lines.h>
#include <kvm/own-init.h>

static void serial_console_wire_write(void *arg, u8 byte, bool by_program)
{
	console_write_from(by_program ? LINES_PROGRAM : LINES_KERNEL, &byte, 1);
}

static void serial_console_wire_room_changed(void *arg)
{
	console_room_changed();
}

static void serial_console_wire_called(bool dtr)
{
	own_init_called(dtr);
	console_room_changed();
}

const struct serial_wire serial_console_wire = {
	.write = serial_console_wire_write,
	.full = console_full,
	.room_changed = serial_console_wire_room_changed,
	.opened = console_opened,
	.called = serial_console_wire_called,
};
