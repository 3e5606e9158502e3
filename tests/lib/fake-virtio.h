/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver for virtio devices in the fake machine: what virtio_add() finds in a unit test.
 *
 * core.c, regs.c and queue.c are the real ones; the transport is this, so the test plays the driver
 * by calls instead of registers. Link $(VIRTIO) of tests.mk. The test's thread is the vCPU, the
 * loop has its own. One device at a time.
 *
 *     fake_start(); ... the device calls virtio_add() ...
 *     fake_virtio_up(1ULL << VIRTIO_BLK_F_RO);   // reset, features, all queues, DRIVER_OK
 *     u64 buffer = fake_virtio_alloc(4096);
 *     written = fake_virtio_request(0, (struct drvq_buf[]){{buffer, 4096, true}}, 1);
 *     fake_virtio_reset(); fake_stop();
 */
#ifndef TESTS_FAKE_VIRTIO_H
#define TESTS_FAKE_VIRTIO_H

#include "tests/lib/virtq-driver.h"
#include "virtio/core.h"

#define FAKE_VIRTIO_RAM (16 * MIB)

/* The device that was added last, or NULL. */
extern struct virtio_device *fake_virtio_dev;
/* The driver's side of its queues, from fake_virtio_up() on. */
extern struct drvq fake_virtio_queues[VIRTIO_MAX_QUEUES];

/* Guest RAM for the fake machine: after fake_start(), and away again before fake_stop(). */
void fake_virtio_ram_start(void);
void fake_virtio_ram_stop(void);

/* Zeroed guest memory, page aligned; all of it is free again after fake_virtio_up(). */
u64 fake_virtio_alloc(u64 bytes);
/* Where the test sees it. */
void *fake_virtio_host(u64 gpa);

/*
 * What a driver does first: reset, ACKNOWLEDGE, DRIVER, features (what is offered of wanted,
 * VERSION_1 besides), FEATURES_OK, every queue with its maximal size, DRIVER_OK. Aborts when the
 * device refuses. Does not wait for the loop.
 */
void fake_virtio_up(u64 wanted);
/* The steps of it alone. */
void fake_virtio_begin(u64 wanted);
void fake_virtio_set_up_queue(unsigned int index, u16 size);
void fake_virtio_driver_ok(void);

/* Write 0 to the status, which is 0 afterwards. */
void fake_virtio_reset(void);
u8 fake_virtio_status(void);

/* Show the queue's new chains to the device, ring if it wants that. */
void fake_virtio_kick(unsigned int queue);
/* Wait for the next used chain, at most two seconds. False when none came. */
bool fake_virtio_wait_used(unsigned int queue, u32 *head, u32 *written);
/* Add a chain, kick, wait for it. How much was written; aborts when it does not come back. */
u32 fake_virtio_request(unsigned int queue, const struct drvq_buf *bufs, u16 count);

/* How many interrupts came for a queue, or for the configuration, since fake_virtio_begin(). */
unsigned int fake_virtio_interrupts(unsigned int queue);
unsigned int fake_virtio_config_interrupts(void);
bool fake_virtio_wait_interrupts(unsigned int queue, unsigned int count);
bool fake_virtio_wait_config_interrupts(unsigned int count);

#endif
