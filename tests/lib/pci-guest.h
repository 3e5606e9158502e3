/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's side of PCI, for tests on the fake machine: configuration space by mechanism #1,
 * memory by the bus. devfn is device << 3 | function.
 */
#ifndef TESTS_PCI_GUEST_H
#define TESTS_PCI_GUEST_H

#include "tests/lib/fake-machine.h"

#include <kvm/bus.h>
#include <kvm/types.h>

static inline u32 pci_in(u8 devfn, unsigned int reg, unsigned int len)
{
	fake_out(0xcf8, 4, 0x80000000U | (u32)devfn << 8 | (reg & 0xfc));
	return fake_in(0xcfc + (reg & 3), len);
}

static inline void pci_out(u8 devfn, unsigned int reg, unsigned int len, u32 value)
{
	fake_out(0xcf8, 4, 0x80000000U | (u32)devfn << 8 | (reg & 0xfc));
	fake_out(0xcfc + (reg & 3), len, value);
}

static inline u64 mmio_in(u64 addr, unsigned int len)
{
	u8 data[8];
	u64 value = 0;

	bus_read(&fake.kvm.mmio, addr, data, len);
	for (unsigned int i = 0; i < len; i++)
		value |= (u64)data[i] << 8 * i;
	return value;
}

static inline void mmio_out(u64 addr, unsigned int len, u64 value)
{
	u8 data[8];

	for (unsigned int i = 0; i < len; i++)
		data[i] = (u8)(value >> 8 * i);
	bus_write(&fake.kvm.mmio, addr, data, len);
}

/* An entry of an MSI-X table; control 1 masks it. */
static inline void msix_out(u64 entry, u64 address, u32 data, u32 control)
{
	mmio_out(entry, 8, address);
	mmio_out(entry + 8, 4, data);
	mmio_out(entry + 12, 4, control);
}

#endif
