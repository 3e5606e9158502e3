// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a virtio device, as its transport shows them to the driver.
 *
 * Everything here runs on vCPU threads, under the device's mutex: status, features, the registers
 * of each queue, the device's own configuration. If the loop must act after a write (start, stop,
 * reset a queue), the vCPU thread sets a flag and rings the bell; the head of core.c shows this.
 *
 * Two writes wait for the loop, because the driver may reuse the queues' memory after them: a reset
 * of the device, and mmio's QueueReady = 0. They wait on a condition, which releases the mutex; at
 * most 5 s, and not longer than the run. Meanwhile the registers of the device or queue are frozen:
 * reads show that the reset is not complete, writes are ignored.
 *
 * A driver's mistakes: after features that were not offered FEATURES_OK stays 0; DRIVER_OK before
 * FEATURES_OK sets NEEDS_RESET; a queue that does not exist reads as 0; writes to registers of an
 * enabled queue are ignored. Size and addresses are checked when the queue is started.
 *
 * Spec: virtio 1.2, sections 2.1, 2.2, 2.5, 2.6.1 and 3.1; 4.1.4.3 and 4.2.2 for the registers.
 */
#include "virtio/state.h"

#include <kvm/kvm.h>
#include <kvm/util.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <time.h>

#define CORE_FEATURES                                               \
	(1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_RING_RESET | \
	 1ULL << VIRTIO_RING_F_INDIRECT_DESC | 1ULL << VIRTIO_RING_F_EVENT_IDX)

#define STATUS_FROM_DRIVER \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FAILED)

#define QUIESCE_TIMEOUT_NS (5 * NSEC_PER_SEC)
#define QUIESCE_LOOK_NS	   (20 * NSEC_PER_MSEC) /* how often to check for the run's end */

/* --- registers of the whole device --- */

static u64 virtio_offered(const struct virtio_device *dev)
{
	return dev->offered | CORE_FEATURES;
}

u32 virtio_device_features(struct virtio_device *dev, u32 select)
{
	return select > 1 ? 0 : (u32)(virtio_offered(dev) >> (32 * select));
}

u32 virtio_driver_features(struct virtio_device *dev, u32 select)
{
	u32 value;

	virtio_lock(dev);
	value = select > 1 ? 0 : (u32)(dev->core->driver_features >> (32 * select));
	virtio_unlock(dev);
	return value;
}

void virtio_set_driver_features(struct virtio_device *dev, u32 select, u32 value)
{
	struct virtio_core *core = dev->core;

	virtio_lock(dev);
	/* 3.1.1, step 5: features are final after FEATURES_OK. */
	if (select <= 1 && !(atomic_load(&core->status) & VIRTIO_CONFIG_S_FEATURES_OK)) {
		core->driver_features &= ~(0xffffffffULL << (32 * select));
		core->driver_features |= (u64)value << (32 * select);
	}
	virtio_unlock(dev);
}

/* 2.2.2: refuse features that were not offered, and those of a legacy driver. */
static bool virtio_features_good(struct virtio_core *core)
{
	u64 strange = core->driver_features & ~virtio_offered(core->dev);

	if (strange)
		log_warn_limited(&core->limit,
				 "%s: the driver accepted features 0x%llx, which were not offered; "
				 "they are refused (virtio 1.2, 2.2.2)",
				 core->dev->name, strange);
	return !strange && core->driver_features >> VIRTIO_F_VERSION_1 & 1;
}

u8 virtio_status(struct virtio_device *dev)
{
	return (u8)atomic_load(&dev->core->status);
}

