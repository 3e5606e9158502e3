// SPDX-License-Identifier: GPL-2.0-only
/*
 * The common part of all virtio devices: start, doorbells, stop and reset.
 *
 * vCPU threads use the registers: a transport decodes an access and calls the functions of regs.c,
 * which work under the device's mutex. The loop's thread uses the queues:
 * doorbell -> notify() -> virtq_pop() ... virtq_push() -> interrupt, without a lock. Between them:
 *
 * - vCPU to loop: a doorbell, which is an eventfd for each queue. KVM signals it (virtio_doorbell()
 *   does where KVM does not). The loop watches it edge-triggered, so no one needs to read it.
 * - vCPU to loop: DRIVER_OK, reset, and enabling or resetting one queue. They change the registers
 *   under the mutex and ring the bell; then the loop acts:
 *
 *       IDLE --DRIVER_OK--> STARTING --loop--> RUNNING --write 0--> STOPPING --loop--> IDLE
 *                               \________________write 0_______________/
 *
 *   In IDLE, and only there, the loop does not use the queues and the device. So the thread that
 *   sets the phase to IDLE also clears the registers: status reads 0 only when the device has
 *   nothing in flight (2.4.1). The vCPU that wrote 0 waits for that on a condition, which releases
 *   the mutex; at most 5 s, and not longer than the run. The loop never waits for a vCPU.
 * - loop to vCPU: an interrupt through the transport, and NEEDS_RESET, an atomic bit of status.
 *
 * A queue can be reset alone (VIRTIO_F_RING_RESET, 2.6.1). The vCPU sets "resetting"; the loop
 * calls the device's stop_queue() and clears "resetting" when that is done. Until then the queue's
 * registers are frozen. If a driver enables a queue after DRIVER_OK, the loop starts that queue.
 *
 * After a driver broke a rule (a broken queue, rings outside RAM, DRIVER_OK without FEATURES_OK) it
 * gets NEEDS_RESET and a configuration interrupt, and the log one rate-limited line.
 *
 * Pause: the loop ignores doorbells and the requests of the vCPUs; the device is at rest when
 * busy() is false. Resume handles the bell and notifies each queue. A machine reset happens on the
 * main thread, which is the loop's, with all vCPUs parked and after a pause, so stop() finds
 * nothing in flight. At the end of a run requests may still be in flight.
 *
 * Left out on purpose: legacy and transitional devices, ACCESS_PLATFORM, IN_ORDER, shared memory.
 *
 * Spec: virtio 1.2, sections 2.1 (status), 2.2 (features), 2.5 (configuration), 2.6.1, 3.1.
 */
#include "virtio/core.h"
#include "virtio/state.h"

#include <kvm/event.h>
#include <kvm/kvm.h>

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct kvm *virtio_kvm(struct virtio_device *dev)
{
	return dev->core->kvm;
}

void *virtio_transport_data(const struct virtio_device *dev)
{
	return dev->core->transport_data;
}

void virtio_lock(struct virtio_device *dev)
{
	pthread_mutex_lock(&dev->core->lock);
}

void virtio_unlock(struct virtio_device *dev)
{
	pthread_mutex_unlock(&dev->core->lock);
}

/* --- for devices: any thread --- */

void virtio_config_changed(struct virtio_device *dev)
{
	struct virtio_core *core = dev->core;

	if (atomic_load(&core->status) & VIRTIO_CONFIG_S_DRIVER_OK)
		core->transport->config_interrupt(dev);
}

void virtio_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len)
{
	virtio_lock(dev);
	memcpy((u8 *)dev->config + offset, buf, len);
	atomic_fetch_add(&dev->core->generation, 1); /* before the first new byte (2.5.1) */
	virtio_unlock(dev);
}

void virtio_needs_reset(struct virtio_device *dev, const char *why)
{
	struct virtio_core *core = dev->core;
	unsigned int before = atomic_fetch_or(&core->status, VIRTIO_CONFIG_S_NEEDS_RESET);

	log_warn_limited(&core->limit, "%s: %s; the device needs a reset by its driver", dev->name,
			 why);
	if (!(before & VIRTIO_CONFIG_S_NEEDS_RESET))
		event_post_device(dev->name, "needs-reset");
	/* 2.1.2: no interrupt before DRIVER_OK. */
	if (before & VIRTIO_CONFIG_S_DRIVER_OK)
		core->transport->config_interrupt(dev);
}

/* --- doorbells that KVM does not signal: vCPU threads --- */

void virtio_doorbell(struct virtio_device *dev, u32 index)
{
	struct virtio_queue *queue = virtio_find_queue(dev, index);

	if (queue)
		eventfd_write(queue->doorbell.fd, 1);
}

