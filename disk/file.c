// SPDX-License-Identifier: GPL-2.0-only
/*
 * One file or block device of a disk: open it, lock it, find its size and alignment, and read and
 * write it by blocking calls.
 *
 * Files are opened before any machine exists. All checks are on the descriptor, so the file that
 * was checked is the file that is used. lock.c keeps other programs away. A writable block device
 * is also opened exclusively: the host refuses that while the device is mounted. O_NONBLOCK is for
 * the open alone (which would hang on a FIFO), because io_uring would later understand the flag as
 * "never wait".
 *
 * Direct I/O needs aligned offsets, lengths and addresses. statx(2) tells the alignment since Linux
 * 6.1; on older kernels it is the logical block for a block device, and found by test reads for a
 * file. The guest has its own sectors, and the physical block is only a hint to it, so requests may
 * be misaligned: disk_file_transfer() moves them through a buffer. A write that begins or ends
 * inside a block reads that block first. A mutex keeps two of these apart; order.c keeps all other
 * writes to the same block away. The block in which a file ends is written through the page cache:
 * a direct write would make the file longer.
 *
 * Opening: main thread, before the run. Transfer, zeroes and discard: workers.
 *
 * Spec: statx(2) STATX_DIOALIGN, open(2) O_DIRECT.
 */
#include "file.h"
#include <kvm/disk.h>
#include <kvm/log.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOUNCE_BYTES   (256 * KIB)
#define PIECES	       256 /* elements of an iovec for one system call */
#define PHYSICAL_BYTES 4096U
#define OPEN_TRIES     50
#define OPEN_STEP_US   10000

/* --- opening --- */

static int disk_file_explain_open(const struct disk_file *file, int err)
{
	switch (err) {
	case -EISDIR:
		return log_fail(
			err,
			"disk %s: is a directory; directories are not supported yet: give an "
			"image file or a block device",
			file->name);
	case -EACCES:
	case -EROFS:
	case -EPERM:
		if (!file->read_only)
			return log_fail(err, "disk %s: cannot be written: %s; ',ro' reads it only",
					file->name, strerror(-err));
		break;
	case -EBUSY:
		return log_fail(err,
				"disk %s: is in use: mounted by the host, part of another device, "
				"or another machine's disk",
				file->name);
	case -EINVAL:
		if (file->direct)
			return log_fail(err,
					"disk %s: its file system has no direct I/O, which "
					"cache=none needs; cache=writeback does without",
					file->name);
		break;
	default:
		break;
	}
	return log_fail(err, "disk %s: %s", file->name, strerror(-err));
}

static int disk_file_check_type(struct disk_file *file, const struct stat *st)
{
	int host_read_only = 0;

	if (S_ISDIR(st->st_mode))
		return disk_file_explain_open(file, -EISDIR);
	if (S_ISREG(st->st_mode))
		return 0;
	if (!S_ISBLK(st->st_mode))
		return log_fail(-EINVAL, "disk %s: is neither a file nor a block device",
				file->name);
	file->block_device = true;
	if (!file->read_only && !ioctl(file->fd, BLKROGET, &host_read_only) && host_read_only)
		return disk_file_explain_open(file, -EROFS);
	return 0;
}

/* Find the alignment of a file by test reads, if the host does not tell it. */
static u32 disk_file_try_alignment(const struct disk_file *file)
{
	void *buffer = aligned_alloc(PHYSICAL_BYTES, PHYSICAL_BYTES);
	u32 align = DISK_SECTOR;

	while (buffer && align < PHYSICAL_BYTES && pread(file->fd, buffer, align, 0) <= 0)
		align *= 2;
	free(buffer);
	return align;
}

/* True: we support this alignment. 0 means no direct I/O; XFS may need whole extents (28 KiB). */
static bool disk_is_alignment(u32 align)
{
	return align && align <= DISK_ALIGN_MAX && !(align & (align - 1));
}

