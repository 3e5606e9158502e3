// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine of io_uring: one system call begins a batch of jobs, and also completes those whose
 * data is in the page cache.
 *
 * queue() writes an entry of the submission ring; commit() gives all entries to the kernel, then
 * reads the completion ring, where jobs that did not have to wait are already complete. For the
 * others the loop watches the ring's descriptor (engine_watch()), which is readable while there are
 * completions. Completions are read from shared memory, without a system call. Files are
 * registered, which saves the kernel a look-up for each job.
 *
 * A read that is alone in its batch is first tried by preadv2(2) with RWF_NOWAIT: if the host has
 * the data in memory, this is faster than io_uring. If not, the next NOT_NOW such reads go to the
 * ring at once.
 *
 * Nothing here blocks: the kernel first tries each job without waiting, and gives a job that would
 * wait to its own workers. A job of more than INLINE_BYTES goes to those workers at once, because
 * copying alone takes long. At most RING_ENTRIES jobs are in the kernel (so the completion ring,
 * twice as large, cannot overflow); more jobs wait in the backlog, in order, until completions make
 * room. Jobs that are too much for one turn of the loop (struct engine_turn) wait for the next
 * turn, which a timer begins. If the kernel takes no entries (EAGAIN, EBUSY, ENOMEM), the next
 * completion makes room; without jobs in flight a timer tries again.
 *
 * JOB_CALL is not for this engine: disk.c opens the threads engine for it. io_uring may be
 * forbidden (kernel.io_uring_disabled, seccomp, an old kernel): then open() returns -errno.
 *
 * Spec: io_uring(7), io_uring_setup(2), io_uring_enter(2).
 */
#include "engine.h"
#include <kvm/feature.h>
#include <kvm/util.h>

#include <errno.h>
#include <liburing.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#define RING_ENTRIES 256
#define FILES_MAX    4
#define RETRY_NS     NSEC_PER_MSEC
#define NOT_NOW	     64
#define INLINE_BYTES (4 * MIB) /* the largest job that may be copied while the loop waits */

struct uring {
	struct engine engine;
	struct io_uring ring;
	struct engine_watch watch; /* the loop's watch of the ring's descriptor */
	struct loop_timer retry;
	bool registered;	/* files are named by index */
	unsigned int in_kernel; /* entries written and not completed */
	unsigned int unsubmitted;
	struct disk_job *backlog, **backlog_end;
	struct engine_turn turn;
	struct disk_job *alone; /* a read, while no other job is queued with it */
	unsigned int not_now;	/* how many such reads go to the ring without RWF_NOWAIT */
};

static void uring_fill(const struct uring *uring, struct io_uring_sqe *sqe, struct disk_job *job)
{
	int fd = uring->registered ? (int)job->file->index : job->file->fd;

	switch (job->op) {
	case JOB_READ:
		if (job->iov_count == 1)
			io_uring_prep_read(sqe, fd, job->iov->iov_base,
					   (unsigned int)job->iov->iov_len, job->offset);
		else
			io_uring_prep_readv(sqe, fd, job->iov, job->iov_count, job->offset);
		break;
	case JOB_WRITE:
		if (job->iov_count == 1)
			io_uring_prep_write(sqe, fd, job->iov->iov_base,
					    (unsigned int)job->iov->iov_len, job->offset);
		else
			io_uring_prep_writev(sqe, fd, job->iov, job->iov_count, job->offset);
		break;
	case JOB_FLUSH:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	default:
		io_uring_prep_fallocate(sqe, fd, job->mode, (off_t)job->offset, (off_t)job->bytes);
		break;
	}
	if (uring->registered)
		sqe->flags |= IOSQE_FIXED_FILE;
	if (job->bytes > INLINE_BYTES)
		sqe->flags |= IOSQE_ASYNC;
	io_uring_sqe_set_data(sqe, job);
}

static bool uring_write_entry(struct uring *uring, struct disk_job *job)
{
	struct io_uring_sqe *sqe;

	if (uring->in_kernel >= RING_ENTRIES)
		return false;
	sqe = io_uring_get_sqe(&uring->ring);
	if (!sqe)
		return false;
	uring_fill(uring, sqe, job);
	uring->in_kernel++;
	uring->unsubmitted++;
	engine_count_started(&uring->engine, &uring->turn, job);
	return true;
}

static void uring_add(struct uring *uring, struct disk_job *job)
{
	if (!uring->backlog && uring_write_entry(uring, job))
		return;
	job->next = NULL;
	*uring->backlog_end = job;
	uring->backlog_end = &job->next;
}

static void uring_add_alone(struct uring *uring)
{
	struct disk_job *job = uring->alone;

	uring->alone = NULL;
	if (job)
		uring_add(uring, job);
}

static void uring_queue(struct engine *engine, struct disk_job *job)
{
	struct uring *uring = container_of(engine, struct uring, engine);
	bool first = !uring->alone && !uring->unsubmitted && !uring->backlog;

	if (first && job->op == JOB_READ && !job->file->direct && job->bytes <= INLINE_BYTES) {
		uring->alone = job;
		return;
	}
	uring_add_alone(uring);
	uring_add(uring, job);
}

