// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/raw.c where the host says no: no hole, no zero range, no room, a result that is short
 * or interrupted; and disk/disk.c where it allows no io_uring. An engine of the test's own gives
 * the answers, or tmpfs does, which cannot zero a range.
 */
#include "disk/request.h"
#include "tests/disk/fixture.h"
#include <errno.h>
#include <linux/falloc.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define BYTES (256 * KIB)

static u8 buffer[BYTES] __attribute__((aligned(4096)));

/* --- an engine that answers what it is told --- */

static struct {
	struct engine engine;
	s64 answers[8]; /* REAL: carry the job out */
	unsigned int next;
	struct disk_job *queued;
	unsigned int ops[16], count;
} fake;

#define REAL INT64_MAX

static void fake_queue(struct engine *engine, struct disk_job *job)
{
	job->next = fake.queued;
	fake.queued = job;
}

static void fake_commit(struct engine *engine)
{
	while (fake.queued) {
		struct disk_job *job = fake.queued;
		s64 answer = fake.answers[fake.next];

		fake.queued = job->next;
		fake.next++;
		fake.ops[fake.count++] = job->op;
		job->done(job, answer == REAL ? engine_run_job(job) : answer);
	}
}

static void fake_reap(struct engine *engine)
{
}

static void fake_close(struct engine *engine)
{
}

static const struct engine_ops fake_ops = {
	.name = "fake",
	.jobs = ~0U,
	.queue = fake_queue,
	.commit = fake_commit,
	.reap = fake_reap,
	.close = fake_close,
};

static void start_fake(const char *words)
{
	make_image(BYTES);
	start_disk(words);
	disk->workers->ops->close(disk->workers);
	if (disk->engine != disk->workers)
		disk->engine->ops->close(disk->engine);
	memset(&fake, 0, sizeof(fake));
	fake.engine.ops = &fake_ops;
	disk->engine = disk->workers = &fake.engine;
}

static int ask(enum disk_op op, bool unmap, bool sync, const s64 *answers, unsigned int count)
{
	unsigned int left = 0;
	struct io io;

	for (unsigned int i = 0; i < count; i++)
		fake.answers[i] = answers[i];
	fake.next = fake.count = 0;
	prepare_io(&io, op, buffer, 8192, 4096);
	io.request.unmap = unmap;
	io.request.sync = sync;
	submit_io(&io, &left);
	disk_commit(disk);
	assert_int_equal(left, 0);
	assert_int_equal(io.done, 1);
	assert_int_equal(fake.next, count);
	return io.err;
}

#define ASK(op, unmap, sync, ...)                        \
	ask(op, unmap, sync, (const s64[]){__VA_ARGS__}, \
	    sizeof((const s64[]){__VA_ARGS__}) / sizeof(s64))

static void test_short_and_interrupted(void **state)
{
	static const s64 firsts[] = {0, 1, 512, 4096, 8191, -EINTR, -EAGAIN};

	start_fake("");
	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		/* What it says it has moved is there. */
		for (s64 at = 0; at < 8192; at++)
			buffer[at] = at < firsts[i] ? pattern((u64)at + 4096) : 0;
		assert_int_equal(ASK(DISK_READ, false, false, firsts[i], REAL), 0);
		assert_pattern(buffer, 8192, 4096);
		assert_int_equal(fake.ops[1], JOB_CALL);
	}
	assert_int_equal(ASK(DISK_READ, false, false, -EIO), -EIO);
	assert_int_equal(ASK(DISK_READ, false, false, 512, -EIO), -EIO);
	stop_disk();
}

/* What a buffer of the guest's own gets: alignment that nobody had told. */
static bool refuse_vectors;

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	if (refuse_vectors) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_preadv, fd, iov, count, offset, 0);
}

static void test_more_misaligned_than_told(void **state)
{
	start_fake("");
	disk->file.direct = true; /* as far as raw.c knows */
	disk->file.mem_align = disk->file.offset_align = 512;
	refuse_vectors = true;
	memset(buffer, 0, 8192);
	assert_int_equal(ASK(DISK_READ, false, false, -EINVAL, REAL), 0);
	refuse_vectors = false;
	assert_pattern(buffer, 8192, 4096);
	disk->file.direct = false;
	assert_int_equal(ASK(DISK_READ, false, false, -EINVAL), -EINVAL);
	stop_disk();
}

