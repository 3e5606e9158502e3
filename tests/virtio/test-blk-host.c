// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/blk.c with a host that does not answer: who waits for what is in flight, and who
 * does not; and which writes are on stable storage when the driver is told.
 *
 * The disk's engine is threads, and the host's system calls are this file's: a read waits while
 * `hung` is set, flushes are counted.
 */
#include "blk-fixture.h"
#include "tests/lib/patience.h"

#include <sys/syscall.h>

static atomic_bool hung;
static atomic_uint flushes, reads;

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	atomic_fetch_add(&reads, 1);
	while (hung)
		usleep(200);
	return syscall(SYS_preadv, fd, iov, count, offset, 0);
}

int fdatasync(int fd)
{
	atomic_fetch_add(&flushes, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

static u64 data, status;
static unsigned int count;

/* Reads in queue, of which none comes to an end. */
static void begin_reads(unsigned int queue)
{
	data = fake_virtio_alloc(86 * 8192);
	status = fake_virtio_alloc(4096);
	hung = true;
	reads = 0;
	count = fill_queue(queue, put_header(VIRTIO_BLK_T_IN, 3), data, status);
	for (int ms = 0; !reads && ms < 5000; ms++)
		usleep(1000);
	assert_true(reads);
}

static void assert_all_read(void)
{
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(status_at(status + i), 0);
		assert_pattern((u8 *)fake_virtio_host(data) + i * 8192, 8192, 3 * 512);
	}
}

static void take_all(unsigned int queue)
{
	u32 head, written;

	for (unsigned int i = 0; i < count; i++)
		assert_true(fake_virtio_wait_used(queue, &head, &written));
}

static int paused;
static atomic_uint rests;

static void pause_machine(void *arg)
{
	paused = device_pause_all();
}

static void resume_machine(void *arg)
{
	device_resume_all();
}

static void report_busy(void *arg)
{
	device_report_busy();
}

static void count_rest(void *arg)
{
	atomic_fetch_add(&rests, 1);
}

static void set_hook(void *arg)
{
	device_set_rest_hook(arg ? count_rest : NULL, NULL);
}

static void test_pause(void **state)
{
	u64 started;

	rests = 0;
	start_image(",aio=threads");
	fake_on_loop(set_hook, "hook");
	begin_reads(0);
	started = now_ns();
	for (int i = 0; i < 3; i++) {
		fake_on_loop(pause_machine, NULL);
		assert_int_equal(paused, -EINPROGRESS);
	}
	assert_true(now_ns() - started < patient_ns(NSEC_PER_SEC));
	fake_on_loop(report_busy, NULL);
	assert_line("requests are not done; the host does not answer");
	assert_int_equal(rests, 0);
	hung = false;
	for (int ms = 0; !rests && ms < 5000; ms++)
		usleep(1000);
	assert_true(rests);
	while (paused == -EINPROGRESS)
		fake_on_loop(pause_machine, NULL);
	assert_int_equal(paused, 0);
	assert_all_read();
	take_all(0);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(read_disk(0, data, 4096), 0);
	fake_on_loop(set_hook, NULL);
	stop_all();
}

/* The last one that comes back says so, by itself. */
static void test_pause_with_one_in_flight(void **state)
{
	struct drvq_buf bufs[] = {{0, 16, false}, {0, 512, true}, {0, 1, true}};

	rests = 0;
	start_image(",aio=threads");
	fake_on_loop(set_hook, "hook");
	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i].addr = fake_virtio_alloc(4096);
	hung = true;
	reads = 0;
	drvq_add(&fake_virtio_queues[0], bufs, ARRAY_SIZE(bufs));
	fake_virtio_kick(0);
	for (int ms = 0; !reads && ms < 5000; ms++)
		usleep(1000);
	fake_on_loop(pause_machine, NULL);
	assert_int_equal(paused, -EINPROGRESS);
	hung = false;
	for (int ms = 0; !rests && ms < 5000; ms++)
		usleep(1000);
	assert_int_equal(rests, 1);
	fake_on_loop(pause_machine, NULL);
	assert_int_equal(paused, 0);
	fake_on_loop(resume_machine, NULL);
	fake_on_loop(set_hook, NULL);
	stop_all();
}

