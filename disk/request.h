/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a disk, and its tasks: for the files of disk/. disk/request.c.
 *
 * disk_submit() makes a task of a request. The task goes to the disk's format (disk/format.h),
 * which queues jobs for the engines and calls task->end() at the end. Loop's thread.
 */
#ifndef DISK_REQUEST_H
#define DISK_REQUEST_H

#include "engine.h"
#include "file.h"
#include "order.h"
#include <kvm/disk.h>
#include <kvm/log.h>
#include <kvm/loop.h>

struct disk_image;
struct disk_task_chunk;

struct disk {
	struct disk_options options;
	struct disk_info info;
	struct disk_file file;	/* the file that the user named */
	struct disk_image *top; /* the image that gets the requests: disk/format.h */
	u64 bytes;

	/* From disk_start() to disk_stop(). */
	struct loop *loop;
	const struct disk_user *user;
	struct engine *engine, *workers; /* the same engine for aio=threads */
	unsigned int in_flight;
	struct disk_task *free_tasks;
	struct disk_task_chunk *task_chunks;
	struct disk_order order;
	bool staged;				       /* jobs were queued since the last commit */
	bool committing;			       /* disk_commit() is on the stack */
	struct disk_request *finished, **finished_end; /* requests that end at the next commit */
	struct loop_timer size_timer;
	struct disk_job size_job;
	bool size_asked; /* size_job is in flight */
	bool stopping;	 /* disk_user's resized() is not called any more */
	bool reported;	 /* disk_report_busy() has logged its line */
	struct log_limit error_limit;
};

/* A request that is being carried out. */
struct disk_task {
	struct disk_request *request;
	struct disk *disk;
	/* Called once, when the request has been carried out or has failed: disk_end_task(). */
	void (*end)(struct disk_task *task, int err);
	struct disk_image *image; /* for the end() or call() of a format */
	enum disk_op op;	  /* the request's op; a format may replace it */
	bool unmap;		  /* WRITE_ZEROES: punch a hole if the host can */
	u64 moved;
	struct disk_job job;
	struct disk_order_entry order;
	struct disk_task *next; /* in the list of free tasks */
};

static inline struct disk_task *disk_task_of(struct disk_job *job)
{
	return container_of(job, struct disk_task, job);
}

static inline bool disk_op_writes(enum disk_op op)
{
	return op == DISK_WRITE || op == DISK_DISCARD || op == DISK_WRITE_ZEROES;
}

/* A task for a request that has been checked; or NULL: no memory. */
struct disk_task *disk_new_task(struct disk *disk, struct disk_request *request);

/* Free the memory of all tasks, while no request is in flight. */
void disk_free_tasks(struct disk *disk);

/* Queue a job for the engine that runs it. */
void disk_queue_job(struct disk *disk, struct disk_job *job);

/* The usual task->end(): calls the request's done(). From a job's done() only. */
void disk_end_task(struct disk_task *task, int err);

/* Let the next commit call task->end(), for a task that needs no job. */
void disk_end_task_later(struct disk_task *task, int err);

/* Let the next commit call done() of a request that has no task. */
void disk_refuse(struct disk *disk, struct disk_request *request, int err);

/* Call end() or done() now, for all requests that wait for the commit. */
void disk_end_waiting(struct disk *disk);

#endif
