// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two registers that reset: port 0xcf9, which the FADT also names, and port 0x92.
 *
 * Port 0xcf9: one byte that reads as it was written. A change of bit 2 from 0 to 1 is a reset. If
 * bits 1 and 3 are both 0, the CPU alone is reset; else the machine: system reset and power cycle
 * are the same here.
 *
 * Port 0x92, system control port A: a write of 1 to bit 0 resets the CPU alone, and the bit reads
 * as 0, as after a BIOS; bit 1 is the A20 gate, which is always open: the bit is stored, without
 * effect. The other bits (watchdog, security lock, disk activity light) are 0.
 *
 * Runs on vCPU threads, under one mutex that is released before a reset is requested.
 *
 * Port 0xcf9 lies inside PCI's configuration ports 0xcf8..0xcff, and only a byte access at 0xcf9 is
 * for this register: in a 32-bit write at 0xcf8 the second byte is a device and function number, in
 * which function 4 sets bit 2. So the region of this register is on no bus. The board gives it to
 * pci/pci.c, which has a region over all eight ports and passes byte accesses at 0xcf9 on.
 *
 * Spec: Intel ICH9 data sheet, sections 13.7.5 (RST_CNT) and 13.7.3 (PORT92); ACPI 6.4, section
 * 4.8.3.6.
 */
#include <errno.h>
#include <kvm/bus.h>
#include <kvm/chips.h>
#include <kvm/device.h>
#include <kvm/kvm.h>
#include <pthread.h>
#include <string.h>

#define RST_CPU	      0x04
#define RST_DEEP      0x0a /* FULL_RST, SYS_RST */
#define RST_BITS      (RST_CPU | RST_DEEP)

#define A_RESET	      0x01
#define A_GATE20      0x02

#define STATE_VERSION 1

struct reset_port_state {
	u8 value; /* of port 0xcf9 */
	u8 system_a;
};

static const struct reset_port_state power_on = {.system_a = A_GATE20};

static struct {
	struct kvm *kvm;
	pthread_mutex_t lock; /* over what follows */
	struct reset_port_state state;
} reset_port = {.lock = PTHREAD_MUTEX_INITIALIZER};

static u64 reset_read(void *dev, u64 offset, unsigned int size)
{
	u8 value;

	pthread_mutex_lock(&reset_port.lock);
	value = reset_port.state.value;
	pthread_mutex_unlock(&reset_port.lock);
	return value;
}

static void reset_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	bool rises;

	pthread_mutex_lock(&reset_port.lock);
	rises = value & ~reset_port.state.value & RST_CPU;
	reset_port.state.value = value & RST_BITS;
	pthread_mutex_unlock(&reset_port.lock);

	if (rises && value & RST_DEEP)
		kvm_request_reset(reset_port.kvm, "reset register 0xcf9");
	else if (rises)
		kvm_request_cpu_reset(reset_port.kvm, "reset register 0xcf9");
}

static u64 system_a_read(void *dev, u64 offset, unsigned int size)
{
	u8 value;

	pthread_mutex_lock(&reset_port.lock);
	value = reset_port.state.system_a;
	pthread_mutex_unlock(&reset_port.lock);
	return value;
}

static void system_a_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	pthread_mutex_lock(&reset_port.lock);
	reset_port.state.system_a = value & A_GATE20;
	pthread_mutex_unlock(&reset_port.lock);

	if (value & A_RESET)
		kvm_request_cpu_reset(reset_port.kvm, "port 0x92");
}

static void reset_port_save(struct device *device, void *state)
{
	pthread_mutex_lock(&reset_port.lock);
	memcpy(state, &reset_port.state, sizeof(reset_port.state));
	pthread_mutex_unlock(&reset_port.lock);
}

static int reset_port_load(struct device *device, const void *state)
{
	struct reset_port_state loaded;

	memcpy(&loaded, state, sizeof(loaded));
	if (loaded.value & ~RST_BITS || loaded.system_a & ~A_GATE20)
		return -EINVAL;
	pthread_mutex_lock(&reset_port.lock);
	reset_port.state = loaded;
	pthread_mutex_unlock(&reset_port.lock);
	return 0;
}

static struct bus_region system_a_region = {
	.name = "system-control-a",
	.len = 1,
	.width = 1,
	.read = system_a_read,
	.write = system_a_write,
};

const struct bus_region *reset_port_register(u16 port)
{
	static struct bus_region region = {
		.name = "reset-register",
		.len = 1,
		.width = 1,
		.read = reset_read,
		.write = reset_write,
	};

	region.base = port;
	return &region;
}

static const struct device_state state = {
	.power_on = &power_on,
	.version = STATE_VERSION,
	.bytes = sizeof(struct reset_port_state),
	.save = reset_port_save,
	.load = reset_port_load,
};

static struct device device = {.name = "reset-port", .state = &state};

int reset_port_create(struct kvm *kvm, const struct chip_place *place)
{
	int err;

	system_a_region.base = place->base;
	reset_port.kvm = kvm;
	device_reset(&device);
	err = bus_add(place->bus, &system_a_region);
	if (err)
		return err;
	device_register(&device);
	return 0;
}

void reset_port_destroy(struct kvm *kvm, const struct chip_place *place)
{
	device_unregister(&device);
	bus_remove(place->bus, &system_a_region);
}
