/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transports, for transport.c alone. Each: 0 or -errno after log_error(); main thread.
 */
#ifndef VIRTIO_TRANSPORT_H
#define VIRTIO_TRANSPORT_H

#include "virtio/core.h"

/* Put the device into the board's next free window. mmio.c. */
int virtio_mmio_add(struct kvm *kvm, struct virtio_device *dev);
void virtio_mmio_remove(struct virtio_device *dev);

/* Put the device into the board's slot for such a device. pci.c. */
int virtio_pci_add(struct kvm *kvm, struct virtio_device *dev);
void virtio_pci_remove(struct virtio_device *dev);

#endif
