/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pool of threads that run jobs which may block, for a loop that must not. util/workers.c.
 *
 * All functions are for the loop's own thread. No two of them run at once, so a callback may
 * call any of them, except workers_close().
 */
#ifndef KVM_WORKERS_H
#define KVM_WORKERS_H

#include <kvm/types.h>

struct loop;
struct workers;

/* One job. The caller owns the memory, which stays in place until done() or drop() is called. */
struct worker_job {
	/* On a worker thread, and may block. Uses only what the job refers to. */
	void (*run)(struct worker_job *job);
	/* On the loop's thread: err is 0 after run(), -ENOMEM if no thread could be made for it. */
	void (*done)(struct worker_job *job, int err);
	/*
	 * Instead of done(), after workers_abandon(): free the job and its buffers. On the loop's
	 * thread, or on the worker that came back from run(). NULL: the job is never abandoned.
	 */
	void (*drop)(struct worker_job *job);
	/* workers.c's own: */
	struct worker_job *next;
	int err;
};

struct workers_config {
	const char *name; /* of each thread, at most 15 bytes */
	unsigned int max; /* threads that run jobs at once */
	struct loop *loop;
	/* After the done() calls that the loop made, not those of workers_reap(). */
	void (*batch)(void *arg);
	void *arg;
};

/* How many threads may hang in abandoned jobs before they are no longer replaced by new threads. */
#define WORKERS_LOST_MAX 64

/* A pool without threads: they are made when jobs need them. 0 or -ENOMEM; prints nothing. */
int workers_new(struct workers **workers, const struct workers_config *config);

/*
 * End the threads and free the pool. No job may be queued or running, except abandoned ones: a
 * thread that hangs in such a job is left alone and frees what is left when it comes back.
 */
void workers_close(struct workers *workers);

/* Add a job. It does not begin before workers_commit(). */
void workers_queue(struct workers *workers, struct worker_job *job);

/* Hand all jobs that were added to the threads. */
void workers_commit(struct workers *workers);

/* Call done() for the jobs that have run, without waiting. */
void workers_reap(struct workers *workers);

/*
 * Give up a job for which done() was not called yet: drop() is called for it, now or, if it is
 * running, when it comes back. Another thread takes the place of the one that runs it.
 */
void workers_abandon(struct workers *workers, struct worker_job *job);

#endif
