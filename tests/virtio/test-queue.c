// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/queue.c: chains as the driver made them, notifications both ways, and each rule that
 * a hostile driver breaks.
 *
 * The rings lie in 4 MiB of guest RAM; the driver is tests/lib/virtq-driver.h. The queue has 8
 * descriptors of at most 16, so that over-long is soon reached.
 */
#include "tests/lib/guest-ram.h"
#include "tests/lib/virtq-driver.h"
#include "virtio/queue.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define RAM	 (4 * MIB)
#define RINGS	 0x1000
#define TABLE	 0x8000 /* an indirect table */
#define BUFFERS	 0x100000
#define MAX_SIZE 16

static struct virtq *vq;
static struct virtq_config config;
static struct drvq driver;
static unsigned int interrupts, rooms, breaks;
static char why[160];

static void on_interrupt(void *arg)
{
	interrupts++;
}

static void on_room(void *arg)
{
	rooms++;
}

static void on_broken(void *arg, const char *text)
{
	breaks++;
	strncpy(why, text, sizeof(why) - 1);
}

static u8 *at(gpa_t gpa)
{
	return gmem_ptr(&mem, gpa, 1);
}

static const char *start(u16 size, bool event_idx, bool indirect)
{
	const char *reason = NULL;
	int err;

	drvq_init(&driver, at(RINGS), RINGS, size, event_idx);
	config.size = size;
	config.event_idx = event_idx;
	config.indirect = indirect;
	config.desc = drvq_desc_gpa(&driver);
	config.driver = drvq_avail_gpa(&driver);
	config.device = drvq_used_gpa(&driver);
	err = virtq_start(vq, &config, &reason);
	assert_int_equal(err, reason ? -EINVAL : 0);
	return reason;
}

static int set_up(void **state)
{
	interrupts = rooms = breaks = 0;
	why[0] = '\0';
	if (ram_map(RAM))
		return -1;
	config = (struct virtq_config){.mem = &mem,
				       .max = MAX_SIZE,
				       .interrupt = on_interrupt,
				       .room = on_room,
				       .broken = on_broken};
	vq = virtq_new();
	return vq ? 0 : -1;
}

static int tear_down(void **state)
{
	virtq_free(vq);
	gmem_unmap(&mem);
	return 0;
}

static struct virtq_chain *pop(void)
{
	struct virtq_chain *chain;

	assert_int_equal(virtq_pop(vq, &chain), 1);
	return chain;
}

static void assert_empty(void)
{
	struct virtq_chain *chain;

	assert_int_equal(virtq_pop(vq, &chain), 0);
}

static void assert_broken(const char *text)
{
	struct virtq_chain *chain;

	drvq_publish(&driver);
	assert_int_equal(virtq_pop(vq, &chain), -EINVAL);
	assert_int_equal(breaks, 1);
	if (!strstr(why, text))
		fail_msg("said: %s", why);
	assert_non_null(strstr(why, "(virtio 1.2, 2.7"));
	/* It is said once, and stays so until the next start. */
	assert_int_equal(virtq_pop(vq, &chain), -EINVAL);
	assert_int_equal(breaks, 1);
	assert_int_equal(virtq_in_flight(vq), 0);
	assert_null(start(8, false, true));
	assert_empty();
}

/* --- chains --- */

static void test_a_chain_as_the_driver_made_it(void **state)
{
	struct drvq_buf bufs[] = {
		{BUFFERS, 16, false}, {BUFFERS + 100, 7, false}, {BUFFERS + 4096, 512, true}};
	struct virtq_chain *chain;
	u32 head, written;

	assert_null(start(8, false, false));
	assert_empty();
	drvq_add(&driver, bufs, 3);
	assert_true(drvq_publish(&driver));
	chain = pop();
	assert_int_equal(chain->out_count, 2);
	assert_int_equal(chain->out_bytes, 23);
	assert_ptr_equal(chain->out[0].iov_base, at(BUFFERS));
	assert_int_equal(chain->out[0].iov_len, 16);
	assert_ptr_equal(chain->out[1].iov_base, at(BUFFERS + 100));
	assert_int_equal(chain->in_count, 1);
	assert_int_equal(chain->in_bytes, 512);
	assert_ptr_equal(chain->in[0].iov_base, at(BUFFERS + 4096));
	assert_empty();
	assert_int_equal(virtq_in_flight(vq), 1);

	virtq_push(vq, chain, 512);
	assert_false(drvq_take(&driver, &head, &written)); /* not shown yet */
	virtq_flush(vq);
	assert_true(drvq_take(&driver, &head, &written));
	assert_int_equal(head, 0);
	assert_int_equal(written, 512);
	assert_int_equal(virtq_in_flight(vq), 0);
	assert_int_equal(interrupts, 1);
}

