// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/order.c, and what else sectors of 512 bytes need on a host that moves blocks of
 * 4096: which writes wait for which (an engine of the test's own holds the jobs), that neighbours
 * do not undo each other on any engine, and that a file ends where it ended. The alignment is set
 * by hand, so that any host is such a host.
 */
#include "disk/format.h"
#include "tests/disk/fixture.h"
#include <errno.h>
#include <time.h>

#define BLOCK  4096
#define BLOCKS 64
#define BYTES  (BLOCKS * BLOCK)
#define SECTOR 512

/* Open it, and make its host one of whole blocks. false: this engine is not here. */
static bool start_aligned(const char *words)
{
	static struct disk_user user;

	disk = open_disk(words);
	if (!disk)
		return false;
	for (struct disk_image *on = disk->top; on; on = on->base) {
		on->file->direct = true;
		on->file->mem_align = on->file->offset_align = BLOCK;
	}
	if (!disk->top->base)
		disk->file.tail_fd = open(image, O_RDWR | O_CLOEXEC);
	if (!disk_start(disk, loop, &user))
		return true;
	disk_close(disk);
	return false;
}

/* --- which waits for which --- */

static struct {
	struct engine engine;
	struct disk_job *jobs[64];
	unsigned int count;
} held;

static void held_queue(struct engine *engine, struct disk_job *job)
{
	held.jobs[held.count++] = job;
}

static void held_nothing(struct engine *engine)
{
}

static const struct engine_ops held_ops = {.name = "held",
					   .jobs = ~0U,
					   .queue = held_queue,
					   .commit = held_nothing,
					   .reap = held_nothing,
					   .close = held_nothing};

static struct io ios[64];
static unsigned int left;
static u8 data[BYTES] __attribute__((aligned(BLOCK)));

static void start_held(const char *words)
{
	make_image(BYTES);
	assert_true(start_aligned(words));
	disk->workers->ops->close(disk->workers);
	if (disk->engine != disk->workers)
		disk->engine->ops->close(disk->engine);
	memset(&held, 0, sizeof(held));
	held.engine.ops = &held_ops;
	disk->engine = disk->workers = &held.engine;
	left = 0;
}

/* Submit request i, of sectors. */
static void submit(unsigned int i, enum disk_op op, u64 sector, u64 sectors)
{
	prepare_io(&ios[i], op, data, sectors * SECTOR, sector * SECTOR);
	submit_io(&ios[i], &left);
	disk_commit(disk);
}

/* Has it begun? Then it is in the engine. */
static bool is_held(unsigned int i)
{
	for (unsigned int at = 0; at < held.count; at++) {
		if (disk_task_of(held.jobs[at])->request == &ios[i].request)
			return true;
	}
	return false;
}

static void end_job(struct io *io, s64 result)
{
	struct disk_job *job = &io->request.task->job;

	job->done(job, result);
}

/* The engine is done with request i. */
static void end(unsigned int i, s64 result)
{
	assert_true(is_held(i));
	for (unsigned int at = 0; at < held.count; at++) {
		if (held.jobs[at] == &ios[i].request.task->job)
			held.jobs[at] = held.jobs[--held.count];
	}
	end_job(&ios[i], result);
	disk_commit(disk);
}

static void test_whole_blocks_do_not_wait(void **state)
{
	start_held("");
	submit(0, DISK_WRITE, 0, 16);
	submit(1, DISK_WRITE, 0, 16);
	submit(2, DISK_WRITE, 8, 8);
	submit(3, DISK_WRITE_ZEROES, 8, 8);
	assert_int_equal(held.count, 4);
	end(0, 16 * SECTOR);
	end(1, 16 * SECTOR);
	end(2, 8 * SECTOR);
	end(3, 0);
	stop_disk();
}

static void test_a_part_of_a_block_waits(void **state)
{
	static const enum disk_op ops[] = {DISK_WRITE, DISK_WRITE_ZEROES, DISK_DISCARD};

	start_held("");
	for (size_t first = 0; first < ARRAY_SIZE(ops); first++) {
		for (size_t second = 0; second < ARRAY_SIZE(ops); second++) {
			/* The neighbour in the same block, and a block that has it inside. */
			submit(0, ops[first], 8, 1);
			submit(1, ops[second], 9, 1);
			submit(2, ops[second], 8, 8);
			submit(3, ops[second], 16, 1);
			submit(4, DISK_READ, 8, 1);
			submit(5, DISK_FLUSH, 0, 0);
			assert_true(is_held(0) && !is_held(1) && !is_held(2));
			assert_true(is_held(3) && is_held(4) && is_held(5));
			end(0, 0);
			assert_true(is_held(1) && !is_held(2));
			end(1, 0);
			assert_true(is_held(2));
			for (unsigned int i = 2; i < 6; i++)
				end(i, ios[i].request.op == DISK_WRITE ? 8 * SECTOR : 0);
			assert_int_equal(left, 0);
		}
	}
	stop_disk();
}

/* A whole block waits for a part of it, and a part for the whole. */
static void test_either_order(void **state)
{
	start_held("");
	submit(0, DISK_WRITE, 0, 16);
	submit(1, DISK_WRITE, 15, 2);
	assert_false(is_held(1));
	end(0, 16 * SECTOR);
	assert_true(is_held(1));
	submit(2, DISK_WRITE, 8, 8);
	submit(3, DISK_WRITE, 16, 8);
	submit(4, DISK_WRITE, 24, 8);
	assert_true(!is_held(2) && !is_held(3) && is_held(4));
	/* It fails, which is an end as well. */
	end(1, -EIO);
	assert_true(is_held(2) && is_held(3));
	end(2, 8 * SECTOR);
	end(3, 8 * SECTOR);
	end(4, 8 * SECTOR);
	assert_int_equal(left, 0);
	stop_disk();
}

/* Who came first goes first, also where the two in between have nothing in common. */
static void test_order_of_arrival(void **state)
{
	start_held("");
	submit(0, DISK_WRITE, 1, 1);
	submit(1, DISK_WRITE, 9, 1);
	submit(2, DISK_WRITE, 2, 8);
	submit(3, DISK_WRITE, 3, 1);
	submit(4, DISK_WRITE, 11, 1);
	assert_true(is_held(0) && is_held(1) && !is_held(2) && !is_held(3) && !is_held(4));
	end(1, 0);
	assert_int_equal(held.count, 1);
	end(0, 0);
	assert_true(is_held(2) && !is_held(3) && !is_held(4));
	end(2, 0);
	assert_true(is_held(3) && is_held(4));
	end(4, 0);
	end(3, 0);
	assert_int_equal(left, 0);
	stop_disk();
}

/*
 * Request 3 waits for request 2 alone, which has all of its blocks and waits for 0: the end of 0
 * must not be taken for the end of 2. Request 4 touches both.
 */
static void test_who_waits_for_one_that_waits(void **state)
{
	start_held("");
	submit(0, DISK_WRITE, 1, 1);
	submit(1, DISK_WRITE, 17, 1);
	submit(2, DISK_WRITE, 2, 10);
	submit(3, DISK_WRITE, 3, 1);
	submit(4, DISK_WRITE, 4, 20);
	assert_true(is_held(0) && is_held(1) && !is_held(2) && !is_held(3) && !is_held(4));
	end(0, 0);
	assert_true(is_held(2) && !is_held(3) && !is_held(4));
	end(1, 0);
	assert_false(is_held(3));
	end(2, 0);
	assert_true(is_held(3) && !is_held(4));
	end(3, 0);
	assert_true(is_held(4));
	end(4, 0);
	assert_int_equal(left, 0);
	stop_disk();
}

/* --- many wait for one --- */

#define MANY 8192
#define MOST 4096 /* requests in flight: 256 of each of 16 queues */
#ifdef __SANITIZE_THREAD__
#define SLOWNESS 10
#else
#define SLOWNESS 1
#endif
#define RELEASE_NS (50 * SLOWNESS * NSEC_PER_MSEC)
#define SUBMIT_NS  (5 * SLOWNESS * NSEC_PER_MSEC)

static struct io crowd[MANY];
static unsigned int begun;
static bool in_order;

static void crowd_queue(struct engine *engine, struct disk_job *job)
{
	in_order = in_order && disk_task_of(job)->request == &crowd[begun].request;
	begun++;
}

static const struct engine_ops crowd_ops = {.name = "crowd",
					    .jobs = ~0U,
					    .queue = crowd_queue,
					    .commit = held_nothing,
					    .reap = held_nothing,
					    .close = held_nothing};

static u64 cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (u64)used.tv_sec * NSEC_PER_SEC + (u64)used.tv_nsec;
}