int virtio_doorbell_fd(const struct virtio_device *dev, unsigned int index)
{
	return dev->core->queues[index].doorbell.fd;
}

/* --- queues: the loop's thread from here on --- */

struct virtq *virtio_queue(struct virtio_device *dev, unsigned int index)
{
	return dev->core->queues[index].vq;
}

bool virtio_serves(struct virtio_device *dev)
{
	const struct virtio_core *core = dev->core;

	return core->started && !core->stop_called && !core->paused;
}

bool virtio_is_paused(const struct virtio_device *dev)
{
	return dev->core->paused;
}

void virtio_notify_queue(struct virtio_queue *queue)
{
	if (virtio_serves(queue->dev) && !queue->stop_called && !queue->lent &&
	    virtq_started(queue->vq))
		queue->dev->ops->notify(queue->dev, queue->index);
}

static void queue_rung(void *arg, u32 events)
{
	struct virtio_queue *queue = arg;

	queue->doorbells++;
	virtio_notify_queue(queue);
}

static void queue_interrupt(void *arg)
{
	struct virtio_queue *queue = arg;

	queue->dev->core->transport->interrupt(queue->dev, queue->index);
}

static void queue_room(void *arg)
{
	struct virtio_queue *queue = arg;
	struct virtio_core *core = queue->dev->core;

	/* Notify later, from the bell: the device is completing requests now. */
	queue->has_room = true;
	loop_ring(core->kvm->loop, &core->bell);
}

static void queue_broken(void *arg, const char *why)
{
	struct virtio_queue *queue = arg;
	char text[160];

	snprintf(text, sizeof(text), "queue %u: %s", queue->index, why);
	virtio_needs_reset(queue->dev, text);
}

/* Start the queue with the values of its registers. False, with NEEDS_RESET: not possible. */
static bool queue_start(struct virtio_queue *queue)
{
	struct virtio_device *dev = queue->dev;
	struct virtq_config config = {
		.mem = &dev->core->kvm->mem,
		.max = dev->queue_max[queue->index],
		.event_idx = virtio_has(dev, VIRTIO_RING_F_EVENT_IDX),
		.indirect = virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC),
		.interrupt = queue_interrupt,
		.room = queue_room,
		.broken = queue_broken,
		.arg = queue,
	};
	const char *why;

	virtio_lock(dev);
	config.size = (u16)MIN(queue->size, UINT16_MAX); /* virtq_start() refuses UINT16_MAX */
	config.desc = queue->desc;
	config.driver = queue->driver;
	config.device = queue->device;
	virtio_unlock(dev);
	if (virtq_start(queue->vq, &config, &why)) {
		queue_broken(queue, why);
		return false;
	}
	/* This can fail only for lack of memory. */
	if (loop_watch(dev->core->kvm->loop, &queue->doorbell, EPOLLIN | EPOLLET)) {
		queue_broken(queue, "its doorbell cannot be watched");
		virtq_stop(queue->vq);
		return false;
	}
	return true;
}

static void queue_stop(struct virtio_queue *queue)
{
	if (queue->lent)
		queue->end_loan(queue);
	loop_unwatch(queue->dev->core->kvm->loop, &queue->doorbell);
	virtq_stop(queue->vq);
	queue->stop_called = queue->has_room = false;
}

void virtio_clear_registers(struct virtio_core *core)
{
	core->phase = IDLE;
	core->driver_features = 0;
	for (unsigned int i = 0; i < core->dev->queue_count; i++) {
		struct virtio_queue *queue = &core->queues[i];

		queue->size = core->dev->queue_max[i];
		queue->desc = queue->driver = queue->device = 0;
		queue->enabled = queue->resetting = queue->start_wanted = false;
	}
	core->transport->reset(core->dev);
	atomic_store(&core->status, 0);
	pthread_cond_broadcast(&core->changed);
}

void virtio_stopped(struct virtio_device *dev)
{
	struct virtio_core *core = dev->core;

	if (!core->stop_called)
		return;
	for (unsigned int i = 0; i < dev->queue_count; i++)
		queue_stop(&core->queues[i]);
	core->stop_called = core->started = false;
	virtio_lock(dev);
	virtio_clear_registers(core);
	virtio_unlock(dev);
}

/* The driver, or the machine, resets the device. */
static void virtio_stop(struct virtio_core *core)
{
	if (core->stop_called)
		return;
	core->stop_called = true;
	for (unsigned int i = 0; i < core->dev->queue_count; i++)
		loop_unwatch(core->kvm->loop, &core->queues[i].doorbell);
	if (core->started && core->dev->ops->stop)
		core->dev->ops->stop(core->dev);
	else
		virtio_stopped(core->dev);
}

