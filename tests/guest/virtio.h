/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtio actions of the payload. virtio.c.
 */
#ifndef TESTS_GUEST_VIRTIO_H
#define TESTS_GUEST_VIRTIO_H

/* "pci:DEVFN" or "mmio:WINDOW": see virtio.c. */
void do_virtio_rules(const char *arg);
void do_virtio_noise(const char *arg);

#endif