/* They begin in the order in which they came, and quickly, also while another is in flight. */
static void test_many_behind_one(void **state)
{
	u64 began_ns;

	start_held("");
	submit(1, DISK_WRITE, BYTES / SECTOR - 1, 1);
	submit(0, DISK_WRITE, 1, (BYTES - BLOCK) / SECTOR - 1);
	disk->engine = disk->workers = &(struct engine){.ops = &crowd_ops};
	begun = 0;
	in_order = true;
	for (unsigned int i = 0; i < MANY; i++) {
		prepare_io(&crowd[i], DISK_WRITE, data, BLOCK, i % (BLOCKS - 1) * (u64)BLOCK);
		submit_io(&crowd[i], &left);
	}
	assert_int_equal(begun, 0);
	began_ns = cpu_ns();
	end_job(&ios[0], BYTES - BLOCK - SECTOR);
	/* Those that had no place in the list get one as others end. */
	for (unsigned int i = 0; i < MANY; i++) {
		assert_true(begun > i);
		end_job(&crowd[i], BLOCK);
	}
	assert_true(cpu_ns() - began_ns < RELEASE_NS);
	assert_int_equal(begun, MANY);
	assert_true(in_order);
	end_job(&ios[1], SECTOR);
	assert_int_equal(left, 0);
	stop_disk();
}

