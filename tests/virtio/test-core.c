// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/core.c and virtio/regs.c: the driver's steps in and out of order, doorbells, resets
 * with requests in flight. core-fixture.h has the device.
 */
#include "core-fixture.h"
#include "tests/lib/patience.h"

/* --- features --- */

static void test_offers(void **state)
{
	u64 offered = virtio_device_features(&device, 0) | (u64)virtio_device_features(&device, 1)
								   << 32;

	assert_int_equal(offered, 1ULL << FEATURE | VERSION_1 | EVENT_IDX | INDIRECT | RING_RESET);
	assert_int_equal(virtio_device_features(&device, 2), 0);
	assert_int_equal(virtio_device_features(&device, ~0U), 0);
}

static u8 negotiate(u64 features)
{
	virtio_set_status(&device, 0);
	virtio_set_status(&device, DRIVER);
	virtio_set_driver_features(&device, 0, (u32)features);
	virtio_set_driver_features(&device, 1, (u32)(features >> 32));
	virtio_set_driver_features(&device, 2, 0xffffffff);
	virtio_set_status(&device, DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	return virtio_status(&device);
}

static void test_what_was_not_offered_is_refused(void **state)
{
	assert_int_equal(negotiate(VERSION_1), DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	assert_int_equal(negotiate(VERSION_1 | 1ULL << FEATURE | RING_RESET),
			 DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	for (unsigned int bit = 0; bit < 64; bit++) {
		u64 feature = 1ULL << bit;

		if (feature & (1ULL << FEATURE | VERSION_1 | EVENT_IDX | INDIRECT | RING_RESET))
			continue;
		assert_int_equal(negotiate(VERSION_1 | feature), DRIVER);
	}
	assert_true(log_recorded("not offered"));
	assert_in_range(atomic_load(&logged.lines), 1, 20); /* rate-limited */
	/* A legacy driver. */
	assert_int_equal(negotiate(1ULL << FEATURE), DRIVER);
}

static void test_features_are_final(void **state)
{
	assert_int_equal(negotiate(VERSION_1), DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	virtio_set_driver_features(&device, 0, 1U << FEATURE);
	assert_int_equal(virtio_driver_features(&device, 0), 0);
	assert_int_equal(virtio_driver_features(&device, 1), 1);
	fake_virtio_driver_ok();
	assert_true(wait_for(&echo.starts, 1));
	assert_int_equal(echo.features_at_start, VERSION_1);
}

static void test_driver_ok_too_early(void **state)
{
	virtio_set_status(&device, DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(virtio_status(&device), DRIVER | VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_true(
		log_recorded("virtio-echo0: DRIVER_OK without FEATURES_OK (virtio 1.2, 3.1.1)"));
	assert_int_equal(fake_virtio_config_interrupts(), 0); /* 2.1.2: not before DRIVER_OK */
	fake_virtio_reset();
	fake_virtio_up(0);
	assert_int_equal(echo_bytes(5), 5);
}

static void test_no_bit_is_cleared_but_by_reset(void **state)
{
	virtio_set_status(&device, DRIVER);
	virtio_set_status(&device, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(virtio_status(&device), DRIVER);
	virtio_set_status(&device, 0x30 | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED);
	assert_int_equal(virtio_status(&device), DRIVER | VIRTIO_CONFIG_S_FAILED);
	virtio_set_status(&device, 0);
	assert_int_equal(virtio_status(&device), 0);
}

/* --- queues --- */

/*
 * One echo, whose interrupt comes before the driver looks at the used ring. A driver that polls may
 * be faster than the interrupt, and with EVENT_IDX it then says that it needs none.
 */
static u32 echo_by_interrupt(u32 bytes, unsigned int interrupts)
{
	u64 gpa = fake_virtio_alloc(8192);
	struct drvq_buf bufs[] = {{gpa, bytes, false}, {gpa + 4096, 4096, true}};
	u16 sent = drvq_add(&fake_virtio_queues[0], bufs, 2);
	u32 head, written;

	fake_virtio_kick(0);
	assert_true(fake_virtio_wait_interrupts(0, interrupts));
	assert_true(fake_virtio_wait_used(0, &head, &written));
	assert_int_equal(head, sent);
	return written;
}

static void test_requests(void **state)
{
	static const u64 wanted[] = {0, EVENT_IDX, INDIRECT, EVENT_IDX | INDIRECT};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		fake_virtio_up(wanted[i]);
		for (u32 bytes = 1; bytes < 60; bytes++)
			assert_int_equal(echo_by_interrupt(bytes, bytes), bytes);
		assert_int_equal(fake_virtio_interrupts(0), 59);
		assert_int_equal(fake_virtio_interrupts(1), 0);
	}
	assert_int_equal(atomic_load(&logged.lines), 0);
}

static void test_registers_of_a_queue(void **state)
{
	fake_virtio_begin(0);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_MAX), 16);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_SIZE), 16);
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_SIZE, 8);
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_MAX, 1024);
	virtio_queue_write_half(&device, 0, VIRTIO_QUEUE_DESC, true, 0x12345678);
	virtio_queue_write_half(&device, 0, VIRTIO_QUEUE_DESC, false, 0x9abcdef0);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_MAX), 16);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_SIZE), 8);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_DESC), 0x123456789abcdef0);
	virtio_queue_write_half(&device, 0, VIRTIO_QUEUE_DESC, true, 1);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_DESC), 0x19abcdef0);
	/* Enabled, it does not move. */
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_ENABLE, 2);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_ENABLE), 0);
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_ENABLE, 1);
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_SIZE, 4);
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_DESC, 0);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_SIZE), 8);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_DESC), 0x19abcdef0);
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_ENABLE, 0); /* before DRIVER_OK: at once */
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_ENABLE), 0);
}

