// SPDX-License-Identifier: GPL-2.0-only
/*
 * A started queue in the hands of somebody else: vhost in the kernel, or another process.
 *
 * The borrower is told where the rings are, at which entry to go on, and two eventfds: `kick`,
 * which KVM signals when the driver rings, and `call`, which the borrower signals when there are
 * used buffers. From virtio_queue_lend() to virtio_queue_take_back() the loop does not watch the
 * doorbell and the device does not pop; nothing is in flight at either moment, so one number says
 * how far the queue is: for a split ring, chains that were made available and chains that were
 * used are as many.
 *
 * Where the transport has an eventfd that KVM turns into the interrupt (MSI-X), `call` is that one,
 * and lkvm has no part in the interrupt. Otherwise it is the queue's own: the loop watches it and
 * raises the interrupt as it does for a device of lkvm's. Which one it is follows from what the
 * driver has set up when the queue is lent: a driver chooses vectors before it starts a device.
 *
 * When the driver resets the device or the queue, the device's stop() or stop_queue() makes the
 * borrower let go before it says virtio_stopped() or virtio_queue_stopped(), which end the loan.
 * Loop's thread.
 */
#include "virtio/state.h"

#include <kvm/kvm.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The borrower has used buffers. */
static void lend_called(void *arg, u32 events)
{
	struct virtio_queue *queue = arg;
	eventfd_t count;

	if (!eventfd_read(queue->call.fd, &count))
		queue->dev->core->transport->interrupt(queue->dev, queue->index);
}

/* An eventfd that the loop turns into the interrupt: its descriptor, or -errno after a line. */
static int lend_open_call(struct virtio_queue *queue)
{
	struct loop *loop = queue->dev->core->kvm->loop;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err;

	if (fd < 0)
		return log_fail(-errno, "%s: queue %u: no eventfd for its interrupt: %s",
				queue->dev->name, queue->index, strerror(errno));
	queue->call = (struct loop_fd){.fd = fd, .fn = lend_called, .arg = queue};
	err = loop_watch(loop, &queue->call, EPOLLIN);
	if (err) {
		close(fd);
		queue->call.fd = -1;
		return log_fail(err, "%s: queue %u: its interrupt cannot be watched: %s",
				queue->dev->name, queue->index, strerror(-err));
	}
	return fd;
}

/* What the borrower has signalled is not lost: the interrupt is raised now. */
static void lend_end(struct virtio_queue *queue)
{
	if (queue->call.fd >= 0) {
		lend_called(queue, EPOLLIN);
		loop_unwatch(queue->dev->core->kvm->loop, &queue->call);
		close(queue->call.fd);
	}
	queue->call.fd = -1;
	queue->lent = false;
}

int virtio_queue_lend(struct virtio_device *dev, unsigned int index, struct virtio_ring *ring)
{
	struct virtio_core *core = dev->core;
	struct virtio_queue *queue = &core->queues[index];
	int call = -1;

	if (!virtq_started(queue->vq) || queue->stop_called)
		return -EINVAL;
	if (queue->lent || virtq_in_flight(queue->vq))
		return -EBUSY;
	if (core->transport->interrupt_fd)
		call = core->transport->interrupt_fd(dev, index);
	if (call < 0)
		call = lend_open_call(queue);
	if (call < 0)
		return call;
	loop_unwatch(core->kvm->loop, &queue->doorbell);
	queue->lent = true;
	queue->end_loan = lend_end;
	virtq_set_position(queue->vq, virtq_position(queue->vq)); /* the driver is to ring */

	virtio_lock(dev);
	*ring = (struct virtio_ring){
		.size = virtq_size(queue->vq),
		.next = virtq_position(queue->vq),
		.desc = queue->desc,
		.driver = queue->driver,
		.device = queue->device,
		.kick = queue->doorbell.fd,
		.call = call,
	};
	virtio_unlock(dev);
	return 0;
}

int virtio_queue_take_back(struct virtio_device *dev, unsigned int index, u16 next)
{
	struct virtio_core *core = dev->core;
	struct virtio_queue *queue = &core->queues[index];
	int err;

	if (!queue->lent)
		return -EINVAL;
	lend_end(queue);
	virtq_set_position(queue->vq, next);
	err = loop_watch(core->kvm->loop, &queue->doorbell, EPOLLIN | EPOLLET);
	if (err) {
		virtio_needs_reset(dev, "a doorbell cannot be watched");
		return err;
	}
	virtio_notify_queue(queue);
	return 0;
}
