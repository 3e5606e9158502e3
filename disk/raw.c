// SPDX-License-Identifier: GPL-2.0-only
/*
 * The raw format, and how a task on any file or block device becomes jobs.
 *
 * The usual request is one job of the disk's engine: preadv, pwritev, fdatasync. In two cases a
 * worker moves the data by blocking calls (disk_file_transfer): the rest of a job that moved fewer
 * bytes than asked, and a request that direct I/O does not accept. A job that was interrupted
 * (EINTR, EAGAIN) is repeated by a worker, for some seconds. So the fast path is one job, and all
 * rare cases share the same code.
 *
 * Discard gives space back (FALLOC_FL_PUNCH_HOLE, BLKDISCARD) and is only a hint: it is not an
 * error if the host does not support it. Zeros are written by the first of these ways that the host
 * supports: punching a hole, if the guest allows it; FALLOC_FL_ZERO_RANGE (on block devices both
 * run the code of BLKZEROOUT, and ZERO_RANGE keeps the space allocated); writing zeros. A way that
 * the host refused is noted in the file and not tried again.
 *
 * A request with `sync` is followed by a flush before its end. A flush does nothing on files that
 * need none (cache=unsafe) and on read-only files.
 *
 * Every path ends in exactly one task->end(). Loop's thread, except the functions for workers.
 *
 * Spec: fallocate(2), Linux block/fops.c (blkdev_fallocate).
 */
#include "raw.h"
#include "format.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>

static void raw_queue(struct disk_task *task, enum job_op op,
		      void (*done)(struct disk_job *job, s64 result))
{
	task->job.op = op;
	task->job.done = done;
	disk_queue_job(task->disk, &task->job);
}

/* --- ends --- */

static bool raw_is_interrupted(s64 result)
{
	return result == -EINTR || result == -EAGAIN;
}

/* On a worker: repeat a job in which an engine was interrupted, for some seconds. */
static s64 raw_repeat(const struct disk_job *job, enum job_op op)
{
	struct disk_job again = *job;

	again.op = op;
	return engine_run_job(&again);
}

static s64 raw_flush_again(struct disk_job *job)
{
	return raw_repeat(job, JOB_FLUSH);
}

static s64 raw_allocate_again(struct disk_job *job)
{
	return raw_repeat(job, JOB_ALLOCATE);
}

static void raw_flushed_again(struct disk_job *job, s64 result)
{
	struct disk_task *task = disk_task_of(job);

	task->end(task, (int)MIN(result, 0));
}

static void raw_flushed(struct disk_job *job, s64 result)
{
	if (raw_is_interrupted(result)) {
		job->call = raw_flush_again;
		raw_queue(disk_task_of(job), JOB_CALL, raw_flushed_again);
	} else {
		raw_flushed_again(job, result);
	}
}

static bool raw_needs_no_flush(const struct disk_task *task)
{
	return task->job.file->no_flush || task->job.file->read_only;
}

/* The data is written, or the write failed. If the request has `sync`, a flush follows. */
static void raw_end(struct disk_task *task, int err)
{
	if (!err && task->request->sync && !raw_needs_no_flush(task))
		raw_queue(task, JOB_FLUSH, raw_flushed);
	else
		task->end(task, err);
}

static void raw_called(struct disk_job *job, s64 result)
{
	raw_end(disk_task_of(job), (int)result);
}

static void raw_call(struct disk_task *task, s64 (*call)(struct disk_job *job))
{
	task->job.call = call;
	raw_queue(task, JOB_CALL, raw_called);
}

/* --- reads and writes --- */

/* Move the rest of the request's data by the function `move`. */
static int raw_move(struct disk_job *job,
		    int (*move)(struct disk_file *file, bool write, struct iov_cursor *cursor,
				u64 bytes, u64 offset))
{
	const struct disk_task *task = disk_task_of(job);
	const struct disk_request *request = task->request;
	struct iov_cursor cursor;
	int err = iov_cursor_init(&cursor, request->iov, request->iov_count);

	err = err ?: iov_skip(&cursor, task->moved);
	return err
		       ?: move(job->file, task->op == DISK_WRITE, &cursor,
			       request->bytes - task->moved, request->offset + task->moved);
}

