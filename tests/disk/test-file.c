// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/file.c, moving bytes: any offset, length and cut through blocks that must be
 * whole. The alignment is set by hand, so that blocks of 4096 and 65536 are tested anywhere.
 */
#include "disk/file.h"
#include "tests/disk/fixture.h"
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>

#define BYTES (512 * KIB)

static bool slow_reads;

/* Between the read of a block and its write another may write its neighbour, if nothing forbids. */
ssize_t pread(int fd, void *buf, size_t len, off_t offset)
{
	ssize_t got = syscall(SYS_pread64, fd, buf, len, offset);

	if (slow_reads)
		usleep(20);
	return got;
}

static struct disk_file file;
static u8 *model, *buffer;
static u64 seed;

static u64 random_below(u64 limit)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % limit;
}

/* O_DIRECT in name only: what cannot be aligned would work, so the model must tell. */
static void open_file(u32 align)
{
	make_image(BYTES);
	assert_int_equal(disk_file_open(&file, image, false, false), 0);
	file.direct = align > 1;
	file.mem_align = file.offset_align = align;
}

static int transfer(bool write, u8 *buf, u64 bytes, u64 offset)
{
	struct iovec pieces[3] = {
		{buf, bytes / 3}, {buf + bytes / 3, 0}, {buf + bytes / 3, bytes - bytes / 3}};
	struct iov_cursor cursor;

	assert_int_equal(iov_cursor_init(&cursor, pieces, 3), 0);
	return disk_file_transfer(&file, write, &cursor, bytes, offset);
}

static void check_align(u32 align)
{
	open_file(align);
	read_image(model, BYTES, 0);
	for (int i = 0; i < 300; i++) {
		u64 offset = random_below(BYTES - 1);
		u64 bytes = 1 + random_below(random_below(2) ? 10000 : BYTES - offset);

		bytes = MIN(bytes, BYTES - offset);
		memset(buffer, i, bytes);
		if (random_below(2)) {
			assert_int_equal(transfer(true, buffer, bytes, offset), 0);
			memcpy(model + offset, buffer, bytes);
		} else {
			assert_int_equal(transfer(false, buffer, bytes, offset), 0);
			assert_memory_equal(buffer, model + offset, bytes);
		}
	}
	read_image(buffer, BYTES, 0);
	assert_memory_equal(buffer, model, BYTES);
	disk_file_close(&file);
}

static void test_alignments(void **state)
{
	check_align(1);
	check_align(512);
	check_align(4096);
	check_align(65536);
}

static void test_zeroes(void **state)
{
	open_file(4096);
	assert_int_equal(disk_file_write_zeroes(&file, 1000, 300 * KIB), 0);
	read_image(buffer, BYTES, 0);
	assert_pattern(buffer, 1000, 0);
	assert_all(buffer + 1000, 0, 300 * KIB);
	assert_pattern(buffer + 1000 + 300 * KIB, 10000, 1000 + 300 * KIB);
	disk_file_close(&file);
}

static void test_end_of_the_file(void **state)
{
	for (u32 align = 1; align <= 4096; align *= 4096) {
		open_file(align);
		assert_int_equal(transfer(false, buffer, 4096, BYTES - 4096), 0);
		assert_int_equal(transfer(false, buffer, 4097, BYTES - 4096), -EIO);
		assert_int_equal(transfer(false, buffer, 1, BYTES), -EIO);
		assert_int_equal(truncate(image, 100000), 0);
		assert_int_equal(transfer(false, buffer, 100000, 0), 0);
		assert_pattern(buffer, 100000, 0);
		assert_int_equal(transfer(false, buffer, 100001, 0), -EIO);
		disk_file_close(&file);
	}
}

static void test_more_than_the_buffers(void **state)
{
	struct iovec piece = {buffer, 100};
	struct iov_cursor cursor;

	open_file(1);
	assert_int_equal(iov_cursor_init(&cursor, &piece, 1), 0);
	assert_int_equal(disk_file_transfer(&file, false, &cursor, 101, 0), -EINVAL);
	disk_file_close(&file);
}

/* Two workers write neighbours in the same blocks: nobody undoes the other. */
static void *write_odd(void *arg)
{
	u8 value[512];

	memset(value, 1 + *(const int *)arg, sizeof(value));
	for (u64 sector = (u64) * (const int *)arg; sector < BYTES / 512; sector += 2)
		assert_int_equal(transfer(true, value, 512, sector * 512), 0);
	return NULL;
}

static void test_neighbours(void **state)
{
	static int who[] = {0, 1};
	pthread_t threads[2];

	open_file(4096);
	slow_reads = true;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_odd, &who[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	slow_reads = false;
	read_image(buffer, BYTES, 0);
	for (u64 sector = 0; sector < BYTES / 512; sector++)
		assert_all(buffer + sector * 512, (u8)(1 + sector % 2), 512);
	disk_file_close(&file);
}

static void test_aligned(void **state)
{
	struct iovec iov[2] = {{(void *)4096, 4096}, {(void *)8192, 512}};

	open_file(512);
	assert_true(disk_file_aligned(&file, iov, 2, 512));
	assert_false(disk_file_aligned(&file, iov, 2, 100));
	file.mem_align = 4;
	file.offset_align = 4096;
	assert_true(disk_file_aligned(&file, iov, 1, 8192));
	assert_false(disk_file_aligned(&file, iov, 2, 8192));
	assert_false(disk_file_aligned(&file, iov, 1, 512));
	iov[0].iov_base = (void *)4098;
	assert_false(disk_file_aligned(&file, iov, 1, 8192));
	file.direct = false;
	assert_true(disk_file_aligned(&file, iov, 2, 1));
	disk_file_close(&file);
}

static void test_read_only(void **state)
{
	make_image(4096);
	assert_int_equal(disk_file_open(&file, image, true, false), 0);
	assert_int_equal(transfer(true, buffer, 512, 0), -EBADF);
	assert_int_equal(disk_file_bytes(&file), 4096);
	disk_file_close(&file);
	disk_file_close(&file);
}

static int set_up_buffers(void **state)
{
	model = malloc(BYTES);
	buffer = malloc(BYTES + 4096);
	return model && buffer ? 0 : -1;
}

static int free_buffers(void **state)
{
	free(model);
	free(buffer);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_alignments),	    TEST(test_zeroes),
		TEST(test_end_of_the_file), TEST(test_more_than_the_buffers),
		TEST(test_neighbours),	    TEST(test_aligned),
		TEST(test_read_only),
	};

	return cmocka_run_group_tests(tests, set_up_buffers, free_buffers);
}
