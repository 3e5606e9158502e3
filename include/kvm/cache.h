/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unpacked kernels, kept between runs. boot/cache.c.
 */
#ifndef KVM_CACHE_H
#define KVM_CACHE_H

#include <kvm/types.h>
#include <kvm/unpack.h>

/* Bytes of all entries together; above it those unused for longest go. */
#define CACHE_MAX_BYTES (1 * GIB)

/* Bytes of one of them: what unpacks to more is not kept. */
#define CACHE_ENTRY_MAX (512 * MIB)

/* NULL when what was unpacked is a kernel; else what is wrong with it, a constant string. */
typedef const char *cache_valid_fn(const void *data, u64 bytes);

struct cache_file {
	int fd;	    /* the caller's; read only */
	u64 offset; /* of the unpacked bytes in it */
	u64 bytes;
};

/*
 * The unpacked form of the compressed bytes [offset, offset + bytes) of the open regular
 * file fd, at most max_bytes of them: from the cache, else unpacked now and put there. A
 * cache that cannot be used (no home, not ours, full disk, an lkvm without libsodium) costs time
 * and is no error: then the file has no name. must_keep: without a folder for it or without
 * libsodium, unpack nothing (-ENOENT); a full disk is noticed too late for that. valid is asked
 * before anything is kept; NULL: all is. Main thread. 0, or -errno with *why (a constant string,
 * to be said after the name of the file): -ENOTSUP when the format's library was left out, -E2BIG,
 * -EINVAL (damaged), -ENOEXEC (not valid; *why is what valid said), -ENOMEM, -EIO, -ECANCELED.
 */
int cache_unpack(int fd, u64 offset, u64 bytes, u64 max_bytes, bool must_keep,
		 cache_valid_fn *valid, struct cache_file *file, const char **why);

#endif
