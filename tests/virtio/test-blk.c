// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/blk.c: each type of request with the status that the specification has for it,
 * however its buffers are cut, and each chain back exactly once.
 *
 * Core, queue and disk are the real ones, over a file; the test is the driver (fake-virtio).
 */
#include "blk-fixture.h"

#include "tests/lib/patience.h"

#include <linux/virtio_ring.h>
/* --- tests --- */

static void test_config(void **state)
{
	struct virtio_blk_config config;

	start_image(",queues=4");
	read_config(&config);
	assert_int_equal(le64toh(config.capacity), BYTES / 512);
	assert_int_equal(le32toh(config.seg_max), 254);
	assert_int_equal(le32toh(config.blk_size), 512);
	assert_int_equal(config.physical_block_exp, 3);
	assert_int_equal(config.wce, 1);
	assert_int_equal(le16toh(config.num_queues), 4);
	assert_int_equal(le32toh(config.max_discard_seg), 1);
	assert_int_equal(config.write_zeroes_may_unmap, 1);
	assert_int_equal(fake_virtio_dev->queue_count, 4);
	assert_int_equal(fake_virtio_dev->offered >> VIRTIO_BLK_F_RO & 1, 0);
	assert_int_equal(fake_virtio_dev->offered >> VIRTIO_BLK_F_MQ & 1, 1);
	stop_all();

	start_image(",block=4096");
	read_config(&config);
	assert_int_equal(le64toh(config.capacity), BYTES / 512);
	assert_int_equal(le32toh(config.blk_size), 4096);
	assert_int_equal(config.physical_block_exp, 0);
	stop_all();
}

static void test_read_and_write(void **state)
{
	u8 first[512];
	u64 data;

	start_image("");
	data = fake_virtio_alloc(65536);
	assert_int_equal(read_disk(3, data, 65536), 0);
	assert_int_equal(last_written, 65537);
	assert_pattern(fake_virtio_host(data), 65536, 3 * 512);
	memset(fake_virtio_host(data), 0x11, 4096);
	assert_int_equal(write_disk(8, data, 4096), 0);
	assert_int_equal(last_written, 1);
	assert_int_equal(read_disk(7, data, 3 * 4096), 0);
	assert_pattern(fake_virtio_host(data), 512, 7 * 512);
	assert_all((u8 *)fake_virtio_host(data) + 512, 0x11, 4096);
	assert_pattern((u8 *)fake_virtio_host(data) + 4608, 4096, 16 * 512);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, false), 0);
	/* Nothing at all is no error. */
	assert_int_equal(read_disk(0, data, 0), 0);
	assert_int_equal(write_disk(0, data, 0), 0);
	stop_all();
	read_image(first, sizeof(first), 8 * 512);
	assert_all(first, 0x11, sizeof(first));
}

static void test_range(void **state)
{
	u64 data;

	start_image("");
	data = fake_virtio_alloc(4096);
	assert_int_equal(read_disk(BYTES / 512 - 1, data, 512), 0);
	assert_int_equal(read_disk(BYTES / 512, data, 512), IOERR);
	assert_int_equal(last_written, 0);
	assert_int_equal(read_disk(BYTES / 512 - 1, data, 1024), IOERR);
	assert_int_equal(write_disk(BYTES / 512, data, 512), IOERR);
	assert_int_equal(last_written, 1);
	assert_int_equal(read_disk(1ULL << 55, data, 512), IOERR);
	assert_int_equal(read_disk(UINT64_MAX, data, 512), IOERR);
	assert_int_equal(write_disk(UINT64_MAX, data, 512), IOERR);
	assert_int_equal(read_disk(0, data, 511), IOERR);
	assert_int_equal(write_disk(0, data, 100), IOERR);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_DISCARD, BYTES / 512, 1, 0), IOERR);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, UINT64_MAX, 1, 0), IOERR);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 0, UINT32_MAX, 0), IOERR);
	stop_all();
}

