/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Initial RAM disks: opened, checked, laid out one behind the other. initrd.c.
 */
#ifndef X86_INITRD_H
#define X86_INITRD_H

#include <kvm/gmem.h>
#include <kvm/types.h>

/*
 * Open all that config.initrds names, anew at each call; at_will: whatever they hold
 * (multiboot modules), else only what Linux can unpack. align: of the start of each, a
 * power of two. Main thread. 0 or -errno after log_error().
 */
int initrd_open(bool at_will, u64 align);

/* These bytes come first, and stay the caller's; NULL and 0: no more. */
void initrd_prepend(const void *data, u64 bytes);

/* Bytes of all of them with padding; 0 when there are none. */
u64 initrd_bytes(void);

/* How many there are; the length without padding and the path of one. */
size_t initrd_count(void);
u64 initrd_file_bytes(size_t i);
const char *initrd_path(size_t i);

/*
 * Read them anew into guest RAM from start on. 0 or -errno after log_error(): a file
 * shrank, or ends in the middle of a cpio entry. Main thread.
 */
int initrd_load(const struct gmem *mem, gpa_t start);

#endif
