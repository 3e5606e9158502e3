// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/balloon.c: which pages are given back and which are not, bounds, statistics, what the
 * driver may write.
 *
 * The test is the driver. A page that was given back reads as zeros; the balloon is told of pages
 * that hold something else.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/fake-virtio.h"
#include "tests/lib/test.h"
#include "virtio/balloon.h"

#include <endian.h>
#include <errno.h>
#include <kvm/device.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/util.h>
#include <linux/virtio_balloon.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096
enum { INFLATE, DEFLATE, STATS, REPORT_LINUX, REPORT };

static struct {
	char name[24][32];
	u64 value[24];
	unsigned int count;
} stats;

static int parse(const char *word)
{
	char *argv[] = {(char *)"lkvm", (char *)(uintptr_t)word, NULL};
	int positional;

	return options_parse("run", 2, argv, &positional);
}

static int setup(void **state)
{
	assert_int_equal(parse("--balloon"), 0);
	fake_start();
	fake_virtio_ram_start();
	fake_virtio_up(~0ULL);
	return 0;
}

static int teardown(void **state)
{
	fake_virtio_reset();
	fake_virtio_ram_stop();
	fake_stop();
	return 0;
}

/* count pages with something in them */
static u64 full_pages(unsigned int count)
{
	u64 at = fake_virtio_alloc(count * PAGE);

	memset(fake_virtio_host(at), 0x5a, count * PAGE);
	return at;
}

/* Bit n: page n is zeros now. */
static u32 given_back(u64 at, unsigned int count)
{
	static const u8 zeros[PAGE];
	u32 found = 0;

	for (unsigned int i = 0; i < count; i++)
		if (!memcmp(fake_virtio_host(at + i * PAGE), zeros, PAGE))
			found |= 1U << i;
	return found;
}

static void send_pfns(unsigned int queue, const u32 *pfns, u32 count)
{
	struct drvq_buf buf = {fake_virtio_alloc(count * 4), count * 4, false};

	memcpy(fake_virtio_host(buf.addr), pfns, count * 4);
	assert_int_equal(fake_virtio_request(queue, &buf, 1), 0);
}

static void see(void *arg, const char *counter, u64 value)
{
	strncpy(stats.name[stats.count], counter, 31);
	stats.value[stats.count++] = value;
}

static void ask(void *arg)
{
	stats.count = 0;
	fake_virtio_dev->ops->stats(fake_virtio_dev, see, NULL);
}

/* ~0 when it was not told. */
static u64 stat(const char *name)
{
	fake_on_loop(ask, NULL);
	for (unsigned int i = 0; i < stats.count; i++)
		if (!strcmp(stats.name[i], name))
			return stats.value[i];
	return ~0ULL;
}

/* --- inflate --- */

static void test_inflate(void **state)
{
	u64 at = full_pages(8);
	u32 pfn = (u32)(at / PAGE);
	/* Out of order, one of them twice, one neighbour left out. */
	const u32 pfns[] = {pfn + 5, pfn + 1, pfn + 2, pfn + 1, pfn + 6, pfn};

	send_pfns(INFLATE, pfns, ARRAY_SIZE(pfns));
	assert_int_equal(given_back(at, 8), 0x67);
	assert_int_equal(stat("pages-inflated"), 6);
	assert_int_equal(stat("bytes-returned"), 5 * PAGE);
}

static void test_inflate_outside_of_ram(void **state)
{
	u64 at = full_pages(1);
	u32 last = FAKE_VIRTIO_RAM / PAGE - 1;
	const u32 pfns[] = {last + 1, last, last + 2, 0xffffffff, (u32)(at / PAGE), 0xfffffffe};

	memset(fake_virtio_host((u64)last * PAGE), 1, PAGE);
	send_pfns(INFLATE, pfns, ARRAY_SIZE(pfns));
	assert_int_equal(given_back(at, 1), 1);
	assert_int_equal(given_back((u64)last * PAGE, 1), 1);
	assert_int_equal(stat("bytes-returned"), 2 * PAGE);
}