static void test_queues_that_are_not_there(void **state)
{
	static const u32 bad[] = {2, 63, 64, 65535, 65536, ~0U};

	fake_virtio_up(0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		for (int reg = VIRTIO_QUEUE_MAX; reg <= VIRTIO_QUEUE_DEVICE; reg++) {
			virtio_queue_write(&device, bad[i], reg, 1);
			virtio_queue_write_half(&device, bad[i], reg, true, 1);
			assert_int_equal(virtio_queue_read(&device, bad[i], reg), 0);
		}
		virtio_doorbell(&device, bad[i]);
	}
	assert_int_equal(echo_bytes(3), 3);
}

static void look_at_queues(void *arg)
{
	*(bool *)arg = virtio_serves(&device) || virtq_started(virtio_queue(&device, 0)) ||
		       virtq_started(virtio_queue(&device, 1));
}

/* The other one goes with it, even if it was started by then. */
static void test_a_queue_that_cannot_be(void **state)
{
	static const u16 bad_sizes[] = {0, 3, 32, 65535};
	bool serves;

	for (size_t i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		unsigned int bad = (i + 1) % 2;

		fake_virtio_begin(0);
		fake_virtio_set_up_queue(!bad, 16);
		virtio_queue_write(&device, bad, VIRTIO_QUEUE_SIZE, bad_sizes[i]);
		virtio_queue_write(&device, bad, VIRTIO_QUEUE_ENABLE, 1);
		fake_virtio_driver_ok();
		assert_true(wait_needs_reset());
		assert_true(fake_virtio_wait_config_interrupts(1));
		fake_on_loop(look_at_queues, &serves);
		assert_false(serves);
	}
	assert_true(log_recorded("virtio-echo0: queue 0: the queue's size"));
	assert_int_equal(atomic_load(&echo.starts), 0);
	fake_virtio_up(0);
	assert_int_equal(echo_bytes(3), 3);
}

static void test_a_broken_queue(void **state)
{
	fake_virtio_up(EVENT_IDX);
	assert_int_equal(echo_bytes(3), 3);
	drvq_put_idx(&fake_virtio_queues[0], 1000);
	virtio_doorbell(&device, 0);
	assert_true(wait_needs_reset());
	assert_true(fake_virtio_wait_config_interrupts(1));
	assert_true(log_recorded(
		"virtio-echo0: queue 0: the available index jumped (virtio 1.2, 2.7.6.1); "
		"the device needs a reset by its driver"));
	assert_event("needs-reset");
	keep(1); /* the other queue goes on */
	fake_virtio_up(EVENT_IDX);
	assert_int_equal(echo_bytes(3), 3);
	assert_event("driver");
}

static void test_start_fails(void **state)
{
	echo.start_error = -EIO;
	fake_virtio_up(0);
	assert_true(wait_needs_reset());
	fake_virtio_kick(0);
	virtio_doorbell(&device, 0);
	fake_virtio_reset();
	assert_event("needs-reset");
	assert_int_equal(atomic_load(&echo.stops), 0);
	assert_int_equal(atomic_load(&echo.notifies[0]), 0);
	echo.start_error = 0;
	fake_virtio_up(0);
	assert_int_equal(echo_bytes(3), 3);
}

