/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device as a guest without an operating system has it, over PCI or MMIO; and the actions
 * that use it. One device and one set of rings at a time. virtio.c, virtio-rules.c, blk.c,
 * balloon.c.
 *
 * An action's argument names the device: "pci:DEVFN" or "mmio:WINDOW".
 */
#ifndef TESTS_GUEST_VIRTIO_H
#define TESTS_GUEST_VIRTIO_H

#include "lib.h"

#include "../lib/virtq-driver.h"

#define VIRTIO_ID_BLOCK	   2
#define VIRTIO_ID_RNG	   4
#define VIRTIO_ID_BALLOON  5

#define VIRTIO_DRIVER	   0x03
#define VIRTIO_FEATURES_OK 0x08
#define VIRTIO_DRIVER_OK   0x04
#define VIRTIO_NEEDS_RESET 0x40
#define VIRTIO_UP	   (VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK)
#define VIRTIO_F_INDIRECT  (1U << 28)
#define VIRTIO_F_EVENT_IDX (1U << 29)

/* Where things are, in RAM that nothing else uses; a device may write from VIRTIO_DATA on. */
#define VIRTIO_RING	 0x2100000ULL /* of queue n: + n * 4096 */
#define VIRTIO_TABLE	 0x2110000ULL /* 32 KiB for indirect tables */
#define VIRTIO_HEADERS	 0x2118000ULL
#define VIRTIO_DATA	 0x2120000ULL
#define VIRTIO_RAM	 0x4000000ULL /* its end: e2e's default, 64 MiB */
#define VIRTIO_SIZE	 64	      /* of each queue */

#define VIRTIO_MMIO_BASE 0xfebf8000ULL
#define VIRTIO_LAPIC	 0xfee00000ULL

/* A register: in the window of MMIO, in PCI's common configuration. */
struct virtio_reg {
	u16 mmio, pci;
	u8 pci_bytes;
};

extern const struct virtio_reg virtio_status, virtio_device_sel, virtio_device_features,
	virtio_driver_sel, virtio_driver_features, virtio_queue_sel, virtio_queue_max,
	virtio_queue_size, virtio_queue_enable, virtio_queue_desc, virtio_queue_driver,
	virtio_queue_device;

u32 virtio_get(struct virtio_reg reg);
void virtio_set(struct virtio_reg reg, u32 value);
void virtio_set_address(struct virtio_reg reg, u64 value);
u32 virtio_config32(u32 offset); /* device-specific configuration */
void virtio_set_config32(u32 offset, u32 value);

/* Take the device that arg names; any, or with that id alone. False after a "bad:" line. */
bool virtio_find(const char *arg, u32 id);
u32 virtio_id(void);

/* How many doorbells there are room for; a ring at one of them. */
u32 virtio_bells(void);
void virtio_ring(u32 queue);

/* The next steps of a driver; features are bits 0 to 31, VERSION_1 comes on top. */
bool virtio_reset(void);
bool virtio_negotiate(u32 features);
void virtio_set_queue(u32 index, u32 size, u64 desc, u64 driver, u64 device);

/* The rings of queue 0, and one of any queue: rings at VIRTIO_RING + 4096 * index, and enabled. */
extern struct drvq virtio_queue;
void virtio_set_up(struct drvq *queue, u32 index, u32 features);

/* All of it, with queue 0 alone, to DRIVER_OK. */
bool virtio_bring_up(u32 features);

/* Show what was added, and ring. */
void virtio_send(struct drvq *queue, u32 index);

/* The next used chain; false after 5 s, with a "bad:" line. */
bool virtio_wait_used(struct drvq *queue, u32 *head, u32 *written);

/* --- virtio-rules.c --- */

/* From reset to one request that is answered as it should be. */
bool virtio_good_request(u32 features);

/* The device says NEEDS_RESET, and serves a good driver after one. */
bool virtio_needs_reset(const char *what);

/* Some word of queue 0's rings gets another value. */
void virtio_rewrite_word(void);
u32 virtio_noise(void); /* 24 bits, the same each time */

/* --- actions --- */

void do_virtio_rules(const char *arg);
void do_virtio_noise(const char *arg);
void do_blk_rules(const char *arg);
void do_blk_noise(const char *arg);
void do_blk_fill_reset(const char *arg);
void do_blk_fill(const char *arg);
void do_blk_flood(const char *arg);
void do_balloon(const char *arg);
void do_balloon_noise(const char *arg);

#endif
