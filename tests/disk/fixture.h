/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of disk/ share: a file in a folder of its own, a loop, and requests that are
 * waited for. An alarm ends a test that hangs. Log lines are kept, not shown.
 */
#ifndef TESTS_DISK_DISK_FIXTURE_H
#define TESTS_DISK_DISK_FIXTURE_H

#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <kvm/disk.h>
#include <kvm/log.h>
#include <kvm/loop.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct loop *loop;
static char folder[64], image[80];

/* /var/tmp: a file system with O_DIRECT, which /tmp need not be. */
static inline int set_up(void **state)
{
	alarm(patient_s(100));
	log_record();
	snprintf(folder, sizeof(folder), "/var/tmp/lkvm-test-disk.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(image, sizeof(image), "%s/image", folder);
	loop = loop_new();
	return loop ? 0 : -1;
}

static inline int tear_down(void **state)
{
	loop_free(loop);
	unlink(image);
	rmdir(folder);
	alarm(0);
	log_record_end();
	return 0;
}

#define assert_line(text)                                                  \
	do {                                                               \
		if (!strstr(logged.last, text))                            \
			fail_msg("'%s' is not in: %s", text, logged.last); \
	} while (0)

/* The byte that a fresh image has at an offset. */
static inline u8 pattern(u64 offset)
{
	return (u8)(offset * 7 + offset / 512 * 13 + offset / 65536 * 5);
}

static inline void make_image(u64 bytes)
{
	u8 *content = malloc(bytes + 1);
	int fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && content);
	for (u64 i = 0; i < bytes; i++)
		content[i] = pattern(i);
	assert_int_equal(write_full(fd, content, bytes), 0);
	close(fd);
	free(content);
}

/* Read the image as anyone else would. */
static inline void read_image(void *buf, u64 bytes, u64 offset)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread_full(fd, buf, bytes, (off_t)offset), 0);
	close(fd);
}

static inline struct disk *open_disk(const char *words)
{
	struct disk_options options;
	struct disk *disk;
	char text[256];

	snprintf(text, sizeof(text), "%s%s", image, words);
	assert_int_equal(disk_parse_options(text, &options), 0);
	if (disk_open(&options, &disk)) {
		free(options.path);
		return NULL;
	}
	return disk;
}

/* --- a disk that runs --- */

static struct disk *disk;
static unsigned int completed_calls, resized_calls;

static inline void on_completed(void *arg)
{
	completed_calls++;
}

static inline void on_resized(void *arg)
{
	resized_calls++;
	loop_stop(arg);
}

static inline void start_disk(const char *words)
{
	static struct disk_user user;

	user = (struct disk_user){.completed = on_completed, .resized = on_resized, .arg = loop};
	completed_calls = resized_calls = 0;
	disk = open_disk(words);
	assert_non_null(disk);
	assert_int_equal(disk_start(disk, loop, &user), 0);
}

/* As the machine waits for it; an alarm bounds it. */
static inline void let_rest(struct disk *some)
{
	for (disk_poll(some); disk_busy(some); disk_poll(some))
		usleep(200);
}

static inline void stop_disk(void)
{
	let_rest(disk);
	assert_true(disk_stop(disk));
	disk_close(disk);
}

/* A loop that was stopped stays stopped: each wait has a new one, with the disk on it. */
struct io {
	struct disk_request request;
	struct iovec iov;
	int err;
	unsigned int done;
	unsigned int *left; /* loop_stop() at 0 */
};

static inline void io_done(struct disk_request *request, int err)
{
	struct io *io = container_of(request, struct io, request);

	io->err = err;
	io->done++;
	(*io->left)--;
}

static inline void submit_io(struct io *io, unsigned int *left)
{
	io->request.done = io_done;
	io->err = 1;
	io->done = 0;
	io->left = left;
	(*left)++;
	disk_submit(disk, &io->request);
}

static inline void prepare_io(struct io *io, enum disk_op op, void *buf, u64 bytes, u64 offset)
{
	*io = (struct io){.iov = {buf, bytes}};
	io->request = (struct disk_request){
		.op = op, .offset = offset, .bytes = bytes, .iov = &io->iov, .iov_count = 1};
}

static inline void wait_for(const unsigned int *left)
{
	disk_commit(disk);
	let_rest(disk);
	assert_int_equal(*left, 0);
}

static inline int run_io(enum disk_op op, void *buf, u64 bytes, u64 offset)
{
	unsigned int left = 0;
	struct io io;

	prepare_io(&io, op, buf, bytes, offset);
	submit_io(&io, &left);
	assert_int_equal(io.done, 0);
	wait_for(&left);
	assert_int_equal(io.done, 1);
	return io.err;
}

static inline void assert_pattern(const u8 *buf, u64 bytes, u64 offset)
{
	for (u64 i = 0; i < bytes; i++) {
		if (buf[i] != pattern(offset + i))
			fail_msg("byte %llu is wrong", (offset + i));
	}
}

static inline void assert_all(const u8 *buf, u8 value, u64 bytes)
{
	for (u64 i = 0; i < bytes; i++) {
		if (buf[i] != value)
			fail_msg("byte %llu is %u, not %u", i, buf[i], value);
	}
}

#endif
