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

/*
 * lkvm's own initramfs, as builtin-run.c gives it before boot_open_files(). make() is called at
 * each power-on and reset with the kernel's release ("6.1.0-56-cloud-amd64"), and returns 0 or
 * -errno after log_error(); its bytes stay until the next call. They go in front of the user's
 * initrds, and param onto the command line. Not for a kernel that is not 64-bit Linux or does not
 * say its release.
 */
struct boot_initramfs {
	int (*make)(const char *release, const void **data, size_t *bytes, void *arg);
	void *arg;
	const char *param; /* "rdinit=..." */
	bool required;	   /* an option asked for it: a kernel that cannot is an error */
};
void boot_use_initramfs(const struct boot_initramfs *initramfs);

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