/* The driver may cut a request at any byte (5.2.6.4 with 2.7.4.3). */
static void test_any_layout(void **state)
{
	u64 header, data, status;

	start_image("");
	for (u32 cut = 1; cut < 1024 + 16; cut += cut < 40 || cut > 1010 ? 1 : 97) {
		header = put_header(VIRTIO_BLK_T_OUT, 6);
		memset((u8 *)fake_virtio_host(header) + 16, (int)cut, 1024);
		status = put_status();
		assert_int_equal(
			fake_virtio_request(0,
					    (struct drvq_buf[]){{header, cut, false},
								{header + cut, 1040 - cut, false},
								{status, 1, true}},
					    3),
			1);
		assert_int_equal(status_at(status), 0);

		header = put_header(VIRTIO_BLK_T_IN, 6);
		data = fake_virtio_alloc(4096);
		((u8 *)fake_virtio_host(data))[1024] = NONE;
		if (cut > 1024)
			break;
		assert_int_equal(
			fake_virtio_request(0,
					    (struct drvq_buf[]){{header, 7, false},
								{header + 7, 9, false},
								{data, cut, true},
								{data + cut, 1025 - cut, true}},
					    4),
			1025);
		assert_all(fake_virtio_host(data), (u8)cut, 1024);
		assert_int_equal(status_at(data + 1024), 0);
		fake_virtio_up(ALL);
	}
	stop_all();
}

static void test_directions(void **state)
{
	u64 header, data, status;

	start_image("");
	/* A read with data to read, a write with data to write. */
	data = fake_virtio_alloc(4096);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, data, 512, false), IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, data, 512, true), IOERR);
	header = put_header(VIRTIO_BLK_T_FLUSH, 0);
	status = put_status();
	fake_virtio_request(0, (struct drvq_buf[]){{header, 16, false}, {status, 1, true}}, 2);
	assert_int_equal(status_at(status), 0);
	stop_all();
}

static void test_get_id(void **state)
{
	u64 data;

	start_image(",serial=12345678901234567890");
	data = fake_virtio_alloc(4096);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, data, 20, true), 0);
	assert_int_equal(last_written, 21);
	assert_memory_equal(fake_virtio_host(data), "12345678901234567890", 20);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, data, 19, true), IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, data, 20, false), IOERR);
	stop_all();

	start_image(",serial=ab");
	data = fake_virtio_alloc(4096);
	memset(fake_virtio_host(data), 0xff, 20);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, data, 20, true), 0);
	assert_memory_equal(fake_virtio_host(data), "ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	stop_all();
}

static void test_unknown_types(void **state)
{
	static const u32 types[] = {2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 0x80000000, 0xffffffff};
	u64 data;

	start_image("");
	data = fake_virtio_alloc(4096);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(request(types[i], 0, data, 512, i % 2), UNSUPP);
		assert_int_equal(request(types[i], 0, data, 0, false), UNSUPP);
	}
	stop_all();
}

static void test_zeroes(void **state)
{
	static u8 content[BYTES];

	start_image("");
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 8, 16, 0), 0);
	assert_int_equal(
		zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 32, 16, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP),
		0);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_DISCARD, 64, 8, 0), 0);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_DISCARD, 80, 8, 1), UNSUPP);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_DISCARD, 80, 8, 2), UNSUPP);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 80, 8, 2), UNSUPP);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 80, 0, 0), 0);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, fake_virtio_alloc(32), 32, false), IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, 0, 0, false), IOERR);
	stop_all();
	read_image(content, BYTES, 0);
	assert_pattern(content, 4096, 0);
	assert_all(content + 4096, 0, 8192);
	assert_pattern(content + 24 * 512, 4096, 24 * 512);
	assert_all(content + 16384, 0, 8192);
	assert_all(content + 32768, 0, 4096);
	assert_pattern(content + 72 * 512, BYTES - 72 * 512, 72 * 512);

	/* What was not negotiated does not exist. */
	start("");
	fake_virtio_up(0);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_DISCARD, 0, 8, 0), UNSUPP);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), UNSUPP);
	stop_all();
	start(",discard=off");
	fake_virtio_up(ALL);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_DISCARD, 0, 8, 0), UNSUPP);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), 0);
	stop_all();
}

