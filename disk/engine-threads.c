// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine of worker threads: a pool (util/workers.c) whose threads run blocking system calls.
 *
 * Each disk has a pool of its own, so a disk on which the host hangs blocks its own threads, not
 * those of other disks. A worker uses nothing but the job: its file, buffers and offsets stay until
 * done(). The buffers are the guest's RAM, so a running job is never given up: a disk on which the
 * host hangs stays open until the process ends.
 *
 * If not even one thread can be created, jobs fail with -ENOMEM.
 */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define THREADS_MAX 8
#define THREAD_NAME "disk-worker"
#define RETRIES_MAX 1000 /* some seconds of EAGAIN */
#define RETRY_US    1000

struct threads {
	struct engine engine;
	struct workers *workers;
};

static struct workers *threads_of(struct engine *engine)
{
	return container_of(engine, struct threads, engine)->workers;
}

/* --- on a worker --- */

static s64 engine_call_once(struct disk_job *job)
{
	int fd = job->file->fd;
	off_t offset = (off_t)job->offset;

	switch (job->op) {
	case JOB_READ:
		return preadv(fd, job->iov, (int)job->iov_count, offset);
	case JOB_WRITE:
		return pwritev(fd, job->iov, (int)job->iov_count, offset);
	case JOB_FLUSH:
		return fdatasync(fd);
	case JOB_ALLOCATE:
		return fallocate(fd, job->mode, offset, (off_t)job->bytes);
	case JOB_CALL:
		break;
	}
	errno = EINVAL;
	return -1;
}

bool engine_should_retry(s64 result, unsigned int *tries)
{
	if ((result != -EINTR && result != -EAGAIN) || (*tries)++ == RETRIES_MAX)
		return false;
	if (result == -EAGAIN)
		usleep(RETRY_US);
	return true;
}

s64 engine_run_job(struct disk_job *job)
{
	unsigned int tries = 0;
	s64 ret;

	if (job->op == JOB_CALL)
		return job->call(job);
	do {
		ret = engine_call_once(job);
		ret = ret < 0 ? -errno : ret;
	} while (engine_should_retry(ret, &tries));
	return ret;
}

static void threads_run(struct worker_job *work)
{
	struct disk_job *job = container_of(work, struct disk_job, work);

	job->result = engine_run_job(job);
}

/* --- on the loop --- */

static void threads_done(struct worker_job *work, int err)
{
	struct disk_job *job = container_of(work, struct disk_job, work);

	job->done(job, err ? err : job->result);
}

static void threads_queue(struct engine *engine, struct disk_job *job)
{
	job->work.run = threads_run;
	job->work.done = threads_done;
	workers_queue(threads_of(engine), &job->work);
}

static void threads_commit(struct engine *engine)
{
	workers_commit(threads_of(engine));
}

static void threads_reap(struct engine *engine)
{
	workers_reap(threads_of(engine));
}

static int threads_open(struct engine **engine, const struct engine_config *config)
{
	const struct workers_config pool = {.name = THREAD_NAME,
					    .max = THREADS_MAX,
					    .loop = config->loop,
					    .batch = config->batch,
					    .arg = config->arg};
	struct threads *threads = calloc(1, sizeof(*threads));
	int err;

	if (!threads)
		return -ENOMEM;
	engine_init(&threads->engine, &engine_threads, config);
	err = workers_new(&threads->workers, &pool);
	if (err) {
		free(threads);
		return err;
	}
	*engine = &threads->engine;
	return 0;
}

static void threads_close(struct engine *engine)
{
	workers_close(threads_of(engine));
	free(container_of(engine, struct threads, engine));
}

const struct engine_ops engine_threads = {
	.name = "threads",
	.jobs = JOB_BIT(JOB_READ) | JOB_BIT(JOB_WRITE) | JOB_BIT(JOB_FLUSH) |
		JOB_BIT(JOB_ALLOCATE) | JOB_BIT(JOB_CALL),
	.open = threads_open,
	.queue = threads_queue,
	.commit = threads_commit,
	.reap = threads_reap,
	.close = threads_close,
};
