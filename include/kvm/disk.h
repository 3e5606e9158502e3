/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks: bytes at offsets, read and written without waiting. disk/disk.c.
 *
 * A disk is what one --disk named. It is opened, checked and locked before any machine
 * exists; disk_start() binds it to a loop, and from then on requests go in by
 * disk_submit() and disk_commit() and come back through their done(). Knows no guest
 * address and no virtio. All functions are for the loop's own thread (before it runs: the
 * main thread, which is the same).
 */
#ifndef KVM_DISK_H
#define KVM_DISK_H

#include <kvm/types.h>
#include <sys/uio.h>

struct disk;
struct disk_task;
struct loop;

enum disk_format { DISK_FORMAT_AUTO, DISK_FORMAT_RAW, DISK_FORMAT_QCOW2 };
enum disk_cache { DISK_CACHE_WRITEBACK, DISK_CACHE_NONE, DISK_CACHE_UNSAFE };
enum disk_aio { DISK_AIO_AUTO, DISK_AIO_IO_URING, DISK_AIO_LIBAIO, DISK_AIO_THREADS };

#define DISK_SECTOR	 512
#define DISK_MAX	 32
#define DISK_QUEUES_MAX	 16
#define DISK_SERIAL_MAX	 20   /* bytes: what virtio's get-id has room for */
#define DISK_SEGMENT_MAX 1024 /* iov_count of a request: IOV_MAX */

/* One --disk, as it was typed. */
struct disk_options {
	char *path;
	enum disk_format format;
	enum disk_cache cache;
	enum disk_aio aio;
	unsigned int queues; /* 1..DISK_QUEUES_MAX */
	u32 block_bytes;     /* 512 or 4096: the guest's logical block */
	bool read_only;
	bool discard;
	bool snapshot; /* writes go to a temporary file */
	char serial[DISK_SERIAL_MAX + 1];
};

/* What a device tells its driver. All but the size stays what it was at disk_open(). */
struct disk_info {
	const char *path;
	const char *serial; /* "" when none was given */
	unsigned int queues;
	bool read_only;
	bool discard;	    /* DISK_DISCARD does something */
	u32 block_bytes;    /* logical block: requests should be multiples of it; >= 512 */
	u32 physical_bytes; /* what the medium writes at once; a power of two >= block_bytes */
	u32 io_min_bytes, io_opt_bytes; /* topology; 0: unknown */
};

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_WRITE_ZEROES };

/*
 * A request is the caller's, and stays where it is, with the buffers that iov points to,
 * until done() is called. That happens exactly once for each request submitted, whatever
 * fails, with err 0 or -errno: -ERANGE when it is not within the disk, -EROFS when the
 * disk is read-only, -EOPNOTSUPP for a discard that was switched off, else the host's.
 * done() may submit again, the same request too, and needs no disk_commit() for that; it
 * may free the request.
 */
struct disk_request {
	enum disk_op op;
	bool unmap;		 /* WRITE_ZEROES: the host may give the space back */
	bool sync;		 /* WRITE, WRITE_ZEROES: done() means it is on stable storage */
	unsigned int iov_count;	 /* READ, WRITE: at most DISK_SEGMENT_MAX */
	const struct iovec *iov; /* READ, WRITE: its lengths add up to bytes */
	u64 offset, bytes;	 /* both multiples of DISK_SECTOR; FLUSH: unused */
	void (*done)(struct disk_request *request, int err);
	/* disk/'s own: */
	struct disk_request *next;
	struct disk_task *task;
	int err;
};

/* Who uses a disk, and wants to hear of it. Loop's thread; each may be NULL. */
struct disk_user {
	/* Some done() were called outside of disk_commit(): the end of the batch. */
	void (*completed)(void *arg);
	/* The size of the file or device has changed; disk_bytes() is the new one. */
	void (*resized)(void *arg);
	void *arg;
};

/* --- the disks of the command line --- */

/*
 * Open all disks that --disk named, in that order. Before any machine exists. 0 or -errno
 * after one log_error() line; what was opened is closed again then.
 */
int disk_open_all(void);
void disk_close_all(void);

/* How many there are, and one of them. */
unsigned int disk_count(void);
struct disk *disk_at(unsigned int index);

/* --- one disk --- */

/*
 * Parse "PATH[,format=raw]...": 0, or -EINVAL after a log_error() that names the disk, what
 * is wrong, and the accepted form. Fill the rest with defaults. path is malloc()ed.
 */
int disk_parse_options(const char *text, struct disk_options *options);

/*
 * Open, check and lock. The options are copied, their path becomes the disk's. 0 or -errno
 * after a log_error() that names the disk, and then the path is still the caller's.
 */
int disk_open(const struct disk_options *options, struct disk **disk);
void disk_close(struct disk *disk);

const struct disk_info *disk_info(const struct disk *disk);

/* Its size now: a multiple of the logical block. */
u64 disk_bytes(const struct disk *disk);

/*
 * Bind to a loop and start its engine. user is the caller's and stays until disk_stop().
 * 0 or -errno after a log_error().
 */
int disk_start(struct disk *disk, struct loop *loop, const struct disk_user *user);

/*
 * Unbind. False when the host is still at something: after a log_error() (unless that was said by
 * disk_report_busy()) it stays as it is, and its requests with it, until the process ends.
 */
bool disk_stop(struct disk *disk);

/* Take a request. Nothing happens before disk_commit(), not even a done(). */
void disk_submit(struct disk *disk, struct disk_request *request);

/* Begin all that was submitted, in one system call where the engine can. done() may run in it. */
void disk_commit(struct disk *disk);

/* Requests that were submitted and are not done. */
unsigned int disk_in_flight(const struct disk *disk);

/* Is the host at something for this disk: requests, or the question for its size? */
bool disk_busy(const struct disk *disk);

/* Complete what is done, begin what was submitted, wait for nothing. done() runs in it. */
void disk_poll(struct disk *disk);

/* One log_error(): the host does not get ready. */
void disk_report_busy(struct disk *disk);

/* The engine's name for people: "io_uring". After disk_start(). */
const char *disk_engine_name(const struct disk *disk);

#endif