static void test_read_only(void **state)
{
	u64 data;

	start_image(",ro");
	assert_int_equal(fake_virtio_dev->offered >> VIRTIO_BLK_F_RO & 1, 1);
	data = fake_virtio_alloc(4096);
	assert_int_equal(read_disk(0, data, 4096), 0);
	assert_pattern(fake_virtio_host(data), 4096, 0);
	assert_int_equal(write_disk(0, data, 4096), IOERR);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_DISCARD, 0, 8, 0), UNSUPP);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, false), 0);
	stop_all();
}

static void test_snapshot(void **state)
{
	static u8 content[BYTES];
	u64 data;

	start_image(",snapshot");
	data = fake_virtio_alloc(4096);
	memset(fake_virtio_host(data), 0x22, 4096);
	assert_int_equal(write_disk(1, data, 512), 0);
	assert_int_equal(read_disk(0, data, 4096), 0);
	assert_pattern(fake_virtio_host(data), 512, 0);
	assert_all((u8 *)fake_virtio_host(data) + 512, 0x22, 512);
	assert_pattern((u8 *)fake_virtio_host(data) + 1024, 3072, 1024);
	stop_all();
	read_image(content, BYTES, 0);
	assert_pattern(content, BYTES, 0);
}

static bool wait_needs_reset(void)
{
	for (int i = 0; i < 2000 && !(fake_virtio_status() & VIRTIO_CONFIG_S_NEEDS_RESET); i++)
		usleep(1000);
	return fake_virtio_status() & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* No room for the status, or too little of a header: not a request (5.2.6). */
static void test_no_requests(void **state)
{
	static const struct drvq_buf broken[][2] = {
		{{8192, 16, false}, {8192, 512, false}},
		{{8192, 15, false}, {8192, 1, true}},
		{{8192, 512, true}, {8192, 1, true}},
	};
	u64 data;

	start_image("");
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		u32 head, written;

		fake_virtio_up(ALL);
		drvq_add(&fake_virtio_queues[0], broken[i], 2);
		fake_virtio_kick(0);
		assert_true(wait_needs_reset());
		/* Nothing more is taken. */
		drvq_add(&fake_virtio_queues[0], broken[i], 2);
		virtio_doorbell(fake_virtio_dev, 0);
		usleep(2000);
		assert_false(drvq_take(&fake_virtio_queues[0], &head, &written));
	}
	fake_virtio_up(ALL);
	data = fake_virtio_alloc(4096);
	assert_int_equal(read_disk(0, data, 4096), 0);
	stop_all();
}

static void test_queues(void **state)
{
	u64 data;

	start_image(",queues=3");
	/* With EVENT_IDX a driver that polls may be too fast to need the interrupt. */
	fake_virtio_up(ALL & ~(1ULL << VIRTIO_RING_F_EVENT_IDX));
	data = fake_virtio_alloc(4096);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(request_on(i, VIRTIO_BLK_T_IN, i * 9, data, 4096, true), 0);
		assert_pattern(fake_virtio_host(data), 4096, i * 9 * 512);
		assert_true(fake_virtio_wait_interrupts(i, 1));
	}
	/* One queue alone is reset, the others go on. */
	virtio_queue_write(fake_virtio_dev, 1, VIRTIO_QUEUE_RESET, 1);
	for (int i = 0; i < 2000 && virtio_queue_read(fake_virtio_dev, 1, VIRTIO_QUEUE_RESET); i++)
		usleep(1000);
	assert_int_equal(virtio_queue_read(fake_virtio_dev, 1, VIRTIO_QUEUE_RESET), 0);
	assert_int_equal(request_on(2, VIRTIO_BLK_T_IN, 0, data, 4096, true), 0);
	fake_virtio_set_up_queue(1, 64);
	assert_int_equal(request_on(1, VIRTIO_BLK_T_IN, 0, data, 4096, true), 0);
	stop_all();
}

