// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvpanic: one port through which a guest's kernel says that it has panicked.
 *
 * The guest reads which events this chip supports, and writes which events happened. "Panicked"
 * calls kvm_panic() without the text of the panic, which is on the console. "Crash loaded" means
 * that the guest's own crash kernel starts now and writes its dump: the run goes on, and a log line
 * says why. Runs on vCPU threads; there is no state, hence no lock and no reset.
 *
 * Left out: the shutdown event (bit 2) of newer interfaces: a guest here powers off through ACPI.
 *
 * Spec: docs/specs/pvpanic.rst of QEMU 7.2, the ISA interface.
 */
#include <kvm/bus.h>
#include <kvm/chips.h>
#include <kvm/device.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#define EVENT_PANICKED	   0x01
#define EVENT_CRASH_LOADED 0x02

static u64 pvpanic_read(void *dev, u64 offset, unsigned int size)
{
	return EVENT_PANICKED | EVENT_CRASH_LOADED;
}

static void pvpanic_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	static struct log_limit limit;

	if (value & EVENT_CRASH_LOADED)
		log_warn_limited(&limit, "pvpanic: the guest's kernel crashed and has a crash "
					 "kernel; --on-panic=continue lets it run");
	if (value & EVENT_PANICKED)
		kvm_panic(dev, NULL);
}

static struct bus_region region = {
	.name = "pvpanic",
	.len = 1,
	.width = 1,
	.read = pvpanic_read,
	.write = pvpanic_write,
};

static void pvpanic_describe(struct device *device,
			     void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	const struct device_record record = {
		.hid = "QEMU0001",
		.stem = "PEV",
		.uid = 1,
		.resources = {{.type = RESOURCE_PORT, .base = region.base, .len = region.len}},
		.count = 1,
	};

	emit(arg, &record);
}

static struct device device = {.name = "pvpanic", .describe = pvpanic_describe};

int pvpanic_create(struct kvm *kvm, const struct chip_place *place)
{
	int err;

	region.base = place->base;
	region.dev = kvm;
	err = bus_add(place->bus, &region);
	if (err)
		return err;
	device_register(&device);
	return 0;
}

void pvpanic_destroy(struct kvm *kvm, const struct chip_place *place)
{
	device_unregister(&device);
	bus_remove(place->bus, &region);
}
