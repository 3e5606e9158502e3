// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a hostile driver against virtio/queue.c.
 *
 * Guest RAM is two adjacent banks of 8 KiB, each of its own malloc(), so that one byte beyond
 * either is seen. An input is a list of steps of four bytes: the driver writes descriptors, ring
 * entries, indices or any byte anywhere; the device starts, pops, pushes, flushes, stops.
 * Invariants, besides what the sanitizers see:
 * - each element is inside RAM and not empty, the sums are right, no chain is over-long;
 * - no head is in flight twice, and what is in flight is what was popped and not pushed;
 * - a queue breaks once, and says by what section.
 */
#include "tests/lib/fuzz.h"
#include "tests/lib/virtq-driver.h"
#include "virtio/queue.h"

#include <stdlib.h>
#include <string.h>

#define BANK	 8192u
#define RAM	 (2 * BANK)
#define MAX_SIZE 128

enum step {
	STEP_START,
	STEP_DESC,
	STEP_DESC_AGAIN, /* where most rules are: twice as likely */
	STEP_TABLE_DESC,
	STEP_OFFER,
	STEP_PUBLISH,
	STEP_INDEX,
	STEP_BYTE,
	STEP_EVENT,
	STEP_POP,
	STEP_POP_ALL,
	STEP_PUSH,
	STEP_FLUSH,
	STEP_STOP,
	STEP_REFER, /* to a table of STEP_TABLE_DESC's */
	STEP_COUNT,
};

static u8 *banks[2];
static struct gmem mem;
static struct virtq *vq;
static struct virtq_config config;
static struct drvq driver;
static struct virtq_chain *flying[MAX_SIZE];
static unsigned int count;
static unsigned int breaks;

static void on_interrupt(void *arg)
{
}

static void on_broken(void *arg, const char *why)
{
	CHECK(strstr(why, "(virtio 1.2, 2.7") || !strcmp(why, "out of memory"));
	breaks++;
}

/* --- the driver --- */

static void put_byte(u64 gpa, u8 value)
{
	banks[gpa / BANK % 2][gpa % BANK] = value;
}

/* Four in five addresses are in RAM or just beyond it. */
static u64 some_address(u8 a, u8 b)
{
	switch (a % 5) {
	case 0:
		return (u64)a << 56 | b;
	case 1:
		return RAM - b % 32;
	case 2:
		return BANK - b % 32;
	default:
		return (u64)b * 64 + a % 64;
	}
}

static u32 some_length(u8 a)
{
	static const u32 odd[] = {0, 1, 16, 32, 512, 4096, BANK, RAM, RAM + 1, 0xffffffff};

	return a < 128 ? a : odd[a % ARRAY_SIZE(odd)];
}

static void put_fields(u64 gpa, u64 addr, u32 len, u16 flags, u16 next)
{
	u8 desc[16];

	drvq_put_desc_at(desc, 0, addr, len, flags, next);
	for (unsigned int i = 0; i < sizeof(desc); i++)
		put_byte((gpa + i) % RAM, desc[i]);
}

static void put_desc(u64 table, u8 index, u8 a, u8 b)
{
	put_fields(table + 16 * (index % 40), some_address(a, b), some_length(b ^ a), a >> 5,
		   (b ^ index) % 40);
}

/* Some descriptors at once, for a queue's budget is more than a few tables. */
static void refer(u8 index, u8 a, u8 b)
{
	for (u8 i = 0; i <= a >> 2; i++)
		put_fields(16 * ((index + i) % MAX_SIZE), (u64)(a & 3) * 4096, 16 * (b & 0x7fU),
			   b & 0x80 ? DRVQ_INDIRECT | DRVQ_NEXT : DRVQ_INDIRECT, 0);
}

/* The rings lie in the first bank when the device agrees; the driver's copy always does. */
static void start(u8 a, u8 b)
{
	const char *why = NULL;
	u16 size = (u16)(a & 0x80 ? b : 1U << a % 8);
	int err;

	if (!size || size > MAX_SIZE)
		size = 8;
	drvq_init(&driver, banks[0], 0, size, a & 0x40);
	config.size = a & 0x80 ? b : size;
	config.event_idx = a & 0x40;
	config.indirect = !(a & 0x20);
	config.desc = drvq_desc_gpa(&driver);
	config.driver = drvq_avail_gpa(&driver);
	config.device = drvq_used_gpa(&driver);
	if (b >= 0xe0)
		config.device = some_address(a, b);
	if (b >= 0xf0)
		config.driver = some_address(b, a);
	count = 0;
	breaks = 0;
	err = virtq_start(vq, &config, &why);
	CHECK(err ? why && !virtq_started(vq) : virtq_started(vq));
	CHECK(virtq_size(vq) == (err ? 0 : config.size));
}

