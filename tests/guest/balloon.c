// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of virtio-balloon: `balloon:pci:DEVFN:WHAT`; a hostile one: `balloon-noise:pci:DEVFN`.
 *
 * The guest has 256 MiB and uses 128 of them from 64 MiB on, for the host to see in lkvm's memory.
 * WHAT is done with it is
 *
 *   inflate   all of it goes into the balloon; it reads as zeros then
 *   again     in, out, and used again
 *   report    it is reported as free, by queue 4 (5.5.2); `report3`: by queue 3, as Linux does
 *   size      as much goes in as the device asks for
 *   stats     three times statistics, each when the device has given back the last
 *
 * balloon-noise names pages that are none, all of RAM many times over in requests that overlap, and
 * gives statistics that are none; then the device is reset while it has them.
 *
 * Spec: virtio 1.2, section 5.5
 */
#include "virtio.h"

#include "pci.h"

#define F_STATS	  (1U << 1)
#define F_REPORT  (1U << 5)

#define NUM_PAGES 0 /* of the configuration */
#define ACTUAL	  4

#define PAGE	  4096
#define USED	  VIRTIO_RAM
#define USED_END  (USED + 0x8000000)
#define CHUNK	  0x200000
#define LIST	  (VIRTIO_HEADERS + PAGE)
#define LIST_MAX  256 /* pages of a request, as Linux has it */

enum { INFLATE, DEFLATE, STATS, REPORT_LINUX, REPORT, QUEUES };

static struct drvq queues[QUEUES];

static bool bring_up(u32 features)
{
	if (!virtio_negotiate(features))
		return false;
	for (u32 i = 0; i < QUEUES; i++)
		virtio_set_up(&queues[i], i, features);
	virtio_set(virtio_status, VIRTIO_UP);
	return true;
}

static bool request(u32 queue, const struct drvq_buf *buf)
{
	u32 head, written;

	drvq_add(&queues[queue], buf, 1);
	virtio_send(&queues[queue], queue);
	return virtio_wait_used(&queues[queue], &head, &written) && expect("written", written, 0);
}

static void use_memory(u32 value)
{
	for (u64 at = USED; at < USED_END; at += PAGE)
		mem_write32(at + 8, value + (u32)(at / PAGE));
}

static bool is_used(u32 value)
{
	for (u64 at = USED; at < USED_END; at += PAGE) {
		if (!expect("a word of the page", mem_read32(at + 8), value + (u32)(at / PAGE)))
			return false;
	}
	return true;
}

/* Pages [from, from + count) in lists of LIST_MAX. */
static bool move_pages(u32 queue, u32 from, u32 count)
{
	while (count) {
		u32 now = count < LIST_MAX ? count : LIST_MAX;
		struct drvq_buf buf = {LIST, 4 * now, false};

		for (u32 i = 0; i < now; i++)
			mem_write32(LIST + 4 * i, from + i);
		if (!request(queue, &buf))
			return false;
		from += now;
		count -= now;
	}
	return true;
}

static bool move_all(u32 queue)
{
	return move_pages(queue, USED / PAGE, (u32)((USED_END - USED) / PAGE));
}

static bool inflate(void)
{
	use_memory(1);
	return move_all(INFLATE) && expect("a page of it", mem_read32(USED + 8), 0) &&
	       expect("the page before", mem_read32(USED - PAGE + 8), 0x5a5a5a5a);
}

static bool inflate_again(void)
{
	if (!inflate() || !move_all(DEFLATE))
		return false;
	use_memory(2);
	return is_used(2);
}

static bool report(u32 queue)
{
	use_memory(3);
	for (u64 at = USED; at < USED_END; at += CHUNK) {
		struct drvq_buf buf = {at, CHUNK, true};

		if (!request(queue, &buf))
			return false;
	}
	return expect("a page of it", mem_read32(USED + 8), 0);
}

static bool inflate_as_asked(void)
{
	u32 pages = virtio_config32(NUM_PAGES);

	if (!expect("not more than is used", pages <= (USED_END - USED) / PAGE, true))
		return false;
	use_memory(4);
	if (!move_pages(INFLATE, USED / PAGE, pages))
		return false;
	virtio_set_config32(ACTUAL, pages);
	put("balloon: ");
	put_number(pages);
	put(" pages\n");
	return expect("what it is told", virtio_config32(ACTUAL), pages);
}

static void put_stat(u32 n, u16 tag, u64 value)
{
	u64 at = LIST + 10 * n;

	*(volatile u16 *)at = tag;
	*(volatile u64 *)(at + 2) = value;
}

