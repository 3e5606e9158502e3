// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver and the transport that tests/lib/fake-virtio.h promises.
 *
 * Interrupts are counters, raised on the loop's thread and read on the test's. Memory is handed out
 * upwards from the second page, rings included, and taken back as a whole.
 */
#include "tests/lib/fake-virtio.h"
#include "tests/lib/patience.h"

#include "tests/lib/fake-machine.h"

#include <kvm/util.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_NS (20 * NSEC_PER_SEC) /* a busy machine, and a sanitizer */

struct virtio_device *fake_virtio_dev;
struct drvq fake_virtio_queues[VIRTIO_MAX_QUEUES];

static atomic_uint interrupts[VIRTIO_MAX_QUEUES];
static atomic_uint config_interrupts;
static u64 next_free;

static void __attribute__((noreturn)) give_up(const char *why)
{
	fprintf(stderr, "fake-virtio: %s\n", why);
	abort();
}

/* --- the transport --- */

static void transport_interrupt(struct virtio_device *dev, unsigned int queue)
{
	atomic_fetch_add(&interrupts[queue], 1);
}

static void transport_config_interrupt(struct virtio_device *dev)
{
	atomic_fetch_add(&config_interrupts, 1);
}

static void transport_reset(struct virtio_device *dev)
{
}

static const struct virtio_transport transport = {
	.interrupt = transport_interrupt,
	.config_interrupt = transport_config_interrupt,
	.reset = transport_reset,
};

int virtio_add(struct kvm *kvm, struct virtio_device *dev)
{
	fake_virtio_dev = dev;
	return virtio_attach(kvm, dev, &transport, NULL);
}

void virtio_remove(struct virtio_device *dev)
{
	virtio_detach(dev);
	fake_virtio_dev = NULL;
}

/* --- memory --- */

void fake_virtio_ram_start(void)
{
	if (gmem_map(&fake.kvm.mem, FAKE_VIRTIO_RAM, 0xc0000000, 0x100000000, NULL))
		give_up("no memory");
	next_free = 4096;
}

void fake_virtio_ram_stop(void)
{
	gmem_unmap(&fake.kvm.mem);
}

void *fake_virtio_host(u64 gpa)
{
	return fake.kvm.mem.banks[0].host + gpa;
}

u64 fake_virtio_alloc(u64 bytes)
{
	u64 gpa = next_free;

	if (bytes > FAKE_VIRTIO_RAM - next_free)
		give_up("guest memory is used up");
	next_free = MIN(ALIGN_UP(next_free + bytes, 4096), FAKE_VIRTIO_RAM);
	memset(fake_virtio_host(gpa), 0, bytes);
	return gpa;
}

/* --- the driver --- */

u8 fake_virtio_status(void)
{
	return virtio_status(fake_virtio_dev);
}

void fake_virtio_reset(void)
{
	virtio_set_status(fake_virtio_dev, 0);
	if (fake_virtio_status())
		give_up("the device cannot be reset");
}

void fake_virtio_begin(u64 wanted)
{
	struct virtio_device *dev = fake_virtio_dev;
	u64 offered, accepted;
	u8 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	fake_virtio_reset();
	next_free = 4096;
	atomic_store(&config_interrupts, 0);
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		atomic_store(&interrupts[i], 0);

	virtio_set_status(dev, status);
	offered = virtio_device_features(dev, 0) | (u64)virtio_device_features(dev, 1) << 32;
	accepted = offered & (wanted | 1ULL << VIRTIO_F_VERSION_1);
	virtio_set_driver_features(dev, 0, (u32)accepted);
	virtio_set_driver_features(dev, 1, (u32)(accepted >> 32));
	virtio_set_status(dev, status | VIRTIO_CONFIG_S_FEATURES_OK);
	if (!(fake_virtio_status() & VIRTIO_CONFIG_S_FEATURES_OK))
		give_up("the device refuses the features");
}

void fake_virtio_set_up_queue(unsigned int index, u16 size)
{
	struct virtio_device *dev = fake_virtio_dev;
	struct drvq *queue = &fake_virtio_queues[index];
	u64 gpa = fake_virtio_alloc(drvq_bytes(size));
	bool event_idx = virtio_driver_features(dev, 0) >> VIRTIO_RING_F_EVENT_IDX & 1;

	drvq_init(queue, fake_virtio_host(gpa), gpa, size, event_idx);
	virtio_queue_write(dev, index, VIRTIO_QUEUE_SIZE, size);
	virtio_queue_write(dev, index, VIRTIO_QUEUE_DESC, drvq_desc_gpa(queue));
	virtio_queue_write(dev, index, VIRTIO_QUEUE_DRIVER, drvq_avail_gpa(queue));
	virtio_queue_write(dev, index, VIRTIO_QUEUE_DEVICE, drvq_used_gpa(queue));
	virtio_queue_write(dev, index, VIRTIO_QUEUE_ENABLE, 1);
}

void fake_virtio_driver_ok(void)
{
	virtio_set_status(fake_virtio_dev, fake_virtio_status() | VIRTIO_CONFIG_S_DRIVER_OK);
}

void fake_virtio_up(u64 wanted)
{
	fake_virtio_begin(wanted);
	for (unsigned int i = 0; i < fake_virtio_dev->queue_count; i++)
		fake_virtio_set_up_queue(i, fake_virtio_dev->queue_max[i]);
	fake_virtio_driver_ok();
}

void fake_virtio_kick(unsigned int queue)
{
	if (drvq_publish(&fake_virtio_queues[queue]))
		virtio_doorbell(fake_virtio_dev, queue);
}

bool fake_virtio_wait_used(unsigned int queue, u32 *head, u32 *written)
{
	u64 deadline_ns = now_ns() + patient_ns(WAIT_NS);

	while (!drvq_take(&fake_virtio_queues[queue], head, written)) {
		if (now_ns() > deadline_ns)
			return false;
		usleep(20);
	}
	return true;
}

u32 fake_virtio_request(unsigned int queue, const struct drvq_buf *bufs, u16 count)
{
	u16 sent = drvq_add(&fake_virtio_queues[queue], bufs, count);
	u32 head, written;

	fake_virtio_kick(queue);
	if (!fake_virtio_wait_used(queue, &head, &written))
		give_up("a request does not come back");
	if (head != sent)
		give_up("another request came back");
	return written;
}

/* --- interrupts --- */

static bool wait_count(atomic_uint *counter, unsigned int count)
{
	u64 deadline_ns = now_ns() + patient_ns(WAIT_NS);

	while (atomic_load(counter) < count) {
		if (now_ns() > deadline_ns)
			return false;
		usleep(20);
	}
	return true;
}

unsigned int fake_virtio_interrupts(unsigned int queue)
{
	return atomic_load(&interrupts[queue]);
}

unsigned int fake_virtio_config_interrupts(void)
{
	return atomic_load(&config_interrupts);
}

bool fake_virtio_wait_interrupts(unsigned int queue, unsigned int count)
{
	return wait_count(&interrupts[queue], count);
}

bool fake_virtio_wait_config_interrupts(unsigned int count)
{
	return wait_count(&config_interrupts, count);
}
