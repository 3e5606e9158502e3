/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reset control register, as pci/pci.c reaches it: byte accesses to port 0xcf9, which lies
 * inside PCI's configuration ports. vCPU threads; the caller holds no lock, for a write may ask
 * for a reset.
 */
#ifndef HW_RESET_PORT_H
#define HW_RESET_PORT_H

#include <kvm/types.h>

u8 reset_port_read(void);
void reset_port_write(u8 value);

#endif