/* Submit all that a device's queues can hold, and end what has begun until all are done. */
static u64 crowd_ns(u64 bytes, u64 step)
{
	u64 began_ns = cpu_ns(), submit_ns;

	begun = 0;
	in_order = true;
	for (unsigned int i = 0; i < MOST; i++) {
		prepare_io(&crowd[i], DISK_WRITE, data, bytes, i * step);
		submit_io(&crowd[i], &left);
	}
	submit_ns = cpu_ns() - began_ns;
	for (unsigned int i = 0; i < MOST; i++) {
		assert_true(begun > i);
		end_job(&crowd[i], (s64)bytes);
	}
	assert_int_equal(begun, MOST);
	assert_true(in_order);
	assert_int_equal(left, 0);
	return submit_ns;
}

/*
 * A write looks at those in flight when one of them is partial. The worst is the most of them, each
 * in a block of its own: the loop must not be busy with them for long.
 */
static void test_many_beside_each_other(void **state)
{
	start_held("");
	disk->bytes = MOST * (u64)BLOCK;
	disk->engine = disk->workers = &(struct engine){.ops = &crowd_ops};
	assert_in_range(crowd_ns(SECTOR, BLOCK), 0, SUBMIT_NS);
	assert_in_range(crowd_ns(BLOCK, BLOCK), 0, SUBMIT_NS);
	stop_disk();
}