static void test_many_chains_round_the_ring(void **state)
{
	struct drvq_buf bufs[] = {{BUFFERS, 1, false}, {BUFFERS, 2, true}};
	u32 head, written;

	assert_null(start(8, true, false));
	for (unsigned int i = 0; i < 70000; i++) {
		u16 sent = drvq_add(&driver, bufs, 2);

		drvq_publish(&driver);
		virtq_push(vq, pop(), i % 3);
		assert_empty();
		virtq_flush(vq);
		assert_true(drvq_take(&driver, &head, &written));
		assert_int_equal(head, sent);
		assert_int_equal(written, i % 3);
	}
	assert_int_equal(interrupts, 70000);
}

static void test_used_in_another_order(void **state)
{
	struct drvq_buf buf = {BUFFERS, 64, true};
	struct virtq_chain *chains[8];
	u32 head, written;

	assert_null(start(8, false, false));
	for (int i = 0; i < 8; i++)
		drvq_add(&driver, &buf, 1);
	drvq_publish(&driver);
	for (int i = 0; i < 8; i++)
		chains[i] = pop();
	for (int i = 7; i >= 0; i--)
		virtq_push(vq, chains[i], (u32)i);
	virtq_flush(vq);
	assert_int_equal(interrupts, 1);
	for (u32 i = 8; i-- > 0;) {
		assert_true(drvq_take(&driver, &head, &written));
		assert_int_equal(head, i);
		assert_int_equal(written, i);
	}
}

static void test_empty_buffers_are_no_elements(void **state)
{
	/* An address nobody looks at, and an empty one to read behind one to write. */
	struct drvq_buf bufs[] = {
		{~0ULL, 0, false}, {BUFFERS, 8, true}, {BUFFERS, 0, false}, {BUFFERS, 8, true}};
	struct virtq_chain *chain;

	assert_null(start(8, false, false));
	drvq_add(&driver, bufs, 4);
	drvq_publish(&driver);
	chain = pop();
	assert_int_equal(chain->out_count, 0);
	assert_int_equal(chain->in_count, 2);
	assert_int_equal(chain->in_bytes, 16);
}

static void test_indirect(void **state)
{
	struct drvq_buf bufs[MAX_SIZE];
	struct virtq_chain *chain;

	/* As long as the device's maximum, which is more than the driver's queue. */
	for (unsigned int i = 0; i < MAX_SIZE; i++)
		bufs[i] = (struct drvq_buf){BUFFERS + 4096 * i, i + 1, i >= 10};
	assert_null(start(8, false, true));
	/* An odd address: a table has no alignment. */
	drvq_add_indirect(&driver, bufs, MAX_SIZE, at(TABLE + 3), TABLE + 3);
	drvq_publish(&driver);
	chain = pop();
	assert_int_equal(chain->out_count, 10);
	assert_int_equal(chain->out_bytes, 55);
	assert_int_equal(chain->in_count, 6);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(chain->out[i].iov_len, i + 1);
	for (unsigned int i = 0; i < 6; i++)
		assert_ptr_equal(chain->in[i].iov_base, at(BUFFERS + 4096 * (10 + i)));
	virtq_push(vq, chain, 0);
}

