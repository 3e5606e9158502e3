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
 * Read exactly len bytes at offset. Returns 0, -EIO when the file ends first, or another -errno.
 * EINTR is retried. This function and the others below return -ECANCELED when the work is cancelled
 * (cancel.h); a transfer of 4 MiB or less is always finished.
 */
int pread_full(int fd, void *buf, size_t len, off_t offset);

/*
 * A regular file's whole content, malloc()ed (the caller frees it), with room for one byte more. 0,
 * -EINVAL when it is not a regular file, -EFBIG when it has more than max bytes, or another -errno:
 * then *data is NULL.
 */
int file_read_whole(const char *path, size_t max, u8 **data, size_t *len);

/*
 * Empty a regular file that was opened for output; any other kind of file is left as it is. 0;
 * -EBUSY, and nothing is emptied, when another descriptor of this process, except 0 to 2, refers to
 * the same file: it is one of the run's own files; or another -errno.
 */
int file_empty(int fd);

/* Write all len bytes at offset. Returns 0 or -errno; EINTR is retried. */
int pwrite_full(int fd, const void *buf, size_t len, off_t offset);

/* Write exactly len bytes at the file position. Returns 0 or -errno. EINTR is retried. */
int write_full(int fd, const void *buf, size_t len);

/* CLOCK_MONOTONIC now, in nanoseconds. */
u64 now_ns(void);

/* at_ns + ns, or UINT64_MAX if that overflows: a duration may be longer than the clock lasts. */
u64 add_ns(u64 at_ns, u64 ns);

#endif
