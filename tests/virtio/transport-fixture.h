/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the transports share: a device that echoes, a KVM that knows doorbells, and a
 * driver's steps, for which each test says how its registers are reached.
 *
 * KVM's part is ioctl(), which this replaces: KVM_IOEVENTFD puts doorbells on a list, and
 * kvm_notifies() looks there, as KVM does before it asks lkvm.
 */
#ifndef TESTS_VIRTIO_TRANSPORT_FIXTURE_H
#define TESTS_VIRTIO_TRANSPORT_FIXTURE_H

#include "tests/lib/fake-machine.h"
#include "tests/lib/patience.h"
#include "tests/lib/pci-guest.h"
#include "tests/lib/test.h"
#include "tests/lib/virtq-driver.h"
#include "virtio/transport.h"
#include "x86/layout.h"

#include <errno.h>
#include <kvm/device.h>
#include <kvm/util.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUEUES	    3
#define SIZE	    16
#define ID	    42
#define FEATURE	    3
#define RAM_BYTES   (1 * MIB)
#define RINGS	    0x10000
#define BUFFER	    0x20000

#define ACK_DRIVER  0x03
#define FEATURES_OK 0x08
#define DRIVER_OK   0x04
#define FEATURES    (1ULL << 32 | 1ULL << 40 | 3ULL << 28 | 1ULL << FEATURE)

/* --- KVM --- */

#define BELLS_MAX 16
static struct kvm_ioeventfd bells[BELLS_MAX];
static unsigned int bell_count, bell_calls;

int ioctl(int fd, unsigned long request, ...)
{
	struct kvm_ioeventfd *bell;
	va_list ap;

	va_start(ap, request);
	bell = va_arg(ap, void *);
	va_end(ap);
	if (request != KVM_IOEVENTFD) {
		errno = ENOTTY;
		return -1;
	}
	bell_calls++;
	if (!(bell->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)) {
		assert_in_range(bell_count, 0, BELLS_MAX - 1);
		bells[bell_count++] = *bell;
		return 0;
	}
	for (unsigned int i = 0; i < bell_count; i++) {
		if (bells[i].addr != bell->addr || bells[i].fd != bell->fd ||
		    bells[i].datamatch != bell->datamatch)
			continue;
		bells[i] = bells[--bell_count];
		return 0;
	}
	errno = ENOENT;
	return -1;
}

/* Is there a doorbell at this address for this value? Then it rings. */
static inline bool kvm_notifies(bool port, u64 addr, unsigned int len, u64 value)
{
	for (unsigned int i = 0; i < bell_count; i++) {
		const struct kvm_ioeventfd *bell = &bells[i];

		if (bell->addr != addr || (bell->len && bell->len != len) ||
		    port != !!(bell->flags & KVM_IOEVENTFD_FLAG_PIO))
			continue;
		if ((bell->flags & KVM_IOEVENTFD_FLAG_DATAMATCH) && bell->datamatch != value)
			continue;
		eventfd_write(bell->fd, 1);
		return true;
	}
	return false;
}

/* --- the device: gives each chain back at once --- */

static atomic_uint notified[QUEUES];

static inline void echo_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtq *vq = virtio_queue(dev, queue);
	struct virtq_chain *chain;

	while (virtq_pop(vq, &chain) == 1)
		virtq_push(vq, chain, (u32)chain->in_bytes);
	virtq_flush(vq);
	atomic_fetch_add(&notified[queue], 1);
}

static const struct virtio_ops echo_ops = {.notify = echo_notify};
static const u16 echo_queue_max[QUEUES] = {SIZE, SIZE, 8};
static u8 echo_config[6] = {1, 2, 3, 4, 5, 6};

static struct virtio_device echo = {
	.name = "virtio-echo0",
	.id = ID,
	.offered = 1ULL << FEATURE,
	.queue_count = QUEUES,
	.queue_max = echo_queue_max,
	.config = echo_config,
	.config_bytes = sizeof(echo_config),
	.ops = &echo_ops,
};

/* --- the driver, by the registers of the transport under test --- */

/* What a test says: how each register is reached. */
struct driver_access {
	u8 (*get_status)(void);
	void (*set_status)(u8 status);
	u32 (*get_features)(u32 select);
	void (*set_features)(u32 select, u32 value);
	/* All of its registers, then enable it. */
	void (*set_queue)(u32 queue, u16 size, u64 desc, u64 avail, u64 used);
	void (*notify)(u32 queue);
};
static const struct driver_access *via;

static struct drvq driver;

static inline void driver_begin(void)
{
	via->set_status(0);
	assert_int_equal(via->get_status(), 0);
	via->set_status(ACK_DRIVER);
	assert_int_equal(via->get_features(0) | (u64)via->get_features(1) << 32, FEATURES);
	assert_int_equal(via->get_features(2), 0);
	via->set_features(0, 0);
	via->set_features(1, 1);
	via->set_status(ACK_DRIVER | FEATURES_OK);
	assert_int_equal(via->get_status(), ACK_DRIVER | FEATURES_OK);
}

/* Up, with one queue. */
static inline void driver_up(u32 queue)
{
	driver_begin();
	drvq_init(&driver, fake.kvm.mem.banks[0].host + RINGS, RINGS, 8, false);
	via->set_queue(queue, 8, drvq_desc_gpa(&driver), drvq_avail_gpa(&driver),
		       drvq_used_gpa(&driver));
	via->set_status(ACK_DRIVER | FEATURES_OK | DRIVER_OK);
	assert_int_equal(via->get_status(), ACK_DRIVER | FEATURES_OK | DRIVER_OK);
}

static inline bool wait_used(u32 *written)
{
	u64 deadline_ns = now_ns() + patient_ns(2 * NSEC_PER_SEC);
	u32 head;

	while (!drvq_take(&driver, &head, written)) {
		if (now_ns() > deadline_ns)
			return false;
		usleep(20);
	}
	return true;
}

/* A request there and back. */
static inline void driver_request(u32 queue, u32 bytes)
{
	const struct drvq_buf buf = {BUFFER, bytes, true};
	u32 written;

	drvq_add(&driver, &buf, 1);
	/* A device that is still at the last one sees this one without a doorbell. */
	if (drvq_publish(&driver))
		via->notify(queue);
	assert_true(wait_used(&written));
	assert_int_equal(written, bytes);
}

static void loop_is_idle(void *arg)
{
}

/* Whatever the loop was told has happened: interrupts are out. */
static inline void settle(void)
{
	fake_on_loop(loop_is_idle, NULL);
}

static inline void machine_reset(void *arg)
{
	*(int *)arg = device_reset_all();
}

static inline void reset_machine(void)
{
	int err = -1;

	fake_on_loop(machine_reset, &err);
	assert_int_equal(err, 0);
}

static inline void fixture_start(const struct driver_access *access)
{
	via = access;
	bell_count = bell_calls = 0;
	for (unsigned int i = 0; i < QUEUES; i++)
		atomic_store(&notified[i], 0);
	fake_start();
	assert_int_equal(gmem_map(&fake.kvm.mem, RAM_BYTES, 0xc0000000, 0x100000000, NULL), 0);
}

static inline void fixture_stop(void)
{
	fake_stop();
	gmem_unmap(&fake.kvm.mem);
}

#endif
