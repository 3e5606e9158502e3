// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exit port, 0xf4: a guest program writes its exit status and the run ends with it.
 *
 * The status is the low byte of a write of 1, 2 or 4 bytes. The region is one byte long, and the
 * bus splits a write that crosses the end of a region: only the low byte arrives here, and no chip
 * is at 0xf5 and above. So one instruction is one event. Reads are all ones. There is no state,
 * hence no lock, no reset and no struct device. If several vCPUs write, kvm_end() keeps the first
 * status.
 *
 * Left out: QEMU's encoding (value << 1 | 1), which has no status of 0.
 *
 * Spec: none; the port is that of QEMU's isa-debug-exit; docs/lkvm.1, EXIT STATUS, describes the
 * encoding.
 */
#include <kvm/bus.h>
#include <kvm/chips.h>
#include <kvm/kvm.h>

static void exit_port_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	kvm_end(dev, END_EXIT, value & 0xff);
}

static struct bus_region region = {
	.name = "exit-port",
	.len = 1,
	.width = 1,
	.write = exit_port_write,
};

int exit_port_create(struct kvm *kvm, const struct chip_place *place)
{
	region.base = place->base;
	region.dev = kvm;
	return bus_add(place->bus, &region);
}

void exit_port_destroy(struct kvm *kvm, const struct chip_place *place)
{
	bus_remove(place->bus, &region);
}
