// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/disk.c and disk/raw.c: each request is done exactly once, with the right error,
 * whatever it is and whatever fails; over the engine that the host chooses.
 */
#include "disk/request.h"
#include "tests/disk/fixture.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#define BYTES (1 * MIB)

/* The host, asked for a file's size, takes its time. */
static atomic_bool hung;
static atomic_uint asked, told;

int fstat(int fd, struct stat *st)
{
	int err;

	atomic_fetch_add(&asked, 1);
	while (hung)
		usleep(200);
	err = (int)syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
	atomic_fetch_add(&told, 1);
	return err;
}

static u8 *buffer;

static void assert_io(int want, enum disk_op op, u64 bytes, u64 offset)
{
	assert_int_equal(run_io(op, buffer, bytes, offset), want);
	assert_int_equal(disk_in_flight(disk), 0);
}

static void test_range(void **state)
{
	static const enum disk_op ops[] = {DISK_READ, DISK_WRITE, DISK_DISCARD, DISK_WRITE_ZEROES};

	make_image(BYTES);
	start_disk("");
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		assert_io(0, ops[i], 512, BYTES - 512);
		assert_io(0, ops[i], 0, BYTES);
		assert_io(-ERANGE, ops[i], 512, BYTES);
		assert_io(-ERANGE, ops[i], 1024, BYTES - 512);
		assert_io(-ERANGE, ops[i], 512, UINT64_MAX - 511);
		assert_io(-ERANGE, ops[i], UINT64_MAX - 511, 512);
		assert_io(-ERANGE, ops[i], 512, 1);
		assert_io(-ERANGE, ops[i], 511, 0);
	}
	assert_io(0, DISK_FLUSH, 0, 0);
	assert_int_equal(logged.lines, 0);
	stop_disk();
}

static void test_read_only(void **state)
{
	make_image(BYTES);
	start_disk(",ro");
	assert_io(0, DISK_READ, BYTES, 0);
	assert_pattern(buffer, BYTES, 0);
	assert_io(-EROFS, DISK_WRITE, 512, 0);
	assert_io(-EROFS, DISK_DISCARD, 512, 0);
	assert_io(-EROFS, DISK_WRITE_ZEROES, 512, 0);
	assert_io(0, DISK_FLUSH, 0, 0);
	stop_disk();
	read_image(buffer, BYTES, 0);
	assert_pattern(buffer, BYTES, 0);
}

static void test_discard_switched_off(void **state)
{
	make_image(BYTES);
	start_disk(",discard=off");
	assert_io(-EOPNOTSUPP, DISK_DISCARD, 4096, 0);
	/* Zeros are zeros all the same. */
	assert_io(0, DISK_WRITE_ZEROES, 4096, 0);
	stop_disk();
	read_image(buffer, 8192, 0);
	assert_all(buffer, 0, 4096);
	assert_pattern(buffer + 4096, 4096, 4096);
}

static u64 blocks_used(void)
{
	struct stat st;

	assert_int_equal(stat(image, &st), 0);
	assert_int_equal(st.st_size, BYTES);
	return (u64)st.st_blocks * 512;
}

static void test_zeros_and_holes(void **state)
{
	unsigned int left = 0;
	struct io io;
	u64 before;

	make_image(BYTES);
	start_disk("");
	assert_io(0, DISK_FLUSH, 0, 0);
	before = blocks_used();
	/* Without unmap the space stays the disk's. */
	assert_io(0, DISK_WRITE_ZEROES, 256 * KIB, 0);
	assert_io(0, DISK_FLUSH, 0, 0);
	assert_true(blocks_used() >= before);
	prepare_io(&io, DISK_WRITE_ZEROES, NULL, 256 * KIB, 256 * KIB);
	io.request.unmap = true;
	submit_io(&io, &left);
	wait_for(&left);
	assert_int_equal(io.err, 0);
	assert_true(blocks_used() < before);
	assert_io(0, DISK_DISCARD, 256 * KIB, 512 * KIB);
	assert_true(blocks_used() <= before - 512 * KIB);
	/* Not whole blocks of the file system. */
	assert_io(0, DISK_WRITE_ZEROES, 1536, 768 * KIB + 512);
	stop_disk();
	read_image(buffer, BYTES, 0);
	assert_all(buffer, 0, 512 * KIB);
	assert_pattern(buffer + 768 * KIB, 512, 768 * KIB);
	assert_all(buffer + 768 * KIB + 512, 0, 1536);
	assert_pattern(buffer + 768 * KIB + 2048, 256 * KIB - 2048, 768 * KIB + 2048);
}

