/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which block device of the guest is its root file system. root.c.
 */
#ifndef GUEST_ROOT_H
#define GUEST_ROOT_H

#include <kvm/types.h>

struct root {
	char device[64]; /* "/dev/vda2", or "254:2" if the user asked so; "": there is no root */
	char type[32];	 /* as found on the disk, "ext4"; "": not known */
};

/* What the user asked for, and where to look. */
struct root_query {
	const char *wish; /* "/dev/vda1", "LABEL=x", "254:1", ...; NULL: use the first disk */
	const char *by;	  /* for messages: "--root", or the kernel's "root=" */
	const char *const *disks; /* files or block devices of the host, only read */
	const u32 *block_bytes;	  /* logical block of each in the guest; NULL: 512 */
	unsigned int count;
};

/* Choose the root. 0 or -errno after log_error(). Main thread. */
int root_choose(const struct root_query *query, struct root *root);

#endif