/* What is behind the bound stays with the guest, and so does half a number. */
static void test_inflate_is_bounded(void **state)
{
	u64 at = full_pages(2);
	struct drvq_buf buf = {fake_virtio_alloc(8192), 1025 * 4, false};
	u32 *pfns = fake_virtio_host(buf.addr);

	for (unsigned int i = 0; i < 256; i++)
		pfns[i] = (u32)(at / PAGE);
	pfns[256] = (u32)(at / PAGE) + 1;
	fake_virtio_request(INFLATE, &buf, 1);
	assert_int_equal(given_back(at, 2), 1);
	buf.len = 3;
	pfns[0] = (u32)(at / PAGE) + 1;
	fake_virtio_request(INFLATE, &buf, 1);
	assert_int_equal(given_back(at, 2), 1);
}

static void test_numbers_split_over_buffers(void **state)
{
	u64 at = full_pages(1);
	const u32 pfn = htole32((u32)(at / PAGE));
	struct drvq_buf bufs[] = {{fake_virtio_alloc(16), 1, false},
				  {fake_virtio_alloc(16), 3, false}};

	memcpy(fake_virtio_host(bufs[0].addr), &pfn, 1);
	memcpy(fake_virtio_host(bufs[1].addr), (const u8 *)&pfn + 1, 3);
	fake_virtio_request(INFLATE, bufs, 2);
	assert_int_equal(given_back(at, 1), 1);
}

static void test_deflate_touches_nothing(void **state)
{
	u64 at = full_pages(1);
	const u32 pfn = (u32)(at / PAGE);

	send_pfns(DEFLATE, &pfn, 1);
	assert_int_equal(given_back(at, 1), 0);
	assert_int_equal(stat("pages-deflated"), 1);
}

/* --- reporting --- */

static void test_report(void **state)
{
	u64 at = full_pages(8);
	const struct drvq_buf bufs[] = {
		{at, 2 * PAGE, true},
		/* Not whole pages: those that are touched in part stay. */
		{at + 3 * PAGE + 1, 3 * PAGE, true},
		{at + 7 * PAGE + 8, 100, true},
	};

	assert_int_equal(fake_virtio_request(REPORT, bufs, 3), 0);
	assert_int_equal(given_back(at, 8), 0x33);
}

/* A buffer that the device may only read is not reported. */
static void test_report_of_a_readable_buffer(void **state)
{
	u64 at = full_pages(1);
	const struct drvq_buf buf = {at, PAGE, false};

	fake_virtio_request(REPORT, &buf, 1);
	assert_int_equal(given_back(at, 1), 0);
}

/* The whole of RAM in overlapping buffers: at most as many bytes as there are. */
static void test_report_is_bounded(void **state)
{
	u64 at = full_pages(4);
	struct drvq_buf bufs[32];

	for (unsigned int i = 0; i < 32; i++)
		bufs[i] = (struct drvq_buf){8 * MIB, 8 * MIB, true};
	bufs[31] = (struct drvq_buf){at, 4 * PAGE, true};
	fake_virtio_request(REPORT, bufs, 32);
	assert_int_equal(given_back(at, 4), 0);
	assert_int_equal(stat("bytes-reported"), FAKE_VIRTIO_RAM);
}

/* A guest with more memory: as much as has its place in a turn of the loop. */
static void test_report_is_bounded_by_a_turn(void **state)
{
	struct drvq_buf bufs[32];

	fake_virtio_reset();
	fake_virtio_ram_stop();
	assert_int_equal(gmem_map(&fake.kvm.mem, 256 * MIB, 3 * GIB, 4 * GIB, NULL), 0);
	fake_virtio_up(~0ULL);
	for (unsigned int i = 0; i < 32; i++)
		bufs[i] = (struct drvq_buf){(16 + 6 * i) * MIB, 6 * MIB, true};
	fake_virtio_request(REPORT, bufs, 32);
	assert_int_equal(stat("bytes-reported"), 128 * MIB);
	assert_int_equal(stat("bytes-returned"), 128 * MIB);
}

/* The queue that Linux takes for it, and the one of the specification; hints are not offered. */
static void test_report_in_either_queue(void **state)
{
	u64 at = full_pages(2);
	const struct drvq_buf bufs[] = {{at, PAGE, true}, {at + PAGE, PAGE, true}};

	assert_false(fake_virtio_dev->offered >> VIRTIO_BALLOON_F_FREE_PAGE_HINT & 1);
	fake_virtio_request(REPORT_LINUX, &bufs[0], 1);
	fake_virtio_request(REPORT, &bufs[1], 1);
	assert_int_equal(given_back(at, 2), 3);
}

/* --- statistics --- */

