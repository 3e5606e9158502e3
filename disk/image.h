/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk from inside: what disk.c, raw.c and overlay.c share.
 *
 * disk.c owns a request from disk_submit() to done(); raw.c turns it into jobs for the
 * engines and calls disk_finish() once; overlay.c decides which file it goes to.
 */
#ifndef DISK_IMAGE_H
#define DISK_IMAGE_H

#include "engine.h"
#include "file.h"
#include <kvm/disk.h>
#include <kvm/log.h>
#include <kvm/loop.h>

struct overlay;

/* order.c: the writes that are in flight, as they came. */
struct disk_order {
	struct disk_request *last;
	unsigned int partial; /* how many of them write a part of a block */
	u64 arrivals;
};

struct disk {
	struct disk_options options;
	struct disk_info info;
	struct disk_file image;
	struct overlay *overlay; /* NULL: no snapshot */
	u64 bytes;

	/* From disk_start() to disk_stop(). */
	struct loop *loop;
	const struct disk_user *user;
	struct engine *engine, *workers; /* the same one for aio=threads */
	unsigned int in_flight;
	struct disk_order order;
	bool staged;				       /* jobs were queued since the last commit */
	bool committing;			       /* disk_commit() is on the stack */
	struct disk_request *finished, **finished_end; /* need no job: done at the commit */
	struct loop_timer size_timer;
	struct disk_job size_job;
	bool size_asked; /* size_job is in flight */
	bool stopping;	 /* nobody is told of its size any more */
	bool reported;	 /* it was said that the host does not answer */
	struct log_limit error_limit;
};

/* Put a job of this request in, for the engine that runs it. */
void disk_queue_job(struct disk *disk, struct disk_job *job);

/* The request's end: done() is called. From a job's done() only. */
void disk_finish(struct disk_request *request, int err);

/* The same from disk_submit(): done() is called by the next commit. */
void disk_finish_later(struct disk_request *request, int err);

/* raw.c: carry out a checked request on this file, then disk_finish(). */
void raw_submit(struct disk_request *request, struct disk_file *file);

/* Begin a write that disk_order_enter() held back. */
void raw_begin(struct disk_request *request);

/* Carry it out by one call on a worker, which returns 0 or -errno. */
void raw_submit_call(struct disk_request *request, struct disk_file *file,
		     s64 (*call)(struct disk_job *job));

/*
 * overlay.c. Make one of that many bytes, in $TMPDIR or /var/tmp, gone with its descriptor. 0, or
 * -errno after a log_error() that names the disk.
 */
int overlay_open(struct overlay **overlay, const char *disk, u64 bytes, bool direct);
void overlay_close(struct overlay *overlay);
struct disk_file *overlay_file(struct overlay *overlay);
void overlay_submit(struct disk_request *request);
/* The request changed what it says; from now on its sectors are the overlay's. */
void overlay_written(struct overlay *overlay, const struct disk_request *request);

/*
 * order.c: a write (zeros and discard are writes) to a file with blocks of this many bytes.
 * True: begin it. False: raw_begin() is called for it when all that share a block with it are
 * done. disk_order_leave() is for every request that entered, when it is done.
 */
bool disk_order_enter(struct disk_request *request, u32 align);
void disk_order_leave(struct disk_request *request);

/* format.c: the name of the image format that these first bytes are of, or NULL. */
#define DISK_FORMAT_HEAD 512
const char *disk_format_name(const u8 *head, size_t len);

#endif