static bool virtio_start_queues(struct virtio_core *core, const bool *enabled)
{
	for (unsigned int i = 0; i < core->dev->queue_count; i++) {
		if (enabled[i] && !queue_start(&core->queues[i]))
			return false;
	}
	return true;
}

/* The driver has set DRIVER_OK, and may have asked for a reset since. */
static void virtio_start(struct virtio_core *core)
{
	struct virtio_device *dev = core->dev;
	bool enabled[VIRTIO_MAX_QUEUES] = {false};

	virtio_lock(dev);
	dev->features = core->driver_features;
	for (unsigned int i = 0; i < dev->queue_count; i++) {
		core->queues[i].start_wanted = false;
		enabled[i] = core->queues[i].enabled;
	}
	virtio_unlock(dev);

	core->started = virtio_start_queues(core, enabled);
	if (core->started && dev->ops->start && dev->ops->start(dev)) {
		virtio_needs_reset(dev, "it cannot be started");
		core->started = false;
	}
	if (!core->started) {
		for (unsigned int i = 0; i < dev->queue_count; i++)
			queue_stop(&core->queues[i]);
		return;
	}
	event_post_device(dev->name, "driver");
	for (unsigned int i = 0; i < dev->queue_count; i++)
		virtio_notify_queue(&core->queues[i]);
}

void virtio_queue_stopped(struct virtio_device *dev, unsigned int index)
{
	struct virtio_core *core = dev->core;
	struct virtio_queue *queue = &core->queues[index];

	if (!queue->stop_called)
		return;
	queue_stop(queue);
	virtio_lock(dev);
	queue->enabled = queue->resetting = queue->start_wanted = false;
	queue->size = dev->queue_max[index];
	pthread_cond_broadcast(&core->changed);
	virtio_unlock(dev);
}

/* Do what a vCPU asked for this queue, reset or start, and notify if there is room again. */
static void queue_serve(struct virtio_core *core, struct virtio_queue *queue)
{
	bool reset, start;

	virtio_lock(core->dev);
	reset = queue->resetting;
	start = queue->start_wanted && !reset;
	queue->start_wanted = false;
	virtio_unlock(core->dev);

	if (reset && !queue->stop_called) {
		queue->stop_called = true;
		loop_unwatch(core->kvm->loop, &queue->doorbell);
		if (core->started && virtq_started(queue->vq) && core->dev->ops->stop_queue)
			core->dev->ops->stop_queue(core->dev, queue->index);
		else
			virtio_queue_stopped(core->dev, queue->index);
	}
	if (start && core->started && queue_start(queue))
		virtio_notify_queue(queue);
	if (queue->has_room) {
		queue->has_room = false;
		virtio_notify_queue(queue);
	}
}

/* The bell's function. */
static void virtio_rung(void *arg)
{
	struct virtio_core *core = arg;
	enum virtio_phase phase;

	/* A vCPU rang just before the pause: virtio_device_resume() calls again. */
	if (core->paused)
		return;
	virtio_lock(core->dev);
	phase = core->phase;
	if (phase == STARTING)
		core->phase = RUNNING;
	virtio_unlock(core->dev);

	if (phase == STARTING)
		virtio_start(core);
	else if (phase == STOPPING)
		virtio_stop(core);
	if (phase != STARTING && phase != RUNNING)
		return;
	for (unsigned int i = 0; i < core->dev->queue_count && !core->stop_called; i++)
		queue_serve(core, &core->queues[i]);
}

/* --- from the machine: the main thread, which is the loop's; vCPUs are parked --- */

static struct virtio_core *core_of(struct device *device)
{
	return container_of(device, struct virtio_core, device);
}

/* Bring the device into IDLE. False: the host still works on a request. */
static bool virtio_quiesce(struct virtio_core *core)
{
	bool idle;

	virtio_lock(core->dev);
	idle = core->phase == IDLE;
	if (!idle)
		core->phase = STOPPING;
	else
		virtio_clear_registers(core);
	virtio_unlock(core->dev);
	if (!idle)
		virtio_stop(core);
	return !core->stop_called;
}

static int virtio_device_reset(struct device *device)
{
	struct virtio_core *core = core_of(device);

	if (!virtio_quiesce(core))
		return log_fail(-EBUSY, "%s: cannot be reset while requests are in flight",
				core->dev->name);
	return 0;
}

static int virtio_device_pause(struct device *device)
{
	struct virtio_core *core = core_of(device);

	core->paused = true;
	return core->dev->ops->busy && core->dev->ops->busy(core->dev) ? -EINPROGRESS : 0;
}

static void virtio_device_overdue(struct device *device)
{
	struct virtio_core *core = core_of(device);

	if (core->dev->ops->overdue)
		core->dev->ops->overdue(core->dev);
}

void virtio_rested(struct virtio_device *dev)
{
	if (dev->core->paused)
		device_rested();
}

