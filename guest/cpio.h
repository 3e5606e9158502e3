/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cpio archive made in memory, of the kind that Linux unpacks as its first root. cpio.c.
 */
#ifndef GUEST_CPIO_H
#define GUEST_CPIO_H

#include <kvm/types.h>

/* Zero-initialise. err keeps the first failure, and nothing is added after a failure. */
struct cpio {
	u8 *data; /* malloc()ed */
	size_t len, room;
	u32 entries;
	int err; /* 0 or -ENOMEM, -E2BIG */
};

/* Add an entry; its folder must be added before. mode has type and permissions: S_IFDIR | 0755. */
void cpio_add(struct cpio *cpio, const char *name, u32 mode, const void *data, size_t bytes);

/* Add the entry that ends an archive. Returns cpio->err. */
int cpio_finish(struct cpio *cpio);

void cpio_free(struct cpio *cpio);

#endif
