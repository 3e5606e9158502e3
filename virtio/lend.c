// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lend a started queue to a borrower: vhost in the kernel, or another process.
 *
 * The borrower gets the addresses of the rings, the entry with which to begin, and two eventfds:
 * `kick`, which KVM signals when the driver rings, and `call`, which the borrower signals when
 * there are used buffers. From virtio_queue_lend() to virtio_queue_take_back() the loop does not
 * watch the doorbell and the device does not pop. At both moments nothing is in flight: as many
 * chains were used as were taken from the available ring, so one number is the whole position.
 *
 * If the transport has an eventfd from which KVM raises the interrupt (MSI-X), `call` is that
 * eventfd, and interrupts do not pass through lkvm. Otherwise `call` is an eventfd of the queue:
 * the loop watches it and raises the interrupt as for a device in lkvm. virtio_queue_lend() decides
 * by the vectors that the driver has chosen: a driver chooses them before it starts a device.
 *
 * When the driver resets the device or the queue, the device's stop() or stop_queue() stops the
 * borrower, and then calls virtio_stopped() or virtio_queue_stopped(), which end the loan. Loop's
 * thread.
 */
#include "virtio/state.h"

#include <kvm/kvm.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The borrower has signalled `call`: raise the interrupt. */
static void lend_called(void *arg, u32 events)
{
	struct virtio_queue *queue = arg;
	eventfd_t count;

	if (!eventfd_read(queue->call.fd, &count))
		queue->dev->core->transport->interrupt(queue->dev, queue->index);
}

/* Open an eventfd for which the loop raises the interrupt. The fd, or -errno after a log line. */
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

/* End the loan. If the borrower has signalled `call`, raise the interrupt now. */
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
	virtq_set_position(queue->vq, virtq_position(queue->vq)); /* asks the driver to ring */

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
