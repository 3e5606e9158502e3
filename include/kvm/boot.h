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
 * lkvm's own initramfs, set by builtin-run.c before boot_open_files(). make() is called at each
 * power-on and reset with the kernel's release ("6.1.0-56-cloud-amd64"), and returns 0 or -errno
 * after log_error(); its bytes stay valid until the next call. They are placed before the user's
 * initrds, and param is added to the command line. A kernel that is not 64-bit Linux, or does not
 * say its release, gets no initramfs.
 */
struct boot_initramfs {
	int (*make)(const char *release, const void **data, size_t *bytes, void *arg);
	void *arg;
	const char *param; /* "rdinit=..." */
	bool required;	   /* an option needs it: an unsuitable kernel is an error */
};
void boot_use_initramfs(const struct boot_initramfs *initramfs);

/* The kernel command line, complete; valid after boot_open_files(). */
const char *boot_cmdline(void);

/* Name of the kernel's entry, such as "64-bit"; valid after boot_open_files(). */
const char *boot_entry(void);

struct boot_range {
	const char *name;
	gpa_t start, end; /* end: the first address after it */
};

/* The places of all that was put into RAM, for --dry-run. Main thread, after power-on. */
void boot_for_each_range(void (*fn)(const struct boot_range *range, void *arg), void *arg);

#endif
