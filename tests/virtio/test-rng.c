// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/rng.c: random bytes where they were asked for and nowhere else, and the bounds on
 * what one request can cost.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/fake-virtio.h"
#include "tests/lib/test.h"

#include <kvm/options.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define REQUEST_MAX 4096

static int set_up(void **state)
{
	char *argv[] = {"run", "--rng", NULL};
	int positional;

	assert_int_equal(options_parse("run", 2, argv, &positional), 0);
	fake_start();
	fake_virtio_ram_start();
	assert_non_null(fake_virtio_dev);
	assert_int_equal(fake_virtio_dev->id, 4);
	return 0;
}

static int tear_down(void **state)
{
	fake_virtio_reset();
	fake_stop();
	assert_null(fake_virtio_dev);
	fake_virtio_ram_stop();
	return 0;
}

static unsigned int zeroes(const u8 *bytes, size_t len)
{
	unsigned int count = 0;

	for (size_t i = 0; i < len; i++)
		count += !bytes[i];
	return count;
}

static void test_random_bytes(void **state)
{
	u64 gpa;
	const u8 *bytes;

	fake_virtio_up(~0ULL);
	gpa = fake_virtio_alloc(8192);
	bytes = fake_virtio_host(gpa);
	assert_int_equal(fake_virtio_request(0, (struct drvq_buf[]){{gpa + 100, 1000, true}}, 1),
			 1000);
	assert_int_equal(zeroes(bytes, 100), 100);
	assert_in_range(zeroes(bytes + 100, 1000), 0, 40); /* 4 expected */
	assert_int_equal(zeroes(bytes + 1100, 7092), 7092);
}

static void test_scattered(void **state)
{
	struct drvq_buf bufs[] = {{0, 64, false}, {0, 1, true}, {0, 100, true}, {0, 10, true}};
	u64 gpa;

	fake_virtio_up(0);
	gpa = fake_virtio_alloc(4096);
	for (unsigned int i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i].addr = gpa + 1000 * i;
	assert_int_equal(fake_virtio_request(0, bufs, 4), 111);
	assert_int_equal(zeroes(fake_virtio_host(gpa), 1000), 1000);
	assert_in_range(zeroes(fake_virtio_host(gpa + 2000), 100), 0, 10);
	assert_int_equal(zeroes(fake_virtio_host(gpa + 2100), 900), 900);
}

static void test_nothing_to_write(void **state)
{
	fake_virtio_up(0);
	assert_int_equal(
		fake_virtio_request(0, (struct drvq_buf[]){{fake_virtio_alloc(64), 64, false}}, 1),
		0);
}

/* All of RAM, many times, in one request. */
static void test_a_request_is_bounded(void **state)
{
	struct drvq_buf bufs[64];
	u64 ram;

	fake_virtio_up(1ULL << VIRTIO_RING_F_INDIRECT_DESC);
	ram = fake_virtio_alloc(8 * MIB);
	for (unsigned int i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i] = (struct drvq_buf){ram, 8 * MIB, true};
	assert_int_equal(fake_virtio_request(0, bufs, ARRAY_SIZE(bufs)), REQUEST_MAX);
	assert_int_equal(zeroes(fake_virtio_host(ram + REQUEST_MAX), 4096), 4096);
	/* Buffers that are shorter than that: over all of them. */
	for (unsigned int i = 0; i < 3; i++)
		bufs[i] = (struct drvq_buf){ram + 8192, 3000, true};
	assert_int_equal(fake_virtio_request(0, bufs, 3), REQUEST_MAX);
}

/* More than one turn serves: every request comes back all the same. */
static void test_full_queue(void **state)
{
	u32 head, written;

	fake_virtio_up(1ULL << VIRTIO_RING_F_EVENT_IDX);
	for (int round = 0; round < 20; round++) {
		u64 gpa = 1 * MIB;

		for (unsigned int i = 0; i < 64; i++)
			drvq_add(&fake_virtio_queues[0], (struct drvq_buf[]){{gpa, 32, true}}, 1);
		fake_virtio_kick(0);
		for (unsigned int i = 0; i < 64; i++) {
			assert_true(fake_virtio_wait_used(0, &head, &written));
			assert_int_equal(written, 32);
		}
	}
}

static unsigned int used_after_a_turn;

static void one_turn(void *arg)
{
	fake_virtio_dev->ops->notify(fake_virtio_dev, 0);
	used_after_a_turn = drvq_used_idx(&fake_virtio_queues[0]);
}

static void test_a_turn_ends(void **state)
{
	struct drvq_buf buf;
	u32 head, written;

	fake_virtio_up(0);
	buf = (struct drvq_buf){fake_virtio_alloc(4096), 4096, true};
	assert_int_equal(fake_virtio_request(0, &buf, 1), 4096);
	for (unsigned int i = 0; i < 64; i++)
		drvq_add(&fake_virtio_queues[0], &buf, 1);
	drvq_publish(&fake_virtio_queues[0]);
	fake_on_loop(one_turn, NULL);
	assert_int_equal(used_after_a_turn, 1 + 16);
	for (unsigned int i = 0; i < 64; i++)
		assert_true(fake_virtio_wait_used(0, &head, &written));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_random_bytes),	 TEST(test_scattered),	TEST(test_nothing_to_write),
		TEST(test_a_request_is_bounded), TEST(test_full_queue), TEST(test_a_turn_ends),
	};

	return cmocka_run_group_tests_name("virtio/rng", tests, NULL, NULL);
}
