/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of virtio/core.c and virtio/regs.c share: a device that echoes, in a machine
 * without KVM.
 *
 * Queue 0 gives each chain back at once, with as much "written" as it could read; queue 1 keeps
 * what comes until it is told. The test is the vCPU, the loop has a thread of its own.
 */
#ifndef TESTS_VIRTIO_CORE_FIXTURE_H
#define TESTS_VIRTIO_CORE_FIXTURE_H

#include "tests/lib/fake-machine.h"
#include "tests/lib/fake-virtio.h"
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define FEATURE	    5 /* of the device */
#define DRIVER	    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define VERSION_1   (1ULL << VIRTIO_F_VERSION_1)
#define EVENT_IDX   (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT    (1ULL << VIRTIO_RING_F_INDIRECT_DESC)
#define RING_RESET  (1ULL << VIRTIO_F_RING_RESET)
#define KEEPS	    1 /* the queue that keeps */
#define CONFIG_SIZE 10

static const u16 queue_max[] = {16, 16};
static u8 config[CONFIG_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

/* The device's. Loop, but for what is atomic. */
static struct {
	struct virtq_chain *kept[16];
	unsigned int count;
	bool slow; /* stop_all() leaves the kept chains in flight */
	int start_error;
	atomic_uint starts, stops, queue_stops, looks, overdues;
	atomic_uint notifies[2];
	atomic_uint kept_count;
	u64 features_at_start;
} echo;

/* --- the device --- */

static inline int echo_start(struct virtio_device *dev)
{
	echo.features_at_start = dev->features;
	atomic_fetch_add(&echo.starts, 1);
	return echo.start_error;
}

static inline void echo_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtq *vq = virtio_queue(dev, queue);
	struct virtq_chain *chain;

	while (virtq_pop(vq, &chain) == 1) {
		if (queue == KEEPS)
			echo.kept[echo.count++] = chain;
		else
			virtq_push(vq, chain, (u32)MIN(chain->out_bytes, chain->in_bytes));
	}
	virtq_flush(vq);
	atomic_store(&echo.kept_count, echo.count);
	atomic_fetch_add(&echo.notifies[queue], 1);
}

static inline void echo_give_back(void *arg)
{
	struct virtq *vq = virtio_queue(fake_virtio_dev, KEEPS);

	while (echo.count)
		virtq_push(vq, echo.kept[--echo.count], 0);
	virtq_flush(vq);
	atomic_store(&echo.kept_count, 0);
	/* Nothing unless it is being reset. */
	virtio_stopped(fake_virtio_dev);
	virtio_queue_stopped(fake_virtio_dev, KEEPS);
	virtio_rested(fake_virtio_dev);
}

static inline void echo_stop(struct virtio_device *dev)
{
	atomic_fetch_add(&echo.stops, 1);
	if (!echo.slow || !echo.count)
		virtio_stopped(dev);
	if (!echo.slow)
		echo.count = 0;
}

static inline void echo_stop_queue(struct virtio_device *dev, unsigned int queue)
{
	atomic_fetch_add(&echo.queue_stops, 1);
	if (queue == KEEPS && echo.slow && echo.count)
		return;
	if (queue == KEEPS)
		echo.count = 0;
	virtio_queue_stopped(dev, queue);
}

/* What it keeps is under way, if it is slow; else it is kept for later. */
static inline bool echo_busy(struct virtio_device *dev)
{
	atomic_fetch_add(&echo.looks, 1);
	return echo.slow && echo.count;
}

static inline void echo_overdue(struct virtio_device *dev)
{
	atomic_fetch_add(&echo.overdues, 1);
}

static atomic_uint resumes;

static inline void echo_resumed(struct virtio_device *dev)
{
	assert_false(virtio_is_paused(dev));
	atomic_fetch_add(&resumes, 1);
}

static const struct virtio_ops echo_ops = {
	.resumed = echo_resumed,
	.busy = echo_busy,
	.overdue = echo_overdue,
	.start = echo_start,
	.notify = echo_notify,
	.stop = echo_stop,
	.stop_queue = echo_stop_queue,
};

static struct virtio_device device = {
	.name = "virtio-echo0",
	.id = 99,
	.offered = 1ULL << FEATURE,
	.queue_count = 2,
	.queue_max = queue_max,
	.config = config,
	.config_bytes = CONFIG_SIZE,
	.ops = &echo_ops,
};

/* --- the machine --- */

/* The loop's thread is the main thread of a machine. */
static inline void add_device(void *arg)
{
	*(int *)arg = virtio_add(&fake.kvm, &device);
}

static inline int set_up(void **state)
{
	int err = -1;

	memset(&echo, 0, sizeof(echo));
	log_record();
	fake_start();
	fake_virtio_ram_start();
	fake_on_loop(add_device, &err);
	return err;
}

static inline void remove_device(void *arg)
{
	virtio_remove(&device);
}

static inline int tear_down(void **state)
{
	if (atomic_load(&echo.kept_count))
		fake_on_loop(echo_give_back, NULL);
	fake_on_loop(remove_device, NULL);
	fake_stop();
	fake_virtio_ram_stop();
	log_record_end();
	return 0;
}

static inline bool wait_for(atomic_uint *counter, unsigned int value)
{
	u64 deadline_ns = now_ns() + patient_ns(2 * NSEC_PER_SEC);

	while (atomic_load(counter) < value) {
		if (now_ns() > deadline_ns)
			return false;
		usleep(50);
	}
	return true;
}

static inline bool wait_needs_reset(void)
{
	u64 deadline_ns = now_ns() + patient_ns(2 * NSEC_PER_SEC);

	while (!(fake_virtio_status() & VIRTIO_CONFIG_S_NEEDS_RESET)) {
		if (now_ns() > deadline_ns)
			return false;
		usleep(50);
	}
	return true;
}

/* What subscribers of the control socket heard last. */
static inline void assert_event(const char *name)
{
	const char *event = atomic_load(&fake.event);

	assert_non_null(event);
	assert_string_equal(event, name);
}

static inline u32 echo_bytes(u32 bytes)
{
	u64 gpa = fake_virtio_alloc(8192);
	struct drvq_buf bufs[] = {{gpa, bytes, false}, {gpa + 4096, 4096, true}};

	return fake_virtio_request(0, bufs, 2);
}

static inline void keep(unsigned int count)
{
	struct drvq_buf buf = {fake_virtio_alloc(64), 64, true};

	for (unsigned int i = 0; i < count; i++)
		drvq_add(&fake_virtio_queues[KEEPS], &buf, 1);
	fake_virtio_kick(KEEPS);
	assert_true(wait_for(&echo.kept_count, count));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
