/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds what is on a disk, to choose the root. root-probe.c. If lkvm is built without libblkid,
 * these functions are NULL.
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

/* A search over several disks. Zero it, then set key and value. */
struct root_search {
	enum root_key key;
	const char *value; /* the text to compare; not used for ROOT_BEST */
	unsigned int found;
	struct root best;
	char others[160]; /* ROOT_BEST: all but file systems: "swap space (/dev/vda1), ..." */
	/* For root-probe.c only: about the current disk, and about the best place so far. */
	const char *disk;
	u32 block_bytes;
	u64 bytes;
	bool typed; /* the type of its partition is that of a root */
};

/*
 * Search one more disk: path is that of the host, disk the name in the guest ("/dev/vda"), and
 * block_bytes the guest's logical block.
 */
OPTIONAL void root_probe_disk(struct root_search *search, const char *path, const char *disk,
			      u32 block_bytes);

/* "an LVM physical volume" for a type that is not a file system, else NULL. */
OPTIONAL const char *root_probe_other(const char *type);

#endif