/* Wait a moment for the loop. False: the run ends, or it is too late. The mutex is held. */
static bool virtio_wait(struct virtio_core *core, u64 deadline_ns)
{
	u64 until_ns = now_ns() + QUIESCE_LOOK_NS;
	struct timespec until = {.tv_sec = (time_t)(until_ns / NSEC_PER_SEC),
				 .tv_nsec = (long)(until_ns % NSEC_PER_SEC)};

	if (kvm_is_over())
		return false;
	if (until_ns > deadline_ns) {
		log_warn_limited(&core->limit,
				 "%s: requests are still under way 5 s after the driver's reset; "
				 "it has to wait for them",
				 core->dev->name);
		return false;
	}
	pthread_cond_timedwait(&core->changed, &core->lock, &until);
	return true;
}

/* The mutex is held, and released during the wait. */
static void virtio_reset(struct virtio_core *core)
{
	u64 deadline_ns = now_ns() + QUIESCE_TIMEOUT_NS;

	if (core->phase == IDLE) {
		virtio_clear_registers(core);
		return;
	}
	core->phase = STOPPING;
	loop_ring(core->kvm->loop, &core->bell);
	while (core->phase == STOPPING && virtio_wait(core, deadline_ns))
		;
}

/* The mutex is held. */
static void virtio_driver_ok(struct virtio_core *core)
{
	unsigned int status = atomic_load(&core->status);

	if (status & VIRTIO_CONFIG_S_DRIVER_OK)
		return;
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK)) {
		virtio_needs_reset(core->dev, "DRIVER_OK without FEATURES_OK (virtio 1.2, 3.1.1)");
		return;
	}
	atomic_fetch_or(&core->status, VIRTIO_CONFIG_S_DRIVER_OK);
	core->phase = STARTING;
	if (core->transport->ready)
		core->transport->ready(core->dev);
	loop_ring(core->kvm->loop, &core->bell);
}

/* The mutex is held. */
static void virtio_features_ok(struct virtio_core *core)
{
	const struct virtio_ops *ops = core->dev->ops;

	if ((atomic_load(&core->status) & VIRTIO_CONFIG_S_FEATURES_OK) ||
	    !virtio_features_good(core))
		return;
	atomic_fetch_or(&core->status, VIRTIO_CONFIG_S_FEATURES_OK);
	if (ops->negotiated)
		ops->negotiated(core->dev, core->driver_features);
}

void virtio_set_status(struct virtio_device *dev, u8 status)
{
	struct virtio_core *core = dev->core;

	virtio_lock(dev);
	if (!status) {
		virtio_reset(core);
	} else if (core->phase != STOPPING) {
		/* 2.1.1: only a reset clears bits. */
		atomic_fetch_or(&core->status, status & STATUS_FROM_DRIVER);
		if (status & VIRTIO_CONFIG_S_FEATURES_OK)
			virtio_features_ok(core);
		if (status & VIRTIO_CONFIG_S_DRIVER_OK)
			virtio_driver_ok(core);
	}
	virtio_unlock(dev);
}

/* --- registers of a queue --- */

static u64 *queue_address(struct virtio_queue *queue, enum virtio_queue_reg reg)
{
	switch (reg) {
	case VIRTIO_QUEUE_DESC:
		return &queue->desc;
	case VIRTIO_QUEUE_DRIVER:
		return &queue->driver;
	case VIRTIO_QUEUE_DEVICE:
		return &queue->device;
	default:
		return NULL;
	}
}

static u64 queue_read(struct virtio_queue *queue, enum virtio_queue_reg reg)
{
	switch (reg) {
	case VIRTIO_QUEUE_MAX:
		return queue->dev->queue_max[queue->index];
	case VIRTIO_QUEUE_SIZE:
		return queue->size;
	case VIRTIO_QUEUE_ENABLE:
		return queue->enabled;
	case VIRTIO_QUEUE_RESET:
		return queue->resetting;
	default:
		return *queue_address(queue, reg);
	}
}

u64 virtio_queue_read(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg)
{
	struct virtio_queue *queue = virtio_find_queue(dev, index);
	u64 value;

	if (!queue)
		return 0;
	virtio_lock(dev);
	value = queue_read(queue, reg);
	virtio_unlock(dev);
	return value;
}