/* Whole blocks begin at once, however many there are; a partial one waits for a place. */
static void test_a_place_in_the_list(void **state)
{
	start_held("");
	disk->bytes = MOST * (u64)BLOCK;
	disk->engine = disk->workers = &(struct engine){.ops = &crowd_ops};
	begun = 0;
	in_order = true;
	for (unsigned int i = 0; i < 300; i++) {
		prepare_io(&crowd[i], DISK_WRITE, data, i < 298 ? BLOCK : SECTOR, i * (u64)BLOCK);
		submit_io(&crowd[i], &left);
		assert_int_equal(begun, MIN(i + 1, 298));
	}
	/* Nothing is in the way of this one, but it came later. */
	prepare_io(&crowd[300], DISK_WRITE, data, BLOCK, 300 * (u64)BLOCK);
	submit_io(&crowd[300], &left);
	assert_int_equal(begun, 298);
	for (unsigned int i = 0; i < 42; i++)
		end_job(&crowd[i], BLOCK);
	assert_int_equal(begun, 298);
	end_job(&crowd[42], BLOCK);
	assert_int_equal(begun, 299);
	for (unsigned int i = 43; i <= 300; i++)
		end_job(&crowd[i], i == 298 || i == 299 ? SECTOR : BLOCK);
	assert_int_equal(begun, 301);
	assert_true(in_order);
	assert_int_equal(left, 0);
	stop_disk();
}

/* What is refused at once is not in anyone's way. */
static void test_refusals_do_not_enter(void **state)
{
	start_held("");
	submit(0, DISK_WRITE, BYTES / SECTOR, 1);
	assert_int_equal(ios[0].err, -ERANGE);
	submit(1, DISK_WRITE, 1, 0);
	assert_int_equal(ios[1].err, 0);
	submit(2, DISK_WRITE, 1, 1);
	assert_true(is_held(2));
	end(2, 0);
	stop_disk();
	start_held(",ro");
	submit(0, DISK_WRITE, 1, 1);
	assert_int_equal(ios[0].err, -EROFS);
	stop_disk();
}

/* --- every engine --- */

static const char *const modes[] = {
	",aio=threads",
	",aio=io_uring",
	",aio=threads,cache=none",
	",aio=io_uring,cache=none",
	",aio=libaio,cache=none",
	",aio=threads,snapshot",
	",aio=io_uring,snapshot",
	",aio=threads,cache=none,snapshot",
	",aio=libaio,cache=none,snapshot",
};

/* Two writers of adjacent sectors: one has the even, one the odd ones, all at once. */
static void check_neighbours(const char *words)
{
	static u8 sectors[BLOCKS * 8][SECTOR];
	static struct io writes[BLOCKS * 8];
	static u8 content[BYTES];

	make_image(BYTES);
	if (!start_aligned(words)) {
		print_message("# %s: %s\n", words, logged.last);
		return;
	}
	for (unsigned int round = 1; round <= 4; round++) {
		left = 0;
		for (unsigned int i = 0; i < ARRAY_SIZE(writes); i++) {
			memset(sectors[i], (int)(i + round), SECTOR);
			prepare_io(&writes[i], DISK_WRITE, sectors[i], SECTOR, (u64)i * SECTOR);
			submit_io(&writes[i], &left);
		}
		wait_for(&left);
		assert_int_equal(run_io(DISK_READ, content, BYTES, 0), 0);
		for (unsigned int i = 0; i < ARRAY_SIZE(writes); i++) {
			assert_int_equal(writes[i].err, 0);
			assert_all(content + (u64)i * SECTOR, (u8)(i + round), SECTOR);
		}
	}
	stop_disk();
}

static void test_neighbours(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		check_neighbours(modes[i]);
}

/*
 * In each block, at once: the whole block is written, one sector of it too, and another one set
 * to zero. They share a block, so that they are carried out in the order in which they came.
 */
