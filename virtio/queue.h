/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtqueue as a device sees it: chains of buffers come in, go back used. queue.c,
 * the only file that knows how a ring lies in guest memory; nothing here says so either, so that
 * packed rings can come behind the same functions.
 *
 * A virtqueue belongs to the loop's thread: every function here is for that thread alone.
 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include <kvm/gmem.h>
#include <kvm/types.h>
#include <sys/uio.h>

/* The largest queue a device may offer. virtio 1.2, 2.7 allows 32768; nobody gains by them. */
#define VIRTQ_MAX_SIZE 1024

struct virtq;

/*
 * What the driver made available at once: first what the device reads, then what it writes. The
 * queue's own until virtq_push(), from virtq_pop() on. Elements are host memory inside guest RAM,
 * none is empty; their bytes change under the reader: copy once, then check, then use. out_bytes
 * and in_bytes together are at most 4 GiB, and elements may overlap each other.
 */
struct virtq_chain {
	u16 head; /* which chain this is among those in flight, below the queue's size */
	const struct iovec *out;
	unsigned int out_count;
	const struct iovec *in;
	unsigned int in_count;
	size_t out_bytes, in_bytes;
};

/* What the driver chose, and whom the queue tells. Borrowed during virtq_start() only, but mem. */
struct virtq_config {
	const struct gmem *mem;
	u16 max;		    /* what the device offers, at most VIRTQ_MAX_SIZE */
	u16 size;		    /* what the driver chose */
	gpa_t desc, driver, device; /* the three areas of virtio 1.2, 2.7 */
	bool event_idx, indirect;   /* VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC were negotiated */
	/* The driver wants to be told of used buffers. From virtq_flush(). */
	void (*interrupt)(void *arg);
	/* virtq_pop() said 0 for want of memory, and there is room again. From virtq_flush(). */
	void (*room)(void *arg);
	/*
	 * The driver broke its side: why is a constant string that ends in the section of the
	 * specification. Once, from virtq_pop().
	 */
	void (*broken)(void *arg, const char *why);
	void *arg;
};

/* Counters since virtq_new(). */
struct virtq_stats {
	u64 chains, interrupts;
};

/* A queue that is not started, or NULL (no memory). */
struct virtq *virtq_new(void);
void virtq_free(struct virtq *vq);

/*
 * Take the rings where the driver put them. 0, or -EINVAL with *why (a constant string that ends in
 * the section of the specification), -ENOMEM with *why.
 */
int virtq_start(struct virtq *vq, const struct virtq_config *config, const char **why);

/* Forget the rings and every chain in flight, whose memory is gone then. Idempotent. */
void virtq_stop(struct virtq *vq);

/* Between start and stop? A device's queue that the driver did not enable never is. */
bool virtq_started(const struct virtq *vq);

/*
 * The next chain: 1; 0 when there is none, and then the driver will ring the doorbell for the next
 * one; -EINVAL when the driver broke the rules, which was said, and the device needs a reset.
 * -EINVAL again from then on, and before virtq_start(). Who stops before 0 comes back by himself:
 * until then no doorbell need come.
 *
 * Memory for chains in flight is bounded: where a driver offers more, 0 comes early, and
 * virtq_flush() calls room() once there is some again.
 */
int virtq_pop(struct virtq *vq, struct virtq_chain **chain);

/*
 * Give a chain back: the device wrote the first `written` bytes of its in elements at least
 * (at most in_bytes). The driver sees it after virtq_flush(). The chain is gone.
 */
void virtq_push(struct virtq *vq, struct virtq_chain *chain, u32 written);

/* Show the driver what was pushed since the last flush, with at most one interrupt. */
void virtq_flush(struct virtq *vq);

/*
 * How many chains were taken from a started queue, modulo 2^16: what vhost calls its base. To set
 * it, because somebody else served the queue, also asks the driver for a doorbell. Both only while
 * nothing is in flight.
 */
u16 virtq_position(const struct virtq *vq);
void virtq_set_position(struct virtq *vq, u16 next);

/* Chains popped and not pushed. */
unsigned int virtq_in_flight(const struct virtq *vq);

/* What the driver chose; 0 while not started. */
u16 virtq_size(const struct virtq *vq);

void virtq_get_stats(const struct virtq *vq, struct virtq_stats *stats);

#endif