static void virtio_device_resume(struct device *device)
{
	struct virtio_core *core = core_of(device);

	core->paused = false;
	virtio_rung(core);
	if (core->dev->ops->resumed)
		core->dev->ops->resumed(core->dev);
	for (unsigned int i = 0; i < core->dev->queue_count; i++)
		virtio_notify_queue(&core->queues[i]);
}

static void virtio_device_stats(struct device *device,
				void (*emit)(void *arg, const char *counter, u64 value), void *arg)
{
	struct virtio_core *core = core_of(device);

	for (unsigned int i = 0; i < core->dev->queue_count; i++) {
		const struct virtio_queue *queue = &core->queues[i];
		struct virtq_stats stats;
		char name[32];

		virtq_get_stats(queue->vq, &stats);
		snprintf(name, sizeof(name), "queue%u.doorbells", i);
		emit(arg, name, queue->doorbells);
		snprintf(name, sizeof(name), "queue%u.chains", i);
		emit(arg, name, stats.chains);
		snprintf(name, sizeof(name), "queue%u.interrupts", i);
		emit(arg, name, stats.interrupts);
	}
	if (core->dev->ops->stats)
		core->dev->ops->stats(core->dev, emit, arg);
}

static void virtio_device_describe(struct device *device,
				   void (*emit)(void *arg, const struct device_record *record),
				   void *arg)
{
	struct virtio_core *core = core_of(device);

	if (core->transport->describe)
		core->transport->describe(core->dev, emit, arg);
}

static void virtio_free(struct virtio_core *core)
{
	for (unsigned int i = 0; i < core->dev->queue_count; i++) {
		virtq_free(core->queues[i].vq);
		if (core->queues[i].doorbell.fd >= 0)
			close(core->queues[i].doorbell.fd);
	}
	pthread_cond_destroy(&core->changed);
	pthread_mutex_destroy(&core->lock);
	core->dev->core = NULL;
	free(core);
}

static int virtio_new_queue(struct virtio_core *core, unsigned int index)
{
	struct virtio_queue *queue = &core->queues[index];

	queue->dev = core->dev;
	queue->index = index;
	queue->call.fd = -1;
	queue->doorbell = (struct loop_fd){.fn = queue_rung, .arg = queue};
	queue->doorbell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->doorbell.fd < 0)
		return log_fail(-errno, "%s: no doorbell for queue %u: %s", core->dev->name, index,
				strerror(errno));
	queue->vq = virtq_new();
	return queue->vq ? 0 : log_fail(-ENOMEM, "%s: out of memory", core->dev->name);
}

static void virtio_init_locks(struct virtio_core *core)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&core->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* the clock of now_ns() */
	pthread_cond_init(&core->changed, &attr);
	pthread_condattr_destroy(&attr);
}

int virtio_attach(struct kvm *kvm, struct virtio_device *dev,
		  const struct virtio_transport *transport, void *transport_data)
{
	struct virtio_core *core;
	int err = 0;

	if (dev->queue_count > VIRTIO_MAX_QUEUES)
		return log_fail(-EINVAL, "%s: more than %d queues", dev->name, VIRTIO_MAX_QUEUES);
	core = calloc(1, sizeof(*core) + dev->queue_count * sizeof(core->queues[0]));
	if (!core)
		return log_fail(-ENOMEM, "%s: out of memory", dev->name);
	core->kvm = kvm;
	core->dev = dev;
	core->transport = transport;
	core->transport_data = transport_data;
	core->bell = (struct loop_bell){.fn = virtio_rung, .arg = core};
	core->device = (struct device){.name = dev->name,
				       .drivers = {transport->driver, dev->driver},
				       .reset = virtio_device_reset,
				       .pause = virtio_device_pause,
				       .resume = virtio_device_resume,
				       .overdue = virtio_device_overdue,
				       .stats = virtio_device_stats,
				       .describe = virtio_device_describe};
	virtio_init_locks(core);
	dev->core = core;
	for (unsigned int i = 0; i < dev->queue_count; i++)
		core->queues[i].doorbell.fd = -1;
	for (unsigned int i = 0; !err && i < dev->queue_count; i++)
		err = virtio_new_queue(core, i);
	if (err) {
		virtio_free(core);
		return err;
	}
	loop_add_bell(kvm->loop, &core->bell);
	device_register(&core->device);
	return 0;
}

void virtio_detach(struct virtio_device *dev)
{
	struct virtio_core *core = dev->core;
	bool busy = !virtio_quiesce(core);

	device_unregister(&core->device);
	loop_remove_bell(core->kvm->loop, &core->bell);
	/* If busy, the host still uses the memory: leave it, the process is about to end. */
	if (!busy)
		virtio_free(core);
}