static s64 raw_transfer(struct disk_job *job)
{
	return raw_move(job, disk_file_transfer);
}

static s64 raw_bounce(struct disk_job *job)
{
	return raw_move(job, disk_file_bounce);
}

static void raw_transferred(struct disk_job *job, s64 result)
{
	struct disk_task *task = disk_task_of(job);

	if (result == (s64)task->request->bytes) {
		raw_end(task, 0);
	} else if (result == -EINVAL && job->file->direct) {
		/* The file needs a larger alignment than the host told us. */
		raw_call(task, raw_bounce);
	} else if (result >= 0 || raw_is_interrupted(result)) {
		/* Short or interrupted: let a worker finish it with blocking calls. */
		task->moved = (u64)MAX(result, 0);
		raw_call(task, raw_transfer);
	} else {
		raw_end(task, (int)result);
	}
}

static void raw_submit_transfer(struct disk_task *task)
{
	const struct disk_request *request = task->request;
	struct disk_job *job = &task->job;

	task->moved = 0;
	if (!disk_file_aligned(job->file, request->iov, request->iov_count, request->offset)) {
		raw_call(task, raw_transfer);
		return;
	}
	job->iov = request->iov;
	job->iov_count = request->iov_count;
	job->offset = request->offset;
	job->bytes = request->bytes;
	raw_queue(task, task->op == DISK_READ ? JOB_READ : JOB_WRITE, raw_transferred);
}

/* --- discard --- */

static bool raw_is_refusal(s64 result)
{
	return result == -EOPNOTSUPP || result == -ENOSYS || result == -ENOTTY || result == -EINVAL;
}

static void raw_discarded_again(struct disk_job *job, s64 result)
{
	struct disk_task *task = disk_task_of(job);

	if (raw_is_refusal(result)) {
		if (result != -EINVAL)
			job->file->no_discard = true;
		result = 0;
	}
	task->end(task, (int)MIN(result, 0));
}

static void raw_discarded(struct disk_job *job, s64 result)
{
	if (raw_is_interrupted(result) && job->op == JOB_ALLOCATE) {
		job->call = raw_allocate_again;
		raw_queue(disk_task_of(job), JOB_CALL, raw_discarded_again);
	} else {
		raw_discarded_again(job, result);
	}
}

static s64 raw_discard_blocks(struct disk_job *job)
{
	unsigned int tries = 0;
	s64 ret;

	do
		ret = disk_file_discard_blocks(job->file, job->offset, job->bytes);
	while (engine_should_retry(ret, &tries));
	return ret;
}

static void raw_submit_discard(struct disk_task *task)
{
	struct disk_job *job = &task->job;

	if (job->file->no_discard) {
		disk_end_task_later(task, 0);
		return;
	}
	job->offset = task->request->offset;
	job->bytes = task->request->bytes;
	job->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	job->call = raw_discard_blocks;
	raw_queue(task, job->file->block_device ? JOB_CALL : JOB_ALLOCATE, raw_discarded);
}

/* --- zeros --- */

static s64 raw_write_zeroes(struct disk_job *job)
{
	return disk_file_write_zeroes(job->file, job->offset, job->bytes);
}

static void raw_try_zeroes(struct disk_task *task, bool may_punch);

static void raw_allocated_again(struct disk_job *job, s64 result)
{
	struct disk_task *task = disk_task_of(job);
	bool punched = job->mode & FALLOC_FL_PUNCH_HOLE;

	if (raw_is_refusal(result)) {
		/* -EINVAL is about this range; the other errors are about the host. */
		if (result != -EINVAL && punched)
			job->file->no_punch = true;
		else if (result != -EINVAL)
			job->file->no_zero_range = true;
		if (punched)
			raw_try_zeroes(task, false);
		else
			raw_call(task, raw_write_zeroes);
	} else {
		raw_end(task, (int)MIN(result, 0));
	}
}

