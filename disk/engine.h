/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of an engine, which runs jobs on files without making the loop wait.
 *
 * A job is one operation. Its result is that of the system call: bytes moved, 0, or -errno; the
 * bytes may be fewer than asked. All functions are for the loop's thread. done() is called there
 * exactly once for each queued job: inside commit() or reap(), or from the loop, in batches that
 * end with a call of batch(). done() may queue more jobs: commit() begins them itself; batch(), and
 * a caller of reap(), must call commit() after that.
 */
#ifndef DISK_ENGINE_H
#define DISK_ENGINE_H

#include "file.h"
#include <kvm/feature.h>
#include <kvm/loop.h>
#include <kvm/workers.h>

enum job_op {
	JOB_READ,     /* preadv: iov, iov_count, offset */
	JOB_WRITE,    /* pwritev */
	JOB_FLUSH,    /* fdatasync */
	JOB_ALLOCATE, /* fallocate: mode, offset, bytes */
	JOB_CALL,     /* call(job) on a worker thread, which may block in it */
};

#define JOB_BIT(op) (1U << (op))

/* One operation. The struct, the file and the buffers must stay in place until done(). */
struct disk_job {
	enum job_op op;
	int mode;
	struct disk_file *file;
	const struct iovec *iov;
	unsigned int iov_count;
	u64 offset, bytes;
	s64 (*call)(struct disk_job *job);
	void (*done)(struct disk_job *job, s64 result);
	/* For the engine alone: */
	struct disk_job *next;
	struct worker_job work;
	s64 result;
};

struct engine {
	const struct engine_ops *ops;
	struct loop *loop;
	void (*batch)(void *arg);
	void *arg;
};

struct engine_config {
	const char *name; /* the disk's path, for messages */
	struct loop *loop;
	void (*batch)(void *arg); /* jobs were done outside of commit() and reap() */
	void *arg;
	struct disk_file *const *files; /* all files of the jobs, in the order of their index */
	unsigned int file_count;
};

struct engine_ops {
	const char *name;  /* the value of aio= */
	unsigned int jobs; /* JOB_BIT() of each op that it runs; others need engine_threads */
	/* 0, or -errno without a message: the caller logs what the error means. */
	int (*open)(struct engine **engine, const struct engine_config *config);
	void (*queue)(struct engine *engine, struct disk_job *job);
	void (*commit)(struct engine *engine);
	/* Call done() for each job that is complete now, without waiting. */
	void (*reap)(struct engine *engine);
	/* Call it only while no job is in flight. */
	void (*close)(struct engine *engine);
};

extern const struct engine_ops engine_threads;
/* NULL: lkvm was built without the library. */
extern OPTIONAL const struct engine_ops engine_uring;
extern OPTIONAL const struct engine_ops engine_aio;

static inline void engine_init(struct engine *engine, const struct engine_ops *ops,
			       const struct engine_config *config)
{
	*engine = (struct engine){
		.ops = ops, .loop = config->loop, .batch = config->batch, .arg = config->arg};
}

/*
 * The descriptor by which the kernel announces completions. While the loop watches it, each
 * completion costs time, also one that we have handled before the loop sleeps: then epoll_wait()
 * returns without need. So the watch begins when a commit leaves a job in flight, and ends after
 * ENGINE_UNWATCH commits that did not.
 */
struct engine_watch {
	struct loop_fd source;
	u32 events; /* EPOLLIN, with EPOLLET or without */
	bool on;
	unsigned int unneeded; /* commits in a row that left nothing in flight */
};

#define ENGINE_UNWATCH 64

/* Call after each commit. 0; -errno: jobs are in flight but not watched, so try again later. */
static inline int engine_watch(const struct engine *engine, struct engine_watch *watch,
			       bool in_flight)
{
	int err;

	watch->unneeded = in_flight ? 0 : watch->unneeded + 1;
	if (in_flight == watch->on || (!in_flight && watch->unneeded < ENGINE_UNWATCH))
		return 0;
	err = loop_watch(engine->loop, &watch->source, in_flight ? watch->events : 0);
	watch->on = err ? watch->on : in_flight;
	return in_flight ? err : 0;
}

/*
 * How many bytes of jobs an engine has started in this turn of the loop. If the host has the data
 * in memory, the kernel copies it before the system call that starts the job returns, so the loop
 * waits for the copy. A device bounds the requests that it takes. This bound is for jobs that an
 * engine has put aside: there may suddenly be room for all of them.
 */
#define ENGINE_TURN_BYTES (4 * MIB)

struct engine_turn {
	u64 turn, bytes;
};

static inline void engine_count_started(const struct engine *engine, struct engine_turn *turn,
					const struct disk_job *job)
{
	if (turn->turn != loop_turn(engine->loop))
		*turn = (struct engine_turn){.turn = loop_turn(engine->loop)};
	/* The kernel's workers run the other ops, so the loop does not wait for them. */
	if (job->op == JOB_READ || job->op == JOB_WRITE)
		turn->bytes += job->bytes;
}

/* True: one more job may be started in this turn. A commit may always start one. */
static inline bool engine_has_turn(const struct engine *engine, const struct engine_turn *turn)
{
	return turn->turn != loop_turn(engine->loop) || turn->bytes < ENGINE_TURN_BYTES;
}

/*
 * Run a job on the calling thread, a worker. Blocks; after EINTR or EAGAIN the job is tried again,
 * for some seconds.
 */
s64 engine_run_job(struct disk_job *job);

/* On a worker. True, after a short wait: try again after this result. *tries must begin as 0. */
bool engine_should_retry(s64 result, unsigned int *tries);

#endif
