/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks: bytes at offsets, read and written without waiting. disk/disk.c.
 *
 * Each --disk names one disk. It is opened, checked and locked before any machine exists;
 * disk_start() binds it to a loop. From then on requests begin by disk_submit() and
 * disk_commit(), and end with a call of their done(). This code knows no guest address and no
 * virtio. All functions are for the loop's thread, which is the main thread.
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
#define DISK_SERIAL_MAX	 20   /* bytes: the length in virtio's get-id */
#define DISK_SEGMENT_MAX 1024 /* iov_count of a request: IOV_MAX */

/* One --disk, as the user typed it. */
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

/* What a device tells its driver. Constant from disk_open() on, unlike disk_bytes(). */
struct disk_info {
	const char *path;
	const char *serial; /* "": the user gave none */
	unsigned int queues;
	bool read_only;
	bool discard;	    /* DISK_DISCARD has an effect */
	u32 block_bytes;    /* logical block: requests should be multiples of it; >= 512 */
	u32 physical_bytes; /* the medium's unit of writing; a power of two >= block_bytes */
	u32 io_min_bytes, io_opt_bytes; /* topology; 0: unknown */
};

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_WRITE_ZEROES };

/*
 * A request belongs to the caller, who must not move or free it, or the buffers in iov, until
 * done() is called. done() is called exactly once for each submitted request, also after a failure,
 * with err 0 or -errno: -ERANGE: not within the disk; -EROFS: the disk is read-only; -EOPNOTSUPP: a
 * discard while discard is off; else the error of the host. done() may free the request, or submit
 * requests, also the same one again, without a disk_commit().
 */
struct disk_request {
	enum disk_op op;
	bool unmap;		 /* WRITE_ZEROES: the host may give the space back */
	bool sync;		 /* WRITE, WRITE_ZEROES: on stable storage before done() */
	unsigned int iov_count;	 /* READ, WRITE: at most DISK_SEGMENT_MAX */
	const struct iovec *iov; /* READ, WRITE: its lengths add up to bytes */
	u64 offset, bytes;	 /* both multiples of DISK_SECTOR; FLUSH: unused */
	void (*done)(struct disk_request *request, int err);
	/* For disk/ alone: */
	struct disk_request *next;
	struct disk_task *task;
	int err;
};

/* Callbacks of the user of a disk, a device. Loop's thread; each may be NULL. */
struct disk_user {
	/* The end of a batch of done() calls outside of disk_commit(). */
	void (*completed)(void *arg);
	/* The size of the file or device has changed to disk_bytes(). */
	void (*resized)(void *arg);
	void *arg;
};

/* --- the disks of the command line --- */

/*
 * Open all disks that --disk named, in that order. Before any machine exists. 0; or -errno after
 * one log_error() line, with all disks closed again.
 */
int disk_open_all(void);
void disk_close_all(void);

/* The number of disks, and the disk with an index. */
unsigned int disk_count(void);
struct disk *disk_at(unsigned int index);

/* --- one disk --- */

/*
 * Parse "PATH[,format=raw]...", with defaults for options that are not named. 0, or -EINVAL after a
 * log_error() that names the disk, the mistake and the accepted form. path is malloc()ed.
 */
int disk_parse_options(const char *text, struct disk_options *options);

/*
 * Open, check and lock a disk. The options are copied; their path then belongs to the disk. 0, or
 * -errno after a log_error() that names the disk: then the path still belongs to the caller.
 */
int disk_open(const struct disk_options *options, struct disk **disk);
void disk_close(struct disk *disk);

const struct disk_info *disk_info(const struct disk *disk);

/* The present size of the disk: a multiple of the logical block. */
u64 disk_bytes(const struct disk *disk);

/*
 * Bind the disk to a loop and start its engine. *user belongs to the caller and must stay until
 * disk_stop(). 0 or -errno after a log_error().
 */
int disk_start(struct disk *disk, struct loop *loop, const struct disk_user *user);

/*
 * Unbind the disk. False: the host still works on requests. Then the disk and its requests stay as
 * they are until the process ends, after a log_error() (unless disk_report_busy() logged it).
 */
bool disk_stop(struct disk *disk);

/* Take a request. It does not begin, and no done() is called, before disk_commit(). */
void disk_submit(struct disk *disk, struct disk_request *request);

/* Begin all submitted requests, if possible in one system call. May call done(). */
void disk_commit(struct disk *disk);

/* The number of requests that were submitted and are not done. */
unsigned int disk_in_flight(const struct disk *disk);

/* True: the host works on requests of this disk, or reads its size. */
bool disk_busy(const struct disk *disk);

/* Complete finished requests and begin submitted ones, without waiting. Calls done(). */
void disk_poll(struct disk *disk);

/* One log_error(): the host does not finish its work for this disk. */
void disk_report_busy(struct disk *disk);

/* The engine's name for people: "io_uring". After disk_start(). */
const char *disk_engine_name(const struct disk *disk);

#endif
