// SPDX-License-Identifier: GPL-2.0-only
/*
 * --virtio-transport: how virtio devices come to the guest.
 *
 * A device knows no transport: it calls virtio_add(), and the user's choice decides for all of
 * them. PCI has MSI-X and is what every kernel finds; MMIO needs no PCI driver and no
 * configuration space, so it is there for kernels without, and costs a boot less to look for.
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
