// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reset control register at port 0xcf9, which the FADT also names.
 *
 * One byte that reads back what was written. A change of bit 2 from 0 to 1 asks for a reset; bits
 * 1 and 3 say how deep it goes (CPU, system, power cycle), which is all the same here. Runs on
 * vCPU threads, under one mutex that is released before the reset is asked for.
 *
 * The port lies inside 0xcf8..0xcff, PCI's configuration ports, and only a byte access to it is
 * meant for this register: the second byte of a 32-bit write to 0xcf8 is a device and function
 * number, bit 2 of which is set for function 4. So there is no region here: hw/pci.c has all eight
 * ports, sees each access whole, and calls the two functions of hw/reset-port.h.
 *
 * Spec: Intel ICH9 data sheet, section 13.7.5 (RST_CNT); ACPI 6.4, section 4.8.3.6.
 */
#include "hw/reset-port.h"

#include <kvm/device.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <pthread.h>

#define RST_CPU	 0x04
#define RST_BITS 0x0e /* FULL_RST, RST_CPU, SYS_RST */

static struct {
	pthread_mutex_t lock; /* over value */
	struct kvm *kvm;
	u8 value;
} reset_port = {.lock = PTHREAD_MUTEX_INITIALIZER};

u8 reset_port_read(void)
{
	u8 value;

	pthread_mutex_lock(&reset_port.lock);
	value = reset_port.value;
	pthread_mutex_unlock(&reset_port.lock);
	return value;
}

void reset_port_write(u8 value)
{
	bool rises;

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

static struct device device = {.name = "reset-port", .reset = reset_port_reset};

static int reset_port_init(struct kvm *kvm)
{
	reset_port.kvm = kvm;
	reset_port_reset(&device);
	device_register(&device);
	return 0;
}

static void reset_port_exit(struct kvm *kvm)
{
	(void)kvm;
	device_unregister(&device);
}

INIT_MODULE(reset_port, .level = INIT_DEV, .init = reset_port_init, .exit = reset_port_exit);
