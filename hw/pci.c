// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI host: configuration mechanism #1, ECAM, and bus 0 with the host bridge alone.
 *
 * Mechanism #1. CONFIG_ADDRESS, at port 0xcf8, selects a register of a function; CONFIG_DATA, at
 * 0xcfc, is that register. Only a 32-bit access at 0xcf8 is one to CONFIG_ADDRESS; all others to
 * its four ports are ordinary ones, and one of those ports has an owner: a byte at 0xcf9 is the
 * reset control register. The bus gives a port to one region and splits what is too wide for it,
 * so were 0xcf9 a region of its own, it would be fed the second byte of each CONFIG_ADDRESS, and a
 * look at function 4 would reset the machine. Hence one region for all eight ports, at a width of
 * 4, which hands bytes at 0xcf9 on to hw/reset-port.c. What is neither of the two registers reads
 * as all ones and swallows writes. So do absent functions and buses, and CONFIG_DATA while the
 * enable bit is clear.
 *
 * ECAM. The same in memory, 4 KiB a function, and for the one bus there is. Nothing here needs
 * it; but Linux warns of every root bridge that comes without.
 *
 * A function is its 256 bytes of configuration space and, for each of them, the bits that a guest
 * can change. Those are 0 at power-on, so that a reset is one walk that clears them. bus0 says
 * which function answers at which number. All ways to configuration space meet in
 * pci_config_read() and pci_config_write(), under the one mutex; a function that must act on a
 * write (a BAR that moves) is to be told after it, without the mutex.
 *
 * The host bridge is there because a bus without one is not believed in: Linux looks for it before
 * it trusts the ports. It has no BARs and no interrupt. Of the command register it has bus master
 * and interrupt disable; the other bits stand for what it does not do (decode ports or memory of
 * its own, check parity, drive SERR#) and stay 0, as the specification allows.
 *
 * All of it runs on vCPU threads. No lock is held while the reset register is reached.
 *
 * Left out: special cycles, which go nowhere; CONFIG_ADDRESS bits 27:24, with which some AMD chips
 * reach beyond 256 bytes; mechanism #2.
 *
 * Spec: PCI Local Bus 3.0, sections 3.2.2.3.2 (mechanism #1), 6.1 (absent functions, reserved
 * registers), 6.2 (header), 6.2.2 (command); PCI Express 3.0, 7.2.2 (ECAM); PCI Firmware 3.0, 4
 * (the root bridge in ACPI).
 */
#include "hw/reset-port.h"

#include <kvm/bus.h>
#include <kvm/device.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <linux/pci.h>
#include <pthread.h>

#include "x86/layout.h"

#define ADDRESS_ENABLE	    0x80000000U
#define ADDRESS_BITS	    0x80fffffcU /* the others are reserved and read as 0 */
#define ADDRESS_BUS(addr)   ((addr) >> 16 & 0xff)
#define ADDRESS_DEVFN(addr) ((addr) >> 8 & 0xff)
#define ADDRESS_REG(addr)   (0xfc & (addr))

#define OFFSET_RESET	    (PORT_RESET - PORT_PCI_CONFIG)
#define OFFSET_DATA	    (PORT_PCI_DATA - PORT_PCI_CONFIG)

#define ECAM_DEVFN(offset)  ((offset) >> 12 & 0xff)
#define ECAM_REG(offset)    ((offset) % 4096)

#define CONFIG_BYTES	    256
#define DEVFNS		    256

/* Two bytes of an initialiser. */
#define LE16(value) (value) & 0xff, (value) >> 8

struct pci_function {
	u8 config[CONFIG_BYTES];   /* as it reads */
	u8 writable[CONFIG_BYTES]; /* which bits of it a guest can change; 0 at power-on */
};

/* QEMU's name for a host bridge that is no particular chip: 1b36:0008, subsystem 1af4:1100. */
static struct pci_function host_bridge = {
	.config =
		{
			[PCI_VENDOR_ID] = LE16(0x1b36),
			[PCI_DEVICE_ID] = LE16(0x0008),
			[PCI_CLASS_DEVICE] = LE16(0x0600), /* bridge, host */
			[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_NORMAL,
			[PCI_SUBSYSTEM_VENDOR_ID] = LE16(0x1af4),
			[PCI_SUBSYSTEM_ID] = LE16(0x1100),
		},
	.writable = {[PCI_COMMAND] = LE16(PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)},
};

static struct pci_function *const bus0[DEVFNS] = {
	[PCI_DEVFN_HOST_BRIDGE] = &host_bridge,
};

static struct {
	pthread_mutex_t lock; /* over address and all functions */
	u32 address;
} pci = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- configuration space; the lock is held --- */

/* size bytes from reg on, within configuration space. fn may be NULL: nothing is there. */
static u64 pci_config_read(const struct pci_function *fn, unsigned int reg, unsigned int size)
{
	u64 value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (u64)(fn ? fn->config[reg + i] : 0xff) << 8 * i;
	return value;
}

static void pci_config_write(struct pci_function *fn, unsigned int reg, unsigned int size,
			     u64 value)
{
	for (unsigned int i = 0; fn && i < size; i++) {
		u8 *byte = &fn->config[reg + i];
		u8 mask = fn->writable[reg + i];

		*byte = (*byte & ~mask) | (value >> 8 * i & mask);
	}
}

static void pci_function_reset(struct pci_function *fn)
{
	for (unsigned int reg = 0; reg < CONFIG_BYTES; reg++)
		fn->config[reg] &= ~fn->writable[reg];
}

/* --- mechanism #1 --- */

/* The function that CONFIG_ADDRESS selects, or NULL. */
static struct pci_function *pci_selected(void)
{
	if (!(pci.address & ADDRESS_ENABLE) || ADDRESS_BUS(pci.address) != 0)
		return NULL;
	return bus0[ADDRESS_DEVFN(pci.address)];
}

static bool is_reset_register(u64 offset, unsigned int size)
{
	return offset == OFFSET_RESET && size == 1;
}

static bool is_config_address(u64 offset, unsigned int size)
{
	return offset == 0 && size == 4;
}

static u64 pci_port_read(void *dev, u64 offset, unsigned int size)
{
	u64 value;

	(void)dev;
	if (is_reset_register(offset, size))
		return reset_port_read();

	pthread_mutex_lock(&pci.lock);
	if (is_config_address(offset, size))
		value = pci.address;
	else if (offset >= OFFSET_DATA)
		value = pci_config_read(pci_selected(),
					ADDRESS_REG(pci.address) + offset - OFFSET_DATA, size);
	else
		value = pci_config_read(NULL, 0, size);
	pthread_mutex_unlock(&pci.lock);
	return value;
}

static void pci_port_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	(void)dev;
	if (is_reset_register(offset, size)) {
		reset_port_write(value);
		return;
	}

	pthread_mutex_lock(&pci.lock);
	if (is_config_address(offset, size))
		pci.address = value & ADDRESS_BITS;
	else if (offset >= OFFSET_DATA)
		pci_config_write(pci_selected(), ADDRESS_REG(pci.address) + offset - OFFSET_DATA,
				 size, value);
	pthread_mutex_unlock(&pci.lock);
}

/* --- ECAM: bus 0's functions one after the other, 4 KiB each --- */

/* NULL: nothing is there. A function's upper 3840 bytes, and what crosses into them, is not. */
static struct pci_function *pci_ecam_find(u64 offset, unsigned int size)
{
	return ECAM_REG(offset) + size <= CONFIG_BYTES ? bus0[ECAM_DEVFN(offset)] : NULL;
}

static u64 pci_ecam_read(void *dev, u64 offset, unsigned int size)
{
	u64 value;

	(void)dev;
	pthread_mutex_lock(&pci.lock);
	value = pci_config_read(pci_ecam_find(offset, size), ECAM_REG(offset), size);
	pthread_mutex_unlock(&pci.lock);
	return value;
}

static void pci_ecam_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	(void)dev;
	pthread_mutex_lock(&pci.lock);
	pci_config_write(pci_ecam_find(offset, size), ECAM_REG(offset), size, value);
	pthread_mutex_unlock(&pci.lock);
}