/* Buffers that were there before DRIVER_OK are seen without a doorbell. */
static void test_early_buffers(void **state)
{
	struct drvq_buf buf = {fake_virtio_alloc(64), 64, true};
	u32 head, written;

	fake_virtio_begin(0);
	fake_virtio_set_up_queue(0, 16);
	drvq_add(&fake_virtio_queues[0], &buf, 1);
	drvq_publish(&fake_virtio_queues[0]);
	fake_virtio_driver_ok();
	assert_true(fake_virtio_wait_used(0, &head, &written));
}

/* --- reset --- */

static void test_reset_forgets_everything(void **state)
{
	fake_virtio_up(EVENT_IDX | 1ULL << FEATURE);
	keep(3);
	fake_virtio_reset();
	assert_int_equal(atomic_load(&echo.stops), 1);
	assert_int_equal(virtio_driver_features(&device, 0), 0);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_ENABLE), 0);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_DESC), 0);
	assert_int_equal(virtio_queue_read(&device, 1, VIRTIO_QUEUE_SIZE), 16);
	virtio_doorbell(&device, 0);
	fake_virtio_up(0);
	assert_int_equal(echo_bytes(7), 7);
	assert_int_equal(atomic_load(&logged.lines), 0);
}

static void give_back_soon(void *arg)
{
	usleep(30000);
	echo_give_back(arg);
}

static void *give_back_thread(void *arg)
{
	fake_on_loop(give_back_soon, NULL);
	return NULL;
}

/* Also after a panic under --on-panic=continue: a cause is recorded, but the run is not over. */
static void test_reset_waits_for_requests(void **state)
{
	pthread_t helper;
	u32 head, written, status;

	fake_virtio_up(0);
	echo.slow = true;
	fake.end_reason = END_PANIC;
	keep(3);
	assert_int_equal(pthread_create(&helper, NULL, give_back_thread, NULL), 0);
	virtio_set_status(&device, 0);
	status = fake_virtio_status();
	pthread_join(helper, NULL);
	assert_int_equal(status, 0);
	/* They were all given back before the status was 0. */
	for (int i = 0; i < 3; i++)
		assert_true(drvq_take(&fake_virtio_queues[KEEPS], &head, &written));
	fake_virtio_up(0);
	assert_int_equal(echo_bytes(7), 7);
}

/* A run that ends does not wait for a back end; the status stays until the loop is done. */
static void test_reset_and_the_end_of_the_run(void **state)
{
	u64 started;

	fake_virtio_up(0);
	echo.slow = true;
	keep(1);
	atomic_store(&fake.over, true);
	started = now_ns();
	virtio_set_status(&device, 0);
	assert_true(now_ns() - started < patient_ns(2 * NSEC_PER_SEC)); /* 5 s, if it waited */
	assert_int_not_equal(fake_virtio_status(), 0);
	/* Frozen meanwhile. */
	virtio_set_status(&device, VIRTIO_CONFIG_S_FAILED);
	assert_false(fake_virtio_status() & VIRTIO_CONFIG_S_FAILED);
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_ENABLE, 0);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_ENABLE), 1);
	fake_on_loop(echo_give_back, NULL);
	assert_int_equal(fake_virtio_status(), 0);
	atomic_store(&fake.over, false);
}

static void test_reset_at_once_after_driver_ok(void **state)
{
	for (int i = 0; i < 300; i++) {
		fake_virtio_up(0);
		if (i % 3 == 0)
			keep(1);
		fake_virtio_reset();
	}
	fake_virtio_up(0);
	assert_int_equal(echo_bytes(1), 1);
	assert_int_equal(atomic_load(&echo.stops), atomic_load(&echo.starts) - 1);
}

static bool wait_queue_reset(unsigned int index)
{
	u64 deadline_ns = now_ns() + patient_ns(2 * NSEC_PER_SEC);

	while (virtio_queue_read(&device, index, VIRTIO_QUEUE_RESET)) {
		if (now_ns() > deadline_ns)
			return false;
		usleep(50);
	}
	return true;
}

