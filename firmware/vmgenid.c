// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM generation ID: 16 random bytes that say which life of the machine this is.
 *
 * A guest compares them with what it saw before. Another value means that its memory has a
 * past it shares with another machine (a snapshot was started twice, or again), so that what
 * must never repeat, such as the state of its random number generator, has to be made anew.
 *
 * The ID lies in guest RAM, in a page that has nothing else and that the memory map reserves
 * (a kernel may reuse what is marked as ACPI data). The device described here leads to it: a
 * device object with the _CID by which drivers know it, and ADDR, its address in two halves.
 *
 * A new one at each power-on, and at a reset in place as well: RAM is zero then, the state of
 * every generator in it is gone, and no kernel has an ID to compare with. So a new one costs
 * nothing, and what mixes it into its generator as it finds it gets bytes nobody had before.
 *
 * Main thread, no vCPU runs. Left out: telling a running guest that the ID has changed (an
 * ACPI notification by a GPE). That is needed when a snapshot can be resumed, not before.
 *
 * Spec: Microsoft, Virtual Machine Generation ID (2012)
 */
#include "x86/layout.h"
#include <kvm/vmgenid.h>

#include <kvm/device.h>
#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/types.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

static_assert(LAYOUT_VMGENID % 4096 == 0 && LAYOUT_VMGENID + 4096 <= LAYOUT_FIRMWARE_END,
	      "a page of its own");

static struct kvm *vmgenid_kvm;

static int vmgenid_reset(struct device *dev)
{
	u8 id[VMGENID_BYTES];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return log_fail(-EIO, "vmgenid: no random bytes: %s", strerror(errno));
	if (gmem_write(&vmgenid_kvm->mem, LAYOUT_VMGENID, id, sizeof(id)))
		return log_fail(-EFAULT, "vmgenid: no RAM for the ID at %#x", LAYOUT_VMGENID);
	return 0;
}

static void vmgenid_describe(struct device *dev,
			     void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	static const struct device_record record = {
		.hid = "LKVM0001",
		.cid = "VM_Gen_Counter",
		.ddn = "VM_Gen_Counter",
		.stem = "VGI",
		.uid = 0,
		.addr = LAYOUT_VMGENID,
	};

	emit(arg, &record);
}

static struct device vmgenid_device = {
	.name = "vmgenid",
	.stage = DEVICE_FIRMWARE,
	.reset = vmgenid_reset,
	.describe = vmgenid_describe,
};

static int vmgenid_init(struct kvm *kvm)
{
	vmgenid_kvm = kvm;
	device_register(&vmgenid_device);
	return 0;
}

static void vmgenid_exit(struct kvm *kvm)
{
	device_unregister(&vmgenid_device);
}

INIT_MODULE(vmgenid, .level = INIT_FIRMWARE, .init = vmgenid_init, .exit = vmgenid_exit);
