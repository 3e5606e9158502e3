/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Initial RAM disks: opened, checked, laid out one behind the other. initrd.c.
 */
#ifndef X86_INITRD_H
#define X86_INITRD_H

#include <kvm/gmem.h>
#include <kvm/types.h>

/*
 * Open all that config.initrds names, anew at each call. Main thread. 0 or -errno after
 * log_error().
 */
int initrd_open(void);

/* Bytes of all of them with padding; 0 when there are none. */
u64 initrd_bytes(void);

/*
 * Read them anew into guest RAM from start on. 0 or -errno after log_error(): a file
 * shrank, or ends in the middle of a cpio entry. Main thread.
 */
int initrd_load(const struct gmem *mem, gpa_t start);

#endif