/* Try the read that is alone in its batch. False: the host does not have all data in memory. */
static bool uring_read_now(struct uring *uring)
{
	struct disk_job *job = uring->alone;
	ssize_t ret;

	if (uring->not_now) {
		uring->not_now--;
		return false;
	}
	ret = preadv2(job->file->fd, job->iov, (int)job->iov_count, (off_t)job->offset, RWF_NOWAIT);
	if (ret != (ssize_t)job->bytes) {
		uring->not_now = ret < 0 && errno == EOPNOTSUPP ? UINT_MAX : NOT_NOW;
		return false;
	}
	uring->alone = NULL;
	engine_count_started(&uring->engine, &uring->turn, job);
	job->done(job, ret);
	return true;
}

/* Write entries for jobs of the backlog. *moved: this commit has written one. */
static void uring_move_backlog(struct uring *uring, bool *moved)
{
	/* The kernel has not taken earlier entries yet. Its next call takes all of them first. */
	if (uring->unsubmitted)
		return;
	while (uring->backlog && (!*moved || engine_has_turn(&uring->engine, &uring->turn))) {
		struct disk_job *job = uring->backlog;
		struct disk_job *next = job->next;

		if (!uring_write_entry(uring, job))
			return;
		*moved = true;
		uring->backlog = next;
		if (!next)
			uring->backlog_end = &uring->backlog;
	}
}

static void uring_reap(struct engine *engine)
{
	struct uring *uring = container_of(engine, struct uring, engine);
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&uring->ring, &cqe)) {
		struct disk_job *job = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&uring->ring, cqe);
		uring->in_kernel--;
		job->done(job, result);
	}
}

static void uring_arm_retry(struct uring *uring)
{
	if (!uring->retry.deadline_ns)
		loop_arm(uring->engine.loop, &uring->retry, now_ns() + RETRY_NS);
}

/* True when the kernel took something. */
static bool uring_submit(struct uring *uring)
{
	int ret;

	do
		ret = io_uring_submit(&uring->ring);
	while (ret == -EINTR);
	if (ret > 0) {
		uring->unsubmitted -= MIN((unsigned int)ret, uring->unsubmitted);
		return true;
	}
	/* The next completion submits again; so does this timer, if nothing is in flight. */
	uring_arm_retry(uring);
	return false;
}

static void uring_commit(struct engine *engine)
{
	struct uring *uring = container_of(engine, struct uring, engine);
	bool moved = false;

	do {
		if (uring->alone && uring_read_now(uring))
			continue;
		uring_add_alone(uring);
		uring_move_backlog(uring, &moved);
		if (!uring->unsubmitted || !uring_submit(uring))
			break;
		uring_reap(engine);
	} while (uring->alone || uring->unsubmitted || uring->backlog);
	if (engine_watch(engine, &uring->watch, uring->in_kernel))
		uring_arm_retry(uring);
	/* There is room in the kernel: the bound of this turn was reached. */
	if (uring->backlog && !uring->unsubmitted && uring->in_kernel < RING_ENTRIES)
		loop_arm(engine->loop, &uring->retry, now_ns());
}

static void uring_ready(void *arg, u32 events)
{
	struct uring *uring = arg;

	uring_reap(&uring->engine);
	uring->engine.batch(uring->engine.arg);
}

static void uring_retry(void *arg)
{
	uring_ready(arg, EPOLLIN);
}

/*
 * COOP_TASKRUN only makes the ring faster, so it is left out on older kernels, which do not know
 * it. (DEFER_TASKRUN would be faster again, but with it epoll does not see completions.)
 */
static int uring_init_ring(struct uring *uring)
{
	int err = io_uring_queue_init(RING_ENTRIES, &uring->ring, IORING_SETUP_COOP_TASKRUN);

	if (err == -EINVAL)
		err = io_uring_queue_init(RING_ENTRIES, &uring->ring, 0);
	return err;
}

static void uring_register_files(struct uring *uring, const struct engine_config *config)
{
	int fds[FILES_MAX];

	if (config->file_count > FILES_MAX)
		return;
	for (unsigned int i = 0; i < config->file_count; i++)
		fds[i] = config->files[i]->fd;
	uring->registered = !io_uring_register_files(&uring->ring, fds, config->file_count);
}

static int uring_open(struct engine **engine, const struct engine_config *config)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	int err;

	if (!uring)
		return -ENOMEM;
	engine_init(&uring->engine, &engine_uring, config);
	uring->backlog_end = &uring->backlog;
	err = uring_init_ring(uring);
	if (err)
		goto err_alloc;
	uring_register_files(uring, config);
	uring->retry = (struct loop_timer){.fn = uring_retry, .arg = uring};
	uring->watch = (struct engine_watch){
		.source = {.fd = uring->ring.ring_fd, .fn = uring_ready, .arg = uring},
		.events = EPOLLIN};
	*engine = &uring->engine;
	return 0;

err_alloc:
	free(uring);
	return err;
}

static void uring_close(struct engine *engine)
{
	struct uring *uring = container_of(engine, struct uring, engine);

	loop_disarm(engine->loop, &uring->retry);
	loop_unwatch(engine->loop, &uring->watch.source);
	/* The kernel frees a ring later, and would keep the files and their locks until then. */
	if (uring->registered)
		io_uring_unregister_files(&uring->ring);
	io_uring_queue_exit(&uring->ring);
	free(uring);
}

const struct engine_ops engine_uring = {
	.name = "io_uring",
	.jobs = JOB_BIT(JOB_READ) | JOB_BIT(JOB_WRITE) | JOB_BIT(JOB_FLUSH) | JOB_BIT(JOB_ALLOCATE),
	.open = uring_open,
	.queue = uring_queue,
	.commit = uring_commit,
	.reap = uring_reap,
	.close = uring_close,
};

FEATURE(io_uring);