/* --- the device --- */

static size_t check_elements(const struct iovec *iov, unsigned int elements)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < elements; i++) {
		volatile u8 *base = iov[i].iov_base;
		u8 first, last;

		CHECK(iov[i].iov_len > 0);
		first = base[0];
		last = base[iov[i].iov_len - 1];
		(void)first, (void)last;
		bytes += iov[i].iov_len;
	}
	return bytes;
}

static bool pop(void)
{
	struct virtq_chain *chain;
	unsigned int before = breaks;
	int got = virtq_pop(vq, &chain);

	CHECK(got == 1 || got == 0 || got == -22);
	CHECK(breaks - before <= (got < 0));
	CHECK(breaks <= 1);
	if (got != 1)
		return false;
	CHECK(!breaks);
	CHECK(chain->head < config.size);
	for (unsigned int i = 0; i < count; i++)
		CHECK(flying[i]->head != chain->head);
	CHECK(check_elements(chain->out, chain->out_count) == chain->out_bytes);
	CHECK(check_elements(chain->in, chain->in_count) == chain->in_bytes);
	/* A buffer that spans both banks is two elements. */
	CHECK(chain->out_count + chain->in_count <= 2 * MAX_SIZE);
	CHECK(chain->out_bytes + chain->in_bytes <= 1ULL << 32);
	CHECK(count < config.size);
	flying[count++] = chain;
	CHECK(virtq_in_flight(vq) == count);
	return true;
}

static void push(u8 which, u8 written)
{
	struct virtq_chain *chain;

	if (!count)
		return;
	which %= count--;
	chain = flying[which];
	flying[which] = flying[count];
	/* What is said to be written is: the first bytes of the in elements. */
	for (unsigned int i = 0; i < chain->in_count; i++)
		memset(chain->in[i].iov_base, written, MIN(chain->in[i].iov_len, 8));
	virtq_push(vq, chain, (u32)MIN(chain->in_bytes, written));
	CHECK(virtq_in_flight(vq) == count);
}

static void do_step(u8 what, u8 index, u8 a, u8 b)
{
	u32 head, len;

	switch (what % STEP_COUNT) {
	case STEP_START:
		start(a, b);
		break;
	case STEP_DESC:
	case STEP_DESC_AGAIN:
		put_desc(0, index, a, b);
		break;
	case STEP_TABLE_DESC:
		put_desc((u64)(index & 0xc0) * 64, index & 0x3f, a, b);
		break;
	case STEP_OFFER:
		for (u8 i = 0; i <= b >> 2; i++)
			drvq_offer(&driver, a + i);
		break;
	case STEP_PUBLISH:
		drvq_publish(&driver);
		break;
	case STEP_INDEX:
		drvq_put_idx(&driver, (u16)(a << 8 | b));
		break;
	case STEP_BYTE:
		put_byte((u64)(index << 8 | a) % RAM, b);
		break;
	case STEP_EVENT:
		drvq_put_used_event(&driver, (u16)(a << 8 | b));
		drvq_put_flags(&driver, index);
		break;
	case STEP_POP:
		pop();
		break;
	case STEP_POP_ALL:
		while (pop())
			;
		break;
	case STEP_PUSH:
		push(a, b);
		break;
	case STEP_FLUSH:
		virtq_flush(vq);
		drvq_take(&driver, &head, &len);
		break;
	case STEP_STOP:
		virtq_stop(vq);
		count = 0;
		CHECK(virtq_in_flight(vq) == 0);
		break;
	case STEP_REFER:
		refer(index, a, b);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	for (int i = 0; i < 2; i++) {
		banks[i] = aligned_alloc(4096, BANK);
		memset(banks[i], 0, BANK);
		mem.banks[i] = (struct gmem_bank){.base = i * BANK, .size = BANK, .host = banks[i]};
	}
	mem.count = 2;
	config = (struct virtq_config){.mem = &mem,
				       .max = MAX_SIZE,
				       .interrupt = on_interrupt,
				       .room = on_interrupt,
				       .broken = on_broken};
	vq = virtq_new();
	start(3, 0);
	for (size_t i = 0; i + 3 < size; i += 4)
		do_step(data[i], data[i + 1], data[i + 2], data[i + 3]);
	virtq_free(vq);
	free(banks[0]);
	free(banks[1]);
	return 0;
}
