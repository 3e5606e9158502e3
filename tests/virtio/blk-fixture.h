/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of virtio/blk.c share: a machine with disks over one file, and requests of a
 * driver.
 */
#ifndef TESTS_VIRTIO_BLK_FIXTURE_H
#define TESTS_VIRTIO_BLK_FIXTURE_H

#include "tests/disk/fixture.h"
#include "tests/lib/fake-machine.h"
#include "tests/lib/fake-virtio.h"

#include <endian.h>
#include <errno.h>
#include <kvm/device.h>
#include <kvm/options.h>
#include <linux/virtio_blk.h>
#include <pthread.h>
#include <stdatomic.h>

#define BYTES  (1 * MIB)
#define IOERR  VIRTIO_BLK_S_IOERR
#define UNSUPP VIRTIO_BLK_S_UNSUPP
#define ALL    (~0ULL)
#define NONE   0xee /* what a status is before */

/* The machine with these disks, each the same text behind the image's path. */
static inline void start(const char *words)
{
	static char text[256];
	char *args[] = {"run", "--no-disk", "--disk", text, NULL};
	int positional;

	snprintf(text, sizeof(text), "%s%s", image, words);
	assert_int_equal(options_parse("run", 4, args, &positional), 0);
	assert_int_equal(disk_open_all(), 0);
	fake_start();
	fake_virtio_ram_start();
}

static inline void pause_all(void *arg)
{
	*(int *)arg = device_pause_all();
}

/* As a machine ends: at rest. */
static inline void stop_all(void)
{
	int err = -EINPROGRESS;

	for (int ms = 0; err == -EINPROGRESS && ms < 20000; ms++) {
		fake_on_loop(pause_all, &err);
		if (err)
			usleep(1000);
	}
	assert_int_equal(err, 0);
	fake_stop();
	fake_virtio_ram_stop();
	disk_close_all();
}

static inline void start_image(const char *words)
{
	make_image(BYTES);
	start(words);
	fake_virtio_up(ALL);
}

/* --- the driver --- */

static inline u64 put_header(u32 type, u64 sector)
{
	u64 gpa = fake_virtio_alloc(4096);
	struct virtio_blk_outhdr *header = fake_virtio_host(gpa);

	*header = (struct virtio_blk_outhdr){.type = htole32(type), .sector = htole64(sector)};
	return gpa;
}

static inline u64 put_status(void)
{
	u64 gpa = fake_virtio_alloc(4096);

	*(u8 *)fake_virtio_host(gpa) = NONE;
	return gpa;
}

static inline u8 status_at(u64 gpa)
{
	return *(u8 *)fake_virtio_host(gpa);
}

static u32 last_written;

/* One request with its data in one buffer; len 0: none. */
static inline u8 request_on(unsigned int queue, u32 type, u64 sector, u64 data, u32 len, bool in)
{
	u64 status = put_status();
	struct drvq_buf bufs[3] = {{put_header(type, sector), 16, false}};
	u16 count = 1;

	if (len)
		bufs[count++] = (struct drvq_buf){data, len, in};
	bufs[count++] = (struct drvq_buf){status, 1, true};
	last_written = fake_virtio_request(queue, bufs, count);
	return status_at(status);
}

static inline u8 request(u32 type, u64 sector, u64 data, u32 len, bool in)
{
	return request_on(0, type, sector, data, len, in);
}

static inline u8 read_disk(u64 sector, u64 data, u32 len)
{
	return request(VIRTIO_BLK_T_IN, sector, data, len, true);
}

static inline u8 write_disk(u64 sector, u64 data, u32 len)
{
	return request(VIRTIO_BLK_T_OUT, sector, data, len, false);
}

static inline u8 zero_disk(u32 type, u64 sector, u32 sectors, u32 flags)
{
	u64 gpa = fake_virtio_alloc(4096);
	struct virtio_blk_discard_write_zeroes *segment = fake_virtio_host(gpa);

	*segment = (struct virtio_blk_discard_write_zeroes){htole64(sector), htole32(sectors),
							    htole32(flags)};
	return request(type, 0, gpa, sizeof(*segment), false);
}

static inline void read_config(struct virtio_blk_config *config)
{
	virtio_config_access_read(fake_virtio_dev, 0, config, sizeof(*config));
}

/* Fill the queue with reads of 8 KiB, of which each has a place of its own. */
static inline unsigned int fill_queue(unsigned int queue, u64 header, u64 data, u64 status)
{
	unsigned int count = fake_virtio_dev->queue_max[queue] / 3;

	for (unsigned int i = 0; i < count; i++) {
		*(u8 *)fake_virtio_host(status + i) = NONE;
		drvq_add(&fake_virtio_queues[queue],
			 (struct drvq_buf[]){{header, 16, false},
					     {data + i * 8192, 8192, true},
					     {status + i, 1, true}},
			 3);
	}
	fake_virtio_kick(queue);
	return count;
}

#endif
