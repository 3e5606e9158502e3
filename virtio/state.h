/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device's registers and queues, which core.c, regs.c and lend.c share. For these files alone.
 */
#ifndef VIRTIO_STATE_H
#define VIRTIO_STATE_H

#include "virtio/core.h"

#include <kvm/log.h>
#include <kvm/loop.h>
#include <pthread.h>
#include <stdatomic.h>

/* The comment at the head of core.c shows the transitions. */
enum virtio_phase { IDLE, STARTING, RUNNING, STOPPING };

struct virtio_queue {
	struct virtio_device *dev;
	unsigned int index;
	struct virtq *vq; /* for the loop's thread */
	struct loop_fd doorbell;

	/* Registers, and what vCPUs ask of the loop; under the mutex. */
	u32 size;
	u64 desc, driver, device;
	bool enabled;
	bool resetting;
	bool start_wanted; /* enabled after DRIVER_OK */

	/* For the loop's thread. */
	bool stop_called;
	bool has_room;
	bool lent; /* lend.c */
	/* Set by lend.c while the queue is lent: ends the loan. Loop. */
	void (*end_loan)(struct virtio_queue *queue);
	struct loop_fd call; /* fd -1: none */
	u64 doorbells;
};

struct virtio_core {
	struct kvm *kvm;
	struct virtio_device *dev;
	const struct virtio_transport *transport;
	void *transport_data;
	struct device device;
	struct loop_bell bell;
	struct log_limit limit;

	pthread_mutex_t lock; /* over the queues' registers and what follows */
	pthread_cond_t changed;
	enum virtio_phase phase;
	u64 driver_features;
	atomic_uint status; /* written under the mutex, except NEEDS_RESET */
	atomic_uint generation;

	/* For the loop's thread. */
	bool started; /* the device's start() succeeded */
	bool stop_called;
	bool paused;

	struct virtio_queue queues[];
};

/*
 * Set all registers to their power-on values, the transport's too, and the phase to IDLE. Any
 * thread, the mutex held. core.c.
 */
void virtio_clear_registers(struct virtio_core *core);

/* Call notify() if the device may touch the queue. Loop. core.c. */
void virtio_notify_queue(struct virtio_queue *queue);

/* The queue with this index, or NULL. */
static inline struct virtio_queue *virtio_find_queue(struct virtio_device *dev, u32 index)
{
	return index < dev->queue_count ? &dev->core->queues[index] : NULL;
}

#endif
