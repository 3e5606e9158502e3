// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps unpacked kernels between runs: unpacking takes longer than the whole boot.
 *
 * The cache is a folder, $XDG_CACHE_HOME/lkvm/kernels or ~/.cache/lkvm/kernels, with
 *
 *   ENTRY   its name is the BLAKE2b-256 of the compressed bytes: one page of header, then
 *           the unpacked bytes
 *   LINK    a symbolic link to an entry; its name is the identity of a kernel file
 *           (device, inode, length, times of change) and the offset of the bytes in it
 *
 * An unchanged kernel that was booted before is found by its link, without reading its compressed
 * bytes. Each write to a file changes its ctime, so a rebuilt kernel gets another link; a copy of a
 * kernel gets another link to the same entry.
 *
 * An entry is written under a temporary name, synced to the disk, and renamed. Parallel starts each
 * write their own file, and the last rename wins. An entry's header has its length, its
 * modification time (each later write changes that), and a checksum of its content, which is
 * compared only when the content may have changed (cache-check.c). An entry that does not match its
 * header is deleted and made again.
 *
 * Only content that the caller accepts as a kernel is kept, up to CACHE_ENTRY_MAX bytes: so a
 * hostile or very large file does not push other kernels out of the cache.
 *
 * The cache holds CACHE_MAX_BYTES; cache-room.c chooses what to delete for a new entry. The folder
 * is not used if another user owns it or may write to it.
 *
 * Main thread.
 *
 * Spec: RFC 7693 (BLAKE2, by libsodium; with SHA-256 the first run took twice as long);
 * XDG Base Directory Specification.
 */
#include "cache-parts.h"

#include <kvm/cache.h>
#include <kvm/cancel.h>
#include <kvm/log.h>
#include <kvm/util.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEADER_BYTES 4096
#define HOLE_BYTES   4096
#define SYNC_BYTES   (8 * MIB)
#define HEADER_MAGIC "lkvm unpacked 2"
#define OLDER_MAGIC  "lkvm unpacked 1"
#define NAME_BYTES   CACHE_NAME_BYTES
#define HASH_DIGITS  CACHE_HASH_DIGITS
#define LINK_AGE_S   2

struct cache_header {
	char magic[16];
	char name[HASH_DIGITS + 8]; /* of the entry itself */
	le64 bytes;
	le64 mtime_s;		     /* whole seconds: any file system keeps them */
	u8 content[CACHE_SUM_BYTES]; /* checksum of the unpacked bytes */
};

static int cache_refuse(const char **why, int err, const char *text)
{
	*why = text;
	return err;
}

/* --- the folder --- */

static int cache_make_folder(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *at = part + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(part, 0700);
		*at = '/';
	}
	mkdir(part, 0700);
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Open the cache's folder. Returns -1 if there is no usable one: then nothing is kept. */
static int cache_open_folder(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX - NAME_BYTES];
	struct stat st;
	int dir;

	if (base && base[0] == '/')
		snprintf(path, sizeof(path), "%s/lkvm/kernels", base);
	else if (home && home[0] == '/')
		snprintf(path, sizeof(path), "%s/.cache/lkvm/kernels", home);
	else
		return -1;
	dir = cache_make_folder(path);
	if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 022) {
		log_info("cache %s: cannot be used, or is not ours alone; nothing is kept", path);
		if (dir >= 0)
			close(dir);
		return -1;
	}
	return dir;
}

/* --- names --- */

/*
 * Make the link's name from the file's identity. name[0] is 0 for a file that was written just now:
 * the next write may leave the same times.
 */
static int cache_link_name(int fd, u64 offset, char name[NAME_BYTES])
{
	struct stat st;

	name[0] = '\0';
	if (fstat(fd, &st) < 0)
		return -errno;
	if (time(NULL) - st.st_ctim.tv_sec < LINK_AGE_S)
		return 0;
	snprintf(name, NAME_BYTES, CACHE_LINK_PREFIX "%lx-%lx-%lx-%lx.%lx-%lx.%lx-%llx", st.st_dev,
		 st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_ctim.tv_sec,
		 st.st_ctim.tv_nsec, offset);
	return 0;
}

