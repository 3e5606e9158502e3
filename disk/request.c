// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests and their tasks: formats call these functions to queue a job, and to end a request.
 *
 * A request belongs to the caller and says what to do. A task belongs to disk/ and has the state of
 * the work: the present job, the place in the order of writes, and the function for the end. Tasks
 * come from a list of free ones. If the list is empty it grows by a chunk; it is freed when the
 * disk is stopped. So the usual request allocates no memory, and the few tasks in use stay in the
 * cache.
 *
 * Invariant: a submitted request is counted in in_flight until disk_finish(), the one place
 * where done() is called.
 *
 * Failures of requests are logged at a limited rate, because a guest can cause them; the guest gets
 * the error too. Loop's thread.
 */
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_TASKS 32

struct disk_task_chunk {
	struct disk_task_chunk *next;
	struct disk_task tasks[CHUNK_TASKS];
};

/* --- tasks --- */

static void disk_put_task(struct disk *disk, struct disk_task *task)
{
	task->next = disk->free_tasks;
	disk->free_tasks = task;
}

static void disk_add_chunk(struct disk *disk)
{
	struct disk_task_chunk *chunk = calloc(1, sizeof(*chunk));

	if (!chunk)
		return;
	chunk->next = disk->task_chunks;
	disk->task_chunks = chunk;
	for (unsigned int i = CHUNK_TASKS; i--;)
		disk_put_task(disk, &chunk->tasks[i]);
}

struct disk_task *disk_new_task(struct disk *disk, struct disk_request *request)
{
	struct disk_task *task;

	if (!disk->free_tasks)
		disk_add_chunk(disk);
	task = disk->free_tasks;
	if (!task)
		return NULL;
	disk->free_tasks = task->next;
	task->request = request;
	task->disk = disk;
	task->end = disk_end_task;
	task->op = request->op;
	task->unmap = request->unmap && disk->options.discard;
	request->task = task;
	return task;
}

void disk_free_tasks(struct disk *disk)
{
	while (disk->task_chunks) {
		struct disk_task_chunk *chunk = disk->task_chunks;

		disk->task_chunks = chunk->next;
		free(chunk);
	}
	disk->free_tasks = NULL;
}

void disk_queue_job(struct disk *disk, struct disk_job *job)
{
	struct engine *engine = disk->engine;

	if (!(engine->ops->jobs & JOB_BIT(job->op)))
		engine = disk->workers;
	engine->ops->queue(engine, job);
	disk->staged = true;
}

/* --- the end of a request --- */

static void disk_warn(struct disk *disk, const struct disk_request *request, int err)
{
	static const char *const names[] = {
		[DISK_READ] = "read",
		[DISK_WRITE] = "write",
		[DISK_FLUSH] = "flush",
		[DISK_DISCARD] = "discard",
		[DISK_WRITE_ZEROES] = "write of zeros",
	};

	log_warn_limited(&disk->error_limit,
			 "disk %s: %s of %llu bytes at %llu: %s; the guest gets an I/O error",
			 disk->options.path, names[request->op], request->bytes, request->offset,
			 strerror(-err));
}

static void disk_finish(struct disk *disk, struct disk_request *request, int err)
{
	/* These three errors are mistakes of the guest, or uses of a feature it was not offered. */
	if (err && err != -ERANGE && err != -EROFS && err != -EOPNOTSUPP)
		disk_warn(disk, request, err);
	disk->in_flight--;
	request->done(request, err);
}

void disk_end_task(struct disk_task *task, int err)
{
	struct disk_request *request = task->request;
	struct disk *disk = task->disk;

	disk_order_leave(&disk->order, &task->order);
	request->task = NULL;
	disk_put_task(disk, task);
	disk_finish(disk, request, err);
}

static void disk_wait_for_commit(struct disk *disk, struct disk_request *request, int err)
{
	request->err = err;
	request->next = NULL;
	*disk->finished_end = request;
	disk->finished_end = &request->next;
}

void disk_end_task_later(struct disk_task *task, int err)
{
	disk_wait_for_commit(task->disk, task->request, err);
}

void disk_refuse(struct disk *disk, struct disk_request *request, int err)
{
	request->task = NULL;
	disk_wait_for_commit(disk, request, err);
}

void disk_end_waiting(struct disk *disk)
{
	while (disk->finished) {
		struct disk_request *request = disk->finished;

		disk->finished = request->next;
		if (!disk->finished)
			disk->finished_end = &disk->finished;
		if (request->task)
			request->task->end(request->task, request->err);
		else
			disk_finish(disk, request, request->err);
	}
}