static void test_direct_then_indirect(void **state)
{
	struct virtq_chain *chain;

	assert_null(start(8, false, true));
	drvq_put_desc(&driver, 0, BUFFERS, 4, DRVQ_NEXT, 5);
	/* The write flag of a table's descriptor says nothing (2.7.5.3.2). */
	drvq_put_desc(&driver, 5, TABLE, 32, DRVQ_INDIRECT | DRVQ_WRITE, 0);
	drvq_put_desc_at(at(TABLE), 0, BUFFERS + 8, 5, DRVQ_NEXT, 1);
	drvq_put_desc_at(at(TABLE), 1, BUFFERS + 16, 6, DRVQ_WRITE, 0);
	drvq_offer(&driver, 0);
	drvq_publish(&driver);
	chain = pop();
	assert_int_equal(chain->out_bytes, 9);
	assert_int_equal(chain->out_count, 2);
	assert_int_equal(chain->in_bytes, 6);
}

/* --- notifications --- */

static void test_doorbells_by_flag(void **state)
{
	struct drvq_buf buf = {BUFFERS, 1, false};
	struct virtq_chain *chain;

	assert_null(start(8, false, false));
	drvq_add(&driver, &buf, 1);
	assert_true(drvq_publish(&driver));
	chain = pop();
	drvq_add(&driver, &buf, 1);
	assert_false(drvq_publish(&driver)); /* we are looking anyway */
	virtq_push(vq, chain, 0);
	virtq_push(vq, pop(), 0);
	assert_empty();
	drvq_add(&driver, &buf, 1);
	assert_true(drvq_publish(&driver));
}

static void test_doorbells_by_event(void **state)
{
	struct drvq_buf buf = {BUFFERS, 1, false};
	struct virtq_chain *chain;

	assert_null(start(8, true, false));
	drvq_add(&driver, &buf, 1);
	assert_true(drvq_publish(&driver));
	chain = pop();
	drvq_add(&driver, &buf, 1);
	assert_false(drvq_publish(&driver));
	virtq_push(vq, chain, 0);
	virtq_push(vq, pop(), 0);
	assert_empty();
	assert_int_equal(drvq_avail_event(&driver), 2);
	drvq_add(&driver, &buf, 1);
	assert_true(drvq_publish(&driver));
}

static void serve(unsigned int count)
{
	struct drvq_buf buf = {BUFFERS, 1, false};

	for (unsigned int i = 0; i < count; i++) {
		drvq_add(&driver, &buf, 1);
		drvq_publish(&driver);
		virtq_push(vq, pop(), 0);
	}
	virtq_flush(vq);
}

static void test_interrupts_by_flag(void **state)
{
	assert_null(start(8, false, false));
	drvq_put_flags(&driver, DRVQ_NO_INTERRUPT);
	serve(3);
	assert_int_equal(interrupts, 0);
	drvq_put_flags(&driver, 0);
	virtq_flush(vq); /* nothing new */
	assert_int_equal(interrupts, 0);
	serve(1);
	assert_int_equal(interrupts, 1);
}

static void test_interrupts_by_event(void **state)
{
	assert_null(start(8, true, false));
	drvq_put_flags(&driver, DRVQ_NO_INTERRUPT); /* says nothing then (2.7.7.2) */
	drvq_put_used_event(&driver, 2);
	serve(2);
	assert_int_equal(interrupts, 0);
	serve(1); /* the entry with index 2 */
	assert_int_equal(interrupts, 1);
	serve(5);
	assert_int_equal(interrupts, 1);
	drvq_put_used_event(&driver, 10);
	serve(8); /* passes it */
	assert_int_equal(interrupts, 2);
}

/* --- what a driver must not --- */

static void test_rings_that_cannot_be(void **state)
{
	static const u16 bad_sizes[] = {0, 3, 6, MAX_SIZE + 1, 32, 65535};
	const char *reason;

	for (size_t i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		config.size = bad_sizes[i];
		config.desc = config.driver = config.device = RINGS;
		assert_int_equal(virtq_start(vq, &config, &reason), -EINVAL);
		assert_non_null(strstr(reason, "size"));
		assert_false(virtq_started(vq));
		assert_int_equal(virtq_size(vq), 0);
	}
}

static void assert_no_start(gpa_t desc, gpa_t avail, gpa_t used, const char *text)
{
	const char *reason = NULL;

	config.size = 8;
	config.desc = desc;
	config.driver = avail;
	config.device = used;
	assert_int_equal(virtq_start(vq, &config, &reason), -EINVAL);
	if (!strstr(reason, text))
		fail_msg("said: %s", reason);
}

