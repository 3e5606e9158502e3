/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lkvm's own initramfs: an init and the modules that this machine needs. guest/initramfs.c.
 *
 * Main thread, all of it.
 */
#ifndef KVM_INITRAMFS_H
#define KVM_INITRAMFS_H

#include <kvm/types.h>

#define INITRAMFS_DRIVERS_MAX 128

/* What lkvm's init has to know and to use. The caller owns all of it. */
struct initramfs_plan {
	const char *kernel;  /* the kernel's path: modules may be beside it */
	const char *version; /* of the kernel, "6.1.0-56-cloud-amd64" */
	const char *drivers[INITRAMFS_DRIVERS_MAX]; /* modules that devices need, by name */
	unsigned int driver_count;
	const char *const *disks; /* paths on the host of /dev/vda, /dev/vdb, ... */
	const u32 *disk_blocks;	  /* the guest's logical block of each; NULL: 512 */
	unsigned int disk_count;
	const char *status_port; /* what status_port_open() returned; NULL: there is none */
};

/*
 * Should lkvm's init be the first program? has_initrd: the user gave an initrd. Not if the user
 * named a first program (rdinit=), --nodefaults or --modules=none. With a user's initrd, only if an
 * option needs lkvm's init. Returns 1 (then *required tells whether an option needs it), 0, or
 * -EINVAL after log_error() when options contradict each other.
 */
int initramfs_wanted(bool has_initrd, bool *required);

/* The parameter for the kernel's command line that makes lkvm's init the first program. */
const char *initramfs_param(void);

/*
 * Make the archive; it stays until the next call or initramfs_free(). 0 or -errno after
 * log_error().
 */
int initramfs_make(const struct initramfs_plan *plan, const void **data, size_t *bytes);
void initramfs_free(void);

#endif