/* Hash the packed bytes. 0; -ENOTSUP: built without libsodium; or -ECANCELED. */
static int cache_entry_name(const u8 *packed, u64 bytes, char name[NAME_BYTES])
{
	u8 digest[CACHE_HASH_BYTES];
	int err;

	name[0] = '\0';
	if (!cache_hash)
		return -ENOTSUP;
	err = cache_hash(packed, bytes, digest);
	for (size_t i = 0; !err && i < sizeof(digest); i++)
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
	return err;
}

/* --- reading --- */

/* True if length and times match the header. The content is not compared here. */
static bool cache_agrees(int fd, const char *name, const struct stat *st,
			 struct cache_header *header)
{
	if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() || st->st_size < HEADER_BYTES ||
	    pread_full(fd, header, sizeof(*header), 0))
		return false;
	return !memcmp(header->magic, HEADER_MAGIC, sizeof(HEADER_MAGIC)) &&
	       !strncmp(header->name, name, sizeof(header->name)) &&
	       le64toh(header->bytes) == (u64)st->st_size - HEADER_BYTES &&
	       le64toh(header->mtime_s) == (u64)st->st_mtim.tv_sec && !st->st_mtim.tv_nsec;
}

/* Check an open entry. 1: usable; 0: not usable; -ECANCELED. */
static int cache_verify(int dir, int fd, const char *name, struct cache_file *file)
{
	struct cache_header header = {.magic = ""};
	u8 content[CACHE_SUM_BYTES];
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0 || !cache_agrees(fd, name, &st, &header)) {
		/* An entry of an older lkvm is expected: do not warn. */
		log_line(memcmp(header.magic, OLDER_MAGIC, sizeof(OLDER_MAGIC)) ? LOG_WARN
										: LOG_INFO,
			 "cache entry %s: is damaged; lkvm makes a new one", name);
		return 0;
	}
	*file = (struct cache_file){
		.fd = fd, .offset = HEADER_BYTES, .bytes = le64toh(header.bytes)};
	if (cache_is_checked(dir, name, &st)) {
		cache_mark_used(dir, name);
		return 1;
	}
	err = cache_sum_file(fd, HEADER_BYTES, file->bytes, content);
	if (err == -ECANCELED)
		return err;
	if (err || memcmp(content, header.content, sizeof(content)) != 0) {
		log_warn("cache entry %s: is damaged; lkvm makes a new one", name);
		return 0;
	}
	cache_mark_checked(dir, name, &st);
	return 1;
}

/* As cache_verify(). */
static int cache_open_entry(int dir, const char *name, struct cache_file *file)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int found;

	if (fd < 0)
		return 0;
	found = cache_verify(dir, fd, name, file);
	if (!found)
		cache_remove(dir, name);
	if (found <= 0)
		close(fd);
	return found;
}

/* As cache_verify(). */
static int cache_follow(int dir, const char *link, struct cache_file *file)
{
	char name[NAME_BYTES];
	ssize_t len = link[0] ? readlinkat(dir, link, name, sizeof(name) - 1) : -1;

	if (len < 0)
		return 0;
	name[len] = '\0';
	return cache_is_entry_name(name) ? cache_open_entry(dir, name, file) : 0;
}

/* --- writing --- */