/* Free memory (tag 4) and what is available (6), in bytes, and a tag that is none. */
static bool tell_stats(void)
{
	const struct drvq_buf buf = {LIST, 30, false};
	u32 head, written;

	for (u32 n = 1; n <= 3; n++) {
		put_stat(0, 4, n * 1000);
		put_stat(1, 0x7777, ~0ULL);
		put_stat(2, 6, n * 1000 + 1);
		drvq_add(&queues[STATS], &buf, 1);
		virtio_send(&queues[STATS], STATS);
		put("balloon: statistics ");
		put_number(n);
		put("\n");
		while (n < 3 && !drvq_take(&queues[STATS], &head, &written))
			sleep_ms(1);
	}
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
	u32 queue; /* of report() */
} uses[] = {
	{"inflate", inflate, 0},	 {"again", inflate_again, 0},	{"report", NULL, REPORT},
	{"report3", NULL, REPORT_LINUX}, {"size", inflate_as_asked, 0}, {"stats", tell_stats, 0},
};

void do_balloon(const char *arg)
{
	const char *what = word_argument(word_argument(arg));

	if (!virtio_find(arg, VIRTIO_ID_BALLOON) || !bring_up(F_STATS | F_REPORT))
		return;
	mem_write32(USED - PAGE + 8, 0x5a5a5a5a);
	for (u32 i = 0; i < ARRAY_SIZE(uses); i++) {
		if (!word_is(what, uses[i].name))
			continue;
		if (uses[i].run ? uses[i].run() : report(uses[i].queue))
			put("balloon: ok\n");
		return;
	}
	put("bad: balloon: nothing of that name\n");
}

/* --- noise --- */

/* Numbers of pages that are free to lose them, or are no RAM. */
static void fill_list(u64 at)
{
	u32 first = (u32)(VIRTIO_DATA / PAGE) + 1, end = (u32)(VIRTIO_RAM / PAGE);

	for (u32 i = 0; i < PAGE / 4; i++)
		mem_write32(at + 4 * i, virtio_noise() % 2 ? first + virtio_noise() % (end - first)
					: virtio_noise() % 2 ? end + virtio_noise()
							     : 0xffffffff - virtio_noise() % 4);
}

/* All of RAM as often as a chain is long, in each of 32 requests. */
static void ask_for_everything(u32 queue)
{
	u16 write = queue == REPORT || queue == REPORT_LINUX ? DRVQ_WRITE : 0;

	for (u32 i = 0; i < VIRTIO_SIZE; i++)
		drvq_put_desc_at(
			(u8 *)VIRTIO_TABLE, i, VIRTIO_DATA, (u32)(VIRTIO_RAM - VIRTIO_DATA),
			(u16)(write | (i + 1 < VIRTIO_SIZE ? DRVQ_NEXT : 0)), (u16)(i + 1));
	for (u16 i = 0; i < 32; i++) {
		drvq_put_desc(&queues[queue], i, VIRTIO_TABLE, 16 * VIRTIO_SIZE, DRVQ_INDIRECT, 0);
		drvq_offer(&queues[queue], i);
	}
	virtio_send(&queues[queue], queue);
}

static bool wait_for_all(u32 queue, u32 count)
{
	u32 head, written;

	while (count--) {
		if (!virtio_wait_used(&queues[queue], &head, &written))
			return false;
	}
	return true;
}

static bool noise_round(u32 round)
{
	const struct drvq_buf list = {VIRTIO_DATA, PAGE, false};

	if (!bring_up(F_STATS | F_REPORT | VIRTIO_F_INDIRECT |
		      (round % 2 ? VIRTIO_F_EVENT_IDX : 0)))
		return false;
	fill_list(VIRTIO_DATA);
	if (!request(INFLATE, &list) || !request(DEFLATE, &list))
		return false;
	fill_list(VIRTIO_DATA);
	/* The statistics come back but for the last. */
	for (u32 queue = 0; queue < QUEUES; queue++)
		ask_for_everything(queue);
	for (u32 queue = 0; round % 3 && queue < QUEUES; queue++) {
		if (!wait_for_all(queue, queue == STATS ? 31 : 32))
			return false;
	}
	return true;
}

void do_balloon_noise(const char *arg)
{
	if (!virtio_find(arg, VIRTIO_ID_BALLOON))
		return;
	for (u32 round = 0; round < 30; round++) {
		if (!noise_round(round) || !virtio_good_request(round % 3 ? VIRTIO_F_EVENT_IDX : 0))
			return;
	}
	if (virtio_reset())
		put("balloon-noise: ok\n");
}
