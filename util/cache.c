// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unpacked kernels, kept between runs: unpacking costs more than the whole boot.
 *
 * The cache is a folder, $XDG_CACHE_HOME/lkvm/kernels or ~/.cache/lkvm/kernels, with
 *
 *   ENTRY   its name is the BLAKE2b-256 of the compressed bytes: one page of header, then
 *           the unpacked bytes
 *   LINK    a symbolic link to an entry; its name is the identity of a kernel file
 *           (device, inode, length, times of change) and where in it the bytes were
 *
 * A kernel that was booted before and has not changed since is found by its link, and
 * its compressed bytes are not even read. Any write to a file changes its ctime, so a
 * rebuilt kernel has another link; a copy has another link and the same entry.
 *
 * An entry is written under a temporary name and renamed: parallel starts each write
 * their own, and the last one stays. Its header says how long it is and which
 * modification time it was given, which every later write would change; an entry that does
 * not agree with its header is deleted and made again. What is in it is as little
 * trusted as the kernel file itself: whoever reads it checks.
 *
 * The cache holds CACHE_MAX_BYTES; the entries read longest ago go when a new one
 * comes, with links that lead nowhere and temporary files that a crash has left. A
 * folder that is not ours, or that others may write to, is not used.
 *
 * Main thread.
 *
 * Spec: RFC 7693 (BLAKE2, by libsodium; with SHA-256 the first run took twice as long);
 * XDG Base Directory Specification.
 */
#include <kvm/cache.h>
#include <kvm/log.h>
#include <kvm/util.h>

#include <dirent.h>
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

#ifdef HAVE_LIBSODIUM
#include <sodium.h>
#endif

#define HEADER_BYTES 4096
#define HOLE_BYTES   4096
#define HEADER_MAGIC "lkvm unpacked 1"
#define NAME_BYTES   128
#define HASH_BYTES   32
#define HASH_DIGITS  (2 * HASH_BYTES)
#define TEMP_PREFIX  "tmp-"
#define LINK_PREFIX  "by-"
#define TEMP_AGE_S   3600
#define LINK_AGE_S   2

struct cache_header {
	char magic[16];
	char name[HASH_DIGITS + 8]; /* of the entry itself */
	le64 bytes;
	le64 mtime_s; /* whole seconds: any file system keeps them */
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

/* The folder's descriptor, or -1: then nothing is kept. */
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

/* Of a file written just now the next write may have the same times: name[0] is 0 then. */
static int cache_link_name(int fd, u64 offset, char name[NAME_BYTES])
{
	struct stat st;

	name[0] = '\0';
	if (fstat(fd, &st) < 0)
		return -errno;
	if (time(NULL) - st.st_ctim.tv_sec < LINK_AGE_S)
		return 0;
	snprintf(name, NAME_BYTES, LINK_PREFIX "%llx-%llx-%llx-%llx.%lx-%llx.%lx-%llx",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		 (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec, (unsigned long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec,
		 (unsigned long long)offset);
	return 0;
}

/* False: built without libsodium, so nothing can be named. */
static bool cache_entry_name(const u8 *packed, u64 bytes, char name[NAME_BYTES])
{
#ifdef HAVE_LIBSODIUM
	u8 digest[HASH_BYTES];

	crypto_generichash(digest, sizeof(digest), packed, bytes, NULL, 0);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
	return true;
#else
	(void)packed;
	(void)bytes;
	name[0] = '\0';
	return false;
#endif
}

static bool cache_is_entry_name(const char *name)
{
	return strlen(name) == HASH_DIGITS && strspn(name, "0123456789abcdef") == HASH_DIGITS;
}

/* --- reading --- */

static bool cache_agrees(int fd, const char *name, struct cache_file *file)
{
	struct cache_header header;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_size < HEADER_BYTES || pread_full(fd, &header, sizeof(header), 0))
		return false;
	if (memcmp(header.magic, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0 ||
	    strncmp(header.name, name, sizeof(header.name)) != 0)
		return false;
	*file = (struct cache_file){
		.fd = fd, .offset = HEADER_BYTES, .bytes = le64toh(header.bytes)};
	return file->bytes == (u64)st.st_size - HEADER_BYTES &&
	       le64toh(header.mtime_s) == (u64)st.st_mtim.tv_sec && !st.st_mtim.tv_nsec;
}

static bool cache_open_entry(int dir, const char *name, struct cache_file *file)
{
	const struct timespec used[] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	if (cache_agrees(fd, name, file)) {
		futimens(fd, used);
		return true;
	}
	log_warn("cache entry %s: is damaged; it is made again", name);
	unlinkat(dir, name, 0);
	close(fd);
	return false;
}

static bool cache_follow(int dir, const char *link, struct cache_file *file)
{
	char name[NAME_BYTES];
	ssize_t len = link[0] ? readlinkat(dir, link, name, sizeof(name) - 1) : -1;

	if (len < 0)
		return false;
	name[len] = '\0';
	return cache_is_entry_name(name) && cache_open_entry(dir, name, file);
}

/* --- making room --- */

struct cache_victim {
	char name[HASH_DIGITS + 1];
	struct timespec used;
};

static bool cache_is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* One file of the folder: remove it if it is of no use, or count it. */
static void cache_look_at(int dir, const char *name, u64 *total, struct cache_victim *oldest)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		if (faccessat(dir, name, F_OK, 0) < 0)
			unlinkat(dir, name, 0);
	} else if (!strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX))) {
		if (time(NULL) - st.st_ctim.tv_sec > TEMP_AGE_S)
			unlinkat(dir, name, 0);
	} else if (cache_is_entry_name(name)) {
		*total += (u64)st.st_size;
		if (oldest->name[0] && !cache_is_older(&st.st_atim, &oldest->used))
			return;
		snprintf(oldest->name, sizeof(oldest->name), "%.*s", HASH_DIGITS, name);
		oldest->used = st.st_atim;
	}
}

