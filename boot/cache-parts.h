/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by boot/cache*.c: file names in the cache's folder, and each file's functions. dir is
 * always the folder's descriptor. Main thread.
 */
#ifndef UTIL_CACHE_PARTS_H
#define UTIL_CACHE_PARTS_H

#include <kvm/feature.h>
#include <kvm/types.h>
#include <stdio.h>
#include <sys/stat.h>

#define CACHE_HASH_BYTES  32
#define CACHE_HASH_DIGITS (2 * CACHE_HASH_BYTES)
#define CACHE_SUM_BYTES	  16
#define CACHE_NAME_BYTES  128
#define CACHE_TEMP_PREFIX "tmp-"
#define CACHE_LINK_PREFIX "by-" /* a kernel file's identity: a symbolic link to its entry */
#define CACHE_MARK_PREFIX "ok-" /* an entry's mark: when it was checked and last used */
#define CACHE_LINKS_MAX	  16	/* for one entry */

/* --- cache-hash.c --- */

/* BLAKE2b-256. 0 or -ECANCELED. The function is NULL if lkvm was built without libsodium. */
OPTIONAL int cache_hash(const u8 *data, u64 bytes, u8 hash[CACHE_HASH_BYTES]);

/* --- cache-check.c --- */

/*
 * Compute the checksum of an entry's content: two little-endian words. The first is the sum of its
 * 64-bit words (the last one is padded with zeros), the second adds up the first one's value after
 * each word. 0 or -ECANCELED.
 */
int cache_sum(const u8 *data, u64 bytes, u8 to[CACHE_SUM_BYTES]);
/* The same for [offset, offset + bytes) of the file. 0 or -errno. */
int cache_sum_file(int fd, u64 offset, u64 bytes, u8 to[CACHE_SUM_BYTES]);

/* True if the entry with state st was checked since its last change and since the host's boot. */
bool cache_is_checked(int dir, const char *name, const struct stat *st);
/* Record that the entry, in state st, was checked now. */
void cache_mark_checked(int dir, const char *name, const struct stat *st);
/* Record that the entry is used now. */
void cache_mark_used(int dir, const char *name);
/* Time of the entry's last use, from its mark; without a mark, the file's access time. */
struct timespec cache_last_used(int dir, const char *name, const struct stat *st);

/* --- cache-room.c --- */

bool cache_is_entry_name(const char *name);
/* Remove an entry and its mark. */
int cache_remove(int dir, const char *name);
/* Delete leftover files, then the least recently used entries until `bytes` more bytes fit. */
void cache_make_room(int dir, u64 bytes);
/* Delete the oldest links to an entry until one more is allowed. */
void cache_make_room_for_link(int dir, const char *name);

#endif