static void offer_stats(u64 free)
{
	const struct virtio_balloon_stat told[] = {
		{htole16(VIRTIO_BALLOON_S_MEMFREE), htole64(free)},
		{htole16(0x7777), htole64(1)},
		{htole16(VIRTIO_BALLOON_S_CACHES), htole64(77)},
	};
	struct drvq_buf buf = {fake_virtio_alloc(PAGE), sizeof(told), false};

	memcpy(fake_virtio_host(buf.addr), told, sizeof(told));
	drvq_add(&fake_virtio_queues[STATS], &buf, 1);
	fake_virtio_kick(STATS);
}

static void nothing(void *arg)
{
}

static void test_statistics(void **state)
{
	u32 head, written;

	offer_stats(1000);
	fake_on_loop(nothing, NULL);
	/* Kept until somebody asks. */
	assert_false(drvq_take(&fake_virtio_queues[STATS], &head, &written));
	assert_int_equal(stat("free-memory"), 1000);
	assert_true(fake_virtio_wait_used(STATS, &head, &written));
	assert_int_equal(stat("disk-caches"), 77);
	assert_int_equal(stat("swap-in"), ~0ULL);
	offer_stats(2000);
	fake_on_loop(nothing, NULL);
	assert_int_equal(stat("free-memory"), 2000);
}

/* A driver that offers two has one back at once. */
static void test_second_statistics_buffer(void **state)
{
	u32 head, written;

	offer_stats(1);
	offer_stats(2);
	assert_true(fake_virtio_wait_used(STATS, &head, &written));
	assert_int_equal(stat("free-memory"), 2);
}

static void test_reset_forgets_the_statistics_buffer(void **state)
{
	offer_stats(1);
	fake_on_loop(nothing, NULL);
	fake_virtio_reset();
	assert_int_equal(stat("free-memory"), 1);
	fake_virtio_up(~0ULL);
	assert_int_equal(stat("free-memory"), 1);
}

/* The buffer is the driver's again when its queue alone is reset, and stays when another is. */
static void test_queue_reset_forgets_the_statistics_buffer(void **state)
{
	static const unsigned int reset[] = {DEFLATE, STATS};
	u32 head, written;

	offer_stats(1);
	for (size_t i = 0; i < ARRAY_SIZE(reset); i++) {
		fake_on_loop(nothing, NULL);
		virtio_queue_write(fake_virtio_dev, reset[i], VIRTIO_QUEUE_RESET, 1);
		fake_on_loop(nothing, NULL);
		assert_int_equal(virtio_queue_read(fake_virtio_dev, reset[i], VIRTIO_QUEUE_RESET),
				 0);
		assert_int_equal(stat("free-memory"), 1);
		assert_int_equal(drvq_take(&fake_virtio_queues[STATS], &head, &written),
				 reset[i] != STATS);
		if (reset[i] != STATS)
			offer_stats(1);
	}
}

/* --- configuration --- */

static void test_statistics_have_an_age(void **state)
{
	u64 age;

	assert_int_equal(stat("statistics-age-ms"), ~0ULL);
	offer_stats(1000);
	fake_on_loop(nothing, NULL);
	usleep(30000);
	age = stat("statistics-age-ms");
	assert_in_range(age, 30, 5000);
	/* Asked for, and not answered: what is known grows older. */
	usleep(30000);
	assert_in_range(stat("statistics-age-ms"), age + 30, 10000);
}

static void test_actual_is_the_drivers(void **state)
{
	const u32 value = htole32(3);
	u32 got;

	for (u32 at = 0; at < sizeof(struct virtio_balloon_config); at += 4)
		virtio_config_access_write(fake_virtio_dev, at, &value, 4);
	virtio_config_access_read(fake_virtio_dev, 0, &got, 4);
	assert_int_equal(got, 0);
	assert_int_equal(stat("balloon-bytes"), 3 * PAGE);
}

static unsigned int used_after_a_turn[2];

/* Both queues ring in the same turn of the loop. */
static void one_turn(void *arg)
{
	fake_virtio_dev->ops->notify(fake_virtio_dev, 0);
	used_after_a_turn[0] = drvq_used_idx(&fake_virtio_queues[0]);
	fake_virtio_dev->ops->notify(fake_virtio_dev, 0);
	used_after_a_turn[1] = drvq_used_idx(&fake_virtio_queues[0]);
}

