// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/core.c and virtio/regs.c: what a machine reset, a pause and its end do to a device,
 * and its statistics. core-fixture.h has the device.
 */
#include "core-fixture.h"

/* --- the machine --- */

static void reset_machine(void *arg)
{
	*(int *)arg = device_reset_all();
}

static void test_machine_reset(void **state)
{
	int err = 1;

	fake_virtio_up(0);
	fake_on_loop(reset_machine, &err);
	assert_int_equal(err, 0);
	assert_int_equal(fake_virtio_status(), 0);
	fake_on_loop(reset_machine, &err);
	assert_int_equal(err, 0);

	fake_virtio_up(0);
	echo.slow = true;
	echo.drains = true;
	keep(2);
	fake_on_loop(reset_machine, &err);
	assert_int_equal(err, 0);
	assert_int_equal(atomic_load(&echo.settles), 1);
	assert_int_equal(fake_virtio_status(), 0);

	fake_virtio_up(0);
	echo.drains = false;
	keep(2);
	fake_on_loop(reset_machine, &err);
	assert_int_equal(err, -ETIMEDOUT);
	assert_true(said("virtio-echo0: requests do not come to an end"));
}

static void pause_machine(void *arg)
{
	*(int *)arg = device_pause_all();
}

static void resume_machine(void *arg)
{
	device_resume_all();
}

static void test_pause(void **state)
{
	struct drvq_buf buf = {fake_virtio_alloc(64), 64, true};
	unsigned int before;
	int paused = 1;
	u32 head, written;

	fake_virtio_up(0);
	echo_bytes(1);
	fake_on_loop(pause_machine, &paused);
	before = atomic_load(&echo.notifies[0]);
	drvq_add(&fake_virtio_queues[0], &buf, 1);
	fake_virtio_kick(0);
	usleep(20000);
	assert_int_equal(atomic_load(&echo.notifies[0]), before);
	assert_int_equal(paused, 0);
	assert_int_equal(atomic_load(&echo.settles), 1);
	fake_on_loop(resume_machine, NULL);
	assert_true(fake_virtio_wait_used(0, &head, &written));

	/* One that cannot leaves the machine as it is. */
	echo.settle_error = -ETIMEDOUT;
	fake_on_loop(pause_machine, &paused);
	assert_int_equal(paused, -ETIMEDOUT);
	assert_int_equal(echo_bytes(1), 1);
	/* Nobody is asked who is not up. */
	fake_virtio_reset();
	fake_on_loop(pause_machine, &paused);
	assert_int_equal(paused, 0);
	assert_int_equal(atomic_load(&echo.settles), 2);
	fake_on_loop(resume_machine, NULL);
}

static void pause_then(void (*fn)(void))
{
	int paused = 1;

	fake_on_loop(pause_machine, &paused);
	assert_int_equal(paused, 0);
	assert_true(virtio_is_paused(&device));
	fn();
	usleep(20000);
}

static void reset_queue(void)
{
	virtio_queue_write(&device, KEEPS, VIRTIO_QUEUE_RESET, 1);
}

static void start_queue(void)
{
	fake_virtio_set_up_queue(KEEPS, 4);
}

/* What a vCPU asked for at its last moment is done when the machine goes on, not before. */
static void test_wishes_wait_for_the_resume(void **state)
{
	unsigned int before = atomic_load(&resumes);

	fake_virtio_begin(RING_RESET);
	fake_virtio_set_up_queue(0, 16);
	fake_virtio_set_up_queue(KEEPS, 16);
	pause_then(fake_virtio_driver_ok);
	assert_int_equal(atomic_load(&echo.starts), 0);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(atomic_load(&echo.starts), 1);
	assert_int_equal(atomic_load(&resumes), before + 1);
	assert_int_equal(echo_bytes(3), 3);

	pause_then(reset_queue);
	assert_int_equal(atomic_load(&echo.queue_stops), 0);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_RESET), 1);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(atomic_load(&echo.queue_stops), 1);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_RESET), 0);

	pause_then(start_queue);
	fake_on_loop(resume_machine, NULL);
	keep(3);
}

static void *reset_device(void *arg)
{
	virtio_set_status(&device, 0);
	return NULL;
}

static void test_reset_waits_for_the_resume(void **state)
{
	pthread_t driver;
	int paused = 1;

	fake_virtio_up(0);
	echo_bytes(1);
	fake_on_loop(pause_machine, &paused);
	assert_int_equal(pthread_create(&driver, NULL, reset_device, NULL), 0);
	usleep(30000);
	assert_int_equal(atomic_load(&echo.stops), 0);
	assert_int_not_equal(fake_virtio_status(), 0);
	fake_on_loop(resume_machine, NULL);
	pthread_join(driver, NULL);
	assert_int_equal(atomic_load(&echo.stops), 1);
	assert_int_equal(fake_virtio_status(), 0);
}

static u64 chains_counted;

static void emit(void *arg, const char *counter, u64 value)
{
	if (!strcmp(counter, "queue0.chains"))
		chains_counted = value;
}

static void read_stats(struct device *dev, void *arg)
{
	dev->stats(dev, emit, arg);
}

static void read_all_stats(void *arg)
{
	device_for_each(read_stats, arg);
}

static void test_stats(void **state)
{
	fake_virtio_up(0);
	for (int i = 0; i < 4; i++)
		echo_bytes(1);
	fake_virtio_up(0);
	echo_bytes(1);
	fake_on_loop(read_all_stats, NULL);
	assert_int_equal(chains_counted, 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_machine_reset),
		TEST(test_pause),
		TEST(test_wishes_wait_for_the_resume),
		TEST(test_reset_waits_for_the_resume),
		TEST(test_stats),
	};

	return cmocka_run_group_tests_name("virtio/core-machine", tests, NULL, NULL);
}