int disk_file_ask_alignment(struct disk_file *file)
{
	u32 align = DISK_SECTOR;

	file->mem_align = file->offset_align = 1;
	if (!file->direct)
		return 0;
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (!statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) &&
	    (stx.stx_mask & STATX_DIOALIGN)) {
		file->mem_align = stx.stx_dio_mem_align;
		file->offset_align = stx.stx_dio_offset_align;
		return disk_is_alignment(file->mem_align) && disk_is_alignment(file->offset_align)
			       ? 0
			       : disk_file_explain_open(file, -EINVAL);
	}
#endif
	if (!file->block_device || ioctl(file->fd, BLKSSZGET, &align))
		align = disk_file_try_alignment(file);
	file->mem_align = file->offset_align = align;
	return 0;
}

static void disk_file_ask_topology(struct disk_file *file)
{
	unsigned int value;

	file->block_bytes = DISK_SECTOR;
	file->physical_bytes = PHYSICAL_BYTES;
	if (file->block_device) {
		if (!ioctl(file->fd, BLKSSZGET, &value))
			file->block_bytes = value;
		if (!ioctl(file->fd, BLKPBSZGET, &value))
			file->physical_bytes = value;
		if (!ioctl(file->fd, BLKIOMIN, &value))
			file->io_min_bytes = value;
		if (!ioctl(file->fd, BLKIOOPT, &value))
			file->io_opt_bytes = value;
	}
	file->physical_bytes = MAX(file->physical_bytes, file->block_bytes);
	file->physical_bytes = MAX(file->physical_bytes, file->offset_align);
}

static int disk_file_try_open(const char *path, int flags)
{
	int fd;

	for (int tries = OPEN_TRIES; tries; tries--) {
		fd = open(path, flags | O_NONBLOCK);
		if (fd >= 0 || errno != EBUSY)
			break;
		usleep(OPEN_STEP_US);
	}
	return fd;
}

/*
 * Open the file without O_DIRECT too, if needed: its length may be no multiple of the block of
 * direct I/O, and a write to its last sector must not make it longer.
 */