static void many(const char *words)
{
	u64 header, data, status;
	u32 head, written;

	start_image(words);
	for (unsigned int round = 0; round < 30; round++) {
		unsigned int count;

		fake_virtio_up(ALL);
		header = put_header(VIRTIO_BLK_T_IN, round);
		data = fake_virtio_alloc(86 * 8192);
		status = fake_virtio_alloc(4096);
		count = fill_queue(0, header, data, status);
		/* Reset with some or all of them in flight: then nothing is written any more. */
		if (round % 2) {
			fake_virtio_reset();
			memset(fake_virtio_host(data), 0, 86 * 8192);
			usleep(500);
			assert_all(fake_virtio_host(data), 0, 86 * 8192);
			continue;
		}
		for (unsigned int i = 0; i < count; i++) {
			assert_true(fake_virtio_wait_used(0, &head, &written));
			assert_int_equal(written, 8193);
		}
		assert_false(drvq_take(&fake_virtio_queues[0], &head, &written));
		for (unsigned int i = 0; i < count; i++) {
			assert_int_equal(status_at(status + i), 0);
			assert_pattern((u8 *)fake_virtio_host(data) + i * 8192, 8192, round * 512);
		}
		assert_true(fake_virtio_interrupts(0) <= count);
	}
	stop_all();
}

static void test_many_and_resets(void **state)
{
	many("");
	many(",aio=threads");
	many(",cache=none,aio=threads");
	many(",snapshot");
}

struct turns {
	u64 doorbells, chains;
};

static void emit(void *arg, const char *counter, u64 value)
{
	struct turns *turns = arg;

	if (!strcmp(counter, "queue0.doorbells"))
		turns->doorbells = value;
	if (!strcmp(counter, "queue0.chains"))
		turns->chains = value;
}

static void read_stats(struct device *dev, void *arg)
{
	if (dev->stats)
		dev->stats(dev, emit, arg);
}

static void look(void *arg)
{
	device_for_each(read_stats, arg);
}

static int paused;

/* Requests begin, and the machine is paused at once: nobody has reaped one. */
static void pause_machine(void *arg)
{
	fake_virtio_dev->ops->notify(fake_virtio_dev, 0);
	paused = device_pause_all();
}

static void pause_again(void *arg)
{
	paused = device_pause_all();
}

static void resume_machine(void *arg)
{
	device_resume_all();
}

/* A machine that is paused has nothing in flight, and its driver finds what was. */
static void test_pause(void **state)
{
	u64 header, data, status;
	unsigned int count;
	u32 head, written;

	start_image(",aio=threads");
	header = put_header(VIRTIO_BLK_T_IN, 3);
	data = fake_virtio_alloc(86 * 8192);
	status = fake_virtio_alloc(4096);
	count = fill_queue(0, header, data, status);
	fake_on_loop(pause_machine, NULL);
	while (paused == -EINPROGRESS)
		fake_on_loop(pause_again, NULL);
	assert_int_equal(paused, 0);
	for (unsigned int i = 0; i < count; i++) {
		assert_true(drvq_take(&fake_virtio_queues[0], &head, &written));
		assert_int_equal(status_at(status + i), 0);
	}
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(read_disk(0, data, 4096), 0);
	stop_all();
}

static u64 chains_after[3];

/* Two queues ring in the same turn of the loop, the first again. */
static void one_turn(void *arg)
{
	struct virtq_stats stats;

	for (unsigned int i = 0; i < 3; i++) {
		fake_virtio_dev->ops->notify(fake_virtio_dev, i % 2);
		virtq_get_stats(virtio_queue(fake_virtio_dev, i % 2), &stats);
		chains_after[i] = stats.chains;
	}
}