static void check_whole_beside_part(const char *words)
{
	static u8 whole[BLOCK] __attribute__((aligned(BLOCK))), part[SECTOR];
	static u8 content[BYTES];
	static struct io works[BLOCKS * 3];

	make_image(BYTES);
	if (!start_aligned(words))
		return;
	memset(part, 0x55, sizeof(part));
	for (unsigned int round = 1; round <= 8; round++) {
		left = 0;
		memset(whole, (int)round, sizeof(whole));
		for (unsigned int i = 0; i < BLOCKS; i++) {
			u64 at = (u64)i * BLOCK;

			prepare_io(&works[3 * i], DISK_WRITE, part, SECTOR, at + 2 * SECTOR);
			prepare_io(&works[3 * i + 1], DISK_WRITE, whole, BLOCK, at);
			prepare_io(&works[3 * i + 2], DISK_WRITE_ZEROES, NULL, SECTOR,
				   at + 5 * SECTOR);
			for (unsigned int k = 0; k < 3; k++)
				submit_io(&works[3 * i + k], &left);
		}
		wait_for(&left);
		assert_int_equal(run_io(DISK_READ, content, BYTES, 0), 0);
		for (unsigned int i = 0; i < BLOCKS; i++) {
			const u8 *block = content + (u64)i * BLOCK;

			assert_all(block, (u8)round, 2 * SECTOR);
			assert_all(block + 3 * SECTOR, (u8)round, 2 * SECTOR);
			assert_all(block + 6 * SECTOR, (u8)round, 2 * SECTOR);
			assert_all(block + 2 * SECTOR, (u8)round, SECTOR);
			assert_all(block + 5 * SECTOR, 0, SECTOR);
		}
	}
	stop_disk();
}

static void test_whole_beside_part(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		check_whole_beside_part(modes[i]);
}

/* --- the end of a file --- */

/* The last sectors of a file that is not whole blocks: it does not grow. */
static void check_end(const char *words, u64 bytes)
{
	static u8 content[BYTES], last[3 * SECTOR];
	u64 at = bytes - sizeof(last);
	struct stat st;

	make_image(bytes);
	if (!start_aligned(words))
		return;
	assert_int_equal(disk_bytes(disk), bytes);
	memset(last, 0x77, sizeof(last));
	assert_int_equal(run_io(DISK_WRITE, last, SECTOR, bytes - SECTOR), 0);
	assert_int_equal(run_io(DISK_READ, content, bytes, 0), 0);
	assert_pattern(content, bytes - SECTOR, 0);
	assert_all(content + bytes - SECTOR, 0x77, SECTOR);
	assert_int_equal(run_io(DISK_WRITE, last, sizeof(last), at), 0);
	assert_int_equal(run_io(DISK_FLUSH, NULL, 0, 0), 0);
	assert_int_equal(run_io(DISK_READ, content, bytes, 0), 0);
	assert_pattern(content, at, 0);
	assert_all(content + at, 0x77, sizeof(last));
	assert_int_equal(run_io(DISK_WRITE_ZEROES, NULL, SECTOR, bytes - SECTOR), 0);
	assert_int_equal(run_io(DISK_READ, content, SECTOR, bytes - SECTOR), 0);
	assert_all(content, 0, SECTOR);
	stop_disk();
	assert_int_equal(stat(image, &st), 0);
	assert_int_equal(st.st_size, bytes);
}

static void test_end_of_the_file(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		check_end(modes[i], 5 * BLOCK + SECTOR);
		check_end(modes[i], 5 * BLOCK + 7 * SECTOR);
		check_end(modes[i], 5 * BLOCK);
		check_end(modes[i], 4 * SECTOR);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole_blocks_do_not_wait),
		TEST(test_a_part_of_a_block_waits),
		TEST(test_either_order),
		TEST(test_order_of_arrival),
		TEST(test_who_waits_for_one_that_waits),
		TEST(test_many_behind_one),
		TEST(test_many_beside_each_other),
		TEST(test_a_place_in_the_list),
		TEST(test_refusals_do_not_enter),
		TEST(test_neighbours),
		TEST(test_whole_beside_part),
		TEST(test_end_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
