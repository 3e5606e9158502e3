// SPDX-License-Identifier: GPL-2.0-only
/*
 * Initial RAM disks: opened, checked, and placed in RAM one after the other.
 *
 * The kernel gets one range and unpacks each archive in it, so several initrds are concatenated in
 * the given order. Between two of them are at least 4 zero bytes, up to a multiple of 4: an LZ4
 * archive has no end mark, so the kernel takes the next 4 bytes as the length of one more block
 * unless they are 0. (The last archive in a file may be LZ4 even if the file begins with another
 * format.) For a multiboot kernel each initrd is a module of its own, page-aligned, with any
 * content. An archive that lkvm itself made (guest/initramfs.c) comes before all of them.
 *
 * An image of a file system is accepted, too: the kernel copies an initrd that is not an archive to
 * its RAM disk (root=/dev/ram0). It copies the whole range, so an image must be the only initrd.
 *
 * Files are opened before the machine exists, so that a missing one is reported early, and are read
 * into guest RAM at power-on and again at each reset. They are never mapped: a build may rewrite
 * them while the guest runs.
 *
 * These files are refused, because the kernel could not use them: an empty file; a file that is not
 * an archive or image of a kind that the kernel knows; an image that is shorter than its file
 * system; and an uncompressed cpio that ends in the middle of an entry. The last check walks over
 * the cpio headers after they were read into RAM; in a compressed archive only the kernel can check
 * this.
 *
 * Spec: Linux Documentation/driver-api/early-userspace/buffer-format.rst and
 * Documentation/admin-guide/initrd.rst; the superblocks of ext2, minix, romfs, cramfs, squashfs.
 */
#include <kvm/initrd.h>

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
#define GAP_BYTES   4ULL /* zeros between two archives, at least */
#define HEAD_BYTES  1152 /* contains all superblocks that are checked */
#define CPIO_HEADER 110	 /* magic and 13 fields of 8 hexadecimal digits */
#define CPIO_SIZE   54
#define CPIO_NAME   94

struct initrd {
	const char *path;
	int fd;
	u64 bytes;
	const char *image; /* name of its file system; NULL: not an image */
};

static struct initrd *initrds;
static const void *initrd_first; /* lkvm's own archive */
static u64 initrd_first_bytes;
static u64 initrd_align = CPIO_ALIGN;
static bool initrd_at_will;

/* The first bytes of the archives that Linux unpacks. */
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

/* File systems whose images Linux accepts, and the field with their length (0: none). */
static const struct initrd_image {
	const char *name;
	u32 magic_at, len;
	const char *magic;
	u32 size_at, size_bytes; /* little-endian, in units of 1 byte */
} initrd_images[] = {
	{"romfs", 0, 8, "-rom1fs-", 0, 0},
	{"cramfs", 0, 4, "\x45\x3d\xcd\x28", 4, 4},
	{"cramfs", 512, 4, "\x45\x3d\xcd\x28", 516, 4},
	{"squashfs", 0, 4, "hsqs", 40, 8},
	{"minix", 1040, 2, "\x7f\x13", 0, 0},
	{"minix", 1040, 2, "\x8f\x13", 0, 0},
	{"ext2", 1080, 2, "\x53\xef", 0, 0},
};

#define EXT2_BLOCKS_AT	   1028
#define EXT2_BLOCK_SIZE_AT 1048 /* log2(bytes) - 10 */

/* Read a little-endian number. */
static u64 initrd_number(const u8 *at, u32 bytes)
{
	u64 number = 0;

	while (bytes--)
		number = number << 8 | at[bytes];
	return number;
}

/* The least number of bytes that the image must have; 0: unknown. */
static u64 initrd_image_bytes(const struct initrd_image *image, const u8 head[HEAD_BYTES])
{
	u64 blocks = initrd_number(head + EXT2_BLOCKS_AT, 4);
	u64 order = initrd_number(head + EXT2_BLOCK_SIZE_AT, 4);

	if (image->size_bytes)
		return initrd_number(head + image->size_at, image->size_bytes);
	/* ext2, 3 and 4: blocks of 1 to 64 KiB. */
	return !strcmp(image->name, "ext2") && order <= 6 ? blocks << (10 + order) : 0;
}

/* Set rd->image if the file is an image. 0, or -EINVAL: the image is truncated. */
static int initrd_check_image(struct initrd *rd, const u8 head[HEAD_BYTES])
{
	for (size_t i = 0; i < ARRAY_SIZE(initrd_images); i++) {
		const struct initrd_image *image = &initrd_images[i];

		if (rd->bytes < HEAD_BYTES ||
		    memcmp(head + image->magic_at, image->magic, image->len) != 0)
			continue;
		rd->image = image->name;
		if (rd->bytes < initrd_image_bytes(image, head))
			return log_fail(-EINVAL,
					"initrd %s: is truncated: its %s file system has %llu "
					"bytes, the file %llu",
					rd->path, image->name, initrd_image_bytes(image, head),
					rd->bytes);
		return 0;
	}
	return 0;
}

static int initrd_check_magic(struct initrd *rd)
{
	u8 head[HEAD_BYTES] = {0};
	int err;

	rd->image = NULL;
	if (pread_full(rd->fd, head, MIN(rd->bytes, sizeof(head)), 0))
		return log_fail(-EIO, "initrd %s: cannot be read", rd->path);
	for (size_t i = 0; i < ARRAY_SIZE(initrd_magics); i++) {
		if (rd->bytes >= initrd_magics[i].len &&
		    !memcmp(head, initrd_magics[i].magic, initrd_magics[i].len))
			return 0;
	}
	err = initrd_check_image(rd, head);
	if (err)
		return err;
	if (rd->image && (config.initrds.count > 1))
		return log_fail(-EINVAL,
				"initrd %s: is the image of a file system (%s), which must be "
				"the only initrd",
				rd->path, rd->image);
	if (rd->image)
		return 0;
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

/* Bytes from the start of initrd i to the start of the next, or to the end of the last one. */
static u64 initrd_step(size_t i)
{
	bool gap = !initrd_at_will && i + 1 < config.initrds.count;

	return ALIGN_UP(initrds[i].bytes + (gap ? GAP_BYTES : 0), initrd_align);
}

u64 initrd_bytes(void)
{
	u64 total = ALIGN_UP(initrd_first_bytes, initrd_align);

	for (size_t i = 0; i < config.initrds.count; i++)
		total += initrd_step(i);
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
	/* strtoul() accepts signs and blanks, but with a negative length the walk would go back. */
	return strspn(digits, "0123456789abcdefABCDEF") == 8;
}

/* False if an uncompressed cpio ends within an entry. True for anything that is not cpio. */
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
		int err = to ? pread_full(rd->fd, to, rd->bytes, 0) : 0;

		if (!to)
			return log_fail(-EFAULT, "initrd %s: does not fit into RAM", rd->path);
		if (err)
			return log_fail(err, "initrd %s: cannot be read to its end", rd->path);
		if (rd->image && initrd_first_bytes)
			return log_fail(-EINVAL,
					"initrd %s: is the image of a file system (%s), which "
					"must be the only initrd; lkvm's own init is another",
					rd->path, rd->image);
		if (!initrd_at_will && !rd->image && !cpio_is_whole(to, rd->bytes))
			return log_fail(-EINVAL,
					"initrd %s: is truncated: it ends in the middle of a "
					"cpio entry",
					rd->path);
		start += initrd_step(i);
	}
	return 0;
}
