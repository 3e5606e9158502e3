// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks on images: one writer, or any number of readers, at the same time.
 *
 * The locks are open-file-description locks: they belong to the descriptor and end with it, also
 * when the process is killed. They must work together with two kinds of other programs.
 *
 * QEMU gives single bytes a meaning. Byte 100 + n is locked for reading by each process that uses
 * permission n, byte 200 + n by each that forbids permission n to others. QEMU never locks for
 * writing: it takes its bytes first, and then asks whether a byte that excludes it is locked by
 * another process. The permissions are 0 consistent read, 1 write, 2 write without a change, 3
 * resize.
 *
 * All other programs lock the whole file, or its first byte, for reading or for writing.
 *
 * A writer locks the whole file for writing, which excludes both kinds. A reader locks the bytes
 * that a QEMU without writes would lock, and all bytes without a meaning for QEMU; then it checks
 * for a QEMU that writes. A read lock over the whole file comes from a reader, so it is allowed.
 *
 * Both sides lock first and check after that, so if two programs start at the same time, at least
 * one sees the other. Main thread, before the run.
 *
 * Spec: fcntl(2) open file description locks; QEMU docs/system/qemu-block-drivers ("Image
 * locking"), include/block/block-common.h (BLK_PERM_*).
 */
#include "file.h"
#include <kvm/log.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define USED	     100 /* + n: permission n is used */
#define NOT_SHARED   200 /* + n: others may not use it */
#define AFTER	     300 /* no meaning for QEMU, to the end of all files */
#define PERM_READ    0
#define PERM_WRITE   1
#define PERM_RESIZE  3
#define LOCK_TRIES   50
#define LOCK_STEP_US 10000

struct lock_range {
	off_t start, len; /* len 0: without an end */
};

static const struct lock_range reader_holds[] = {{0, USED},
						 {USED + PERM_READ, 1},
						 {NOT_SHARED + PERM_WRITE, 1},
						 {NOT_SHARED + PERM_RESIZE, 1},
						 {AFTER, 0}};
static const off_t reader_asks[] = {USED + PERM_WRITE, USED + PERM_RESIZE, NOT_SHARED + PERM_READ};

static int disk_lock_set(int fd, int type, struct lock_range range)
{
	struct flock lock = {.l_type = (short)type,
			     .l_whence = SEEK_SET,
			     .l_start = range.start,
			     .l_len = range.len};

	return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

/* -EAGAIN when a QEMU has locked this byte. */
static int disk_lock_ask(int fd, off_t byte)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	if (fcntl(fd, F_OFD_GETLK, &lock))
		return -errno;
	if (lock.l_type == F_UNLCK || (lock.l_type == F_RDLCK && lock.l_start < USED))
		return 0;
	return -EAGAIN;
}

static int disk_lock_as_reader(int fd)
{
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(reader_holds); i++)
		err = disk_lock_set(fd, F_RDLCK, reader_holds[i]);
	for (size_t i = 0; !err && i < ARRAY_SIZE(reader_asks); i++)
		err = disk_lock_ask(fd, reader_asks[i]);
	if (err)
		disk_lock_set(fd, F_UNLCK, (struct lock_range){0, 0});
	return err;
}

/* Try for a moment: io_uring may keep the files of a killed process open a little longer. */
static int disk_lock_try(const struct disk_file *file)
{
	for (int tries = LOCK_TRIES;; tries--) {
		int err = file->read_only
				  ? disk_lock_as_reader(file->fd)
				  : disk_lock_set(file->fd, F_WRLCK, (struct lock_range){0, 0});

		if (!tries || (err != -EAGAIN && err != -EACCES))
			return err;
		usleep(LOCK_STEP_US);
	}
}

int disk_file_lock(const struct disk_file *file)
{
	int err = disk_lock_try(file);

	if (!err)
		return 0;
	if (err != -EAGAIN && err != -EACCES) {
		log_warn("disk %s: cannot be locked: %s; nothing keeps others from writing to it",
			 file->name, strerror(-err));
		return 0;
	}
	if (file->read_only)
		return log_fail(-EBUSY, "disk %s: is in use: another process writes to it",
				file->name);
	return log_fail(-EBUSY,
			"disk %s: is in use: another process has it open; only readers "
			"(',ro', ',snapshot') can share it",
			file->name);
}
