// SPDX-License-Identifier: GPL-2.0-only
/*
 * Initial RAM disks: opened, checked, laid out one behind the other.
 *
 * The kernel takes one range and unpacks every archive it finds in it, so several
 * initrds are concatenated, each padded with zeros to 4 bytes, in the order given. For
 * a multiboot kernel each is a module of its own, page-aligned, and may hold anything.
 * An archive that lkvm itself made (guest/initramfs.c) comes before all of them.
 * Files are opened before the machine exists (a missing one is found at once) and
 * read straight into guest RAM, again at each reset. They are never mapped: a
 * build may rewrite them while the guest runs.
 *
 * What can be said of a file before the kernel trips over it is said: an empty one;
 * one that is no archive of a kind the kernel knows; and an uncompressed cpio that ends
 * in the middle of an entry. The last is a walk over the headers already in RAM; for a
 * compressed archive only the kernel can tell.
 *
 * Spec: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#include "initrd.h"

#include <kvm/config.h>
#include <kvm/log.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPIO_ALIGN  4ULL
#define CPIO_HEADER 110 /* magic and 13 fields of 8 hexadecimal digits */
#define CPIO_SIZE   54
#define CPIO_NAME   94

struct initrd {
	const char *path;
	int fd;
	u64 bytes;
};

static struct initrd *initrds;
static const void *initrd_first; /* an archive in memory */
static u64 initrd_first_bytes;
static u64 initrd_align = CPIO_ALIGN;
static bool initrd_at_will;

/* Archives Linux unpacks, by their first bytes. */
static const struct {
	const char *magic;
	size_t len;
} initrd_magics[] = {
	{"070701", 6},
	{"070702", 6},
	{"\x1f\x8b", 2},
	{"\x1f\x9e", 2},
	{"BZh", 3},
	{"\x5d\0\0", 3},
	{"\xfd"
	 "7zXZ",
	 5},
	{"\x89LZO", 4},
	{"\x02\x21\x4c\x18", 4},
	{"\x28\xb5\x2f\xfd", 4},
};

static int initrd_check_magic(const struct initrd *rd)
{
	char head[8];

	if (pread_full(rd->fd, head, MIN(rd->bytes, sizeof(head)), 0))
		return log_fail(-EIO, "initrd %s: cannot be read", rd->path);
	for (size_t i = 0; i < ARRAY_SIZE(initrd_magics); i++) {
		if (rd->bytes >= initrd_magics[i].len &&
		    !memcmp(head, initrd_magics[i].magic, initrd_magics[i].len))
			return 0;
	}
	return log_fail(-EINVAL,
			"initrd %s: is not a cpio archive, nor one that is compressed with "
			"gzip, bzip2, lzma, xz, lzo, lz4 or zstd",
			rd->path);
}

static int initrd_open_one(struct initrd *rd)
{
	struct stat st;

	if (rd->fd >= 0)
		close(rd->fd);
	rd->fd = open(rd->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (rd->fd < 0 || fstat(rd->fd, &st) < 0)
		return log_fail(-errno, "initrd %s: %s", rd->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return log_fail(-EINVAL, "initrd %s: is %s; a file is wanted", rd->path,
				S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
	if (!st.st_size)
		return log_fail(-EINVAL, "initrd %s: is empty", rd->path);
	rd->bytes = (u64)st.st_size;
	return initrd_at_will ? 0 : initrd_check_magic(rd);
}

int initrd_open(bool at_will, u64 align)
{
	bool first = !initrds;

	initrd_at_will = at_will;
	initrd_align = align;
	if (first)
		initrds = calloc(MAX(config.initrds.count, 1UL), sizeof(*initrds));
	if (!initrds)
		return log_fail(-ENOMEM, "initrd: no memory");
	for (size_t i = 0; i < config.initrds.count; i++) {
		int err;

		if (first)
			initrds[i] = (struct initrd){.path = config.initrds.items[i], .fd = -1};
		err = initrd_open_one(&initrds[i]);
		if (err)
			return err;
	}
	return 0;
}

void initrd_prepend(const void *data, u64 bytes)
{
	initrd_first = data;
	initrd_first_bytes = bytes;
}

u64 initrd_bytes(void)
{
	u64 total = ALIGN_UP(initrd_first_bytes, initrd_align);

	for (size_t i = 0; i < config.initrds.count; i++)
		total += ALIGN_UP(initrds[i].bytes, initrd_align);
	return total;
}

size_t initrd_count(void)
{
	return config.initrds.count;
}

u64 initrd_file_bytes(size_t i)
{
	return initrds[i].bytes;
}

const char *initrd_path(size_t i)
{
	return initrds[i].path;
}

static bool cpio_field(const u8 *text, u64 *value)
{
	char digits[9] = {0};

	memcpy(digits, text, 8);
	*value = strtoul(digits, NULL, 16);
	/* strtoul() takes signs and blanks too; a negative length would send the walk back. */
	return strspn(digits, "0123456789abcdefABCDEF") == 8;
}

/* Does an uncompressed cpio end where an entry ends? What is not cpio is not judged. */
static bool cpio_is_whole(const u8 *data, u64 len)
{
	u64 at = 0;

	while (at < len) {
		u64 size, name, next;

		if (!data[at]) { /* padding between archives */
			at++;
			continue;
		}
		if (memcmp(data + at, "07070", MIN(5ULL, len - at)) != 0)
			return true;
		if (len - at < CPIO_HEADER || !cpio_field(data + at + CPIO_SIZE, &size) ||
		    !cpio_field(data + at + CPIO_NAME, &name))
			return false;
		next = ALIGN_UP(at + CPIO_HEADER + name, CPIO_ALIGN);
		if (next > len || size > len - next)
			return false;
		at = MIN(ALIGN_UP(next + size, CPIO_ALIGN), len);
	}
	return true;
}

int initrd_load(const struct gmem *mem, gpa_t start)
{
	if (gmem_write(mem, start, initrd_first, initrd_first_bytes))
		return log_fail(-EFAULT, "initramfs: does not fit into RAM");
	start += ALIGN_UP(initrd_first_bytes, initrd_align);
	for (size_t i = 0; i < config.initrds.count; i++) {
		struct initrd *rd = &initrds[i];
		void *to = gmem_ptr(mem, start, rd->bytes);

		if (!to)
			return log_fail(-EFAULT, "initrd %s: does not fit into RAM", rd->path);
		if (pread_full(rd->fd, to, rd->bytes, 0))
			return log_fail(-EIO, "initrd %s: cannot be read to its end", rd->path);
		if (!initrd_at_will && !cpio_is_whole(to, rd->bytes))
			return log_fail(-EINVAL,
					"initrd %s: is truncated: it ends in the middle of a "
					"cpio entry",
					rd->path);
		start += ALIGN_UP(rd->bytes, initrd_align);
	}
	return 0;
}