/* Ask the loop to stop the queue. False: the loop does not use the queue. */
static bool queue_begin_reset(struct virtio_core *core, struct virtio_queue *queue)
{
	if (core->phase != STARTING && core->phase != RUNNING) {
		queue->enabled = false;
		return false;
	}
	if (!queue->enabled)
		return false;
	queue->resetting = true;
	loop_ring(core->kvm->loop, &core->bell);
	return true;
}

static void queue_enable(struct virtio_core *core, struct virtio_queue *queue)
{
	if (queue->enabled)
		return;
	queue->enabled = true;
	if (core->phase == STARTING || core->phase == RUNNING) {
		queue->start_wanted = true;
		loop_ring(core->kvm->loop, &core->bell);
	}
}

/* Return when the loop no longer uses the queue: mmio's QueueReady must be 0 then (4.2.2.2). */
static void queue_disable(struct virtio_core *core, struct virtio_queue *queue)
{
	u64 deadline_ns = now_ns() + QUIESCE_TIMEOUT_NS;

	if (!queue_begin_reset(core, queue))
		return;
	while (queue->resetting && virtio_wait(core, deadline_ns))
		;
}

static void queue_write(struct virtio_core *core, struct virtio_queue *queue,
			enum virtio_queue_reg reg, u64 value)
{
	u64 *address = queue_address(queue, reg);

	if (core->phase == STOPPING || queue->resetting)
		return;
	if (reg == VIRTIO_QUEUE_ENABLE && value == 1)
		queue_enable(core, queue);
	else if (reg == VIRTIO_QUEUE_ENABLE && value == 0)
		queue_disable(core, queue);
	else if (reg == VIRTIO_QUEUE_RESET && value == 1 &&
		 core->driver_features >> VIRTIO_F_RING_RESET & 1)
		queue_begin_reset(core, queue);
	else if (reg == VIRTIO_QUEUE_SIZE && !queue->enabled)
		queue->size = (u32)MIN(value, UINT32_MAX);
	else if (address && !queue->enabled)
		*address = value;
}

void virtio_queue_write(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg, u64 value)
{
	struct virtio_queue *queue = virtio_find_queue(dev, index);

	if (!queue)
		return;
	virtio_lock(dev);
	queue_write(dev->core, queue, reg, value);
	virtio_unlock(dev);
}

void virtio_queue_write_half(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg,
			     bool high, u32 value)
{
	struct virtio_queue *queue = virtio_find_queue(dev, index);
	u64 whole;

	if (!queue)
		return;
	virtio_lock(dev);
	whole = queue_read(queue, reg);
	whole = high ? (u64)value << 32 | (u32)whole : (whole >> 32 << 32) | value;
	queue_write(dev->core, queue, reg, whole);
	virtio_unlock(dev);
}

/* --- configuration --- */

/* How many of len bytes from offset on are inside the configuration. */
static u32 config_inside(const struct virtio_device *dev, u64 offset, u32 len)
{
	return offset < dev->config_bytes ? (u32)MIN(len, dev->config_bytes - offset) : 0;
}

void virtio_config_access_read(struct virtio_device *dev, u64 offset, void *buf, u32 len)
{
	u32 inside = config_inside(dev, offset, len);

	memset(buf, 0, len);
	if (!inside)
		return;
	virtio_lock(dev);
	if (dev->ops->config_read)
		dev->ops->config_read(dev, (u32)offset, buf, inside);
	else if (dev->config)
		memcpy(buf, (const u8 *)dev->config + offset, inside);
	virtio_unlock(dev);
}

void virtio_config_access_write(struct virtio_device *dev, u64 offset, const void *buf, u32 len)
{
	u32 inside = config_inside(dev, offset, len);

	if (!inside || !dev->ops->config_write)
		return;
	virtio_lock(dev);
	dev->ops->config_write(dev, (u32)offset, buf, inside);
	virtio_unlock(dev);
}

u32 virtio_config_generation(struct virtio_device *dev)
{
	return atomic_load(&dev->core->generation);
}
