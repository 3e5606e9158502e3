// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that writes to a file which may stall: a disk that does not answer, a FIFO whose reader
 * sleeps.
 *
 * writer_put() copies into a ring under the lock and wakes the thread. The thread writes straight
 * from the ring without the lock: writer_put() never overwrites bytes that wait (ring_put()), and
 * only the thread takes them. The thread writes by calling the caller's write().
 *
 * A full ring refuses bytes. Callers differ in what they do then: --console-log counts them as
 * lost; the console of a detached machine keeps them and tries again when the eventfd room_fd shows
 * that there is room. writer_put() empties the eventfd when it refuses, and the thread sets it once
 * after that, when half of the ring is free: a caller that fills the ring is not woken for each
 * small piece. Both happen under the lock, so that no wake-up is lost.
 *
 * A thread that hangs in write() at the end is detached (thread_join_within()), and ends with the
 * process.
 */
#include <kvm/thread.h>
#include <kvm/util.h>
#include <kvm/writer.h>

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

size_t writer_put(struct writer *writer, const u8 *data, size_t len)
{
	eventfd_t ignored;
	size_t taken;

	pthread_mutex_lock(&writer->lock);
	taken = writer->over ? len : ring_put(&writer->ring, data, len);
	if (taken < len && !writer->refused) {
		writer->refused = true;
		eventfd_read(writer->room_fd, &ignored);
	}
	if (ring_used(&writer->ring))
		pthread_cond_signal(&writer->news);
	pthread_mutex_unlock(&writer->lock);
	return taken;
}

static size_t writer_sink_write(void *arg, const u8 *data, size_t len)
{
	return writer_put(arg, data, len);
}

struct sink writer_sink(struct writer *writer, const char *name)
{
	return (struct sink){.name = name,
			     .write = writer_sink_write,
			     .room_fd = writer->room_fd,
			     .arg = writer};
}

/* Wait for bytes. False: idle_ns went by without any. The lock is held. */
static bool writer_wait_news(struct writer *writer)
{
	struct timespec until;
	u64 ns = writer->idle_ns;
	int err = 0;

	if (!writer->idle) {
		pthread_cond_wait(&writer->news, &writer->lock);
		return true;
	}
	/* If somebody sets the clock, only this one wait becomes longer or shorter. */
	clock_gettime(CLOCK_REALTIME, &until);
	ns += (u64)until.tv_nsec;
	until.tv_sec += (time_t)(ns / NSEC_PER_SEC);
	until.tv_nsec = (long)(ns % NSEC_PER_SEC);
	err = pthread_cond_timedwait(&writer->news, &writer->lock, &until);
	return err != ETIMEDOUT;
}

/* The next bytes to write. 0: the ring is empty and the writer is closing. */
static size_t writer_next(struct writer *writer, const u8 **data)
{
	size_t len;

	pthread_mutex_lock(&writer->lock);
	while (!ring_used(&writer->ring) && !writer->closing) {
		if (writer_wait_news(writer))
			continue;
		pthread_mutex_unlock(&writer->lock);
		writer->idle(writer->arg);
		pthread_mutex_lock(&writer->lock);
	}
	len = ring_piece(&writer->ring, data);
	pthread_mutex_unlock(&writer->lock);
	return len;
}

/* done: what write() returned. */
static void writer_advance(struct writer *writer, ssize_t done)
{
	struct ring *ring = &writer->ring;

	pthread_mutex_lock(&writer->lock);
	if (done < 0)
		writer->over = true;
	ring_take(ring, done < 0 ? ring->head : ring->tail + (u64)done);
	if (writer->refused && ring_used(ring) <= ring->size / 2) {
		writer->refused = false;
		eventfd_write(writer->room_fd, 1);
	}
	pthread_mutex_unlock(&writer->lock);
}

static void *writer_thread(void *arg)
{
	struct writer *writer = arg;
	const u8 *data;
	size_t len;

	while ((len = writer_next(writer, &data)) != 0)
		writer_advance(writer, writer->write(writer->arg, data, len));
	return NULL;
}

int writer_start(struct writer *writer)
{
	int err;

	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->news, NULL);
	writer->ring.head = writer->ring.tail = 0;
	writer->refused = writer->over = writer->closing = false;
	writer->room_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (writer->room_fd < 0)
		return -errno;
	err = thread_start(&writer->thread, 0, writer_thread, writer);
	if (err)
		close(writer->room_fd);
	return err;
}

bool writer_stop(struct writer *writer, u64 ns, u64 *left)
{
	bool ended;

	pthread_mutex_lock(&writer->lock);
	writer->closing = true;
	pthread_cond_signal(&writer->news);
	pthread_mutex_unlock(&writer->lock);
	ended = thread_join_within(writer->thread, ns);
	pthread_mutex_lock(&writer->lock);
	*left = ring_used(&writer->ring);
	pthread_mutex_unlock(&writer->lock);
	if (ended)
		close(writer->room_fd);
	return ended;
}
