/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtqueue as a device sees it: take chains of buffers, and give them back used. queue.c is the
 * only file that knows the layout of a ring in guest memory. These functions do not show the
 * layout, so packed rings can be added without a change here.
 *
 * A virtqueue belongs to the loop's thread: every function here is for that thread alone.
 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include <kvm/gmem.h>
#include <kvm/types.h>
#include <sys/uio.h>

/* The largest queue a device may offer. virtio 1.2, 2.7 allows 32768, without any gain here. */
#define VIRTQ_MAX_SIZE 1024

struct virtq;

/*
 * A chain of buffers that the driver made available: first those that the device reads (out), then
 * those that it writes (in). The struct belongs to the queue and is valid from virtq_pop() to
 * virtq_push(). Elements are host memory inside guest RAM, and none is empty. The guest can change
 * their bytes at any time: copy once, then check, then use. out_bytes and in_bytes together are at
 * most 4 GiB, and elements may overlap each other.
 */
struct virtq_chain {
	u16 head; /* identifies the chain among those in flight; below the queue's size */
	const struct iovec *out;
	unsigned int out_count;
	const struct iovec *in;
	unsigned int in_count;
	size_t out_bytes, in_bytes;
};

/* The driver's choice, and callbacks. virtq_start() copies the struct; *mem must stay. */
struct virtq_config {
	const struct gmem *mem;
	u16 max;		    /* the size that the device offers, at most VIRTQ_MAX_SIZE */
	u16 size;		    /* the size that the driver chose */
	gpa_t desc, driver, device; /* the three areas of virtio 1.2, 2.7 */
	bool event_idx, indirect;   /* VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC were negotiated */
	/* The driver wants to be told of used buffers. From virtq_flush(). */
	void (*interrupt)(void *arg);
	/* virtq_pop() returned 0 for lack of memory; now there is room. From virtq_flush(). */
	void (*room)(void *arg);
	/*
	 * The driver broke a rule, or a chain needs more memory than there is: why is a constant
	 * string, which for a rule ends with the section of the specification. Once, from
	 * virtq_pop().
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
 * Start to use the rings at the driver's addresses. 0, or -EINVAL with *why (a constant string that
 * ends with the section of the specification), -ENOMEM with *why.
 */
int virtq_start(struct virtq *vq, const struct virtq_config *config, const char **why);

/* Drop the rings and every chain in flight, and free their memory. May be called again. */
void virtq_stop(struct virtq *vq);

/* True between start and stop. False for a queue that the driver has not enabled. */
bool virtq_started(const struct virtq *vq);

/*
 * 1: *chain is the next chain. 0: there is none, and the driver will ring the doorbell for the next
 * one. -EINVAL: the driver broke a rule, broken() was called, and the device needs a reset; also
 * each time after that, and before virtq_start(). A caller that stops before a 0 must call again by
 * itself, because the driver may not ring.
 *
 * Memory for chains in flight is bounded: if a driver offers more, virtq_pop() returns 0 early, and
 * virtq_flush() calls room() once there is memory again.
 */
int virtq_pop(struct virtq *vq, struct virtq_chain **chain);

/*
 * Give a chain back. The device wrote at least the first `written` bytes of its in elements (at
 * most in_bytes). The driver sees the chain after virtq_flush(). The caller must not use the chain
 * any more.
 */
void virtq_push(struct virtq *vq, struct virtq_chain *chain, u32 written);

/* Show the driver what was pushed since the last flush, with at most one interrupt. */
void virtq_flush(struct virtq *vq);

/*
 * The number of chains taken from a started queue, modulo 2^16: vhost calls this its base. Set the
 * position after a borrower served the queue; that also asks the driver for a doorbell. Both only
 * while nothing is in flight.
 */
u16 virtq_position(const struct virtq *vq);
void virtq_set_position(struct virtq *vq, u16 next);

/* Chains popped and not pushed. */
unsigned int virtq_in_flight(const struct virtq *vq);

/* The size that the driver chose; 0 while not started. */
u16 virtq_size(const struct virtq *vq);

void virtq_get_stats(const struct virtq *vq, struct virtq_stats *stats);

#endif