static bool cache_is_zero(const u8 *data, u64 len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

/* Leave holes for zeros, a third of a kernel: reading a hole costs nothing. */
static int cache_write_sparse(int fd, const u8 *data, u64 len, u64 offset)
{
	u64 from = 0;

	for (u64 at = 0; at < len;) {
		u64 block = MIN(len - at, (u64)HOLE_BYTES);
		bool zero = cache_is_zero(data + at, block);
		int err = zero && at > from
				  ? pwrite_full(fd, data + from, at - from, (off_t)(offset + from))
				  : 0;

		if (err)
			return err;
		at += block;
		if (zero)
			from = at;
	}
	return ftruncate(fd, (off_t)(offset + len)) < 0
		       ? -errno
		       : pwrite_full(fd, data + from, len - from, (off_t)(offset + from));
}

/*
 * Sync to the disk, so that after a crash an entry is complete or missing. In pieces, because no
 * signal can interrupt a wait for a slow disk.
 */
static int cache_sync(int fd, u64 bytes)
{
	for (u64 at = 0; at < bytes; at += SYNC_BYTES) {
		if (cancel_check())
			return -ECANCELED;
		/* If this file system does not support it, fsync() below writes everything. */
		(void)sync_file_range(fd, (off_t)at, (off_t)SYNC_BYTES,
				      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					      SYNC_FILE_RANGE_WAIT_AFTER);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int cache_fill(int fd, const char *name, const u8 *data, u64 bytes)
{
	/* An even second in the past: no later write leaves the same time. */
	u64 mtime = ((u64)time(NULL) - 2) & ~1ULL;
	const struct timespec times[] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = (time_t)mtime}};
	struct cache_header header = {
		.magic = HEADER_MAGIC, .bytes = htole64(bytes), .mtime_s = htole64(mtime)};
	int err = cache_sum(data, bytes, header.content);

	snprintf(header.name, sizeof(header.name), "%.*s", HASH_DIGITS, name);
	err = err ?: pwrite_full(fd, &header, sizeof(header), 0);
	err = err ?: cache_write_sparse(fd, data, bytes, HEADER_BYTES);
	if (!err && futimens(fd, times) < 0)
		err = -errno;
	return err ?: cache_sync(fd, HEADER_BYTES + bytes);
}

/* Write the entry to the folder. 1: kept; 0: could not be kept; -ECANCELED. */
static int cache_keep(int dir, const char *name, const void *data, u64 bytes,
		      struct cache_file *file)
{
	char temp[NAME_BYTES];
	struct stat st;
	int fd, err;

	if (bytes > CACHE_ENTRY_MAX)
		return 0;
	cache_make_room(dir, HEADER_BYTES + bytes);
	snprintf(temp, sizeof(temp), CACHE_TEMP_PREFIX "%d-%.16s", getpid(), name);
	fd = openat(dir, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return 0;
	err = cache_fill(fd, name, data, bytes);
	if (!err && (renameat(dir, temp, dir, name) < 0 || fstat(fd, &st) < 0))
		err = -errno;
	if (err) {
		log_info("cache: %s; the unpacked kernel is not kept", strerror(-err));
		unlinkat(dir, temp, 0);
		close(fd);
		return err == -ECANCELED ? err : 0;
	}
	/* Only now: the rename changed the entry's ctime. */
	cache_mark_checked(dir, name, &st);
	*file = (struct cache_file){.fd = fd, .offset = HEADER_BYTES, .bytes = bytes};
	return 1;
}

static int cache_say(int err, const char **why)
{
	switch (err) {
	case -ENOTSUP:
		return cache_refuse(why, err,
				    "is compressed in a way this lkvm was built without "
				    "(lkvm version lists them)");
	case -E2BIG:
		return cache_refuse(why, err, "is damaged: it unpacks to more than it may");
	case -ECANCELED:
		return cache_refuse(why, err, "was called off");
	case -ENOMEM:
		return cache_refuse(why, err, "cannot be unpacked: no memory");
	default:
		return cache_refuse(why, -EINVAL, "is damaged: it does not unpack");
	}
}

/* Hold the bytes in a file without a name, which ends with its descriptor. */
static int cache_hold(const void *data, u64 bytes, struct cache_file *file, const char **why)
{
	int fd = memfd_create("lkvm-unpacked", MFD_CLOEXEC);
	int err = fd < 0 ? -errno : cache_write_sparse(fd, data, bytes, 0);

	if (err) {
		if (fd >= 0)
			close(fd);
		return cache_say(err == -ECANCELED ? err : -ENOMEM, why);
	}
	*file = (struct cache_file){.fd = fd, .bytes = bytes};
	return 0;
}

static void cache_link(int dir, const char *link, const char *name)
{
	if (!link[0])
		return;
	unlinkat(dir, link, 0);
	cache_make_room_for_link(dir, name);
	/* Without the link the next run hashes the whole kernel to find this entry. */
	if (symlinkat(name, dir, link) < 0)
		return;
}

/* --- unpacking --- */

/* The bytes to unpack, and where to keep the result. */
struct cache_job {
	int dir; /* -1: do not keep the result */
	const u8 *packed;
	u64 bytes, max_bytes;
	cache_valid_fn *valid;
	char name[NAME_BYTES]; /* the entry's; empty: it has none */
};

/* Unpack to out, which has room for max_bytes, and keep the result. */
static int cache_make(const struct cache_job *job, u8 *out, struct cache_file *file,
		      const char **why)
{
	enum unpack_format format = unpack_detect(job->packed, job->bytes);
	ssize_t len = unpack(format, job->packed, job->bytes, out, job->max_bytes);
	const char *wrong;
	int kept = 0;

	if (len < 0)
		return cache_say((int)len, why);
	wrong = job->valid ? job->valid(out, (u64)len) : NULL;
	if (wrong)
		return cache_refuse(why, -ENOEXEC, wrong);
	if (job->dir >= 0 && job->name[0])
		kept = cache_keep(job->dir, job->name, out, (u64)len, file);
	if (kept < 0)
		return cache_say(kept, why);
	return kept ? 0 : cache_hold(out, (u64)len, file, why);
}

static int cache_unpack_to(struct cache_job *job, const char *link, struct cache_file *file,
			   const char **why)
{
	int err = cache_entry_name(job->packed, job->bytes, job->name);
	bool keeps = job->dir >= 0 && !err;
	int found = keeps ? cache_open_entry(job->dir, job->name, file) : 0;
	u8 *out;

	if (err == -ECANCELED || found < 0)
		return cache_say(-ECANCELED, why);
	if (found) {
		cache_link(job->dir, link, job->name);
		return 0;
	}
	out = mmap(NULL, job->max_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (out == MAP_FAILED)
		return cache_say(-ENOMEM, why);
	madvise(out, job->max_bytes, MADV_HUGEPAGE);
	err = cache_make(job, out, file, why);
	munmap(out, job->max_bytes);
	if (!err && keeps && file->offset)
		cache_link(job->dir, link, job->name);
	return err;
}

static int cache_read_packed(int fd, u64 offset, u64 bytes, u8 **packed, const char **why)
{
	int err;

	*packed = malloc(MAX(bytes, 1ULL));
	if (!*packed)
		return cache_say(-ENOMEM, why);
	err = pread_full(fd, *packed, bytes, (off_t)offset);
	return err ? cache_refuse(why, err, "cannot be read to its end") : 0;
}

int cache_unpack(int fd, u64 offset, u64 bytes, u64 max_bytes, bool must_keep,
		 cache_valid_fn *valid, struct cache_file *file, const char **why)
{
	struct cache_job job = {.bytes = bytes, .max_bytes = max_bytes, .valid = valid};
	char link[NAME_BYTES];
	u8 *packed = NULL;
	int found, err;

	err = cache_link_name(fd, offset, link);
	if (err)
		return cache_refuse(why, err, "cannot be looked at");
	job.dir = cache_open_folder();
	if (must_keep && (job.dir < 0 || !cache_hash)) {
		if (job.dir >= 0)
			close(job.dir);
		return cache_refuse(why, -ENOENT, "there is no cache to keep it in");
	}
	found = job.dir < 0 || !cache_hash ? 0 : cache_follow(job.dir, link, file);
	if (found < 0)
		err = cache_say(found, why);
	if (!found) {
		err = cache_read_packed(fd, offset, bytes, &packed, why);
		job.packed = packed;
		err = err ?: cache_unpack_to(&job, link, file, why);
	}
	free(packed);
	if (job.dir >= 0)
		close(job.dir);
	/* The entry was made for a caller that accepted more bytes. */
	if (!err && file->bytes > max_bytes) {
		close(file->fd);
		err = cache_say(-E2BIG, why);
	}
	return err;
}