static u64 cache_walk(int dir, struct cache_victim *oldest)
{
	int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = own < 0 ? NULL : fdopendir(own);
	const struct dirent *each;
	u64 total = 0;

	*oldest = (struct cache_victim){0};
	if (!folder) {
		if (own >= 0)
			close(own);
		return 0;
	}
	while ((each = readdir(folder)))
		cache_look_at(dir, each->d_name, &total, oldest);
	closedir(folder);
	return total;
}

/* Delete the entries unused for longest until so many bytes more have room. */
static void cache_make_room(int dir, u64 bytes)
{
	struct cache_victim oldest;

	while (cache_walk(dir, &oldest) + bytes > CACHE_MAX_BYTES && oldest.name[0]) {
		if (unlinkat(dir, oldest.name, 0) < 0)
			return;
	}
}

/* --- writing --- */

static bool cache_is_zero(const u8 *data, u64 len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

/* A third of a kernel is zeros, and a hole costs nothing to read: write the rest. */
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

static int cache_fill(int fd, const char *name, const u8 *data, u64 bytes)
{
	/* An even second of the past: no later write leaves just this. */
	u64 mtime = ((u64)time(NULL) - 2) & ~1ULL;
	const struct timespec times[] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = (time_t)mtime}};
	struct cache_header header = {
		.magic = HEADER_MAGIC, .bytes = htole64(bytes), .mtime_s = htole64(mtime)};
	int err;

	snprintf(header.name, sizeof(header.name), "%.*s", HASH_DIGITS, name);
	err = pwrite_full(fd, &header, sizeof(header), 0);
	err = err ? err : cache_write_sparse(fd, data, bytes, HEADER_BYTES);
	return err ? err : futimens(fd, times) < 0 ? -errno : 0;
}

/* Into the folder under its name. False: it could not be kept. */
static bool cache_keep(int dir, const char *name, const void *data, u64 bytes,
		       struct cache_file *file)
{
	char temp[NAME_BYTES];
	int fd, err;