static void test_rings_outside(void **state)
{
	const char *reason;

	assert_no_start(RINGS + 8, RINGS, RINGS, "aligned");
	assert_no_start(RINGS, RINGS + 1, RINGS, "aligned");
	assert_no_start(RINGS, RINGS, RINGS + 2, "aligned");
	assert_no_start(RAM - 112, RINGS, RINGS, "in RAM");
	assert_no_start(RINGS, RAM - 20, RINGS, "in RAM");
	assert_no_start(RINGS, RINGS, RAM - 68, "in RAM");
	assert_no_start(0xfec00000, RINGS, RINGS, "in RAM");
	assert_no_start(~0ULL - 15, RINGS, RINGS, "in RAM");
	/* And to the last byte. */
	config.desc = RAM - 128;
	config.driver = RAM - 128 - 22;
	config.device = RAM - 128 - 22 - 70;
	config.device &= ~3ULL;
	assert_int_equal(virtq_start(vq, &config, &reason), 0);
}

static void test_index_jumps(void **state)
{
	assert_null(start(8, false, true));
	driver.next_avail = 9;
	assert_broken("jumped");
	driver.next_avail = 0xffff; /* backwards */
	breaks = 0;
	assert_broken("jumped");
}

static void test_head_behind_the_table(void **state)
{
	assert_null(start(8, false, true));
	drvq_offer(&driver, 8);
	assert_broken("head");
}

static void test_next_behind_the_table(void **state)
{
	assert_null(start(8, false, true));
	drvq_put_desc(&driver, 0, BUFFERS, 1, DRVQ_NEXT, 8);
	drvq_offer(&driver, 0);
	assert_broken("behind the table");
}

static void test_loop(void **state)
{
	assert_null(start(8, false, true));
	drvq_put_desc(&driver, 0, BUFFERS, 1, DRVQ_NEXT, 1);
	drvq_put_desc(&driver, 1, BUFFERS, 1, DRVQ_NEXT, 0);
	drvq_offer(&driver, 0);
	assert_broken("longer than the queue");
}

static void test_indirect_too_long(void **state)
{
	struct drvq_buf bufs[MAX_SIZE + 1];

	for (unsigned int i = 0; i <= MAX_SIZE; i++)
		bufs[i] = (struct drvq_buf){BUFFERS, 1, false};
	assert_null(start(8, false, true));
	drvq_add_indirect(&driver, bufs, MAX_SIZE + 1, at(TABLE), TABLE);
	assert_broken("longer than the queue");
}

static void test_more_than_4_gib(void **state)
{
	assert_null(start(8, false, true));
	/* The first alone is outside RAM; so the length is judged first. */
	drvq_put_desc(&driver, 0, BUFFERS, 1, DRVQ_NEXT, 1);
	drvq_put_desc(&driver, 1, 0, 0xffffffff, DRVQ_NEXT, 2);
	drvq_offer(&driver, 0);
	assert_broken("not in RAM");
	breaks = 0;
	drvq_put_desc(&driver, 0, 0, RAM, DRVQ_NEXT, 1);
	drvq_put_desc(&driver, 1, 0, 0xffffffff, 0, 2);
	drvq_offer(&driver, 0);
	assert_broken("4 GiB");
}

static void test_readable_behind_writable(void **state)
{
	struct drvq_buf bufs[] = {{BUFFERS, 1, true}, {BUFFERS, 1, false}};

	assert_null(start(8, false, true));
	drvq_add(&driver, bufs, 2);
	assert_broken("follows one to write");
}

static void test_buffers_outside(void **state)
{
	static const struct {
		u64 addr;
		u32 len;
	} bad[] = {{RAM, 1},	      {RAM - 1, 2},	    {~0ULL, 1},
		   {~0ULL, 2},	      {0xfee00000, 4},	    {BUFFERS, 0xffffffff},
		   {0xffffffff, 512}, {0x100000000, 0x1000}};
	struct virtq_chain *chain;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_null(start(8, false, true));
		breaks = 0;
		drvq_put_desc(&driver, 0, bad[i].addr, bad[i].len, i % 2 ? DRVQ_WRITE : 0, 0);
		drvq_offer(&driver, 0);
		assert_broken("not in RAM");
	}
	drvq_put_desc(&driver, 0, RAM - 1, 1, 0, 0);
	drvq_offer(&driver, 0);
	drvq_publish(&driver);
	chain = pop();
	assert_ptr_equal(chain->out[0].iov_base, at(RAM - 1));
}

