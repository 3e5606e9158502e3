/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which block device of the guest is its root file system. root.c.
 */
#ifndef GUEST_ROOT_H
#define GUEST_ROOT_H

#include <kvm/types.h>

struct root {
	char device[64]; /* "/dev/vda2"; "" when there is none */
	char type[32];	 /* "ext4"; "" when nobody knows */
};

/*
 * Choose it among disks, which are files or block devices of the host, looked at read-only.
 * wish: what --root said ("/dev/vda1", "LABEL=x", "UUID=x", "PARTUUID=x", "none"), or NULL for the
 * first disk. 0 or -errno after log_error(). Main thread.
 */
int root_choose(const char *wish, const char *const *disks, unsigned int count, struct root *root);

#endif
