// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM generation ID: 16 random bytes, new at each start of the machine.
 *
 * A guest compares the ID with the value that it read before. A different value means that another
 * machine may have started from the same memory (a snapshot was started twice, or again). Then the
 * guest must replace all state that must be unique, such as the state of its random number
 * generator.
 *
 * The ID is in guest RAM, in a page of its own that the memory map reserves (a kernel may reuse
 * memory that is marked as ACPI data). Drivers find it by the ACPI device that is described here:
 * it has the _CID that drivers look for, and ADDR, the address of the ID in two halves.
 *
 * The ID is new at each power-on, and also at each reset in place: RAM is zero then, so no kernel
 * has an older ID to compare with. A new ID does no harm there, and a kernel that mixes the ID into
 * its random number generator gets bytes that no machine had before.
 *
 * Main thread, no vCPU runs. Left out: notifying a running guest that the ID has changed (by ACPI,
 * with a GPE). That is needed only if a machine is resumed from a snapshot of its memory, which
 * lkvm does not support.
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