static void raw_allocated(struct disk_job *job, s64 result)
{
	if (raw_is_interrupted(result)) {
		job->call = raw_allocate_again;
		raw_queue(disk_task_of(job), JOB_CALL, raw_allocated_again);
	} else {
		raw_allocated_again(job, result);
	}
}

static void raw_try_zeroes(struct disk_task *task, bool may_punch)
{
	struct disk_job *job = &task->job;

	if (may_punch && !job->file->no_punch)
		job->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	else
		job->mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
	if (!(job->mode & FALLOC_FL_PUNCH_HOLE) && job->file->no_zero_range)
		raw_call(task, raw_write_zeroes);
	else
		raw_queue(task, JOB_ALLOCATE, raw_allocated);
}

/* --- a task --- */

static void raw_begin(struct disk_task *task)
{
	switch (task->op) {
	case DISK_READ:
	case DISK_WRITE:
		raw_submit_transfer(task);
		break;
	case DISK_FLUSH:
		if (raw_needs_no_flush(task))
			disk_end_task_later(task, 0);
		else
			raw_queue(task, JOB_FLUSH, raw_flushed);
		break;
	case DISK_DISCARD:
		raw_submit_discard(task);
		break;
	case DISK_WRITE_ZEROES:
		task->job.offset = task->request->offset;
		task->job.bytes = task->request->bytes;
		raw_try_zeroes(task, task->unmap);
		break;
	}
}

/* The earlier writes for which this one waited are done. */
static void raw_begin_waiting(struct disk_order_entry *entry)
{
	raw_begin(container_of(entry, struct disk_task, order));
}

/* True: a sector is smaller than the block that the host writes at once. */
static bool raw_has_partial_writes(const struct disk_file *file)
{
	return file->direct && file->offset_align > DISK_SECTOR;
}

void raw_submit(struct disk_task *task, struct disk_file *file)
{
	bool may_begin = true;

	task->job.file = file;
	if (disk_op_writes(task->op) && raw_has_partial_writes(file)) {
		task->order.begin = raw_begin_waiting;
		may_begin =
			disk_order_enter(&task->disk->order, &task->order, task->request->offset,
					 task->request->bytes, file->offset_align);
	}
	if (may_begin)
		raw_begin(task);
}

void raw_submit_call(struct disk_task *task, struct disk_file *file,
		     s64 (*call)(struct disk_job *job))
{
	task->job.file = file;
	raw_call(task, call);
}

/* --- the format --- */

/* Every disk that does not need another format. */
static bool raw_is_wanted(const struct disk_options *options)
{
	return options->format != DISK_FORMAT_QCOW2;
}

static int raw_open(struct disk *disk, struct disk_image **image)
{
	struct disk_image *raw = calloc(1, sizeof(*raw));

	if (!raw)
		return log_fail(-ENOMEM, "disk %s: no memory", disk->options.path);
	raw->file = &disk->file;
	disk->info.physical_bytes = MAX(disk->file.physical_bytes, disk->info.block_bytes);
	disk->info.io_min_bytes = disk->file.io_min_bytes;
	disk->info.io_opt_bytes = disk->file.io_opt_bytes;
	*image = raw;
	return 0;
}

static void raw_close(struct disk_image *image)
{
	free(image);
}

static s64 raw_bytes(const struct disk_image *image)
{
	return disk_file_bytes(image->file);
}

static void raw_submit_task(struct disk_image *image, struct disk_task *task)
{
	raw_submit(task, image->file);
}

static int raw_read(struct disk_image *image, struct iov_cursor *cursor, u64 bytes, u64 offset)
{
	return disk_file_transfer(image->file, false, cursor, bytes, offset);
}

const struct disk_image_ops disk_raw = {
	.is_wanted = raw_is_wanted,
	.open = raw_open,
	.close = raw_close,
	.bytes = raw_bytes,
	.submit = raw_submit_task,
	.read = raw_read,
};
