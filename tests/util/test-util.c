// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/util.c: all the bytes or an error, and a clock that goes forward.
 */
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/util.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_with(const char *content)
{
	int fd = memfd_create("test-util", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, content, strlen(content)), 0);
	return fd;
}

static void test_pread_reads_at_offset(void **state)
{
	int fd = file_with("0123456789");
	char buf[4] = {};

	assert_int_equal(pread_full(fd, buf, 4, 3), 0);
	assert_memory_equal(buf, "3456", 4);
	assert_int_equal(pread_full(fd, buf, 4, 6), 0);
	assert_memory_equal(buf, "6789", 4);
	close(fd);
}

static void test_pread_of_nothing(void **state)
{
	int fd = file_with("");

	assert_int_equal(pread_full(fd, NULL, 0, 0), 0);
	assert_int_equal(pread_full(fd, NULL, 0, 100), 0);
	close(fd);
}

static void test_pread_short_file_is_eio(void **state)
{
	int fd = file_with("0123456789");
	char buf[11];

	assert_int_equal(pread_full(fd, buf, 11, 0), -EIO);
	assert_int_equal(pread_full(fd, buf, 1, 10), -EIO);
	close(fd);
}

static void test_pwrite_writes_at_offset(void **state)
{
	int fd = file_with("0123456789");
	char buf[12] = {};

	assert_int_equal(pwrite_full(fd, "abcd", 4, 8), 0);
	assert_int_equal(pwrite_full(fd, NULL, 0, 100), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 12);
	assert_int_equal(pread_full(fd, buf, 12, 0), 0);
	assert_memory_equal(buf, "01234567abcd", 12);
	close(fd);
}

/* A file may not grow over the limit: what fits is written, and the rest is an error. */
static void test_pwrite_over_the_limit_is_an_error(void **state)
{
	const struct rlimit small = {.rlim_cur = 12, .rlim_max = RLIM_INFINITY};
	struct rlimit old;
	int fd = file_with("0123456789"), err;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	err = pwrite_full(fd, "abcd", 4, 10);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err, -EFBIG);
	close(fd);
}

static void test_errors_are_passed_on(void **state)
{
	char byte = 0;
	int fds[2];

	assert_int_equal(pread_full(-1, &byte, 1, 0), -EBADF);
	assert_int_equal(write_full(-1, &byte, 1), -EBADF);
	assert_int_equal(pwrite_full(-1, &byte, 1, 0), -EBADF);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pread_full(fds[0], &byte, 1, 0), -ESPIPE);
	close(fds[0]);
	close(fds[1]);
}

#define PIPED_BYTES 300000 /* several times what a pipe holds */

static void *drain_slowly(void *arg)
{
	char buf[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = read(*(int *)arg, buf, sizeof(buf))) > 0)
		total += n;
	return (void *)total;
}

static void test_write_goes_on_after_a_part(void **state)
{
	static char data[PIPED_BYTES];
	pthread_t reader;
	void *total;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&reader, NULL, drain_slowly, &fds[0]), 0);
	assert_int_equal(write_full(fds[1], data, sizeof(data)), 0);
	close(fds[1]);
	pthread_join(reader, &total);
	assert_int_equal((size_t)total, PIPED_BYTES);
	close(fds[0]);
}

static void test_whole_files(void **state)
{
	char path[] = "/tmp/lkvm-test-util-XXXXXX";
	int fd = mkstemp(path);
	size_t len;
	u8 *data;

	assert_int_equal(file_read_whole(path, 0, &data, &len), 0);
	assert_int_equal(len, 0);
	free(data);
	assert_int_equal(write_full(fd, "12345", 5), 0);
	assert_int_equal(file_read_whole(path, 5, &data, &len), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(data, "12345", 5);
	free(data);
	assert_int_equal(file_read_whole(path, 4, &data, &len), -EFBIG);
	assert_null(data);
	close(fd);
	unlink(path);
	assert_int_equal(file_read_whole(path, 5, &data, &len), -ENOENT);
	assert_null(data);
	assert_int_equal(file_read_whole("/", 5, &data, &len), -EINVAL);
	assert_int_equal(file_read_whole("/dev/zero", 5, &data, &len), -EINVAL);
}

static void test_a_file_is_emptied_unless_it_is_in_use(void **state)
{
	char path[] = "/tmp/lkvm-test-util-XXXXXX";
	int fd = mkstemp(path), other;
	struct stat st;

	assert_int_equal(write_full(fd, "12345", 5), 0);
	other = open(path, O_RDONLY);
	assert_int_equal(file_empty(fd), -EBUSY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 5);
	close(other);
	assert_int_equal(file_empty(fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	close(fd);
	unlink(path);
	fd = open("/dev/null", O_RDWR);
	other = open("/dev/null", O_RDWR);
	assert_int_equal(file_empty(fd), 0);
	close(fd);
	close(other);
	assert_int_equal(file_empty(-1), -EBADF);
}

static void test_write_says_when_it_would_block(void **state)
{
	static char data[PIPED_BYTES];
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write_full(fds[1], data, sizeof(data)), -EAGAIN);
	close(fds[0]);
	close(fds[1]);
}

static void test_clock_goes_forward(void **state)
{
	u64 before = now_ns();

	usleep(2000);
	assert_true(now_ns() - before >= 2 * NSEC_PER_MSEC);
	assert_true(now_ns() - before < patient_ns(10 * NSEC_PER_SEC));
}

static void test_add_ns_ends_at_the_end_of_time(void **state)
{
	assert_true(add_ns(1, 2) == 3);
	assert_true(add_ns(UINT64_MAX - 2, 2) == UINT64_MAX);
	assert_true(add_ns(UINT64_MAX - 2, 3) == UINT64_MAX);
	assert_true(add_ns(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pread_reads_at_offset),
		cmocka_unit_test(test_add_ns_ends_at_the_end_of_time),
		cmocka_unit_test(test_pread_of_nothing),
		cmocka_unit_test(test_pread_short_file_is_eio),
		cmocka_unit_test(test_pwrite_writes_at_offset),
		cmocka_unit_test(test_pwrite_over_the_limit_is_an_error),
		cmocka_unit_test(test_errors_are_passed_on),
		cmocka_unit_test(test_write_goes_on_after_a_part),
		cmocka_unit_test(test_whole_files),
		cmocka_unit_test(test_a_file_is_emptied_unless_it_is_in_use),
		cmocka_unit_test(test_write_says_when_it_would_block),
		cmocka_unit_test(test_clock_goes_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
