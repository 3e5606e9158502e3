/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file that may stall, written by a thread of its own, so that no other thread waits for it.
 * util/writer.c.
 */
#ifndef KVM_WRITER_H
#define KVM_WRITER_H

#include <kvm/ring.h>
#include <kvm/types.h>

#include <pthread.h>
#include <sys/types.h>

/*
 * Something that takes bytes and never blocks. write() returns how many bytes it took; when it took
 * less than all, room_fd becomes readable as soon as it takes more.
 */
struct sink {
	const char *name; /* what a message calls it */
	size_t (*write)(void *arg, const u8 *data, size_t len);
	int room_fd; /* for poll() and epoll; the user must not read it */
	void *arg;
};

struct writer {
	/*
	 * Set by the caller before writer_start(). write: called on the thread, may block. Returns
	 * how many bytes were handled, one or more, or -errno after it printed why: then the file
	 * ends here, and all further bytes are thrown away.
	 */
	ssize_t (*write)(void *arg, const u8 *data, size_t len);
	/* Called on the thread when nothing came for idle_ns. May be NULL. */
	void (*idle)(void *arg);
	u64 idle_ns;
	void *arg;
	struct ring ring; /* RING_OVER(array); the array lives as long as the process */

	/* The writer's own. */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t news;
	int room_fd; /* an eventfd: readable when a writer_put() that was refused may be repeated */
	bool refused;
	bool over;    /* the file has ended */
	bool closing; /* write what there is and end */
};

/*
 * Start the thread. Allowed again after a writer_stop() that returned true. 0 or -errno; prints
 * nothing.
 */
int writer_start(struct writer *writer);

/*
 * Bytes for the file. Never blocks; any thread. Returns how many were taken; if not all, the
 * sink's room_fd becomes readable when half of the ring is free.
 */
size_t writer_put(struct writer *writer, const u8 *data, size_t len);

/* The writer as a sink, from writer_start() to writer_stop(). */
struct sink writer_sink(struct writer *writer, const char *name);

/*
 * Write the waiting bytes and end the thread within ns nanoseconds. True: it has ended. False: the
 * thread hangs in the file, and *left bytes were not written. Then *writer and everything that
 * write() uses belong to the thread for ever.
 */
bool writer_stop(struct writer *writer, u64 ns, u64 *left);

#endif