/* 16 requests of 1 MiB in all, header and status with them; as many were answered before. */
static void fill_a_turn(u64 header, u64 data, u64 status, u64 before)
{
	u32 head, written;

	for (unsigned int i = 0; i < 16; i++)
		drvq_add(&fake_virtio_queues[i % 2],
			 (struct drvq_buf[]){
				 {header, 16, false}, {data, BYTES - 17, true}, {status, 1, true}},
			 3);
	drvq_publish(&fake_virtio_queues[0]);
	drvq_publish(&fake_virtio_queues[1]);
	fake_on_loop(one_turn, NULL);
	assert_int_equal(chains_after[0], before + 4);
	assert_int_equal(chains_after[1], before + 1); /* one at least */
	assert_int_equal(chains_after[2], before + 5);
	/* And it comes back by itself. */
	for (unsigned int i = 0; i < 16; i++)
		assert_true(fake_virtio_wait_used(i % 2, &head, &written));
}

/* What the loop may have to copy in a turn is bounded, over all queues. */
static void test_bytes_of_a_turn(void **state)
{
	u64 header, data, status;

	start_image(",queues=2");
	header = put_header(VIRTIO_BLK_T_IN, 0);
	data = fake_virtio_alloc(BYTES);
	status = put_status();
	/* It is up, and looks at nothing by itself. */
	for (unsigned int i = 0; i < 2; i++)
		request_on(i, VIRTIO_BLK_T_GET_ID, 0, data, 20, true);
	fill_a_turn(header, data, status, 1);
	/* Another turn, another 4 MiB. */
	fill_a_turn(header, data, status, 1 + 8);
	stop_all();
}

/* 128 requests of no known type; half of them are offered again as soon as they are answered. */
static struct {
	u8 *status;
	atomic_bool on;
} feeder;

static void *feed(void *arg)
{
	u64 deadline_ns = now_ns() + patient_ns(3 * NSEC_PER_SEC);

	for (u16 n = 0; feeder.on && now_ns() < deadline_ns;) {
		u8 *status = &feeder.status[(n + 63) % 128];

		if (__atomic_load_n(status, __ATOMIC_ACQUIRE) == NONE)
			continue;
		__atomic_store_n(status, NONE, __ATOMIC_RELAXED);
		n += 64;
		drvq_put_idx(&fake_virtio_queues[0], (u16)(n + 128));
	}
	feeder.on = false;
	return NULL;
}

/* However fast the driver is: the loop has others to serve. */
static void test_a_turn_ends(void **state)
{
	struct turns turns = {};
	pthread_t thread;
	u64 header, status;

	start_image("");
	header = put_header(0x80000000, 0);
	status = fake_virtio_alloc(4096);
	memset(fake_virtio_host(status), NONE, 128);
	for (u16 i = 0; i < 256; i++)
		drvq_add(&fake_virtio_queues[0],
			 (struct drvq_buf[]){{header, 16, false}, {status + i % 128, 1, true}}, 2);
	drvq_put_idx(&fake_virtio_queues[0], 128);
	feeder.status = fake_virtio_host(status);
	feeder.on = true;
	assert_int_equal(pthread_create(&thread, NULL, feed, NULL), 0);
	/* Should it ever catch up, it is woken again. */
	for (int i = 0; i < 100; i++) {
		virtio_doorbell(fake_virtio_dev, 0);
		usleep(100);
	}
	fake_on_loop(look, &turns);
	assert_true(turns.chains >= 128);
	assert_true(turns.chains <= 256 * (turns.doorbells + 1));
	feeder.on = false;
	pthread_join(thread, NULL);
	fake_virtio_up(ALL);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, false), 0);
	stop_all();
}

