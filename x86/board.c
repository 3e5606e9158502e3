// SPDX-License-Identifier: GPL-2.0-only
/*
 * The board of the PC: its chips, with their addresses and interrupt lines.
 *
 * All fixed wiring of a real board is in this file: the chips with their places, the PCI host with
 * its windows and slots, the windows of virtio-mmio. The numbers are in layout.h, which no chip
 * includes: each chip gets its place from here.
 *
 * Order. Chips are created in the order of the table, and removed in reverse. The firmware
 * describes them to the guest in this order, so a change is seen in the ACPI tables. The backends
 * of the serial ports come after the ports.
 *
 * Port 0xcf9 belongs to the reset chip, but lies within the ports of the PCI host. So the host gets
 * the reset chip's region, and passes byte accesses to that port on.
 *
 * Slots. Each kind of virtio device has a fixed place on PCI bus 0, so that its device number does
 * not depend on other devices: a guest derives the names of network cards and disks from this
 * number. A device without a fixed place takes the first free device number from PCI_DEVFN_OTHER
 * on.
 *
 * Runs on the main thread, before vCPUs run. To add a chip: a line here, its functions in
 * kvm/chips.h, its numbers in layout.h.
 */
#include "layout.h"

#include <kvm/chips.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/pci.h>

#include <assert.h>
#include <linux/virtio_ids.h>

static_assert(ACPI_S5_SLP_TYP == ACPI_PM_TYPE_S5, "the chip and \\_S5 must agree");
static_assert(PORT_ACPI_PM1_CONTROL == PORT_ACPI_PM1_EVENT + 4 &&
		      PORT_I8042_COMMAND == PORT_I8042_DATA + 4,
	      "the chip's second register is there");

struct chip {
	int (*create)(struct kvm *kvm, const struct chip_place *place);
	void (*destroy)(struct kvm *kvm, const struct chip_place *place);
	struct chip_place place; /* .bus is filled in by board_init() */
};

#define CHIP(name, ...)                                                                  \
	{                                                                                \
		.create = name##_create, .destroy = name##_destroy, .place = __VA_ARGS__ \
	}

/* The registers of all these chips are at ports, not in memory. */
static struct chip chips[] = {
	CHIP(acpi_pm, {.base = PORT_ACPI_PM1_EVENT, .line = GSI_ACPI}),
	CHIP(exit_port, {.base = PORT_EXIT}),
	CHIP(i8042, {.base = PORT_I8042_DATA}),
	CHIP(pvpanic, {.base = PORT_PVPANIC}),
	CHIP(reset_port, {.base = PORT_SYSTEM_A}),
	CHIP(rtc, {.base = PORT_RTC, .line = GSI_RTC}),
	CHIP(serial, {.base = PORT_COM1, .line = GSI_COM1, .unit = 0}),
	CHIP(serial, {.base = PORT_COM2, .line = GSI_COM2, .unit = 1}),
	CHIP(serial, {.base = PORT_COM3, .line = GSI_COM1, .unit = 2}),
	CHIP(serial, {.base = PORT_COM4, .line = GSI_COM2, .unit = 3}),
	CHIP(serial_pty, {}),
	CHIP(status_port, {}),
};

#define VIRTIO_VENDOR	  0x1af4
#define VIRTIO_DEVICE(id) (0x1040 + (id))

static const struct pci_slot slots[] = {
	{VIRTIO_VENDOR, VIRTIO_DEVICE(VIRTIO_ID_RNG), PCI_DEVFN_RNG, 1},
	{VIRTIO_VENDOR, VIRTIO_DEVICE(VIRTIO_ID_BALLOON), PCI_DEVFN_BALLOON, 1},
	{VIRTIO_VENDOR, VIRTIO_DEVICE(VIRTIO_ID_CONSOLE), PCI_DEVFN_CONSOLE, 1},
	{VIRTIO_VENDOR, VIRTIO_DEVICE(VIRTIO_ID_BLOCK), PCI_DEVFN_DISK, PCI_DEVFN_DISKS},
};

static struct pci_place pci_place = {
	.config = PORT_PCI_CONFIG,
	.ecam = LAYOUT_ECAM,
	.ecam_bytes = LAYOUT_ECAM_BYTES,
	.ports = {PORT_PCI_IO, PORT_PCI_IO_END},
	.memory = {LAYOUT_PCI_MMIO, LAYOUT_PCI_MMIO_END},
	.first_port = PORT_MOTHERBOARD_END,
	.chipset = {LAYOUT_IOAPIC, LAYOUT_RAM_HIGH},
	.messages = {LAYOUT_LAPIC, LAYOUT_LAPIC + MIB},
	.host_bridge = PCI_DEVFN_HOST_BRIDGE,
	.slots = slots,
	.slot_count = ARRAY_SIZE(slots),
	.other_slots = PCI_DEVFN_OTHER,
};

static void board_remove_chips(struct kvm *kvm, size_t count)
{
	while (count-- > 0)
		chips[count].destroy(kvm, &chips[count].place);
}

static int board_init(struct kvm *kvm)
{
	int err;

	kvm->windows = (struct kvm_windows){.base = LAYOUT_VIRTIO_MMIO,
					    .bytes = LAYOUT_VIRTIO_BYTES,
					    .count = LAYOUT_VIRTIO_COUNT};
	pci_place.inner = reset_port_register(PORT_RESET);
	err = pci_create(kvm, &pci_place);
	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(chips); i++) {
		chips[i].place.bus = &kvm->ports;
		err = chips[i].create(kvm, &chips[i].place);
		if (err) {
			board_remove_chips(kvm, i);
			pci_destroy(kvm);
			return err;
		}
	}
	return 0;
}

static void board_exit(struct kvm *kvm)
{
	board_remove_chips(kvm, ARRAY_SIZE(chips));
	pci_destroy(kvm);
}

INIT_MODULE(board, .level = INIT_DEV, .init = board_init, .exit = board_exit);