/* --- from the machine: the main thread --- */

static int pci_reset(struct device *device)
{
	(void)device;
	pthread_mutex_lock(&pci.lock);
	pci.address = 0;
	for (unsigned int i = 0; i < DEVFNS; i++) {
		if (bus0[i])
			pci_function_reset(bus0[i]);
	}
	pthread_mutex_unlock(&pci.lock);
	return 0;
}

/* The root bridge: what it takes itself, and the windows in which BARs may lie. */
static void pci_describe(struct device *device,
			 void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	static const struct device_record record = {
		.hid = "PNP0A03",
		.stem = "PCI",
		.uid = 0,
		.resources =
			{
				{.type = RESOURCE_BUS_NUMBERS, .base = 0, .len = 1},
				{.type = RESOURCE_PORT,
				 .base = PORT_PCI_CONFIG,
				 .len = PORT_PCI_END - PORT_PCI_CONFIG},
				{.type = RESOURCE_PORT_WINDOW, .base = 0, .len = PORT_PCI_CONFIG},
				{.type = RESOURCE_PORT_WINDOW,
				 .base = PORT_PCI_END,
				 .len = 64 * KIB - PORT_PCI_END},
				{.type = RESOURCE_MMIO_WINDOW,
				 .base = LAYOUT_PCI_MMIO,
				 .len = LAYOUT_PCI_MMIO_END - LAYOUT_PCI_MMIO},
				{.type = RESOURCE_ECAM,
				 .base = LAYOUT_ECAM,
				 .len = LAYOUT_ECAM_BYTES},
			},
		.count = 6,
	};

	(void)device;
	emit(arg, &record);
}

static struct bus_region port_region = {
	.name = "pci-config",
	.base = PORT_PCI_CONFIG,
	.len = PORT_PCI_END - PORT_PCI_CONFIG,
	.width = 4,
	.read = pci_port_read,
	.write = pci_port_write,
};

static struct bus_region ecam_region = {
	.name = "pci-ecam",
	.base = LAYOUT_ECAM,
	.len = LAYOUT_ECAM_BYTES,
	.width = 4,
	.read = pci_ecam_read,
	.write = pci_ecam_write,
};

static struct device device = {.name = "pci", .reset = pci_reset, .describe = pci_describe};

static int pci_init(struct kvm *kvm)
{
	int err;

	pci_reset(&device);
	err = bus_add(&kvm->ports, &port_region);
	if (err)
		return err;
	err = bus_add(&kvm->mmio, &ecam_region);
	if (err)
		goto err_ports;
	device_register(&device);
	return 0;

err_ports:
	bus_remove(&kvm->ports, &port_region);
	return err;
}

static void pci_exit(struct kvm *kvm)
{
	device_unregister(&device);
	bus_remove(&kvm->mmio, &ecam_region);
	bus_remove(&kvm->ports, &port_region);
}

INIT_MODULE(pci, .level = INIT_DEV_BASE, .init = pci_init, .exit = pci_exit);
