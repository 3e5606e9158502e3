// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine of Linux AIO, for direct I/O (on buffered files io_submit would wait).
 *
 * queue() puts jobs aside; commit() gives them to the kernel by one io_submit(2) and then handles
 * completions. The kernel announces later completions by an eventfd. The loop watches it
 * edge-triggered while jobs are in flight (engine_watch()), so it is never read; events from before
 * a watch make one edge when the watch begins. Completions are read from the ring that the kernel
 * shares with us at the context's address, without a system call. The layout of the ring is part of
 * the kernel's interface (we check its magic and feature words, and call io_getevents(2) if they
 * differ).
 *
 * At most RING_ENTRIES jobs are in the kernel; more jobs stay aside. So do jobs that are too much
 * for one turn of the loop (struct engine_turn), until a timer begins the next turn. If the kernel
 * takes no job (EAGAIN), the next completion makes room; without jobs in flight a timer tries
 * again. Another error of io_submit is about the first job that was not taken: this job ends with
 * the error, and the others continue.
 *
 * Runs reads, writes and flushes; other jobs go to threads.
 *
 * Spec: io_submit(2), io_getevents(2), Linux fs/aio.c (struct aio_ring).
 */
#include "engine.h"
#include <kvm/feature.h>
#include <kvm/util.h>

#include <errno.h>
#include <libaio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RING_ENTRIES 256
#define RING_MAGIC   0xa10a10a1U
#define RETRY_NS     NSEC_PER_MSEC

struct aio_ring {
	u32 id, nr;
	u32 head, tail;
	u32 magic, compat_features, incompat_features;
	u32 header_length;
	struct io_event events[];
};

struct aio {
	struct engine engine;
	io_context_t context;
	struct engine_watch watch; /* the loop's watch of the eventfd */
	struct loop_timer retry;
	unsigned int in_kernel;
	struct disk_job *staged, **staged_end;
	struct engine_turn turn;
	/* For one io_submit(), which copies them before it returns. */
	struct iocb iocbs[RING_ENTRIES];
};

static void aio_queue(struct engine *engine, struct disk_job *job)
{
	struct aio *aio = container_of(engine, struct aio, engine);

	job->next = NULL;
	*aio->staged_end = job;
	aio->staged_end = &job->next;
}

static void aio_fill(const struct aio *aio, struct disk_job *job, struct iocb *iocb)
{
	if (job->op == JOB_READ)
		io_prep_preadv(iocb, job->file->fd, job->iov, (int)job->iov_count,
			       (long long)job->offset);
	else if (job->op == JOB_WRITE)
		io_prep_pwritev(iocb, job->file->fd, job->iov, (int)job->iov_count,
				(long long)job->offset);
	else
		io_prep_fdsync(iocb, job->file->fd);
	io_set_eventfd(iocb, aio->watch.source.fd);
	iocb->data = job;
}

static struct disk_job *aio_take_staged(struct aio *aio)
{
	struct disk_job *job = aio->staged;

	aio->staged = job->next;
	if (!aio->staged)
		aio->staged_end = &aio->staged;
	return job;
}

/* --- completions --- */

static void aio_complete(struct aio *aio, const struct io_event *event)
{
	struct disk_job *job = event->data;

	aio->in_kernel--;
	job->done(job, (s64)event->res);
}

/* The next completion: from the shared ring, or by io_getevents(2) if its layout is unknown. */
static bool aio_next_event(struct aio *aio, struct io_event *event)
{
	struct aio_ring *ring = (struct aio_ring *)aio->context;
	struct timespec now = {};
	u32 head;

	if (ring->magic != RING_MAGIC || ring->incompat_features)
		return io_getevents(aio->context, 0, 1, event, &now) == 1;
	head = ring->head;
	if (head == __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE))
		return false;
	*event = ring->events[head];
	__atomic_store_n(&ring->head, (head + 1) % ring->nr, __ATOMIC_RELEASE);
	return true;
}

static void aio_reap(struct engine *engine)
{
	struct aio *aio = container_of(engine, struct aio, engine);
	struct io_event event;

	while (aio->in_kernel && aio_next_event(aio, &event))
		aio_complete(aio, &event);
}

/* --- submission --- */

