/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every engine does: run jobs on files without making the loop wait.
 *
 * A job is one operation with a result like that of the system call: bytes moved, 0, or
 * -errno. It may come back short. queue() and commit() are for the loop's thread, and
 * done() is called there exactly once for each job queued: inside commit() or reap(), or
 * from the loop, and then batch() follows the last of a batch. done() may queue more; commit()
 * sees to it, and who calls reap(), and batch(), commits afterwards.
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

/* One operation. Its memory, and what it refers to, stay in place until done(). */
struct disk_job {
	enum job_op op;
	int mode;
	struct disk_file *file;
	const struct iovec *iov;
	unsigned int iov_count;
	u64 offset, bytes;
	s64 (*call)(struct disk_job *job);
	void (*done)(struct disk_job *job, s64 result);
	/* The engine's own: */
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
	const char *name; /* of the disk, for messages */
	struct loop *loop;
	void (*batch)(void *arg); /* jobs were done outside of commit() and reap() */
	void *arg;
	struct disk_file *const *files; /* all that jobs will name, in the order of their index */
	unsigned int file_count;
};

struct engine_ops {
	const char *name;  /* as aio= has it */
	unsigned int jobs; /* JOB_BIT() of each op it runs; others need engine_threads */
	/* -errno without a message: what it means is the caller's to say. */
	int (*open)(struct engine **engine, const struct engine_config *config);
	void (*queue)(struct engine *engine, struct disk_job *job);
	void (*commit)(struct engine *engine);
	/* Call done() for what is complete now, without waiting. */
	void (*reap)(struct engine *engine);
	/* Nothing is in flight. */
	void (*close)(struct engine *engine);
};

extern const struct engine_ops engine_threads;
/* NULL: the library was not there when lkvm was built. */
extern OPTIONAL const struct engine_ops engine_uring;
extern OPTIONAL const struct engine_ops engine_aio;

static inline void engine_init(struct engine *engine, const struct engine_ops *ops,
			       const struct engine_config *config)
{
	*engine = (struct engine){
		.ops = ops, .loop = config->loop, .batch = config->batch, .arg = config->arg};
}

/*
 * The descriptor by which the kernel tells of completions. Watched, it costs something for each of
 * them, also for those that are back before we sleep, and then epoll_wait() returns for nothing.
 * So it is watched when a commit leaves something in flight, and no more after a while in which
 * none did.
 */
struct engine_watch {
	struct loop_fd source;
	u32 events; /* EPOLLIN, with EPOLLET or without */
	bool on;
	unsigned int unneeded; /* commits in a row that left nothing in flight */
};

#define ENGINE_UNWATCH 64

/* After each commit. 0, or -errno when what is in flight would not be heard of: try again. */
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
 * How many bytes of jobs an engine has started in this turn of the loop. The kernel copies what the
 * host has in memory before the system call that starts a job returns, and the loop waits
 * meanwhile. The device has its own bound for the requests that it takes. This one is for jobs that
 * an engine had put aside, when there is room for all of them at once.
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
	/* The kernel's own workers do the others. */
	if (job->op == JOB_READ || job->op == JOB_WRITE)
		turn->bytes += job->bytes;
}

/* May one more of those put aside be started in this turn? Each commit may start one at least. */
static inline bool engine_has_turn(const struct engine *engine, const struct engine_turn *turn)
{
	return turn->turn != loop_turn(engine->loop) || turn->bytes < ENGINE_TURN_BYTES;
}

/*
 * Run a job here and now: what a worker thread does. It waits; what is interrupted, or told to come
 * again, is tried for some seconds.
 */
s64 engine_run_job(struct disk_job *job);

/* On a worker: whether to try again what gave this result, after a moment. *tries begins as 0. */
bool engine_should_retry(s64 result, unsigned int *tries);

#endif
