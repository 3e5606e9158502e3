// SPDX-License-Identifier: GPL-2.0-only
/*
 * --virtio-transport: whether the guest finds virtio devices on PCI or on MMIO.
 *
 * A device does not know its transport: it calls virtio_add(), and the user's choice holds for all
 * devices. PCI has MSI-X, and every kernel finds its devices. MMIO needs no PCI driver and no
 * configuration space: it serves kernels without PCI, and makes a boot faster.
 */
#include "virtio/transport.h"

#include <kvm/options.h>

enum { TRANSPORT_PCI, TRANSPORT_MMIO };

static const char *const transport_choices[] = {"pci", "mmio", NULL};
static int transport_choice = TRANSPORT_PCI;

static const struct option transport_options[] = {
	{.name = "virtio-transport",
	 .type = OPTION_CHOICE,
	 .value = &transport_choice,
	 .arg = "pci|mmio",
	 .choices = transport_choices,
	 .help = "how virtio devices come to the guest"},
};
OPTION_GROUP(virtio_transport, run, "Devices", 32, transport_options);

int virtio_add(struct kvm *kvm, struct virtio_device *dev)
{
	if (transport_choice == TRANSPORT_MMIO)
		return virtio_mmio_add(kvm, dev);
	return virtio_pci_add(kvm, dev);
}

void virtio_remove(struct virtio_device *dev)
{
	if (transport_choice == TRANSPORT_MMIO)
		virtio_mmio_remove(dev);
	else
		virtio_pci_remove(dev);
}
