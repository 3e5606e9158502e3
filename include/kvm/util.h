/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small helpers over libc: whole reads and writes, clocks. util/util.c.
 * Any thread; nothing here keeps state.
 */
#ifndef KVM_UTIL_H
#define KVM_UTIL_H

#include <kvm/types.h>
#include <sys/types.h>

/*
 * Read exactly len bytes at offset. Returns 0, -EIO when the file ends first,
 * or another -errno. EINTR is retried.
 */
int pread_full(int fd, void *buf, size_t len, off_t offset);

/* Write all len bytes at offset. Returns 0 or -errno; EINTR is retried. */
int pwrite_full(int fd, const void *buf, size_t len, off_t offset);

/* Write exactly len bytes at the file position. Returns 0 or -errno. EINTR is retried. */
int write_full(int fd, const void *buf, size_t len);

/* CLOCK_MONOTONIC now, in nanoseconds. */
u64 now_ns(void);

#endif
