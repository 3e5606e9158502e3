/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unpacked kernels, kept between runs. boot/cache.c.
 */
#ifndef KVM_CACHE_H
#define KVM_CACHE_H

#include <kvm/types.h>
#include <kvm/unpack.h>

/* Limit for all entries together: the least recently used ones are deleted. */
#define CACHE_MAX_BYTES (1 * GIB)

/* Limit for one entry: a larger kernel is not kept. */
#define CACHE_ENTRY_MAX (512 * MIB)

/* NULL if the unpacked bytes are a kernel, else a constant string with the fault. */
typedef const char *cache_valid_fn(const void *data, u64 bytes);

struct cache_file {
	int fd;	    /* owned by the caller; only for reading */
	u64 offset; /* of the unpacked bytes in it */
	u64 bytes;
};

/*
 * Get the unpacked form, at most max_bytes, of the compressed bytes [offset, offset + bytes) of the
 * open regular file fd: from the cache, else unpack now and keep the result. If the cache cannot be
 * used (no home, not ours, full disk, an lkvm without libsodium), that is not an error: the result
 * is in a file without a name. must_keep: without a folder or without libsodium do not unpack
 * (-ENOENT); a full disk is noticed only after unpacking. valid() is called before anything is
 * kept; NULL: accept all. Main thread. 0, or -errno with *why (a constant string, to follow the
 * name of the file): -ENOTSUP if lkvm was built without the format's library, -E2BIG, -EINVAL
 * (damaged), -ENOEXEC (not valid; *why is the result of valid()), -ENOMEM, -EIO, -ECANCELED.
 */
int cache_unpack(int fd, u64 offset, u64 bytes, u64 max_bytes, bool must_keep,
		 cache_valid_fn *valid, struct cache_file *file, const char **why);

#endif