static int disk_file_open_tail(struct disk_file *file, const struct stat *is)
{
	struct stat st;

	if (file->read_only || file->block_device || file->offset_align <= DISK_SECTOR)
		return 0;
	file->tail_fd = open(file->name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (file->tail_fd < 0 || fstat(file->tail_fd, &st) < 0)
		return disk_file_explain_open(file, -errno);
	if (st.st_dev == is->st_dev && st.st_ino == is->st_ino)
		return 0;
	close(file->tail_fd);
	file->tail_fd = -1;
	return log_fail(-EBUSY, "disk %s: was replaced by another file just now", file->name);
}

int disk_file_open(struct disk_file *file, const char *path, bool read_only, bool direct)
{
	int flags = (read_only ? O_RDONLY : O_RDWR) | (direct ? O_DIRECT : 0) | O_CLOEXEC;
	struct stat st;
	int err;

	*file = (struct disk_file){.fd = -1, .tail_fd = -1, .name = path, .read_only = read_only};
	file->direct = direct;
	/* O_EXCL without O_CREAT is defined for block devices alone. */
	if (!read_only && !stat(path, &st) && S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	file->fd = disk_file_try_open(path, flags);
	if (file->fd < 0 || fstat(file->fd, &st) < 0) {
		err = disk_file_explain_open(file, -errno);
		goto err_close;
	}
	err = disk_file_check_type(file, &st);
	err = err ?: disk_file_lock(file);
	if (!err && fcntl(file->fd, F_SETFL, flags & O_DIRECT) < 0)
		err = disk_file_explain_open(file, -errno);
	err = err ?: disk_file_ask_alignment(file);
	err = err ?: disk_file_open_tail(file, &st);
	if (err)
		goto err_close;
	disk_file_ask_topology(file);
	pthread_mutex_init(&file->edges, NULL);
	return 0;

err_close:
	if (file->fd >= 0)
		close(file->fd);
	if (file->tail_fd >= 0)
		close(file->tail_fd);
	file->fd = file->tail_fd = -1;
	return err;
}

void disk_file_close(struct disk_file *file)
{
	if (file->fd < 0)
		return;
	close(file->fd);
	if (file->tail_fd >= 0)
		close(file->tail_fd);
	file->fd = file->tail_fd = -1;
	pthread_mutex_destroy(&file->edges);
}

s64 disk_file_bytes(const struct disk_file *file)
{
	struct stat st;
	u64 bytes;

	if (file->block_device)
		return ioctl(file->fd, BLKGETSIZE64, &bytes) ? -errno : (s64)bytes;
	return fstat(file->fd, &st) ? -errno : (s64)st.st_size;
}

/* --- reads and writes that block --- */

bool disk_file_aligned(const struct disk_file *file, const struct iovec *iov, size_t count,
		       u64 offset)
{
	u64 mem = file->mem_align - 1, len = file->offset_align - 1;
	u64 lengths = 0, bases = 0;

	if (!file->direct)
		return true;
	for (size_t i = 0; i < count; i++) {
		bases |= (uintptr_t)iov[i].iov_base;
		lengths |= iov[i].iov_len;
	}
	return !((offset | lengths) & len) && !(bases & mem);
}

/* Copy the elements at the cursor to out: at most len bytes, and PIECES. The cursor stays. */
static int disk_file_gather(const struct iov_cursor *cursor, size_t len, struct iovec *out)
{
	size_t skip = cursor->offset;
	int count = 0;

	for (size_t i = 0; i < cursor->count && count < PIECES && len; i++, skip = 0) {
		size_t piece = MIN(cursor->iov[i].iov_len - skip, len);

		if (!piece)
			continue;
		out[count++] = (struct iovec){(char *)cursor->iov[i].iov_base + skip, piece};
		len -= piece;
	}
	return count;
}

/* Read len bytes, or up to the end of the file. Returns how many, or -errno. */
static s64 disk_file_pread(const struct disk_file *file, char *buffer, u64 len, u64 offset)
{
	u64 got = 0;

	while (got < len) {
		ssize_t ret = pread(file->fd, buffer + got, len - got, (off_t)(offset + got));

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		if (!ret)
			break;
		got += (u64)ret;
		/* A direct read ends inside a block only at the end of the file. */
		if (file->direct && got % file->offset_align)
			break;
	}
	return (s64)got;
}

/* Read one block: *bytes up to the end of the file, and zeros after that. */
static int disk_file_read_block(const struct disk_file *file, char *buffer, u64 offset, u64 *bytes)
{
	s64 got = disk_file_pread(file, buffer, file->offset_align, offset);

	if (got < 0)
		return (int)got;
	*bytes = (u64)got;
	memset(buffer + got, 0, file->offset_align - *bytes);
	return 0;
}

/* Write whole blocks, but only `last` bytes of the last block, because the file ends there. */
static int disk_file_write_end(const struct disk_file *file, const char *buffer, u64 bytes,
			       u64 offset, u64 last)
{
	u64 align = file->offset_align, whole = last < align ? bytes - align : bytes;
	int err = pwrite_full(file->fd, buffer, whole, (off_t)offset);

	if (err || whole == bytes)
		return err;
	return pwrite_full(file->tail_fd, buffer + whole, last, (off_t)(offset + whole));
}

/* Write len bytes at offset as whole blocks; buffer has room for all these blocks. */
static int disk_file_write_blocks(struct disk_file *file, struct iov_cursor *cursor, u64 len,
				  u64 offset, char *buffer)
{
	u64 align = file->offset_align;
	u64 start = ALIGN_DOWN(offset, align), end = ALIGN_UP(offset + len, align);
	bool head = offset != start, tail = offset + len != end;
	u64 last = align; /* bytes of the last block that are inside the file */
	int err = 0;

	if (head || tail)
		pthread_mutex_lock(&file->edges);
	if (head)
		err = disk_file_read_block(file, buffer, start, &last);
	if (!err && tail && !(head && end - start == align))
		err = disk_file_read_block(file, buffer + (end - start) - align, end - align,
					   &last);
	last = tail && file->tail_fd >= 0 ? MAX(last, offset + len - (end - align)) : align;
	err = err ?: iov_read(cursor, buffer + (offset - start), len);
	err = err ?: disk_file_write_end(file, buffer, end - start, start, last);
	if (head || tail)
		pthread_mutex_unlock(&file->edges);
	return err;
}

static int disk_file_read_blocks(const struct disk_file *file, struct iov_cursor *cursor, u64 len,
				 u64 offset, char *buffer)
{
	u64 align = file->offset_align;
	u64 start = ALIGN_DOWN(offset, align), end = ALIGN_UP(offset + len, align);
	s64 got = disk_file_pread(file, buffer, end - start, start);

	if (got < 0)
		return (int)got;
	if ((u64)got < offset + len - start)
		return -EIO;
	return iov_write(cursor, buffer + (offset - start), len);
}

int disk_file_bounce(struct disk_file *file, bool write, struct iov_cursor *cursor, u64 bytes,
		     u64 offset)
{
	size_t align = MAX(MAX(file->mem_align, file->offset_align), PHYSICAL_BYTES);
	char *buffer = aligned_alloc(align, BOUNCE_BYTES);
	int err = buffer ? 0 : -ENOMEM;

	while (!err && bytes) {
		u64 len = MIN(bytes, BOUNCE_BYTES - offset % file->offset_align);

		err = write ? disk_file_write_blocks(file, cursor, len, offset, buffer)
			    : disk_file_read_blocks(file, cursor, len, offset, buffer);
		offset += len;
		bytes -= len;
	}
	free(buffer);
	return err;
}

int disk_file_transfer(struct disk_file *file, bool write, struct iov_cursor *cursor, u64 bytes,
		       u64 offset)
{
	struct iovec pieces[PIECES];

	if (bytes > iov_left(cursor))
		return -EINVAL;
	while (bytes) {
		int count = disk_file_gather(cursor, bytes, pieces);
		ssize_t ret;

		if (!disk_file_aligned(file, pieces, (size_t)count, offset))
			return disk_file_bounce(file, write, cursor, bytes, offset);
		ret = write ? pwritev(file->fd, pieces, count, (off_t)offset)
			    : preadv(file->fd, pieces, count, (off_t)offset);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret ? -errno : -EIO;
		iov_skip(cursor, (size_t)ret);
		offset += (u64)ret;
		bytes -= (u64)ret;
	}
	return 0;
}

int disk_file_write_zeroes(struct disk_file *file, u64 offset, u64 bytes)
{
	static const char zeros[64 * KIB] __attribute__((aligned(4096)));
	struct iovec pieces[PIECES];
	int err = 0;

	for (size_t i = 0; i < PIECES; i++)
		pieces[i] = (struct iovec){(void *)zeros, sizeof(zeros)};
	while (!err && bytes) {
		u64 len = MIN(bytes, sizeof(zeros) * PIECES);
		struct iov_cursor cursor;

		iov_cursor_init(&cursor, pieces, PIECES);
		err = disk_file_transfer(file, true, &cursor, len, offset);
		offset += len;
		bytes -= len;
	}
	return err;
}

int disk_file_discard_blocks(const struct disk_file *file, u64 offset, u64 bytes)
{
	u64 start = ALIGN_UP(offset, (u64)file->block_bytes);
	u64 end = ALIGN_DOWN(offset + bytes, (u64)file->block_bytes);
	u64 range[2] = {start, end - start};

	if (end <= start)
		return 0;
	return ioctl(file->fd, BLKDISCARD, range) ? -errno : 0;
}
