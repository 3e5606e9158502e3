// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/core.c and virtio/regs.c: what a machine reset, a pause and its end do to a device,
 * and its statistics. core-fixture.h has the device.
 */
#include "core-fixture.h"
#include "tests/lib/patience.h"

/* --- the machine --- */

static void reset_machine(void *arg)
{
	*(int *)arg = device_reset_all();
}

static void pause_machine(void *arg)
{
	*(int *)arg = device_pause_all();
}

static void resume_machine(void *arg)
{
	device_resume_all();
}

static void report_busy(void *arg)
{
	device_report_busy();
}

static atomic_uint rests;

static void count_rest(void *arg)
{
	atomic_fetch_add(&rests, 1);
}

static void set_hook(void *arg)
{
	atomic_store(&rests, 0);
	device_set_rest_hook(arg ? count_rest : NULL, arg);
}

static int on_loop(void (*fn)(void *arg))
{
	int ret = 1;

	fake_on_loop(fn, &ret);
	return ret;
}

static void test_machine_reset(void **state)
{
	fake_virtio_up(0);
	assert_int_equal(on_loop(reset_machine), 0);
	assert_int_equal(fake_virtio_status(), 0);
	assert_int_equal(on_loop(reset_machine), 0);

	/* With requests in flight, it comes to rest first. */
	fake_virtio_up(0);
	echo.slow = true;
	keep(2);
	assert_int_equal(on_loop(pause_machine), -EINPROGRESS);
	fake_on_loop(echo_give_back, NULL);
	assert_int_equal(on_loop(pause_machine), 0);
	assert_int_equal(on_loop(reset_machine), 0);
	assert_int_equal(fake_virtio_status(), 0);
	on_loop(resume_machine);

	fake_virtio_up(0);
	keep(2);
	assert_int_equal(on_loop(reset_machine), -EBUSY);
	assert_true(log_recorded("virtio-echo0: cannot be reset while requests are in flight"));
}

static void test_pause(void **state)
{
	struct drvq_buf buf = {fake_virtio_alloc(64), 64, true};
	unsigned int before;
	u32 head, written;

	fake_virtio_up(0);
	echo_bytes(1);
	assert_int_equal(on_loop(pause_machine), 0);
	before = atomic_load(&echo.notifies[0]);
	drvq_add(&fake_virtio_queues[0], &buf, 1);
	fake_virtio_kick(0);
	usleep(20000);
	assert_int_equal(atomic_load(&echo.notifies[0]), before);
	assert_int_equal(atomic_load(&echo.looks), 1);
	on_loop(resume_machine);
	assert_true(fake_virtio_wait_used(0, &head, &written));
	/* What is kept for later stays so, and keeps nobody waiting. */
	keep(2);
	assert_int_equal(on_loop(pause_machine), 0);
	on_loop(resume_machine);
	assert_int_equal(atomic_load(&echo.overdues), 0);
}

/* Nobody waits for requests that are under way: it says so, and says when they are done. */
static void test_pause_with_requests_in_flight(void **state)
{
	unsigned int before;
	u64 started;

	fake_on_loop(set_hook, "hook");
	fake_virtio_up(0);
	echo.slow = true;
	keep(2);
	started = now_ns();
	assert_int_equal(on_loop(pause_machine), -EINPROGRESS);
	assert_int_equal(on_loop(pause_machine), -EINPROGRESS);
	assert_true(now_ns() - started < patient_ns(NSEC_PER_SEC));
	/* Nothing new is taken. */
	before = atomic_load(&echo.notifies[0]);
	virtio_doorbell(&device, 0);
	usleep(5000);
	assert_int_equal(atomic_load(&echo.notifies[0]), before);
	assert_int_equal(atomic_load(&rests), 0);
	fake_on_loop(report_busy, NULL);
	assert_int_equal(atomic_load(&echo.overdues), 1);

	fake_on_loop(echo_give_back, NULL);
	assert_int_equal(atomic_load(&rests), 1);
	assert_int_equal(on_loop(pause_machine), 0);
	fake_on_loop(report_busy, NULL);
	assert_int_equal(atomic_load(&echo.overdues), 1);
	on_loop(resume_machine);
	assert_int_equal(echo_bytes(1), 1);

	/* Called off: it goes on, and nobody hears of the rest. */
	keep(2);
	assert_int_equal(on_loop(pause_machine), -EINPROGRESS);
	on_loop(resume_machine);
	assert_int_equal(echo_bytes(1), 1);
	fake_on_loop(echo_give_back, NULL);
	assert_int_equal(atomic_load(&rests), 1);
	fake_on_loop(set_hook, NULL);
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

static void start_and_reset_queue(void)
{
	start_queue();
	reset_queue();
}

static void look_at_queue(void *arg)
{
	*(bool *)arg = virtq_started(virtio_queue(&device, KEEPS));
}

/* What a vCPU asked for at its last moment is done when the machine goes on, not before. */
static void test_wishes_wait_for_the_resume(void **state)
{
	unsigned int before = atomic_load(&resumes);
	bool started = true;

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

	/* The last wish counts, and there is nothing to reset any more. */
	pause_then(start_and_reset_queue);
	fake_on_loop(resume_machine, NULL);
	fake_on_loop(look_at_queue, &started);
	assert_false(started);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_ENABLE), 0);
	pause_then(reset_queue);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_RESET), 0);
	fake_on_loop(resume_machine, NULL);

	pause_then(start_queue);
	fake_on_loop(resume_machine, NULL);
	keep(3);
}

/* A queue that is on its way out is not looked at any more, whatever else goes on. */
static void test_resume_during_a_queue_reset(void **state)
{
	unsigned int before;

	fake_virtio_up(RING_RESET);
	echo.slow = true;
	keep(2);
	reset_queue();
	assert_true(wait_for(&echo.queue_stops, 1));
	before = atomic_load(&echo.notifies[KEEPS]);
	assert_int_equal(on_loop(pause_machine), -EINPROGRESS);
	on_loop(resume_machine);
	assert_int_equal(atomic_load(&echo.notifies[KEEPS]), before);
	assert_int_equal(echo_bytes(1), 1);
	fake_on_loop(echo_give_back, NULL);
	assert_int_equal(virtio_queue_read(&device, KEEPS, VIRTIO_QUEUE_RESET), 0);
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
		TEST(test_pause_with_requests_in_flight),
		TEST(test_wishes_wait_for_the_resume),
		TEST(test_resume_during_a_queue_reset),
		TEST(test_reset_waits_for_the_resume),
		TEST(test_stats),
	};

	return cmocka_run_group_tests_name("virtio/core-machine", tests, NULL, NULL);
}