static void test_file_that_shrinks(void **state)
{
	make_image(BYTES);
	start_disk("");
	assert_int_equal(truncate(image, BYTES / 2 + 512), 0);
	assert_io(0, DISK_READ, 512, BYTES / 2);
	assert_int_equal(logged.lines, 0);
	assert_io(-EIO, DISK_READ, 4096, BYTES / 2);
	assert_line("read of 4096 bytes at 524288: Input/output error; the guest gets an I/O "
		    "error");
	assert_io(-EIO, DISK_READ, 4096, BYTES - 4096);
	/* And on it goes. */
	assert_io(0, DISK_READ, BYTES / 2, 0);
	assert_pattern(buffer, BYTES / 2, 0);
	stop_disk();
}

static void test_size_that_changes(void **state)
{
	make_image(BYTES);
	start_disk("");
	assert_int_equal(truncate(image, 2 * BYTES + 100), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(resized_calls, 1);
	assert_int_equal(disk_bytes(disk), 2 * BYTES);
	assert_io(0, DISK_WRITE, 512, 2 * BYTES - 512);
	assert_io(-ERANGE, DISK_WRITE, 512, 2 * BYTES);
	stop_disk();
}

static void test_many_at_once(void **state)
{
	static struct io ios[700];
	unsigned int left = 0;

	make_image(BYTES);
	start_disk("");
	for (size_t i = 0; i < ARRAY_SIZE(ios); i++) {
		prepare_io(&ios[i], DISK_READ, buffer + i * 512, 512, i * 512);
		submit_io(&ios[i], &left);
	}
	assert_int_equal(disk_in_flight(disk), ARRAY_SIZE(ios));
	wait_for(&left);
	for (size_t i = 0; i < ARRAY_SIZE(ios); i++) {
		assert_int_equal(ios[i].done, 1);
		assert_int_equal(ios[i].err, 0);
	}
	assert_pattern(buffer, ARRAY_SIZE(ios) * 512, 0);
	stop_disk();
}

/* --- a done() that submits again --- */

static unsigned int again_left;
static struct disk_request again;
static struct iovec again_iov;

static void done_again(struct disk_request *request, int err)
{
	assert_int_equal(err, again.offset == BYTES ? -ERANGE : 0);
	if (!--again_left) {
		loop_stop(loop);
		return;
	}
	again.offset = again_left % 7 ? again.offset % (BYTES - 4096) + 512 : BYTES;
	disk_submit(disk, &again);
	/* Not asked for, and no harm. */
	if (again_left % 5 == 0)
		disk_commit(disk);
}

static void test_done_submits(void **state)
{
	make_image(BYTES);
	start_disk("");
	again_left = 1000;
	again_iov = (struct iovec){buffer, 4096};
	again = (struct disk_request){.op = DISK_READ,
				      .bytes = 4096,
				      .iov = &again_iov,
				      .iov_count = 1,
				      .done = done_again};
	disk_submit(disk, &again);
	disk_commit(disk);
	if (again_left)
		assert_int_equal(loop_run(loop), 0);
	assert_int_equal(again_left, 0);
	stop_disk();
}

/* Stopping waits for what is in flight. */
static void test_stop_with_requests_in_flight(void **state)
{
	static struct io ios[64];
	unsigned int left = 0;

	make_image(BYTES);
	start_disk("");
	for (size_t i = 0; i < ARRAY_SIZE(ios); i++) {
		prepare_io(&ios[i], DISK_WRITE, buffer + i * 4096, 4096, i * 4096);
		ios[i].request.sync = true;
		submit_io(&ios[i], &left);
	}
	disk_commit(disk);
	stop_disk();
	assert_int_equal(left, 0);
}

static int set_up_buffer(void **state)
{
	buffer = malloc(BYTES);
	memset(buffer, 0x5a, BYTES);
	return 0;
}

static int free_buffer(void **state)
{
	free(buffer);
	return 0;
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

/* The question for its size is in flight, too; and a disk that was stopped asks no more. */
static void test_stop_while_its_size_is_asked_for(void **state)
{
	struct loop_timer due = {.fn = stop_loop, .arg = loop};

	make_image(BYTES);
	start_disk(",aio=threads");
	assert_false(disk_busy(disk));
	asked = told = 0;
	hung = true;
	loop_arm(loop, &due, now_ns() + 1100 * NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(disk_in_flight(disk), 0);
	assert_true(disk_busy(disk));
	disk_report_busy(disk);
	assert_line("its size cannot be asked for; the host does not answer");
	hung = false;
	while (!told)
		usleep(1000);
	usleep(20000); /* the worker has put it down; nobody has looked */
	assert_true(disk_busy(disk));
	assert_true(disk_stop(disk));
	assert_int_equal(asked, 1);
	assert_int_equal(disk->size_timer.deadline_ns, 0);
	disk_close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_range),
		TEST(test_read_only),
		TEST(test_discard_switched_off),
		TEST(test_zeros_and_holes),
		TEST(test_file_that_shrinks),
		TEST(test_size_that_changes),
		TEST(test_many_at_once),
		TEST(test_done_submits),
		TEST(test_stop_with_requests_in_flight),
		TEST(test_stop_while_its_size_is_asked_for),
	};

	return cmocka_run_group_tests(tests, set_up_buffer, free_buffer);
}