static void aio_arm_retry(struct aio *aio)
{
	if (!aio->retry.deadline_ns)
		loop_arm(aio->engine.loop, &aio->retry, now_ns() + RETRY_NS);
}

/*
 * Fill the batch with the staged jobs that may begin now. Returns their number. *begun: this commit
 * has begun a job. Jobs that the kernel then does not take stay counted, until the next turn of the
 * loop.
 */
static unsigned int aio_fill_batch(struct aio *aio, struct iocb *batch[RING_ENTRIES], bool *begun)
{
	unsigned int room = RING_ENTRIES - aio->in_kernel, count = 0;

	for (struct disk_job *job = aio->staged; job && count < room; job = job->next) {
		if (*begun && !engine_has_turn(&aio->engine, &aio->turn))
			break;
		engine_count_started(&aio->engine, &aio->turn, job);
		*begun = true;
		aio_fill(aio, job, &aio->iocbs[count]);
		batch[count] = &aio->iocbs[count];
		count++;
	}
	return count;
}

/* One io_submit() of staged jobs. True: a further one may succeed at once. */
static bool aio_submit(struct aio *aio, bool *begun)
{
	struct iocb *batch[RING_ENTRIES];
	unsigned int count = aio_fill_batch(aio, batch, begun);
	int ret;

	if (!count) {
		/* There is room in the kernel: the bound of this turn was reached. */
		if (aio->in_kernel < RING_ENTRIES)
			loop_arm(aio->engine.loop, &aio->retry, now_ns());
		return false;
	}
	do
		ret = io_submit(aio->context, count, batch);
	while (ret == -EINTR);
	for (int i = 0; i < ret; i++) {
		aio_take_staged(aio);
		aio->in_kernel++;
	}
	if (ret > 0)
		return true;
	if (ret < 0 && ret != -EAGAIN) {
		struct disk_job *job = aio_take_staged(aio);

		job->done(job, ret);
		return true;
	}
	aio_arm_retry(aio);
	return false;
}

static void aio_commit(struct engine *engine)
{
	struct aio *aio = container_of(engine, struct aio, engine);
	bool begun = false;

	while (aio->staged && aio_submit(aio, &begun))
		aio_reap(engine);
	if (engine_watch(engine, &aio->watch, aio->in_kernel))
		aio_arm_retry(aio);
}

static void aio_ready(void *arg, u32 events)
{
	struct aio *aio = arg;

	aio_reap(&aio->engine);
	aio->engine.batch(aio->engine.arg);
}

static void aio_retry(void *arg)
{
	aio_ready(arg, EPOLLIN);
}

static int aio_open(struct engine **engine, const struct engine_config *config)
{
	struct aio *aio = calloc(1, sizeof(*aio));
	int err;

	if (!aio)
		return -ENOMEM;
	engine_init(&aio->engine, &engine_aio, config);
	aio->staged_end = &aio->staged;
	aio->retry = (struct loop_timer){.fn = aio_retry, .arg = aio};
	err = io_setup(RING_ENTRIES, &aio->context);
	if (err)
		goto err_alloc;
	/* The kernel writes to the eventfd at each completion: an edge each is enough. */
	aio->watch = (struct engine_watch){.source = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
						      .fn = aio_ready,
						      .arg = aio},
					   .events = EPOLLIN | EPOLLET};
	err = aio->watch.source.fd < 0 ? -errno : 0;
	if (err)
		goto err_context;
	*engine = &aio->engine;
	return 0;

err_context:
	io_destroy(aio->context);
err_alloc:
	free(aio);
	return err;
}

static void aio_close(struct engine *engine)
{
	struct aio *aio = container_of(engine, struct aio, engine);

	loop_disarm(engine->loop, &aio->retry);
	loop_unwatch(engine->loop, &aio->watch.source);
	close(aio->watch.source.fd);
	io_destroy(aio->context);
	free(aio);
}

const struct engine_ops engine_aio = {
	.name = "libaio",
	.jobs = JOB_BIT(JOB_READ) | JOB_BIT(JOB_WRITE) | JOB_BIT(JOB_FLUSH),
	.open = aio_open,
	.queue = aio_queue,
	.commit = aio_commit,
	.reap = aio_reap,
	.close = aio_close,
};

FEATURE(libaio);