static void test_write_cache(void **state)
{
	u32 at = offsetof(struct virtio_blk_config, wce);
	struct virtio_blk_config config;
	u64 data;
	u8 off = 0, four[4] = {}, zeros[sizeof(config)] = {};

	start_image("");
	data = fake_virtio_alloc(4096);
	virtio_config_access_write(fake_virtio_dev, at, &off, 1);
	read_config(&config);
	assert_int_equal(config.wce, 0);
	assert_int_equal(write_disk(0, data, 4096), 0);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), 0);
	fake_virtio_up(ALL);
	read_config(&config);
	assert_int_equal(config.wce, 1);
	/* All that is before it. */
	virtio_config_access_write(fake_virtio_dev, 0, zeros, at);
	read_config(&config);
	assert_int_equal(config.wce, 1);
	/* As a part of something larger, and with what is beside it. */
	virtio_config_access_write(fake_virtio_dev, at - 2, four, 4);
	read_config(&config);
	assert_int_equal(config.wce, 0);
	virtio_config_access_write(fake_virtio_dev, 0, four, 4);
	read_config(&config);
	assert_int_equal(le64toh(config.capacity), BYTES / 512);
	/* A driver without FLUSH: the cache is off, with a switch and without (5.2.5.2). */
	fake_virtio_begin(1ULL << VIRTIO_BLK_F_CONFIG_WCE);
	read_config(&config);
	assert_int_equal(config.wce, 0);
	fake_virtio_begin(ALL);
	read_config(&config);
	assert_int_equal(config.wce, 1);
	fake_virtio_up(0);
	data = fake_virtio_alloc(4096);
	assert_int_equal(write_disk(0, data, 4096), 0);
	stop_all();
}

static void test_resize(void **state)
{
	struct virtio_blk_config config;
	u32 generation;
	u64 data;

	start_image("");
	data = fake_virtio_alloc(4096);
	generation = virtio_config_generation(fake_virtio_dev);
	assert_int_equal(truncate(image, 4 * BYTES), 0);
	assert_true(fake_virtio_wait_config_interrupts(1));
	read_config(&config);
	assert_int_equal(le64toh(config.capacity), 4 * BYTES / 512);
	assert_int_not_equal(virtio_config_generation(fake_virtio_dev), generation);
	assert_int_equal(write_disk(4 * BYTES / 512 - 8, data, 4096), 0);
	stop_all();
}

/* The driver of a machine that stands still hears of it when it goes on. */
static void test_resize_while_paused(void **state)
{
	struct virtio_blk_config config;
	u32 generation;
	u64 data;

	start_image("");
	data = fake_virtio_alloc(4096);
	generation = virtio_config_generation(fake_virtio_dev);
	fake_on_loop(pause_machine, NULL);
	assert_int_equal(truncate(image, 4 * BYTES), 0);
	usleep(1500000); /* it is asked for once a second */
	read_config(&config);
	assert_int_equal(le64toh(config.capacity), BYTES / 512);
	assert_int_equal(virtio_config_generation(fake_virtio_dev), generation);
	assert_int_equal(fake_virtio_config_interrupts(), 0);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(fake_virtio_config_interrupts(), 1);
	read_config(&config);
	assert_int_equal(le64toh(config.capacity), 4 * BYTES / 512);
	assert_int_equal(write_disk(4 * BYTES / 512 - 8, data, 4096), 0);
	/* And once only. */
	fake_on_loop(pause_machine, NULL);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(fake_virtio_config_interrupts(), 1);
	stop_all();
}

static void test_file_that_shrinks(void **state)
{
	u64 data;

	start_image("");
	data = fake_virtio_alloc(8192);
	assert_int_equal(truncate(image, BYTES / 2), 0);
	assert_int_equal(read_disk(BYTES / 1024, data, 4096), IOERR);
	assert_int_equal(last_written, 0);
	assert_int_equal(read_disk(BYTES / 1024 - 8, data, 8192), IOERR);
	assert_int_equal(read_disk(BYTES / 1024 - 8, data, 4096), 0);
	stop_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_config),
		TEST(test_read_and_write),
		TEST(test_range),
		TEST(test_any_layout),
		TEST(test_directions),
		TEST(test_get_id),
		TEST(test_unknown_types),
		TEST(test_zeroes),
		TEST(test_read_only),
		TEST(test_snapshot),
		TEST(test_no_requests),
		TEST(test_queues),
		TEST(test_many_and_resets),
		TEST(test_write_cache),
		TEST(test_resize),
		TEST(test_file_that_shrinks),
		TEST(test_pause),
		TEST(test_a_turn_ends),
		TEST(test_resize_while_paused),
		TEST(test_bytes_of_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