static void test_queue_reset(void **state)
{
	u64 started = now_ns();

	fake_virtio_up(RING_RESET);
	echo.slow = true;
	keep(2);
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_RESET, 1);
	assert_true(wait_for(&echo.queue_stops, 1));
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_RESET), 1);
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_RESET, 1);
	assert_int_equal(echo_bytes(9), 9); /* the other queue goes on */
	/* Frozen: nothing moves, and nobody waits for it (mmio's QueueReady = 0 would). */
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_SIZE, 4);
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_DESC, 0);
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_ENABLE, 0);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_RESET), 1);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_ENABLE), 1);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_SIZE), 16);
	assert_int_not_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_DESC), 0);
	assert_true(now_ns() - started < patient_ns(2 * NSEC_PER_SEC));
	fake_on_loop(echo_give_back, NULL);
	assert_true(wait_queue_reset(KEEPS));
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_ENABLE), 0);
	assert_int_equal(atomic_load(&echo.queue_stops), 1);

	/* Again, and smaller. */
	fake_virtio_set_up_queue(KEEPS, 4);
	keep(3);
	echo.slow = false;
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_RESET, 1);
	assert_true(wait_queue_reset(KEEPS));
	fake_virtio_set_up_queue(KEEPS, 8);
	atomic_store(&echo.kept_count, 0);
	keep(3);
}

static void test_queue_reset_not_negotiated(void **state)
{
	fake_virtio_up(0);
	virtio_queue_write(&device, 0, VIRTIO_QUEUE_RESET, 1);
	assert_int_equal(virtio_queue_read(&device, 0, VIRTIO_QUEUE_RESET), 0);
	assert_int_equal(echo_bytes(9), 9);
}

/* mmio's QueueReady = 0: the queue is let go of when the write returns. */
static void test_disable_waits(void **state)
{
	pthread_t helper;

	fake_virtio_up(0);
	echo.slow = true;
	keep(2);
	assert_int_equal(pthread_create(&helper, NULL, give_back_thread, NULL), 0);
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_ENABLE, 0);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_ENABLE), 0);
	assert_int_equal(atomic_load(&echo.kept_count), 0);
	pthread_join(helper, NULL);
	assert_int_equal(echo_bytes(9), 9);
}

static void test_device_reset_during_queue_reset(void **state)
{
	pthread_t helper;

	fake_virtio_up(RING_RESET);
	echo.slow = true;
	keep(2);
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_RESET, 1);
	assert_true(wait_for(&echo.queue_stops, 1));
	assert_int_equal(pthread_create(&helper, NULL, give_back_thread, NULL), 0);
	fake_virtio_reset();
	pthread_join(helper, NULL);
	fake_virtio_up(0);
	keep(1);
}

/* --- configuration --- */

static void test_configuration(void **state)
{
	static const u8 more[] = {0xaa, 0xbb};
	u8 bytes[8];
	u32 generation = virtio_config_generation(&device);

	virtio_config_access_read(&device, 6, bytes, 8);
	assert_memory_equal(bytes, "\6\7\10\11\0\0\0\0", 8);
	virtio_config_access_read(&device, 10, bytes, 4);
	assert_memory_equal(bytes, "\0\0\0\0", 4);
	virtio_config_access_read(&device, ~0ULL - 3, bytes, 8);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0", 8);
	virtio_config_access_write(&device, 0, "xx", 2); /* ignored */
	virtio_config_access_read(&device, 0, bytes, 2);
	assert_memory_equal(bytes, "\0\1", 2);

	virtio_config_write(&device, 2, more, 2);
	assert_int_equal(virtio_config_generation(&device), generation + 1);
	virtio_config_changed(&device);
	assert_int_equal(fake_virtio_config_interrupts(), 0); /* nobody to tell */
	fake_virtio_up(0);
	virtio_config_changed(&device);
	assert_int_equal(fake_virtio_config_interrupts(), 1);
	virtio_config_access_read(&device, 1, bytes, 4);
	assert_memory_equal(bytes, "\1\xaa\xbb\4", 4);
	virtio_config_write(&device, 2, "\2\3", 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_offers),
		TEST(test_what_was_not_offered_is_refused),
		TEST(test_features_are_final),
		TEST(test_driver_ok_too_early),
		TEST(test_no_bit_is_cleared_but_by_reset),
		TEST(test_requests),
		TEST(test_registers_of_a_queue),
		TEST(test_queues_that_are_not_there),
		TEST(test_a_queue_that_cannot_be),
		TEST(test_a_broken_queue),
		TEST(test_start_fails),
		TEST(test_early_buffers),
		TEST(test_reset_forgets_everything),
		TEST(test_reset_waits_for_requests),
		TEST(test_reset_and_the_end_of_the_run),
		TEST(test_reset_at_once_after_driver_ok),
		TEST(test_queue_reset),
		TEST(test_queue_reset_not_negotiated),
		TEST(test_disable_waits),
		TEST(test_device_reset_during_queue_reset),
		TEST(test_configuration),
	};

	return cmocka_run_group_tests_name("virtio/core", tests, NULL, NULL);
}
