// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks: take requests, and have an engine carry them out.
 *
 * open.c opens a disk. A device binds it to the loop by disk_start(), which chooses the engine: the
 * one that the user asked for, or the best that the host allows. Jobs that this engine cannot run
 * go to a second one, which has threads.
 *
 *   disk_submit()    checks the request against the disk and gives a task to the disk's format
 *   the format       queues a job with an engine, or calls disk_end_task_later()
 *   disk_commit()    engines begin all queued jobs, in one system call each
 *   job's done()     the format queues the next job, or calls task->end(), which calls done()
 *
 * done() may submit another request: inside disk_commit() the same call begins it, otherwise the
 * engine's batch() does. request.c counts requests and calls done().
 *
 * A worker reads the size once a second (fstat may block). inotify would report each of our own
 * writes too, and make each write slower.
 *
 * All functions are for the loop's thread, and none of them waits. To bring a disk to rest, a
 * caller waits for done() and completed(). If disk_stop() finds the host still at work, it names
 * the disk and leaves the engine alone for good, because the jobs in flight use the guest's RAM.
 */
#include "format.h"
#include <kvm/util.h>

#include <errno.h>
#include <string.h>

#define SIZE_PERIOD_NS NSEC_PER_SEC

/* --- a request --- */

static int disk_check(const struct disk *disk, const struct disk_request *request)
{
	if (disk_op_writes(request->op) && disk->info.read_only)
		return -EROFS;
	if (request->op == DISK_FLUSH)
		return 0;
	if (request->op == DISK_DISCARD && !disk->info.discard)
		return -EOPNOTSUPP;
	if (request->offset > disk->bytes || request->bytes > disk->bytes - request->offset)
		return -ERANGE;
	if ((request->offset | request->bytes) % DISK_SECTOR)
		return -ERANGE;
	return 0;
}

void disk_submit(struct disk *disk, struct disk_request *request)
{
	int err = disk_check(disk, request);
	struct disk_task *task;

	disk->in_flight++;
	if (err || (!request->bytes && request->op != DISK_FLUSH)) {
		disk_refuse(disk, request, err);
		return;
	}
	task = disk_new_task(disk, request);
	if (!task)
		disk_refuse(disk, request, -ENOMEM);
	else
		disk->top->ops->submit(disk->top, task);
}

void disk_commit(struct disk *disk)
{
	/* Called from a done() inside disk_commit(): the outer call begins the new requests. */
	if (disk->committing)
		return;
	disk->committing = true;
	while (disk->staged || disk->finished) {
		disk->staged = false;
		disk->engine->ops->commit(disk->engine);
		if (disk->workers != disk->engine)
			disk->workers->ops->commit(disk->workers);
		disk_end_waiting(disk);
	}
	disk->committing = false;
}

unsigned int disk_in_flight(const struct disk *disk)
{
	return disk->in_flight;
}

/* An engine has completed a batch of jobs outside of disk_commit(). */
static void disk_batch(void *arg)
{
	struct disk *disk = arg;

	/* Commit in any case: an engine may have jobs that the kernel did not take before. */
	disk->staged = true;
	disk_commit(disk);
	if (disk->user->completed)
		disk->user->completed(disk->user->arg);
}

bool disk_busy(const struct disk *disk)
{
	return disk->in_flight || disk->size_asked;
}

void disk_poll(struct disk *disk)
{
	disk->engine->ops->reap(disk->engine);
	if (disk->workers != disk->engine)
		disk->workers->ops->reap(disk->workers);
	disk->staged = true;
	disk_commit(disk);
}

void disk_report_busy(struct disk *disk)
{
	if (disk->in_flight)
		log_error("disk %s: %u requests are not done; the host does not answer",
			  disk->options.path, disk->in_flight);
	else
		log_error("disk %s: its size cannot be asked for; the host does not answer",
			  disk->options.path);
	disk->reported = true;
}

/* --- the size --- */

u64 disk_bytes(const struct disk *disk)
{
	return disk->bytes;
}

static u64 disk_usable_bytes(const struct disk *disk, s64 bytes)
{
	return ALIGN_DOWN((u64)bytes, (u64)disk->info.block_bytes);
}

/* On a worker. */
static s64 disk_ask_size(struct disk_job *job)
{
	const struct disk_image *top = container_of(job, struct disk, size_job)->top;

	return top->ops->bytes(top);
}

static void disk_told_size(struct disk_job *job, s64 result)
{
	struct disk *disk = container_of(job, struct disk, size_job);

	disk->size_asked = false;
	if (disk->stopping)
		return;
	loop_arm(disk->loop, &disk->size_timer, now_ns() + SIZE_PERIOD_NS);
	if (result < 0 || disk_usable_bytes(disk, result) == disk->bytes)
		return;
	log_info("disk %s: has %llu bytes now", disk->options.path, result);
	disk->bytes = disk_usable_bytes(disk, result);
	if (disk->user->resized)
		disk->user->resized(disk->user->arg);
}

