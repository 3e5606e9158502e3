// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/engine-threads.c, engine-uring.c and engine-aio.c: what was written is what is read,
 * for each engine and cache mode, with and without a snapshot, against a copy in memory.
 *
 * Rounds of requests that do not overlap each other: reads are compared, writes, zeros and
 * discards applied to the copy. Buffers are cut into pieces at any byte. The last look is at
 * the file itself. Then the same by the loop, where nothing may be lost. At last the engines
 * themselves, with more jobs waiting than may begin in one turn of the loop.
 */
#include "disk/engine.h"
#include "tests/disk/fixture.h"
#include "tests/lib/patience.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#define BYTES (2 * MIB)
#define SLOTS 24
#define SLOT  (BYTES / SLOTS / 4096 * 4096)
#ifdef __SANITIZE_THREAD__
#define ROUNDS 12 /* it compares byte by byte */
#else
#define ROUNDS 60
#endif
#define PIECES 5

static u8 *model;
static u64 seed;

static u64 random_below(u64 limit)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % limit;
}

struct work {
	struct io io;
	u8 *buf;
	struct iovec pieces[PIECES];
};

/* A request within its slot, of sectors; its buffer cut up. */
static void prepare_work(struct work *work, unsigned int slot, bool whole_sectors)
{
	static const enum disk_op ops[] = {DISK_READ,  DISK_READ,    DISK_WRITE,	DISK_WRITE,
					   DISK_WRITE, DISK_DISCARD, DISK_WRITE_ZEROES, DISK_FLUSH};
	u64 block = disk_info(disk)->block_bytes;
	u64 first = random_below(SLOT / block), count = 1 + random_below(SLOT / block - first);
	u64 bytes = count * block, left = bytes;
	unsigned int pieces = 0;

	work->buf = aligned_alloc(4096, SLOT + 4096);
	prepare_io(&work->io, ops[random_below(ARRAY_SIZE(ops))], work->buf, bytes,
		   slot * SLOT + first * block);
	work->io.request.unmap = random_below(2);
	work->io.request.sync = !random_below(10);
	for (u64 i = 0; i < bytes; i++)
		work->buf[i] = (u8)random_below(256);
	while (left) {
		u64 len = pieces == PIECES - 1 ? left : random_below(left + 1);

		if (whole_sectors && pieces < PIECES - 1)
			len = ALIGN_DOWN(len, block);
		work->pieces[pieces++] = (struct iovec){work->buf + (bytes - left), len};
		left -= len;
	}
	work->io.request.iov = work->pieces;
	work->io.request.iov_count = pieces;
}

static void check_work(struct work *work)
{
	const struct disk_request *request = &work->io.request;

	assert_int_equal(work->io.done, 1);
	assert_int_equal(work->io.err, 0);
	switch (request->op) {
	case DISK_READ:
		assert_memory_equal(work->buf, model + request->offset, request->bytes);
		break;
	case DISK_WRITE:
		memcpy(model + request->offset, work->buf, request->bytes);
		break;
	case DISK_WRITE_ZEROES:
	case DISK_DISCARD: /* a file reads as zeros then */
		memset(model + request->offset, 0, request->bytes);
		break;
	default:
		break;
	}
	free(work->buf);
}

static bool engine_is_here(const char *words)
{
	bool started;

	disk = open_disk(words);
	if (!disk)
		return false;
	started = !disk_start(disk, loop, &(struct disk_user){});
	if (started)
		assert_true(disk_stop(disk));
	disk_close(disk);
	return started;
}

static void verify(const char *words)
{
	bool snapshot = strstr(words, "snapshot");
	u8 *content = malloc(BYTES);

	make_image(BYTES);
	if (!engine_is_here(words)) {
		print_message("# %s: %s\n", words, logged.last);
		free(content);
		return;
	}
	read_image(model, BYTES, 0);
	start_disk(words);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct work works[SLOTS];
		unsigned int left = 0;

		for (unsigned int slot = 0; slot < SLOTS; slot++) {
			prepare_work(&works[slot], slot, round % 2);
			submit_io(&works[slot].io, &left);
			if (!random_below(4))
				disk_commit(disk);
		}
		wait_for(&left);
		for (unsigned int slot = 0; slot < SLOTS; slot++)
			check_work(&works[slot]);
	}
	for (u64 at = 0; at < BYTES; at += BYTES / 4)
		assert_int_equal(run_io(DISK_READ, content + at, BYTES / 4, at), 0);
	assert_memory_equal(content, model, BYTES);
	stop_disk();
	read_image(content, BYTES, 0);
	if (snapshot)
		assert_pattern(content, BYTES, 0);
	else
		assert_memory_equal(content, model, BYTES);
	free(content);
}

