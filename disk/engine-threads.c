// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine of worker threads: each runs blocking system calls, one job at a time.
 *
 * The loop's thread puts jobs aside (queue) and hands all of them over under one lock
 * (commit). A worker takes the first, runs it without the lock, and puts it on the list of
 * what is finished; the first there rings the bell, and the loop takes the list and calls
 * done() for each. So a burst costs a lock and a ring, not one a job.
 *
 * Threads are made when there is more work than idle threads, at most WORKERS_MAX a disk,
 * and stay: a disk whose host hangs holds up its own threads and no other disk's. A job is
 * self-contained (file, buffers and offsets stay until done()) and a worker touches nothing
 * else. Signals are for the main thread: workers block all of them.
 *
 * When not even a first thread can be made, jobs fail with -ENOMEM rather than wait for
 * one. Ends by close(), with nothing in flight: workers are told and joined.
 */
#include "engine.h"

#include <kvm/thread.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define WORKERS_MAX 8
#define STACK_BYTES (128 * KIB)
#define THREAD_NAME "disk-worker"
#define RETRIES_MAX 1000 /* some seconds, for a host that says EAGAIN */
#define RETRY_US    1000

struct job_list {
	struct disk_job *first, **end;
};

struct workers {
	struct engine engine;
	struct job_list staged; /* loop's thread: queued, not handed over */
	unsigned int staged_count;
	struct loop_bell bell;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	struct job_list pending, finished;
	unsigned int pending_count, idle, count;
	bool stopping;
	pthread_t threads[WORKERS_MAX];
};

static void job_list_init(struct job_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void job_list_add(struct job_list *list, struct disk_job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct disk_job *job_list_take(struct job_list *list)
{
	struct disk_job *job = list->first;

	if (!job)
		return NULL;
	list->first = job->next;
	if (!list->first)
		list->end = &list->first;
	return job;
}

/* Append all of from, which is empty then. */
static void job_list_move(struct job_list *to, struct job_list *from)
{
	if (!from->first)
		return;
	*to->end = from->first;
	to->end = from->end;
	job_list_init(from);
}

/* --- on a worker --- */

static s64 engine_call_once(struct disk_job *job)
{
	int fd = job->file->fd;
	off_t offset = (off_t)job->offset;

	switch ((enum job_op)job->op) {
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

static void *workers_main(void *arg)
{
	struct workers *workers = arg;

	pthread_mutex_lock(&workers->lock);
	for (;;) {
		struct disk_job *job = job_list_take(&workers->pending);
		bool first;

		if (!job && workers->stopping)
			break;
		if (!job) {
			workers->idle++;
			pthread_cond_wait(&workers->work, &workers->lock);
			workers->idle--;
			continue;
		}
		workers->pending_count--;
		pthread_mutex_unlock(&workers->lock);
		job->result = engine_run_job(job);
		pthread_mutex_lock(&workers->lock);
		first = !workers->finished.first;
		job_list_add(&workers->finished, job);
		if (first)
			loop_ring(workers->engine.loop, &workers->bell);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

/* --- on the loop --- */

/* The lock is held. */
static int workers_add_thread(struct workers *workers)
{
	pthread_t *thread = &workers->threads[workers->count];
	int err = thread_start(thread, STACK_BYTES, workers_main, workers);

	if (err)
		return err;
	pthread_setname_np(*thread, THREAD_NAME);
	workers->count++;
	return 0;
}

static void workers_queue(struct engine *engine, struct disk_job *job)
{
	struct workers *workers = container_of(engine, struct workers, engine);

	job_list_add(&workers->staged, job);
	workers->staged_count++;
}

/* Jobs that nobody will take, because no thread can be made. The lock is held. */
static void workers_give_up(struct workers *workers)
{
	for (struct disk_job *job = workers->pending.first; job; job = job->next)
		job->result = -ENOMEM;
	job_list_move(&workers->finished, &workers->pending);
	workers->pending_count = 0;
	loop_ring(workers->engine.loop, &workers->bell);
}

static void workers_commit(struct engine *engine)
{
	struct workers *workers = container_of(engine, struct workers, engine);

	if (!workers->staged.first)
		return;
	pthread_mutex_lock(&workers->lock);
	job_list_move(&workers->pending, &workers->staged);
	workers->pending_count += workers->staged_count;
	for (unsigned int i = MIN(workers->staged_count, workers->idle); i; i--)
		pthread_cond_signal(&workers->work);
	for (unsigned int i = workers->idle; i < workers->pending_count; i++) {
		if (workers->count == WORKERS_MAX || workers_add_thread(workers))
			break;
	}
	if (!workers->count)
		workers_give_up(workers);
	pthread_mutex_unlock(&workers->lock);
	workers->staged_count = 0;
}

static void workers_reap(struct engine *engine)
{
	struct workers *workers = container_of(engine, struct workers, engine);
	struct job_list list;
	struct disk_job *job;

	job_list_init(&list);
	pthread_mutex_lock(&workers->lock);
	job_list_move(&list, &workers->finished);
	pthread_mutex_unlock(&workers->lock);
	while ((job = job_list_take(&list)))
		job->done(job, job->result);
}

static void workers_rung(void *arg)
{
	struct workers *workers = arg;

	workers_reap(&workers->engine);
	workers->engine.batch(workers->engine.arg);
}

static int workers_open(struct engine **engine, const struct engine_config *config)
{
	struct workers *workers = calloc(1, sizeof(*workers));

	if (!workers)
		return -ENOMEM;
	engine_init(&workers->engine, &engine_threads, config);
	job_list_init(&workers->staged);
	job_list_init(&workers->pending);
	job_list_init(&workers->finished);
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->work, NULL);
	workers->bell = (struct loop_bell){.fn = workers_rung, .arg = workers};
	loop_add_bell(config->loop, &workers->bell);
	*engine = &workers->engine;
	return 0;
}

static void workers_close(struct engine *engine)
{
	struct workers *workers = container_of(engine, struct workers, engine);

	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->work);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned int i = 0; i < workers->count; i++)
		pthread_join(workers->threads[i], NULL);
	loop_remove_bell(workers->engine.loop, &workers->bell);
	pthread_cond_destroy(&workers->work);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}

const struct engine_ops engine_threads = {
	.name = "threads",
	.jobs = JOB_BIT(JOB_READ) | JOB_BIT(JOB_WRITE) | JOB_BIT(JOB_FLUSH) |
		JOB_BIT(JOB_ALLOCATE) | JOB_BIT(JOB_CALL),
	.open = workers_open,
	.queue = workers_queue,
	.commit = workers_commit,
	.reap = workers_reap,
	.close = workers_close,
};