	cache_make_room(dir, HEADER_BYTES + bytes);
	snprintf(temp, sizeof(temp), TEMP_PREFIX "%d-%.16s", getpid(), name);
	fd = openat(dir, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	err = cache_fill(fd, name, data, bytes);
	if (!err && renameat(dir, temp, dir, name) < 0)
		err = -errno;
	if (err) {
		log_info("cache: %s; the unpacked kernel is not kept", strerror(-err));
		unlinkat(dir, temp, 0);
		close(fd);
		return false;
	}
	*file = (struct cache_file){.fd = fd, .offset = HEADER_BYTES, .bytes = bytes};
	return true;
}

/* Without a name, gone with its descriptor. */
static int cache_hold(const void *data, u64 bytes, struct cache_file *file, const char **why)
{
	int fd = memfd_create("lkvm-unpacked", MFD_CLOEXEC);

	if (fd < 0 || cache_write_sparse(fd, data, bytes, 0)) {
		if (fd >= 0)
			close(fd);
		return cache_refuse(why, -ENOMEM, "cannot be unpacked: no memory");
	}
	*file = (struct cache_file){.fd = fd, .bytes = bytes};
	return 0;
}

static void cache_link(int dir, const char *link, const char *name)
{
	if (!link[0])
		return;
	unlinkat(dir, link, 0);
	/* Without the link the next run has to read the whole kernel to find this copy. */
	if (symlinkat(name, dir, link) < 0)
		return;
}

/* --- unpacking --- */

static int cache_say(int err, const char **why)
{
	switch (err) {
	case -ENOTSUP:
		return cache_refuse(why, err,
				    "is compressed in a way this lkvm was built without "
				    "(lkvm version lists them)");
	case -E2BIG:
		return cache_refuse(why, err, "is damaged: it unpacks to more than it may");
	case -ENOMEM:
		return cache_refuse(why, err, "cannot be unpacked: no memory");
	default:
		return cache_refuse(why, -EINVAL, "is damaged: it does not unpack");
	}
}

/* Unpack and keep; out has room for max_bytes. */
static int cache_make(int dir, const char *name, const u8 *packed, u64 bytes, u8 *out,
		      u64 max_bytes, struct cache_file *file, const char **why)
{
	enum unpack_format format = unpack_detect(packed, bytes);
	ssize_t len = unpack(format, packed, bytes, out, max_bytes);

	if (len < 0)
		return cache_say((int)len, why);
	if (dir >= 0 && name[0] && cache_keep(dir, name, out, (u64)len, file))
		return 0;
	return cache_hold(out, (u64)len, file, why);
}

static int cache_unpack_to(int dir, const char *link, const u8 *packed, u64 bytes, u64 max_bytes,
			   struct cache_file *file, const char **why)
{
	char name[NAME_BYTES];
	bool named = cache_entry_name(packed, bytes, name);
	int err;
	u8 *out;

	if (dir >= 0 && named && cache_open_entry(dir, name, file)) {
		cache_link(dir, link, name);
		return 0;
	}
	out = mmap(NULL, max_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (out == MAP_FAILED)
		return cache_say(-ENOMEM, why);
	madvise(out, max_bytes, MADV_HUGEPAGE);
	err = cache_make(dir, name, packed, bytes, out, max_bytes, file, why);
	munmap(out, max_bytes);
	if (!err && dir >= 0 && named && file->offset)
		cache_link(dir, link, name);
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
		 struct cache_file *file, const char **why)
{
	char link[NAME_BYTES];
	u8 *packed = NULL;
	int dir, err;

	err = cache_link_name(fd, offset, link);
	if (err)
		return cache_refuse(why, err, "cannot be looked at");
	dir = cache_open_folder();
	if (dir < 0 && must_keep)
		return cache_refuse(why, -ENOENT, "there is no cache to keep it in");
	if (dir < 0 || !cache_follow(dir, link, file)) {
		err = cache_read_packed(fd, offset, bytes, &packed, why);
		err = err ? err : cache_unpack_to(dir, link, packed, bytes, max_bytes, file, why);
	}
	free(packed);
	if (dir >= 0)
		close(dir);
	/* Found, but kept for a caller who had room for more. */
	if (!err && file->bytes > max_bytes) {
		close(file->fd);
		err = cache_say(-E2BIG, why);
	}
	return err;
}
