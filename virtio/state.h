/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What core.c, regs.c and lend.c share: a device's registers and queues. For these files alone.
 */
#ifndef VIRTIO_STATE_H
#define VIRTIO_STATE_H

#include "virtio/core.h"

#include <kvm/log.h>
#include <kvm/loop.h>
#include <pthread.h>
#include <stdatomic.h>

/* core.c's head has the picture. */
enum virtio_phase { IDLE, STARTING, RUNNING, STOPPING };

struct virtio_queue {
	struct virtio_device *dev;
	unsigned int index;
	struct virtq *vq; /* loop's */
	struct loop_fd doorbell;

	/* Registers and wishes; under the mutex. */
	u32 size;
	u64 desc, driver, device;
	bool enabled;
	bool resetting;
	bool start_wanted; /* enabled after DRIVER_OK */

	/* Loop's. */
	bool stop_called;
	bool has_room;
	bool lent; /* lend.c */
	/* lend.c's, while it is lent: the queue is the loop's again. Loop. */
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
	atomic_uint status; /* written under the mutex, but for NEEDS_RESET */
	atomic_uint generation;

	/* Loop's. */
	bool started; /* the device's start() succeeded */
	bool stop_called;
	bool paused;

	struct virtio_queue queues[];
};

/*
 * Power-on values of all registers, the transport's too; the phase is IDLE now. Whoever goes there,
 * holding the mutex. core.c.
 */
void virtio_clear_registers(struct virtio_core *core);

/* Call notify() if the device may touch the queue. Loop. core.c. */
void virtio_notify_queue(struct virtio_queue *queue);

/* The queue is there, or NULL. */
static inline struct virtio_queue *virtio_find_queue(struct virtio_device *dev, u32 index)
{
	return index < dev->queue_count ? &dev->core->queues[index] : NULL;
}

#endif
