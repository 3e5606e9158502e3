// SPDX-License-Identifier: GPL-2.0-only
/*
 * Worker threads: each runs blocking jobs, one at a time.
 *
 * The loop's thread collects jobs (queue) and hands all of them over under one lock (commit). A
 * worker takes the first, runs it without the lock, and adds it to the finished jobs; the first job
 * in an empty list rings the bell, and the loop takes the whole list and calls done() for each. So
 * a burst of jobs costs one lock and one ring.
 *
 * A thread is made when there are more jobs than idle threads, up to the pool's limit, and stays
 * until the pool is closed. If not even one thread can be made, the jobs end with -ENOMEM.
 *
 * A job that hangs can be abandoned, because it owns all that it uses. Its thread then leaves the
 * pool: it is detached, no longer counted, and when the job returns it drops the job and ends. The
 * pool's memory is freed by workers_close(), or by the last such thread if that is later. At most
 * WORKERS_LOST_MAX threads are replaced in this way; then the pool gets smaller.
 *
 * Threads block all signals (util/thread.c).
 */
#include <kvm/loop.h>
#include <kvm/thread.h>
#include <kvm/workers.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define STACK_BYTES (128 * KIB)

struct job_list {
	struct worker_job *first, **end;
};

struct worker {
	struct workers *pool;
	pthread_t thread;
	struct worker_job *job; /* the job that this thread runs */
	bool lost;		/* that job was abandoned: the pool does not count this thread */
};

struct workers {
	struct workers_config config;
	struct loop_bell bell;
	/* Loop's thread: jobs not handed over yet, and jobs whose done() is next. */
	struct job_list staged, reaped;
	unsigned int staged_count;

	pthread_mutex_t lock; /* protects all fields below */
	pthread_cond_t work;
	struct job_list pending, finished;
	unsigned int pending_count, idle, count, lost_count;
	bool stopping, closed;
	struct worker *threads[]; /* count of config.max */
};

