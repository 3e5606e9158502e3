// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/overlay.c, and that it is a format like any other: it lies on an image of the test's
 * own, which answers reads with the image's bytes inverted, and must never be asked for more.
 */
#include "disk/format.h"
#include "tests/disk/fixture.h"
#include <errno.h>
#include <kvm/iov.h>

#define BYTES (256 * KIB)

static unsigned int submitted, read_on_worker;
static u8 buffer[BYTES] __attribute__((aligned(4096)));

/* --- an image below --- */

static int base_read(struct disk_image *base, struct iov_cursor *cursor, u64 bytes, u64 offset)
{
	int err = 0;

	read_on_worker++;
	for (u64 i = 0; i < bytes && !err; i++) {
		u8 byte = (u8)~pattern(offset + i);

		err = iov_write(cursor, &byte, 1);
	}
	return err;
}

static void base_submit(struct disk_image *base, struct disk_task *task)
{
	const struct disk_request *request = task->request;
	struct iov_cursor cursor;

	submitted++;
	assert_int_equal(task->op, DISK_READ);
	assert_int_equal(iov_cursor_init(&cursor, request->iov, request->iov_count), 0);
	assert_int_equal(base_read(base, &cursor, request->bytes, request->offset), 0);
	disk_end_task_later(task, 0);
}

static void start_above(const char *words)
{
	static struct disk_image_ops ops;
	static struct disk_user user;

	make_image(BYTES);
	disk = open_disk(words);
	assert_non_null(disk);
	assert_non_null(disk->top->base);
	assert_null(disk->top->base->base);
	ops = *disk->top->base->ops;
	ops.submit = base_submit;
	ops.read = base_read;
	disk->top->base->ops = &ops;
	assert_int_equal(disk_start(disk, loop, &user), 0);
	submitted = read_on_worker = 0;
}

static void assert_base(const u8 *buf, u64 bytes, u64 offset)
{
	for (u64 i = 0; i < bytes; i++)
		assert_int_equal(buf[i], (u8)~pattern(offset + i));
}

static void read_all(void)
{
	memset(buffer, 0, BYTES);
	assert_int_equal(run_io(DISK_READ, buffer, BYTES, 0), 0);
}

/* What was written is the overlay's, to the sector; the rest is the image's below. */
static void check_layers(const char *words)
{
	start_above(words);
	read_all();
	assert_int_equal(submitted, 1);
	assert_base(buffer, BYTES, 0);
	memset(buffer, 0x11, 1536);
	assert_int_equal(run_io(DISK_WRITE, buffer, 1536, 4096 + 512), 0);
	assert_int_equal(submitted, 1);
	read_on_worker = 0;
	read_all();
	assert_int_equal(submitted, 1);
	assert_int_equal(read_on_worker, 2);
	assert_base(buffer, 4096 + 512, 0);
	assert_all(buffer + 4096 + 512, 0x11, 1536);
	assert_base(buffer + 4096 + 2048, BYTES - 6144, 6144);
	/* All of it in the overlay: the image below is not asked. */
	assert_int_equal(run_io(DISK_READ, buffer, 512, 5120), 0);
	assert_all(buffer, 0x11, 512);
	assert_int_equal(submitted, 1);
	assert_int_equal(read_on_worker, 2);
	stop_disk();
	read_image(buffer, BYTES, 0);
	assert_pattern(buffer, BYTES, 0);
}

static void test_layers(void **state)
{
	check_layers(",snapshot");
	check_layers(",snapshot,aio=threads");
}

/* A discarded sector reads as zeros, whatever the image below has there. */
static void test_discard_and_zeros(void **state)
{
	start_above(",snapshot");
	assert_int_equal(run_io(DISK_DISCARD, NULL, 8192, 8192), 0);
	assert_int_equal(run_io(DISK_WRITE_ZEROES, NULL, 512, 32768), 0);
	assert_int_equal(run_io(DISK_FLUSH, NULL, 0, 0), 0);
	assert_int_equal(submitted, 0);
	read_all();
	assert_base(buffer, 8192, 0);
	assert_all(buffer + 8192, 0, 8192);
	assert_base(buffer + 16384, 16384, 16384);
	assert_all(buffer + 32768, 0, 512);
	assert_base(buffer + 33280, BYTES - 33280, 33280);
	/* So do sectors that were written before, on a host without holes. */
	disk->top->file->no_discard = disk->top->file->no_punch = true;
	memset(buffer, 0x22, 4096);
	assert_int_equal(run_io(DISK_WRITE, buffer, 4096, 65536), 0);
	assert_int_equal(run_io(DISK_DISCARD, NULL, 4096, 65536), 0);
	assert_int_equal(run_io(DISK_READ, buffer, 4096, 65536), 0);
	assert_all(buffer, 0, 4096);
	stop_disk();
}

/* A write that fails leaves the sectors to the image below. */
static void test_write_that_fails(void **state)
{
	start_above(",snapshot,aio=threads");
	close(disk->top->file->fd);
	disk->top->file->fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_int_equal(run_io(DISK_WRITE, buffer, 4096, 4096), -ENOSPC);
	assert_line("write of 4096 bytes at 4096: No space left on device");
	read_all();
	assert_base(buffer, BYTES, 0);
	assert_int_equal(submitted, 1);
	stop_disk();
}

/* --- which images a disk has --- */

static void test_images(void **state)
{
	make_image(BYTES);
	disk = open_disk("");
	assert_null(disk->top->base);
	assert_ptr_equal(disk->top->file, &disk->file);
	disk_close(disk);
	/* Nothing is written to it. */
	disk = open_disk(",snapshot,ro");
	assert_null(disk->top->base);
	disk_close(disk);
	disk = open_disk(",snapshot");
	assert_ptr_equal(disk->top->base->file, &disk->file);
	assert_int_equal(disk->top->file->index, 1);
	assert_true(disk->file.read_only);
	disk_close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_layers),
		TEST(test_discard_and_zeros),
		TEST(test_write_that_fails),
		TEST(test_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
