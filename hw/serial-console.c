// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the wire of COM1 leads: to the console.
 *
 * Out: each byte that the guest sends, with who sent it, for only the kernel's own lines are
 * searched for panics and reports. Back: that there is room again, that a driver listens, and the
 * call of lkvm's own init (own-init.c). All of it on the vCPU's thread that wrote the register,
 * with no lock held, but full(), which is asked under the line's lock.
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