static void disk_size_due(void *arg)
{
	struct disk *disk = arg;

	disk->size_asked = true;
	disk->size_job =
		(struct disk_job){.op = JOB_CALL, .call = disk_ask_size, .done = disk_told_size};
	disk_queue_job(disk, &disk->size_job);
	disk_commit(disk);
}

/* --- engines --- */

static const struct engine_ops *const engines[] = {
	[DISK_AIO_IO_URING] = &engine_uring,
	[DISK_AIO_LIBAIO] = &engine_aio,
	[DISK_AIO_THREADS] = &engine_threads,
};

static const char *const engine_names[] = {
	[DISK_AIO_IO_URING] = "io_uring",
	[DISK_AIO_LIBAIO] = "libaio",
	[DISK_AIO_THREADS] = "threads",
};

static int disk_open_engine(struct disk *disk, enum disk_aio aio, struct engine **engine)
{
	struct disk_file *files[DISK_IMAGES_MAX];
	const struct engine_config config = {.name = disk->options.path,
					     .loop = disk->loop,
					     .batch = disk_batch,
					     .arg = disk,
					     .files = files,
					     .file_count = disk->top->file->index + 1};

	for (const struct disk_image *image = disk->top; image; image = image->base)
		files[image->file->index] = image->file;
	return engines[aio] ? engines[aio]->open(engine, &config) : -ENOSYS;
}

static const char *disk_engine_error(enum disk_aio aio, int err)
{
	return engines[aio] ? strerror(-err) : "not built in";
}

/* Open the user's engine, or the first that opens of those that suit the cache mode. */
static int disk_choose_engine(struct disk *disk)
{
	enum disk_aio best =
		disk->options.cache == DISK_CACHE_NONE ? DISK_AIO_LIBAIO : DISK_AIO_IO_URING;
	enum disk_aio aio = disk->options.aio;
	int err;

	if (aio != DISK_AIO_AUTO) {
		err = disk_open_engine(disk, aio, &disk->engine);
		return err ? log_fail(err, "disk %s: aio=%s: %s; leave it out, or aio=threads",
				      disk->options.path, engine_names[aio],
				      disk_engine_error(aio, err))
			   : 0;
	}
	err = disk_open_engine(disk, best, &disk->engine);
	if (!err)
		return 0;
	log_warn("disk %s: %s: %s; threads are used instead, which are slower (aio=threads avoids "
		 "this message)",
		 disk->options.path, engine_names[best], disk_engine_error(best, err));
	err = disk_open_engine(disk, DISK_AIO_THREADS, &disk->engine);
	return err ? log_fail(err, "disk %s: threads: %s", disk->options.path, strerror(-err)) : 0;
}

int disk_start(struct disk *disk, struct loop *loop, const struct disk_user *user)
{
	int err;

	disk->loop = loop;
	disk->user = user;
	disk->finished_end = &disk->finished;
	disk->stopping = disk->reported = false;
	err = disk_choose_engine(disk);
	if (err)
		return err;
	disk->workers = disk->engine;
	if (!(disk->engine->ops->jobs & JOB_BIT(JOB_CALL)))
		err = disk_open_engine(disk, DISK_AIO_THREADS, &disk->workers);
	if (err) {
		disk->engine->ops->close(disk->engine);
		disk->engine = NULL;
		return log_fail(err, "disk %s: threads: %s", disk->options.path, strerror(-err));
	}
	disk->size_timer = (struct loop_timer){.fn = disk_size_due, .arg = disk};
	if (disk->top->ops->bytes)
		loop_arm(loop, &disk->size_timer, now_ns() + SIZE_PERIOD_NS);
	return 0;
}

bool disk_stop(struct disk *disk)
{
	if (!disk->engine)
		return true;
	disk->stopping = true;
	loop_disarm(disk->loop, &disk->size_timer);
	disk_poll(disk);
	if (disk_busy(disk)) {
		if (!disk->reported)
			disk_report_busy(disk);
		return false; /* the engine stays open */
	}
	if (disk->workers != disk->engine)
		disk->workers->ops->close(disk->workers);
	disk->engine->ops->close(disk->engine);
	disk->engine = disk->workers = NULL;
	disk_free_tasks(disk);
	return true;
}

const char *disk_engine_name(const struct disk *disk)
{
	return disk->engine->ops->name;
}

const struct disk_info *disk_info(const struct disk *disk)
{
	return &disk->info;
}
