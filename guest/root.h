/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which block device of the guest is its root file system. root.c.
 */
#ifndef GUEST_ROOT_H
#define GUEST_ROOT_H

#include <kvm/types.h>

struct root {
	char device[64]; /* "/dev/vda2", or "254:2" as it was asked for; "" when there is none */
	char type[32];	 /* what the disk says, "ext4"; "" when nobody knows */
};

/* What the user asked for, and where to look. */
struct root_query {
	const char *wish;	  /* "/dev/vda1", "LABEL=x", "254:1", ...; NULL: the first disk's */
	const char *by;		  /* who asked, for messages: "--root", or "root=" of the kernel */
	const char *const *disks; /* files or block devices of the host, looked at read-only */
	const u32 *block_bytes;	  /* of each, as the guest has it; NULL: 512 */
	unsigned int count;
};

/* Choose it. 0 or -errno after log_error(). Main thread. */
int root_choose(const struct root_query *query, struct root *root);

#endif
