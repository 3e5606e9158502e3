/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk from inside: its state, and the tasks that its requests become. disk/request.c.
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
	struct disk_file file;	/* the one that the user named */
	struct disk_image *top; /* where requests go: disk/format.h */
	u64 bytes;

	/* From disk_start() to disk_stop(). */
	struct loop *loop;
	const struct disk_user *user;
	struct engine *engine, *workers; /* the same one for aio=threads */
	unsigned int in_flight;
	struct disk_task *free_tasks;
	struct disk_task_chunk *task_chunks;
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

/* What disk/ keeps for a request that is being carried out. */
struct disk_task {
	struct disk_request *request;
	struct disk *disk;
	/* Called once, when the request has been carried out or has failed: disk_end_task(). */
	void (*end)(struct disk_task *task, int err);
	struct disk_image *image; /* for the end() or call() of a format */
	enum disk_op op; /* the request's; a format may carry out another one in its place */
	bool unmap;	 /* WRITE_ZEROES: punch a hole if the host can */
	u64 moved;
	struct disk_job job;
	struct disk_order_entry order;
	struct disk_task *next; /* of the free ones */
};

static inline struct disk_task *disk_task_of(struct disk_job *job)
{
	return container_of(job, struct disk_task, job);
}

static inline bool disk_op_writes(enum disk_op op)
{
	return op == DISK_WRITE || op == DISK_DISCARD || op == DISK_WRITE_ZEROES;
}

/* A task for a request, which has been checked; or NULL: no memory. */
struct disk_task *disk_new_task(struct disk *disk, struct disk_request *request);

/* Free the memory of all tasks. No request is in flight. */
void disk_free_tasks(struct disk *disk);

/* Queue a job for the engine that runs it. */
void disk_queue_job(struct disk *disk, struct disk_job *job);

/* The usual task->end(): the request's done() is called. From a job's done() only. */
void disk_end_task(struct disk_task *task, int err);

/* The next commit calls task->end(). For what needs no job. */
void disk_end_task_later(struct disk_task *task, int err);

/* The next commit calls the done() of a request that has no task. */
void disk_refuse(struct disk *disk, struct disk_request *request, int err);

/* Now call end() or done() for all that wait for the commit. */
void disk_end_waiting(struct disk *disk);

#endif