static void job_list_init(struct job_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void job_list_add(struct job_list *list, struct worker_job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct worker_job *job_list_take(struct job_list *list)
{
	struct worker_job *job = list->first;

	if (!job)
		return NULL;
	list->first = job->next;
	if (!list->first)
		list->end = &list->first;
	return job;
}

/* Append all of from, which is empty afterwards. */
static void job_list_move(struct job_list *to, struct job_list *from)
{
	if (!from->first)
		return;
	*to->end = from->first;
	to->end = from->end;
	job_list_init(from);
}

/* True if the job was in the list. */
static bool job_list_remove(struct job_list *list, struct worker_job *job)
{
	struct worker_job **at = &list->first;

	while (*at && *at != job)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = job->next;
	if (!*at)
		list->end = at;
	return true;
}

static void workers_free(struct workers *workers)
{
	pthread_cond_destroy(&workers->work);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}

/* --- on a worker --- */

/* Wait for a job. False: the pool is being closed. The lock is held. */
static bool worker_take_job(struct worker *worker)
{
	struct workers *pool = worker->pool;

	while (!pool->pending.first && !pool->stopping) {
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->lock);
		pool->idle--;
	}
	worker->job = job_list_take(&pool->pending);
	if (worker->job)
		pool->pending_count--;
	return worker->job;
}

/* The lock is held. */
static void worker_finish_job(struct worker *worker)
{
	struct workers *pool = worker->pool;
	bool first = !pool->finished.first;

	job_list_add(&pool->finished, worker->job);
	worker->job = NULL;
	if (first)
		loop_ring(pool->config.loop, &pool->bell);
}

/* End the thread of an abandoned job that has returned. The lock is held, and released here. */
static void worker_end_lost(struct worker *worker)
{
	struct workers *pool = worker->pool;
	bool is_last = !--pool->lost_count && pool->closed;

	pthread_mutex_unlock(&pool->lock);
	if (is_last)
		workers_free(pool);
	worker->job->drop(worker->job);
	free(worker);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct workers *pool = worker->pool;

	pthread_mutex_lock(&pool->lock);
	while (worker_take_job(worker)) {
		pthread_mutex_unlock(&pool->lock);
		worker->job->run(worker->job);
		pthread_mutex_lock(&pool->lock);
		if (worker->lost) {
			worker_end_lost(worker);
			return NULL;
		}
		worker_finish_job(worker);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* --- on the loop --- */

/* The lock is held, so the new thread finds everything set. */
static bool workers_add_thread(struct workers *workers)
{
	struct worker *worker;

	if (workers->count == workers->config.max ||
	    workers->count + workers->lost_count == workers->config.max + WORKERS_LOST_MAX)
		return false;
	worker = calloc(1, sizeof(*worker));
	if (!worker)
		return false;
	worker->pool = workers;
	if (thread_start(&worker->thread, STACK_BYTES, worker_main, worker)) {
		free(worker);
		return false;
	}
	pthread_setname_np(worker->thread, workers->config.name);
	workers->threads[workers->count++] = worker;
	return true;
}

/*
 * Make threads for the pending jobs; if there is not one thread, the jobs fail. The lock is held.
 */
static void workers_staff(struct workers *workers)
{
	for (unsigned int i = workers->idle; i < workers->pending_count; i++) {
		if (!workers_add_thread(workers))
			break;
	}
	if (workers->count || !workers->pending.first)
		return;
	for (struct worker_job *job = workers->pending.first; job; job = job->next)
		job->err = -ENOMEM;
	job_list_move(&workers->finished, &workers->pending);
	workers->pending_count = 0;
	loop_ring(workers->config.loop, &workers->bell);
}

void workers_queue(struct workers *workers, struct worker_job *job)
{
	job->err = 0;
	job_list_add(&workers->staged, job);
	workers->staged_count++;
}

void workers_commit(struct workers *workers)
{
	if (!workers->staged.first)
		return;
	pthread_mutex_lock(&workers->lock);
	job_list_move(&workers->pending, &workers->staged);
	workers->pending_count += workers->staged_count;
	for (unsigned int i = MIN(workers->staged_count, workers->idle); i; i--)
		pthread_cond_signal(&workers->work);
	workers_staff(workers);
	pthread_mutex_unlock(&workers->lock);
	workers->staged_count = 0;
}

void workers_reap(struct workers *workers)
{
	struct worker_job *job;

	pthread_mutex_lock(&workers->lock);
	job_list_move(&workers->reaped, &workers->finished);
	pthread_mutex_unlock(&workers->lock);
	while ((job = job_list_take(&workers->reaped)))
		job->done(job, job->err);
}

static void workers_rung(void *arg)
{
	struct workers *workers = arg;

	workers_reap(workers);
	workers->config.batch(workers->config.arg);
}

/* Take the thread that runs this job out of the pool. The lock is held. */
static void workers_lose_thread(struct workers *workers, const struct worker_job *job)
{
	unsigned int i = 0;

	while (i < workers->count && workers->threads[i]->job != job)
		i++;
	assert(i < workers->count);
	workers->threads[i]->lost = true;
	pthread_detach(workers->threads[i]->thread);
	workers->threads[i] = workers->threads[--workers->count];
	workers->lost_count++;
	workers_staff(workers);
}

void workers_abandon(struct workers *workers, struct worker_job *job)
{
	bool waits = true;

	pthread_mutex_lock(&workers->lock);
	if (job_list_remove(&workers->staged, job))
		workers->staged_count--;
	else if (job_list_remove(&workers->pending, job))
		workers->pending_count--;
	else
		waits = job_list_remove(&workers->finished, job) ||
			job_list_remove(&workers->reaped, job);
	if (!waits)
		workers_lose_thread(workers, job);
	pthread_mutex_unlock(&workers->lock);
	if (waits)
		job->drop(job);
}

/* --- the pool --- */

int workers_new(struct workers **workers, const struct workers_config *config)
{
	struct workers *new = calloc(1, sizeof(*new) + config->max * sizeof(new->threads[0]));

	if (!new)
		return -ENOMEM;
	new->config = *config;
	job_list_init(&new->staged);
	job_list_init(&new->reaped);
	job_list_init(&new->pending);
	job_list_init(&new->finished);
	pthread_mutex_init(&new->lock, NULL);
	pthread_cond_init(&new->work, NULL);
	new->bell = (struct loop_bell){.fn = workers_rung, .arg = new};
	loop_add_bell(config->loop, &new->bell);
	*workers = new;
	return 0;
}

void workers_close(struct workers *workers)
{
	bool is_last;

	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->work);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned int i = 0; i < workers->count; i++) {
		pthread_join(workers->threads[i]->thread, NULL);
		free(workers->threads[i]);
	}
	loop_remove_bell(workers->config.loop, &workers->bell);
	pthread_mutex_lock(&workers->lock);
	workers->closed = true;
	is_last = !workers->lost_count;
	pthread_mutex_unlock(&workers->lock);
	if (is_last)
		workers_free(workers);
}
