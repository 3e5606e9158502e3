// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reset control register at port 0xcf9, which the FADT also names.
 *
 * One byte that reads back what was written. A change of bit 2 from 0 to 1 asks for a reset; bits
 * 1 and 3 say how deep it goes (CPU, system, power cycle), which is all the same here. Runs on
 * vCPU threads, under one mutex that is released before the reset is asked for.
 *
 * Hazard: the port lies inside 0xcf8..0xcff, PCI's configuration ports. A 32-bit write to 0xcf8
 * selects a register, and its second byte holds device and function number: function 4 has bit 2
 * set. Should that access be split, a bus scan resets the machine. Whoever adds the PCI host must
 * claim all eight ports at a width of 4, act on 32-bit accesses there, and forward to this file
 * byte accesses to 0xcf9 alone.
 *
 * Spec: Intel ICH9 data sheet, section 13.7.5 (RST_CNT); ACPI 6.4, section 4.8.3.6.
 */
#include <kvm/bus.h>
#include <kvm/device.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <pthread.h>

#include "x86/layout.h"

#define RST_CPU	 0x04
#define RST_BITS 0x0e /* FULL_RST, RST_CPU, SYS_RST */

static struct {
	pthread_mutex_t lock; /* over value */
	struct kvm *kvm;
	u8 value;
} reset_port = {.lock = PTHREAD_MUTEX_INITIALIZER};

static u64 reset_port_read(void *dev, u64 offset, unsigned int size)
{
	u8 value;

	(void)dev, (void)offset, (void)size;
	pthread_mutex_lock(&reset_port.lock);
	value = reset_port.value;
	pthread_mutex_unlock(&reset_port.lock);
	return value;
}

static void reset_port_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	bool rises;

	(void)dev, (void)offset, (void)size;
	pthread_mutex_lock(&reset_port.lock);
	rises = value & ~reset_port.value & RST_CPU;
	reset_port.value = value & RST_BITS;
	pthread_mutex_unlock(&reset_port.lock);

	if (rises)
		kvm_request_reset(reset_port.kvm, "reset register 0xcf9");
}

static int reset_port_reset(struct device *device)
{
	(void)device;
	pthread_mutex_lock(&reset_port.lock);
	reset_port.value = 0;
	pthread_mutex_unlock(&reset_port.lock);
	return 0;
}

static struct bus_region region = {
	.name = "reset-port",
	.base = PORT_RESET,
	.len = 1,
	.width = 1,
	.read = reset_port_read,
	.write = reset_port_write,
};

static struct device device = {.name = "reset-port", .reset = reset_port_reset};

static int reset_port_init(struct kvm *kvm)
{
	int err;

	reset_port.kvm = kvm;
	reset_port_reset(&device);
	err = bus_add(&kvm->ports, &region);
	if (err)
		return err;
	device_register(&device);
	return 0;
}

static void reset_port_exit(struct kvm *kvm)
{
	device_unregister(&device);
	bus_remove(&kvm->ports, &region);
}

INIT_MODULE(reset_port, .level = INIT_DEV, .init = reset_port_init, .exit = reset_port_exit);
