/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read and set the size of the machine's balloon: balloon.c, for balloon-control.c. Loop.
 */
#ifndef VIRTIO_BALLOON_H
#define VIRTIO_BALLOON_H

#include <kvm/types.h>

struct balloon_size {
	u64 asked_bytes;  /* the memory that the guest is asked to give up */
	u64 actual_bytes; /* the memory that the guest says it has given up */
};

/* 0; -ENODEV: the machine has no balloon; -ENOTCONN: the guest has started no driver for it. */
int balloon_get(struct balloon_size *size);

/* Ask the guest to give up `bytes`: whole pages, less than RAM. Returns as balloon_get(). */
int balloon_ask(u64 bytes);

#endif