/* How often the host says "come again" before it does what it is asked. */
static unsigned int refusals, calls;
static int refusal;

/* The moments between two tries are not waited for. */
int usleep(useconds_t us)
{
	return 0;
}

int fdatasync(int fd)
{
	calls++;
	if (refusals) {
		refusals--;
		errno = refusal;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	calls++;
	if (refusals) {
		refusals--;
		errno = refusal;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

/* A flush, a discard and zeros are made again by a worker, and not for ever. */
static void test_interrupted_without_data(void **state)
{
	static const struct {
		enum disk_op op;
		bool unmap;
	} requests[] = {{DISK_FLUSH, false},
			{DISK_DISCARD, false},
			{DISK_WRITE_ZEROES, false},
			{DISK_WRITE_ZEROES, true}};
	static const int errors[] = {EINTR, EAGAIN};

	start_fake("");
	for (size_t i = 0; i < ARRAY_SIZE(requests) * ARRAY_SIZE(errors); i++) {
		enum disk_op op = requests[i / 2].op;
		bool unmap = requests[i / 2].unmap;

		refusal = errors[i % 2];
		refusals = 3;
		calls = 0;
		assert_int_equal(ASK(op, unmap, false, -refusal, REAL), 0);
		assert_int_equal(fake.ops[1], JOB_CALL);
		assert_int_equal(calls, 4);
		refusals = 1000000;
		assert_int_equal(ASK(op, unmap, false, -refusal, REAL), -refusal);
		assert_in_range(calls, 100, 10000);
		refusals = 0;
	}
	/* A flush that a write brings with it. */
	assert_int_equal(ASK(DISK_WRITE, false, true, 8192, -EAGAIN, REAL), 0);
	assert_int_equal(fake.ops[2], JOB_CALL);
	stop_disk();
	read_image(buffer, 16384, 0);
	assert_all(buffer + 4096, 0, 8192);
}

static void test_writes_that_fail(void **state)
{
	start_fake("");
	assert_int_equal(ASK(DISK_WRITE, false, false, -ENOSPC), -ENOSPC);
	assert_line("write of 8192 bytes at 4096: No space left on device");
	assert_int_equal(ASK(DISK_WRITE, false, false, 4096, -ENOSPC), -ENOSPC);
	assert_int_equal(ASK(DISK_FLUSH, false, false, -EIO), -EIO);
	assert_int_equal(ASK(DISK_WRITE, false, true, 8192, -EIO), -EIO);
	assert_int_equal(fake.ops[1], JOB_FLUSH);
	assert_int_equal(ASK(DISK_WRITE, false, true, 8192, 0), 0);
	/* What was not written needs no flush. */
	assert_int_equal(ASK(DISK_WRITE, false, true, -EIO), -EIO);
	stop_disk();
}

/* No memory for a request: it fails like any other, by the commit, and the next one is served. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static bool no_memory;

void *__libc_calloc(size_t count, size_t size);

void *calloc(size_t count, size_t size)
{
	return no_memory ? NULL : __libc_calloc(count, size);
}

static void test_no_memory(void **state)
{
	start_fake("");
	no_memory = true;
	assert_int_equal(ask(DISK_READ, false, false, NULL, 0), -ENOMEM);
	no_memory = false;
	assert_line("read of 8192 bytes at 4096: Cannot allocate memory");
	assert_int_equal(ASK(DISK_READ, false, false, REAL), 0);
	stop_disk();
}
#endif

static void test_unsafe_flushes_nothing(void **state)
{
	start_fake(",cache=unsafe");
	assert_int_equal(ASK(DISK_WRITE, false, true, 8192), 0);
	assert_int_equal(ask(DISK_FLUSH, false, false, NULL, 0), 0);
	stop_disk();
}

static void test_zeros_as_the_host_can(void **state)
{
	start_fake("");
	assert_int_equal(ASK(DISK_WRITE_ZEROES, true, false, 0), 0);
	assert_int_equal(ASK(DISK_WRITE_ZEROES, true, false, -ENOSPC), -ENOSPC);
	assert_int_equal(ASK(DISK_WRITE_ZEROES, false, true, -EINTR, 0, 0), 0);
	assert_int_equal(fake.ops[2], JOB_FLUSH);
	/* A range that is not whole blocks says nothing of the next. */
	assert_int_equal(ASK(DISK_WRITE_ZEROES, true, false, -EINVAL, -EINVAL, REAL), 0);
	assert_int_equal(ASK(DISK_WRITE_ZEROES, true, false, -EOPNOTSUPP, 0), 0);
	assert_int_equal(ASK(DISK_WRITE_ZEROES, true, false, -EOPNOTSUPP, REAL), 0);
	assert_int_equal(fake.ops[1], JOB_CALL);
	/* Neither is tried again. */
	assert_int_equal(ASK(DISK_WRITE_ZEROES, true, false, REAL), 0);
	assert_int_equal(fake.ops[0], JOB_CALL);
	stop_disk();
	read_image(buffer, 16384, 0);
	assert_pattern(buffer, 4096, 0);
	assert_all(buffer + 4096, 0, 8192);
	assert_pattern(buffer + 12288, 4096, 12288);
}

static void test_discard_is_a_hint(void **state)
{
	start_fake("");
	assert_int_equal(ASK(DISK_DISCARD, false, false, 0), 0);
	assert_int_equal(ASK(DISK_DISCARD, false, false, -EINVAL), 0);
	assert_int_equal(ASK(DISK_DISCARD, false, false, -EIO), -EIO);
	assert_int_equal(ASK(DISK_DISCARD, false, false, -EOPNOTSUPP), 0);
	assert_int_equal(ask(DISK_DISCARD, false, false, NULL, 0), 0);
	stop_disk();
}

/* tmpfs knows holes but no zero ranges. */
static void test_tmpfs(void **state)
{
	char there[80];

	memcpy(there, image, sizeof(there));
	snprintf(image, sizeof(image), "/dev/shm/lkvm-test-raw.%d", (int)getpid());
	make_image(BYTES);
	start_disk("");
	assert_int_equal(run_io(DISK_WRITE_ZEROES, NULL, 8192, 512), 0);
	assert_int_equal(run_io(DISK_WRITE_ZEROES, NULL, 8192, 65536 + 512), 0);
	assert_int_equal(run_io(DISK_DISCARD, NULL, 65536, 131072), 0);
	stop_disk();
	read_image(buffer, BYTES, 0);
	assert_pattern(buffer, 512, 0);
	assert_all(buffer + 512, 0, 8192);
	assert_pattern(buffer + 8704, 65536 - 8192, 8704);
	assert_all(buffer + 66048, 0, 8192);
	assert_all(buffer + 131072, 0, 65536);
	assert_pattern(buffer + 196608, 65536, 196608);
	unlink(image);
	memcpy(image, there, sizeof(there));
}

/* No descriptor is left for a ring: as good as forbidden. */
static void test_engine_that_cannot_be_opened(void **state)
{
	struct rlimit before, limit;
	struct disk_user user = {};
	int next;

	make_image(BYTES);
	disk = open_disk("");
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(disk_start(disk, loop, &user), 0);
	assert_string_equal(disk_engine_name(disk), "threads");
	assert_int_equal(logged.lines, 1);
	assert_line("threads are used instead");
	assert_int_equal(run_io(DISK_READ, buffer, BYTES, 0), 0);
	assert_pattern(buffer, BYTES, 0);
	stop_disk();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

	disk = open_disk(",aio=io_uring");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_not_equal(disk_start(disk, loop, &user), 0);
	assert_line("aio=io_uring: ");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	disk_close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_more_misaligned_than_told),
		TEST(test_short_and_interrupted),
		TEST(test_interrupted_without_data),
		TEST(test_writes_that_fail),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		TEST(test_no_memory),
#endif
		TEST(test_unsafe_flushes_nothing),
		TEST(test_zeros_as_the_host_can),
		TEST(test_discard_is_a_hint),
		TEST(test_tmpfs),
		TEST(test_engine_that_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