static void test_verify(void **state)
{
	static const char *const modes[] = {
		",aio=threads",
		",aio=threads,cache=none",
		",aio=threads,cache=unsafe",
		",aio=threads,snapshot",
		",aio=io_uring",
		",aio=io_uring,cache=none",
		",aio=io_uring,cache=unsafe",
		",aio=io_uring,snapshot",
		",aio=io_uring,cache=none,snapshot",
		",aio=libaio,cache=none",
		",aio=libaio,cache=none,snapshot",
	};

	model = malloc(BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		verify(modes[i]);
	free(model);
}

/* One for which the loop does not wait in a system call. */
static void long_jobs(const char *words)
{
	u64 bytes = 9 * MIB;
	u8 *content = aligned_alloc(4096, bytes);

	make_image(bytes);
	if (engine_is_here(words)) {
		start_disk(words);
		assert_int_equal(run_io(DISK_READ, content, bytes, 0), 0);
		assert_pattern(content, bytes, 0);
		memset(content, 0x11, bytes);
		assert_int_equal(run_io(DISK_WRITE, content, bytes - 8192, 4096), 0);
		assert_int_equal(run_io(DISK_READ, content, bytes, 0), 0);
		stop_disk();
		assert_pattern(content, 4096, 0);
		assert_all(content + 4096, 0x11, bytes - 8192);
		assert_pattern(content + bytes - 4096, 4096, bytes - 4096);
	}
	free(content);
}

static void test_long_jobs(void **state)
{
	long_jobs(",aio=threads");
	long_jobs(",aio=io_uring");
	long_jobs(",aio=io_uring,cache=none");
	long_jobs(",aio=libaio,cache=none");
}

/* --- completions that come by the loop --- */

static struct loop_timer end;

static void end_due(void *arg)
{
	loop_stop(loop);
}

static unsigned int loop_left;

static void done_by_loop(struct disk_request *request, int err)
{
	assert_int_equal(err, 0);
	if (!--loop_left)
		loop_stop(loop);
}

static void check_by_loop(const char *words)
{
	static struct io ios[32];
	static u8 buf[32 * 4096] __attribute__((aligned(4096)));

	make_image(BYTES);
	if (!engine_is_here(words))
		return;
	loop_free(loop);
	loop = loop_new();
	start_disk(words);
	loop_left = ARRAY_SIZE(ios);
	for (size_t i = 0; i < ARRAY_SIZE(ios); i++) {
		prepare_io(&ios[i], DISK_WRITE, buf + i * 4096, 4096, i * 4096);
		ios[i].request.sync = true;
		ios[i].request.done = done_by_loop;
		disk_submit(disk, &ios[i].request);
	}
	disk_commit(disk);
	end = (struct loop_timer){.fn = end_due};
	loop_arm(loop, &end, now_ns() + patient_ns(30 * NSEC_PER_SEC));
	if (loop_left)
		assert_int_equal(loop_run(loop), 0);
	loop_disarm(loop, &end);
	assert_int_equal(loop_left, 0);
	stop_disk();
}

static void test_by_loop(void **state)
{
	check_by_loop(",aio=threads");
	check_by_loop(",aio=threads,cache=none");
	check_by_loop(",aio=io_uring");
	check_by_loop(",aio=io_uring,cache=none");
	check_by_loop(",aio=libaio,cache=none");
}

/* --- how much begins in one turn of the loop --- */

#define WAITING	  256 /* jobs that an engine has in the kernel at once */
#define BIG_BYTES (1 * MIB)
#define BIG_COUNT 40

static struct engine *engine;
static struct disk_file big_file, pipe_file;
static struct disk_job waiting[WAITING], big[BIG_COUNT];
static unsigned int big_done;
static u64 this_turn, turn_bytes, max_turn_bytes;

static u8 big_content[BIG_BYTES];
static struct iovec big_iov = {big_content, BIG_BYTES};

static void count_big(struct disk_job *job, s64 result)
{
	assert_int_equal(result, BIG_BYTES);
	/* Each once. */
	assert_ptr_not_equal(job->file, NULL);
	job->file = NULL;
	if (this_turn != loop_turn(loop))
		turn_bytes = 0;
	this_turn = loop_turn(loop);
	turn_bytes += job->bytes;
	max_turn_bytes = MAX(max_turn_bytes, turn_bytes);
	if (++big_done == BIG_COUNT)
		loop_stop(loop);
}

static void ignore_done(struct disk_job *job, s64 result)
{
	assert_int_equal(result, 1);
}

static void commit_batch(void *arg)
{
	engine->ops->commit(engine);
}

/* False: this engine is not here, or its host reads in the background what it has in memory. */
static bool open_big(const struct engine_ops *ops)
{
	struct disk_file *files[] = {&big_file, &pipe_file};
	const struct engine_config config = {.name = "disk",
					     .loop = loop,
					     .batch = commit_batch,
					     .files = files,
					     .file_count = 2};

	if (!ops)
		return false;
	make_image(BIG_BYTES);
	big_file = (struct disk_file){.fd = open(image, O_RDONLY | O_CLOEXEC)};
	assert_true(big_file.fd >= 0);
	pipe_file.index = 1;
	big_done = 0;
	this_turn = turn_bytes = max_turn_bytes = 0;
	return preadv2(big_file.fd, &big_iov, 1, 0, RWF_NOWAIT) == BIG_BYTES &&
	       !ops->open(&engine, &config);
}

/* Of what the host has in memory, since it was written just now. */
static void queue_big(void)
{
	for (unsigned int i = 0; i < BIG_COUNT; i++) {
		big[i] = (struct disk_job){.op = JOB_READ,
					   .file = &big_file,
					   .iov = &big_iov,
					   .iov_count = 1,
					   .bytes = BIG_BYTES,
					   .done = count_big};
		engine->ops->queue(engine, &big[i]);
	}
	engine->ops->commit(engine);
}

static void finish_big(void)
{
	end = (struct loop_timer){.fn = end_due};
	loop_arm(loop, &end, now_ns() + patient_ns(30 * NSEC_PER_SEC));
	assert_int_equal(loop_run(loop), 0);
	loop_disarm(loop, &end);
	assert_int_equal(big_done, BIG_COUNT);
	assert_in_range(max_turn_bytes, BIG_BYTES, ENGINE_TURN_BYTES);
}

static void close_big(void)
{
	engine->ops->close(engine);
	close(big_file.fd);
}

/* All that the kernel takes waits for a pipe, and is done at once. */
static void test_a_turn_of_io_uring(void **state)
{
	static u8 byte[WAITING];
	struct iovec iov = {byte, 1};
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pipe_file = (struct disk_file){.fd = fds[0], .direct = true};
	if (!open_big(&engine_uring))
		skip();
	for (unsigned int i = 0; i < WAITING; i++) {
		waiting[i] = (struct disk_job){.op = JOB_READ,
					       .file = &pipe_file,
					       .iov = &iov,
					       .iov_count = 1,
					       .bytes = 1,
					       .done = ignore_done};
		engine->ops->queue(engine, &waiting[i]);
	}
	queue_big();
	assert_int_equal(big_done, 0);
	assert_int_equal(write_full(fds[1], byte, sizeof(byte)), 0);
	finish_big();
	close_big();
	close(fds[0]);
	close(fds[1]);
}

/* On a file without O_DIRECT it copies while it is asked to begin. */
static void test_a_turn_of_libaio(void **state)
{
	if (!open_big(&engine_aio))
		skip();
	queue_big();
	assert_int_equal(big_done, ENGINE_TURN_BYTES / BIG_BYTES);
	finish_big();
	close_big();
}

/* Who polls and has no loop gets there as well: each commit begins one. */
static void test_a_turn_without_a_loop(void **state)
{
	if (!open_big(&engine_aio))
		skip();
	queue_big();
	for (unsigned int i = 0; i < BIG_COUNT && big_done < BIG_COUNT; i++) {
		engine->ops->reap(engine);
		engine->ops->commit(engine);
	}
	assert_int_equal(big_done, BIG_COUNT);
	close_big();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_verify),	     TEST(test_long_jobs),
		TEST(test_by_loop),	     TEST(test_a_turn_of_io_uring),
		TEST(test_a_turn_of_libaio), TEST(test_a_turn_without_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