/* Each page is a system call: after 256 of them the loop serves the others. */
static void test_a_turn_ends(void **state)
{
	u64 at = full_pages(256), gpa = fake_virtio_alloc(512);
	struct drvq_buf buf = {gpa, 512, false};
	u32 head, written;

	send_pfns(1, (const u32[]){0}, 1); /* it is up, and looks at nothing by itself */
	for (u32 i = 0; i < 128; i++)
		((u32 *)fake_virtio_host(gpa))[i] = htole32((u32)(at / PAGE) + 2 * i);
	for (int i = 0; i < 6; i++)
		drvq_add(&fake_virtio_queues[0], &buf, 1);
	drvq_publish(&fake_virtio_queues[0]);
	fake_on_loop(one_turn, NULL);
	assert_int_equal(used_after_a_turn[0], 2); /* 128 are not enough, 256 are */
	assert_int_equal(used_after_a_turn[1], 3); /* one at least */
	/* And it comes back by itself. */
	for (int i = 0; i < 6; i++)
		assert_true(fake_virtio_wait_used(0, &head, &written));
}

static u32 config_word(u32 offset)
{
	le32 value;

	virtio_config_access_read(fake_virtio_dev, offset, &value, 4);
	return le32toh(value);
}

static void pause_machine(void *arg)
{
	assert_int_equal(device_pause_all(), 0);
}

static void resume_machine(void *arg)
{
	device_resume_all();
}

/* The driver of a machine that stands still is told when it goes on, of what was asked last. */
static void test_asked_while_paused(void **state)
{
	struct balloon_size size;

	fake_on_loop(pause_machine, NULL);
	assert_int_equal(balloon_ask(5 * PAGE), 0);
	assert_int_equal(balloon_ask(7 * PAGE), 0);
	assert_int_equal(balloon_get(&size), 0);
	assert_int_equal(size.asked_bytes, 7 * PAGE);
	assert_int_equal(config_word(0), 0);
	assert_int_equal(fake_virtio_config_interrupts(), 0);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(config_word(0), 7);
	assert_int_equal(fake_virtio_config_interrupts(), 1);
	fake_on_loop(pause_machine, NULL);
	fake_on_loop(resume_machine, NULL);
	assert_int_equal(fake_virtio_config_interrupts(), 1);
}

static void test_what_is_asked_for(void **state)
{
	struct balloon_size size;

	assert_int_equal(balloon_ask(5 * PAGE), 0);
	assert_int_equal(config_word(0), 5);
	assert_true(fake_virtio_wait_config_interrupts(1));
	assert_int_equal(stat("balloon-bytes-asked"), 5 * PAGE);
	assert_int_equal(balloon_get(&size), 0);
	assert_int_equal(size.asked_bytes, 5 * PAGE);
	assert_int_equal(size.actual_bytes, 0);
}

/* A driver that is gone has left nothing in the balloon, and cannot be asked. */
static void test_without_a_driver(void **state)
{
	const u32 value = htole32(3);
	struct balloon_size size;

	fake_on_loop(nothing, NULL);
	virtio_config_access_write(fake_virtio_dev, 4, &value, 4);
	assert_int_equal(balloon_get(&size), 0);
	assert_int_equal(size.actual_bytes, 3 * PAGE);
	fake_virtio_reset();
	assert_int_equal(balloon_ask(PAGE), -ENOTCONN);
	assert_int_equal(balloon_get(&size), -ENOTCONN);
	assert_int_equal(config_word(0), 0);
	assert_int_equal(stat("balloon-bytes"), 0);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_inflate),
		EACH(test_inflate_outside_of_ram),
		EACH(test_inflate_is_bounded),
		EACH(test_numbers_split_over_buffers),
		EACH(test_deflate_touches_nothing),
		EACH(test_report),
		EACH(test_report_of_a_readable_buffer),
		EACH(test_report_is_bounded),
		EACH(test_report_is_bounded_by_a_turn),
		EACH(test_report_in_either_queue),
		EACH(test_statistics),
		EACH(test_second_statistics_buffer),
		EACH(test_reset_forgets_the_statistics_buffer),
		EACH(test_queue_reset_forgets_the_statistics_buffer),
		EACH(test_statistics_have_an_age),
		EACH(test_actual_is_the_drivers),
		EACH(test_what_is_asked_for),
		EACH(test_asked_while_paused),
		EACH(test_a_turn_ends),
		EACH(test_without_a_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