static bool is_resetting(unsigned int queue)
{
	return virtio_queue_read(fake_virtio_dev, queue, VIRTIO_QUEUE_RESET);
}

/* The driver may not have a queue's memory back while the host reads into it; the others go on. */
static void test_queue_reset(void **state)
{
	start_image(",aio=threads,queues=2");
	begin_reads(1);
	virtio_queue_write(fake_virtio_dev, 1, VIRTIO_QUEUE_RESET, 1);
	usleep(50000);
	assert_true(is_resetting(1));
	assert_int_equal(virtio_queue_read(fake_virtio_dev, 1, VIRTIO_QUEUE_ENABLE), 1);
	assert_int_equal(request_on(0, VIRTIO_BLK_T_GET_ID, 0, fake_virtio_alloc(20), 20, true), 0);
	assert_true(is_resetting(1));
	hung = false;
	for (int ms = 0; is_resetting(1) && ms < 5000; ms++)
		usleep(1000);
	assert_false(is_resetting(1));
	assert_all_read();
	fake_virtio_set_up_queue(1, 64);
	assert_int_equal(request_on(1, VIRTIO_BLK_T_IN, 0, data, 4096, true), 0);
	stop_all();
}

static void *reset_device(void *arg)
{
	virtio_set_status(fake_virtio_dev, 0);
	return NULL;
}

static void test_device_reset(void **state)
{
	pthread_t driver;

	start_image(",aio=threads");
	begin_reads(0);
	assert_int_equal(pthread_create(&driver, NULL, reset_device, NULL), 0);
	usleep(50000);
	assert_int_not_equal(fake_virtio_status(), 0);
	hung = false;
	pthread_join(driver, NULL);
	assert_int_equal(fake_virtio_status(), 0);
	assert_all_read();
	stop_all();
}

/* A run that ends does not wait here: it did before, and what is in flight keeps its memory. */
static void test_end(void **state)
{
	u64 started;

	start_image(",aio=threads");
	begin_reads(0);
	started = now_ns();
	fake_stop();
	assert_true(now_ns() - started < patient_ns(NSEC_PER_SEC));
	assert_line("requests are not done; the host does not answer");
	assert_true(fake.kvm.keep_ram);
	/* The process would end now; nothing is given back, and nobody goes on. */
}

/* Without FLUSH, and with the cache switched off, "done" means that it is on stable storage. */
static void test_writes_are_stable(void **state)
{
	const u8 off = 0;

	start_image(",aio=threads");
	data = fake_virtio_alloc(4096);
	flushes = 0;
	assert_int_equal(write_disk(0, data, 4096), 0);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), 0);
	assert_int_equal(flushes, 0);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, false), 0);
	assert_int_equal(flushes, 1);

	virtio_config_access_write(fake_virtio_dev, offsetof(struct virtio_blk_config, wce), &off,
				   1);
	assert_int_equal(write_disk(0, data, 4096), 0);
	assert_int_equal(flushes, 2);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), 0);
	assert_int_equal(flushes, 3);
	assert_int_equal(read_disk(0, data, 4096), 0);
	assert_int_equal(flushes, 3);

	fake_virtio_up(1ULL << VIRTIO_BLK_F_WRITE_ZEROES | 1ULL << VIRTIO_BLK_F_CONFIG_WCE);
	data = fake_virtio_alloc(4096);
	assert_int_equal(write_disk(0, data, 4096), 0);
	assert_int_equal(flushes, 4);
	assert_int_equal(zero_disk(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), 0);
	assert_int_equal(flushes, 5);
	stop_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pause),
		TEST(test_pause_with_one_in_flight),
		TEST(test_queue_reset),
		TEST(test_device_reset),
		TEST(test_writes_are_stable),
		TEST(test_end), /* the last: it leaves all as it is */
	};

	return cmocka_run_group_tests_name("virtio/blk-host", tests, NULL, NULL);
}