static void test_indirect_that_must_not_be(void **state)
{
	static const struct {
		u64 addr;
		u32 len;
		u16 flags;
		const char *text;
	} bad[] = {
		{TABLE, 0, DRVQ_INDIRECT, "multiple of 16"},
		{TABLE, 17, DRVQ_INDIRECT, "multiple of 16"},
		{TABLE, 16, DRVQ_INDIRECT | DRVQ_NEXT, "has a next"},
		{RAM - 16, 32, DRVQ_INDIRECT, "table is not in RAM"},
		{RAM - 16, 0xfffffff0, DRVQ_INDIRECT, "table is not in RAM"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_null(start(8, false, true));
		breaks = 0;
		drvq_put_desc(&driver, 0, bad[i].addr, bad[i].len, bad[i].flags, 1);
		drvq_offer(&driver, 0);
		assert_broken(bad[i].text);
	}
	breaks = 0;
	drvq_put_desc(&driver, 0, TABLE, 16, DRVQ_INDIRECT, 0);
	drvq_put_desc_at(at(TABLE), 0, TABLE, 16, DRVQ_INDIRECT, 0);
	drvq_offer(&driver, 0);
	assert_broken("in an indirect table");
	breaks = 0;
	drvq_put_desc_at(at(TABLE), 0, TABLE, 16, DRVQ_NEXT, 1);
	drvq_put_desc(&driver, 0, TABLE, 16, DRVQ_INDIRECT, 0);
	drvq_offer(&driver, 0);
	assert_broken("behind the table");
}

static void test_indirect_not_negotiated(void **state)
{
	assert_null(start(8, false, false));
	drvq_put_desc(&driver, 0, TABLE, 16, DRVQ_INDIRECT, 0);
	drvq_offer(&driver, 0);
	assert_broken("not negotiated");
}

static void test_head_in_flight_twice(void **state)
{
	struct virtq_chain *chain, *second;
	u32 head, written;

	assert_null(start(8, false, true));
	drvq_put_desc(&driver, 3, BUFFERS, 4, DRVQ_WRITE, 0);
	drvq_offer(&driver, 3);
	drvq_offer(&driver, 3);
	drvq_publish(&driver);
	chain = pop();
	assert_int_equal(virtq_pop(vq, &second), -EINVAL);
	assert_non_null(strstr(why, "in flight"));
	/* What was taken before comes back nevertheless. */
	virtq_push(vq, chain, 4);
	virtq_flush(vq);
	assert_true(drvq_take(&driver, &head, &written));
	assert_int_equal(head, 3);
}

/* --- bounds --- */

static void test_memory_in_flight_is_bounded(void **state)
{
	enum { SIZE = 1024, LENGTH = 1024 };
	struct virtq_chain *chains[SIZE], *chain;
	unsigned int count = 0, more = 0;
	int got;

	config.max = SIZE;
	assert_null(start(SIZE, true, true));
	for (unsigned int i = 0; i < LENGTH; i++)
		drvq_put_desc_at(at(BUFFERS), i, 16 * i, 16, i + 1 < LENGTH ? DRVQ_NEXT : 0,
				 (u16)(i + 1));
	for (u16 i = 0; i < SIZE; i++) {
		drvq_put_desc(&driver, i, BUFFERS, 16 * LENGTH, DRVQ_INDIRECT, 0);
		drvq_offer(&driver, i);
	}
	drvq_publish(&driver);
	while ((got = virtq_pop(vq, &chain)) == 1)
		chains[count++] = chain;
	assert_int_equal(got, 0);
	assert_int_equal(count, 4096 / LENGTH);
	virtq_flush(vq);
	assert_int_equal(rooms, 0);

	/* A queue that held back says when it goes on; in the end every chain was seen. */
	while (count) {
		for (unsigned int i = 0; i < count; i++)
			virtq_push(vq, chains[i], 0);
		more += count;
		rooms = 0;
		virtq_flush(vq);
		assert_int_equal(rooms, more < SIZE);
		for (count = 0; virtq_pop(vq, &chain) == 1;)
			chains[count++] = chain;
	}
	assert_int_equal(more, SIZE);
}

static void test_stop_forgets(void **state)
{
	struct drvq_buf bufs[MAX_SIZE / 2] = {{BUFFERS, 1, false}};
	struct virtq_chain *chain;

	assert_null(start(8, false, false));
	drvq_add(&driver, bufs, 8);
	drvq_publish(&driver);
	pop();
	assert_int_equal(virtq_size(vq), 8);
	virtq_stop(vq);
	virtq_stop(vq);
	assert_int_equal(virtq_in_flight(vq), 0);
	assert_int_equal(virtq_pop(vq, &chain), -EINVAL);
	virtq_flush(vq);
	assert_null(start(8, false, false));
	assert_empty();
}

static void test_counters(void **state)
{
	struct virtq_stats stats;

	assert_null(start(8, false, false));
	serve(5);
	virtq_stop(vq);
	assert_null(start(8, false, false));
	serve(2);
	virtq_get_stats(vq, &stats);
	assert_int_equal(stats.chains, 7);
	assert_int_equal(stats.interrupts, 2);
}

/* --- the second look --- */

#define USED_PAGE 0x8000

/* The driver makes a chain available just before we ask it for a doorbell: it rings none then. */
static void publish_at_the_store(int sig, siginfo_t *info, void *context)
{
	mprotect(at(USED_PAGE), 4096, PROT_READ | PROT_WRITE);
	drvq_put_idx(&driver, 2);
}

static void check_second_look(bool event_idx)
{
	const struct sigaction action = {.sa_sigaction = publish_at_the_store,
					 .sa_flags = SA_SIGINFO};
	struct sigaction before;
	const char *reason;

	start(8, event_idx, false);
	virtq_stop(vq);
	config.device = USED_PAGE;
	assert_int_equal(virtq_start(vq, &config, &reason), 0);
	drvq_add(&driver, (struct drvq_buf[]){{0x4000, 16, true}}, 1);
	drvq_add(&driver, (struct drvq_buf[]){{0x4000, 16, true}}, 1);
	drvq_put_idx(&driver, 1);
	pop();
	sigaction(SIGSEGV, &action, &before);
	assert_int_equal(mprotect(at(USED_PAGE), 4096, PROT_READ), 0);
	pop();
	sigaction(SIGSEGV, &before, NULL);
	mprotect(at(USED_PAGE), 4096, PROT_READ | PROT_WRITE);
	assert_empty();
}

static void test_second_look(void **state)
{
	check_second_look(false);
	check_second_look(true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_chain_as_the_driver_made_it),
		TEST(test_many_chains_round_the_ring),
		TEST(test_used_in_another_order),
		TEST(test_empty_buffers_are_no_elements),
		TEST(test_indirect),
		TEST(test_direct_then_indirect),
		TEST(test_doorbells_by_flag),
		TEST(test_doorbells_by_event),
		TEST(test_interrupts_by_flag),
		TEST(test_interrupts_by_event),
		TEST(test_rings_that_cannot_be),
		TEST(test_rings_outside),
		TEST(test_index_jumps),
		TEST(test_head_behind_the_table),
		TEST(test_next_behind_the_table),
		TEST(test_loop),
		TEST(test_indirect_too_long),
		TEST(test_more_than_4_gib),
		TEST(test_readable_behind_writable),
		TEST(test_buffers_outside),
		TEST(test_indirect_that_must_not_be),
		TEST(test_indirect_not_negotiated),
		TEST(test_head_in_flight_twice),
		TEST(test_memory_in_flight_is_bounded),
		TEST(test_stop_forgets),
		TEST(test_counters),
		TEST(test_second_look),
	};

	return cmocka_run_group_tests_name("virtio/queue", tests, NULL, NULL);
}
