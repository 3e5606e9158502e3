# SPDX-License-Identifier: GPL-2.0-only
# Interrupt lines of devices for a kernel that uses the PICs alone: a disk by each transport, each way to lose the
# IOAPIC. (What such a kernel is told without ACPI is tests/firmware/test-mptable.c's.)
# lab-lane: 1
. "$LAB/lib.sh"

dd if=/dev/zero bs=1M count=4 2>/dev/null | tr '\0' 'A' >disk.img

# pics NAME OPTION...: the disk is read, by interrupts of a PIC
pics()
{
	local name=$1
	shift
	JOB='exec sh -e /job' job "$name" 0 -d disk.img "$@" <<-END
	dd if=/dev/vda bs=1M | tr -d A | wc -c | grep -x 0
	grep 'XT-PIC.*virtio' /proc/interrupts
	END
}

pics mmio-noapic --virtio-transport=mmio -p noapic
if ! quick; then
	pics mmio-nolapic --virtio-transport=mmio -p nolapic
	pics pci-nolapic -p nolapic
	pics pci-noapic -p 'noapic pci=nomsi'
	pics pci-acpi-off -p 'acpi=off noapic pci=nomsi'
fi
lab_end
