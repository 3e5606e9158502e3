/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Initial RAM disks: opened, checked, and placed in RAM one after the other. initrd.c.
 */
#ifndef X86_INITRD_H
#define X86_INITRD_H

#include <kvm/gmem.h>
#include <kvm/types.h>

/*
 * Open all files in config.initrds; each call opens them again. at_will: accept any content
 * (multiboot modules), else only formats that Linux accepts. align: alignment of each start, a
 * power of two. Main thread. 0 or -errno after log_error().
 */
int initrd_open(bool at_will, u64 align);

/* Put these bytes before all initrds; the caller owns them. NULL and 0: nothing. */
void initrd_prepend(const void *data, u64 bytes);

/* Total bytes of all initrds with padding; 0 if there are none. */
u64 initrd_bytes(void);

/* The number of files; the length (without padding) and the path of one. */
size_t initrd_count(void);
u64 initrd_file_bytes(size_t i);
const char *initrd_path(size_t i);

/*
 * Read all initrds into guest RAM from start on. 0 or -errno after log_error(): a file has become
 * shorter, or ends in the middle of a cpio entry. Main thread.
 */
int initrd_load(const struct gmem *mem, gpa_t start);

#endif
