/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is on a disk, for the choice of the root. root-probe.c.
 * Built without libblkid, lkvm has none of the functions: they are NULL.
 */
#ifndef GUEST_ROOT_PROBE_H
#define GUEST_ROOT_PROBE_H

#include "root.h"

#include <kvm/feature.h>

enum root_key {
	ROOT_BEST,
	ROOT_BY_DEVICE,
	ROOT_BY_LABEL,
	ROOT_BY_UUID,
	ROOT_BY_PARTUUID,
	ROOT_BY_PARTLABEL
};

/* Begins as zeros but for key and value, and goes from disk to disk. */
struct root_search {
	enum root_key key;
	const char *value; /* what it is to be; ROOT_BEST: unused */
	unsigned int found;
	struct root best;
	char others[160]; /* ROOT_BEST: "swap space (/dev/vda1), ...": what is no file system */
	/* root-probe.c's own: of the disk that it looks at, and of the best place so far */
	const char *disk;
	u32 block_bytes;
	u64 bytes;
	bool typed; /* its partition says that it is a root */
};

/*
 * Look at one more disk: path on the host, what the guest calls it ("/dev/vda"), and the guest's
 * logical block.
 */
OPTIONAL void root_probe_disk(struct root_search *search, const char *path, const char *disk,
			      u32 block_bytes);

/* "an LVM physical volume" for a type that is no file system, else NULL. */
OPTIONAL const char *root_probe_other(const char *type);

#endif
