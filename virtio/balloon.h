/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How large the machine's balloon is, and is to be. balloon.c; balloon-control.c asks. Loop.
 */
#ifndef VIRTIO_BALLOON_H
#define VIRTIO_BALLOON_H

#include <kvm/types.h>

struct balloon_size {
	u64 asked_bytes;  /* what the guest is to give up */
	u64 actual_bytes; /* what it says it has given up */
};

/* 0; -ENODEV: the machine has none; -ENOTCONN: no driver of the guest has come up. */
int balloon_get(struct balloon_size *size);

/* Ask the guest to give up so many bytes, less than RAM, in whole pages. As balloon_get(). */
int balloon_ask(u64 bytes);

#endif
