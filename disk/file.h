/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One file or block device of a disk. disk/file.c.
 *
 * All fields but the two flags are constant from disk_file_open() on, so worker threads
 * read them without a lock.
 */
#ifndef DISK_DISK_FILE_H
#define DISK_DISK_FILE_H

#include <kvm/iov.h>
#include <kvm/types.h>
#include <pthread.h>

#define DISK_ALIGN_MAX (64 * KIB) /* what direct I/O may want at most */

struct disk_file {
	int fd;
	int tail_fd;	    /* without O_DIRECT, for the block that the file's end lies in; or -1 */
	unsigned int index; /* among the files of its disk */
	const char *name;   /* the disk's path, for messages */
	bool block_device;
	bool read_only;
	bool no_flush;		     /* its content need not survive a crash of the host */
	bool direct;		     /* O_DIRECT */
	u32 mem_align, offset_align; /* what direct needs; 1 without it */
	u32 block_bytes;	     /* the host's logical block, a device's; 512 for files */
	u32 physical_bytes, io_min_bytes, io_opt_bytes;
	/* The host said it cannot; never asked again. Loop's thread. */
	bool no_punch, no_zero_range, no_discard;
	pthread_mutex_t edges; /* of direct writes that begin or end inside a block */
};

/*
 * Open path, check what it is, and lock it: shared when read_only, else exclusive. 0, or
 * -errno after a log_error() that names the disk.
 */
int disk_file_open(struct disk_file *file, const char *path, bool read_only, bool direct);

/*
 * lock.c: lock an open file against writers (read_only), or against everyone. 0, also after a
 * warning where the host has no locks; or -EBUSY after a log_error() that names the disk.
 */
int disk_file_lock(const struct disk_file *file);

/* Ask for the alignment of a file that is open (fd, direct and block_device are set). */
int disk_file_ask_alignment(struct disk_file *file);
void disk_file_close(struct disk_file *file);

/* Its size in bytes now, or -errno. May block. */
s64 disk_file_bytes(const struct disk_file *file);

/* May these buffers go to the file as they are? Else they need disk_file_transfer(). */
bool disk_file_aligned(const struct disk_file *file, const struct iovec *iov, size_t count,
		       u64 offset);

/*
 * Read or write exactly the next bytes of the cursor, however misaligned. 0, -EIO when the
 * file ends first, or another -errno. Blocks; any thread.
 */
int disk_file_transfer(struct disk_file *file, bool write, struct iov_cursor *cursor, u64 bytes,
		       u64 offset);
/* The same through a buffer of its own, whatever disk_file_aligned() says. */
int disk_file_bounce(struct disk_file *file, bool write, struct iov_cursor *cursor, u64 bytes,
		     u64 offset);

/* Write that many zeros. 0 or -errno. Blocks; any thread. */
int disk_file_write_zeroes(struct disk_file *file, u64 offset, u64 bytes);

/* BLKDISCARD of the whole blocks within. 0 or -errno. Blocks; any thread. */
int disk_file_discard_blocks(const struct disk_file *file, u64 offset, u64 bytes);

#endif
