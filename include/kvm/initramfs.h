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

/* What lkvm's init is told, and what it needs. All of it is the caller's. */
struct initramfs_plan {
	const char *kernel;			    /* its path: modules may lie beside it */
	const char *version;			    /* of the kernel, "6.1.0-56-cloud-amd64" */
	const char *drivers[INITRAMFS_DRIVERS_MAX]; /* modules that devices need, by name */
	unsigned int driver_count;
	const char *const *disks; /* paths of what the guest calls /dev/vda, /dev/vdb, ... */
	const u32 *disk_blocks;	  /* the guest's logical block of each; NULL: 512 */
	unsigned int disk_count;
	const char *status_port; /* what status_port_open() returned; NULL: there is none */
};

/*
 * Is lkvm's init to be the first program? has_initrd: the user gave one of his own. Not when
 * he named a first program himself (rdinit=), or said --nodefaults or --modules=none; beside
 * his own initrd only when an option asks for what lkvm's init does. 0, 1 (then
 * *required: an option cannot do without), or -EINVAL after log_error() when options contradict
 * each other.
 */
int initramfs_wanted(bool has_initrd, bool *required);

/* The word for the kernel's command line that makes it the first program. */
const char *initramfs_param(void);

/*
 * Make the archive; it stays until the next call or initramfs_free(). 0 or -errno after
 * log_error().
 */
int initramfs_make(const struct initramfs_plan *plan, const void **data, size_t *bytes);
void initramfs_free(void);

#endif
