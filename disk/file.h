/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One file or block device of a disk. disk/file.c.
 *
 * All fields except no_punch, no_zero_range and no_discard are constant from disk_file_open() on,
 * so worker threads read them without a lock.
 */
#ifndef DISK_DISK_FILE_H
#define DISK_DISK_FILE_H

#include <kvm/iov.h>
#include <kvm/types.h>
#include <pthread.h>

#define DISK_ALIGN_MAX (64 * KIB) /* the largest alignment that direct I/O may need */

struct disk_file {
	int fd;
	int tail_fd;	    /* without O_DIRECT, for the block in which the file ends; or -1 */
	unsigned int index; /* among the files of its disk */
	const char *name;   /* the disk's path, for messages */
	bool block_device;
	bool read_only;
	bool no_flush;		     /* its content need not survive a crash of the host */
	bool direct;		     /* O_DIRECT */
	u32 mem_align, offset_align; /* alignment for direct I/O; 1 without O_DIRECT */
	u32 block_bytes;	     /* a device's logical block; 512 for files */
	u32 physical_bytes, io_min_bytes, io_opt_bytes;
	/* The host does not support the operation: do not try again. Loop's thread. */
	bool no_punch, no_zero_range, no_discard;
	pthread_mutex_t edges; /* held by a direct write that begins or ends inside a block */
};

/*
 * Open path, check its type, and lock it: shared if read_only, else exclusive. 0, or
 * -errno after a log_error() that names the disk.
 */
int disk_file_open(struct disk_file *file, const char *path, bool read_only, bool direct);

/*
 * lock.c: lock an open file against writers (read_only), or against readers and writers. 0, also
 * after a warning that the host has no locks; or -EBUSY after a log_error() that names the disk.
 */
int disk_file_lock(const struct disk_file *file);

/* Find the alignment that an open file needs (fd, direct and block_device are set). */
int disk_file_ask_alignment(struct disk_file *file);
void disk_file_close(struct disk_file *file);

/* The present size in bytes, or -errno. May block. */
s64 disk_file_bytes(const struct disk_file *file);

/* True: the file accepts these buffers as they are. False: they need disk_file_transfer(). */
bool disk_file_aligned(const struct disk_file *file, const struct iovec *iov, size_t count,
		       u64 offset);

/*
 * Read or write exactly the next bytes of the cursor, at any alignment. 0, -EIO if the file ends
 * first, or another -errno. Blocks; any thread.
 */
int disk_file_transfer(struct disk_file *file, bool write, struct iov_cursor *cursor, u64 bytes,
		       u64 offset);
/* The same, always through a temporary buffer. */
int disk_file_bounce(struct disk_file *file, bool write, struct iov_cursor *cursor, u64 bytes,
		     u64 offset);

/* Write `bytes` zeros. 0 or -errno. Blocks; any thread. */
int disk_file_write_zeroes(struct disk_file *file, u64 offset, u64 bytes);

/* BLKDISCARD of the whole blocks inside the range. 0 or -errno. Blocks; any thread. */
int disk_file_discard_blocks(const struct disk_file *file, u64 offset, u64 bytes);

#endif
