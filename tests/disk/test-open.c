// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/open.c, and of disk/file.c what concerns opening: what is accepted as a
 * disk, with which size and alignment, who may share it, and the line for what is refused.
 */
#include "tests/disk/fixture.h"
#include <errno.h>
#include <sys/resource.h>

static void assert_refused(const char *words, const char *line)
{
	unsigned int before = logged.lines;

	assert_null(open_disk(words));
	assert_int_equal(logged.lines, before + 1);
	assert_line(image);
	assert_line(line);
}

static void test_sizes(void **state)
{
	make_image(1 * MIB);
	disk = open_disk("");
	assert_int_equal(disk_bytes(disk), MIB);
	assert_int_equal(logged.lines, 0);
	disk_close(disk);

	make_image(1000);
	disk = open_disk("");
	assert_int_equal(disk_bytes(disk), 512);
	assert_line("1000 bytes are not whole blocks of 512; the guest does not see the last 488");
	disk_close(disk);

	make_image(4096 + 512);
	disk = open_disk(",block=4096");
	assert_int_equal(disk_bytes(disk), 4096);
	assert_line("4608 bytes are not whole blocks of 4096; the guest does not see the last 512");
	disk_close(disk);

	make_image(0);
	assert_refused("", "is empty; 'truncate -s SIZE' makes it larger");
	make_image(511);
	assert_refused(",ro", "has 511 bytes, less than a block of 512");
}

static void test_info(void **state)
{
	const struct disk_info *info;

	make_image(1 * MIB);
	disk = open_disk(",queues=3,serial=abc");
	info = disk_info(disk);
	assert_string_equal(info->path, image);
	assert_string_equal(info->serial, "abc");
	assert_int_equal(info->queues, 3);
	assert_false(info->read_only);
	assert_true(info->discard);
	assert_int_equal(info->block_bytes, 512);
	assert_int_equal(info->physical_bytes, 4096);
	disk_close(disk);

	disk = open_disk(",ro");
	assert_true(disk_info(disk)->read_only);
	assert_false(disk_info(disk)->discard);
	disk_close(disk);
	disk = open_disk(",discard=off");
	assert_false(disk_info(disk)->discard);
	disk_close(disk);
	/* Sectors are 512 bytes whatever direct I/O wants. */
	disk = open_disk(",cache=none");
	assert_int_equal(disk_info(disk)->block_bytes, 512);
	assert_int_equal(disk_info(disk)->physical_bytes, 4096);
	disk_close(disk);
	disk = open_disk(",block=4096");
	assert_int_equal(disk_info(disk)->block_bytes, 4096);
	assert_int_equal(disk_info(disk)->physical_bytes, 4096);
	disk_close(disk);
}

static void test_no_disk(void **state)
{
	char file[80];

	assert_refused("", "No such file");
	memcpy(file, image, sizeof(file));
	memcpy(image, folder, sizeof(folder));
	assert_refused("", "is a directory; directories are not supported yet");
	assert_refused(",ro", "is a directory");
	memcpy(image, "/dev/null", 10);
	assert_refused("", "is neither a file nor a block device");
	memcpy(image, file, sizeof(file));
	/* Nobody writes to it; that must not be waited for. */
	assert_int_equal(mkfifo(image, 0600), 0);
	assert_refused(",ro", "is neither a file nor a block device");
}

static void test_formats(void **state)
{
	int fd;

	make_image(1 * MIB);
	assert_refused(",format=qcow2", "qcow2 images are not supported yet");
	fd = open(image, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "QFI\xfb\0\0\0\3", 8, 0), 8);
	close(fd);
	assert_refused("", "begins like a qcow2 image");
	assert_refused(",cache=none", "begins like a qcow2 image");
	assert_refused(",snapshot", "begins like a qcow2 image");
	disk = open_disk(",format=raw");
	assert_non_null(disk);
	disk_close(disk);

	strcat(image, ".qcow2");
	make_image(4096);
	assert_refused("", "qcow2 images are not supported yet");
	disk = open_disk(",format=raw");
	assert_non_null(disk);
	disk_close(disk);
	unlink(image);
	image[strlen(image) - strlen(".qcow2")] = '\0';
}

static void test_one_writer_or_many_readers(void **state)
{
	struct disk *other;

	make_image(4096);
	disk = open_disk("");
	assert_refused("", "is in use: another process has it open");
	assert_refused(",ro", "is in use: another process writes to it");
	assert_refused(",snapshot", "is in use: another process writes to it");
	disk_close(disk);

	disk = open_disk(",ro");
	other = open_disk(",snapshot");
	assert_non_null(other);
	assert_refused("", "only readers");
	disk_close(other);
	disk_close(disk);
	disk = open_disk("");
	assert_non_null(disk);
	disk_close(disk);
}

/* QEMU locks single bytes above 100. */
static void test_byte_locks_of_others(void **state)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
	int fd;

	make_image(4096);
	fd = open(image, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	assert_refused("", "is in use");
	disk = open_disk(",ro");
	assert_non_null(disk);
	disk_close(disk);
	close(fd);
}

static void test_read_only_file(void **state)
{
	make_image(4096);
	assert_int_equal(chmod(image, 0400), 0);
	/* Root may write to anything. */
	if (geteuid()) {
		assert_refused("", "cannot be written: Permission denied; ',ro' reads it only");
	}
	disk = open_disk(",ro");
	assert_non_null(disk);
	disk_close(disk);
	disk = open_disk(",snapshot");
	assert_non_null(disk);
	disk_close(disk);
}

static void test_snapshot_needs_a_folder(void **state)
{
	make_image(4096);
	setenv("TMPDIR", "/nonexistent", 1);
	assert_refused(",snapshot", "snapshot: no temporary file in /nonexistent: No such file");
	/* Nothing is written, so nothing is needed. */
	disk = open_disk(",snapshot,ro");
	assert_non_null(disk);
	disk_close(disk);
	unsetenv("TMPDIR");
}

static void test_no_descriptor_is_left(void **state)
{
	int before, after;

	make_image(4096);
	before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(before);
	disk = open_disk(",snapshot");
	disk_close(disk);
	assert_null(open_disk(",format=qcow2"));
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(after);
	assert_int_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sizes),
		TEST(test_info),
		TEST(test_no_disk),
		TEST(test_formats),
		TEST(test_one_writer_or_many_readers),
		TEST(test_byte_locks_of_others),
		TEST(test_read_only_file),
		TEST(test_snapshot_needs_a_folder),
		TEST(test_no_descriptor_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
