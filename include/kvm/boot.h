/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot image: kernel, initrds, command line. x86/boot.c.
 */
#ifndef KVM_BOOT_H
#define KVM_BOOT_H

#include <kvm/types.h>

/*
 * Open and check the files that config names, before any machine exists. Main
 * thread. 0 or -errno after log_error().
 */
int boot_open_files(void);

/* The kernel command line, complete; valid after boot_open_files(). */
const char *boot_cmdline(void);

/* By which entry the kernel is booted, such as "64-bit"; as above. */
const char *boot_entry(void);

struct boot_range {
	const char *name;
	gpa_t start, end; /* end is the first address behind it */
};

/* Where what was put, for --dry-run. Main thread, after power-on. */
void boot_for_each_range(void (*fn)(const struct boot_range *range, void *arg), void *arg);

#endif
