/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The chips that a board can have. hw/; the board is x86/board.c.
 *
 * A chip does not know where it is: the board tells it the bus, the address and the interrupt line.
 * NAME_create() puts the chip on its bus and into the list of devices, in its power-on state; 0 or
 * -errno after a log_error() line. NAME_destroy() undoes that. Both: main thread, no vCPU running.
 * The place belongs to the board and must stay until NAME_destroy().
 */
#ifndef KVM_CHIPS_H
#define KVM_CHIPS_H

#include <kvm/types.h>

struct bus;
struct bus_region;
struct kvm;

struct chip_place {
	struct bus *bus;
	u64 base;	   /* the first port, or address */
	u32 line;	   /* GSI; unused by chips without an interrupt */
	unsigned int unit; /* number among the chips of one kind, from 0 on */
};

#define CHIP(name)                                                          \
	int name##_create(struct kvm *kvm, const struct chip_place *place); \
	void name##_destroy(struct kvm *kvm, const struct chip_place *place)

CHIP(acpi_pm);	   /* 6 bytes: status and enable, at +4 control; level-triggered */
CHIP(exit_port);   /* 1 byte */
CHIP(i8042);	   /* data, and at +4 command */
CHIP(pvpanic);	   /* 1 byte */
CHIP(reset_port);  /* 1 byte: system control port A; for port 0xcf9 see reset_port_register() */
CHIP(rtc);	   /* index, data */
CHIP(serial);	   /* 8 bytes; unit 0 to 3 are COM1 to COM4, and unit 0 is the console */
CHIP(serial_pty);  /* no place: --tty connects COM2 to COM4 to host terminals. After serial. */
CHIP(status_port); /* no place: uses one of COM2 to COM4. After serial. */

#undef CHIP

/* The sleep type that powers off: its value in the PM1 control register and in \_S5. */
#define ACPI_PM_TYPE_S5 5

/*
 * The reset control register: a region of one byte at `port` that is on no bus. It lies inside
 * another chip's ports, and that chip passes byte accesses on (pci/pci.c).
 */
const struct bus_region *reset_port_register(u16 port);

#endif
