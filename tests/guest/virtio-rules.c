// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile driver of any virtio device: `virtio-rules:pci:DEVFN`, `virtio-rules:mmio:WINDOW`, and
 * `virtio-noise` with the same arguments. For virtio-rng, virtio-blk and virtio-balloon, each by
 * the rules that all devices have; blk.c and balloon.c break those of their own.
 *
 * virtio-rules breaks one rule after the other that the device depends on; each time the device
 * has to say NEEDS_RESET, or refuse, and after a reset serve a driver that keeps the rules.
 * virtio-noise rewrites rings while the device reads them, resets it with requests in flight, and
 * asks for all of RAM many times over. Both end with a good request.
 *
 * Spec: virtio 1.2, 2.1 (status), 2.7 (split virtqueues), 4.1 (PCI), 4.2 (MMIO), 5.2 (block), 5.4
 * (entropy), 5.5 (balloon)
 */
#include "virtio.h"

#include "pci.h"

#define SIZE	  VIRTIO_SIZE
#define RING	  VIRTIO_RING
#define RING_2	  (RING + 4096)
#define RING_3	  (RING + 8192)
#define TABLE	  VIRTIO_TABLE
#define DATA	  VIRTIO_DATA
#define RAM	  VIRTIO_RAM
#define LAPIC	  VIRTIO_LAPIC
#define WINDOW	  VIRTIO_MMIO_BASE
#define INDIRECT  VIRTIO_F_INDIRECT
#define EVENT_IDX VIRTIO_F_EVENT_IDX

static u32 queue_max; /* of queue 0 */

/* --- a driver that keeps the rules --- */

/* A request that ends with the last byte of RAM, where there is one to write. */
static u32 add_good_request(void)
{
	const struct drvq_buf bytes = {RAM - 32, 32, true};
	const struct drvq_buf sector[] = {
		{VIRTIO_HEADERS, 16, false}, {RAM - 513, 512, true}, {RAM - 1, 1, true}};
	const struct drvq_buf no_page = {VIRTIO_HEADERS, 4, false};

	for (u32 i = 0; i < 16; i += 4)
		mem_write32(VIRTIO_HEADERS + i, 0);
	switch (virtio_id()) {
	case VIRTIO_ID_BLOCK: /* read sector 0 */
		drvq_add(&virtio_queue, sector, ARRAY_SIZE(sector));
		return 513;
	case VIRTIO_ID_BALLOON: /* inflate by a page that is not RAM */
		mem_write32(VIRTIO_HEADERS, 0xfffff);
		drvq_add(&virtio_queue, &no_page, 1);
		return 0;
	default:
		drvq_add(&virtio_queue, &bytes, 1);
		return 32;
	}
}

bool virtio_good_request(u32 features)
{
	u32 head, written, wanted;

	if (!virtio_bring_up(features))
		return false;
	wanted = add_good_request();
	virtio_send(&virtio_queue, 0);
	return virtio_wait_used(&virtio_queue, &head, &written) &&
	       expect("written", written, wanted) &&
	       (virtio_id() != VIRTIO_ID_BLOCK ||
		expect("status byte", *(volatile u8 *)(RAM - 1), 0)) &&
	       expect("status", virtio_get(virtio_status), VIRTIO_UP);
}

bool virtio_needs_reset(const char *what)
{
	for (u32 tries = 5000; tries; tries--) {
		if (virtio_get(virtio_status) & VIRTIO_NEEDS_RESET)
			return virtio_good_request(EVENT_IDX);
		sleep_ms(1);
	}
	put("bad: ");
	put(what);
	put(": the device does not mind\n");
	return false;
}

/* --- rules of the rings --- */

struct bad_desc {
	const char *what;
	u64 addr;
	u32 len;
	u16 flags, next;
};

/* Descriptor 0; what follows it, if it says so, is descriptor 1, a byte to write. */
static const struct bad_desc bad_descs[] = {
	{"behind RAM", RAM, 1, DRVQ_WRITE, 0},
	{"across the end of RAM", RAM - 1, 2, DRVQ_WRITE, 0},
	{"at the end of the address space", ~0ULL, 1, DRVQ_WRITE, 0},
	{"wraps", ~0ULL - 15, 64, DRVQ_WRITE, 0},
	{"longer than RAM", 0, 0xffffffff, DRVQ_WRITE, 0},
	{"in the local APIC", LAPIC, 4, DRVQ_WRITE, 0},
	{"in a window", WINDOW, 4, DRVQ_WRITE, 0},
	{"its last byte is all that is left", RAM - 1, 2, 0, 0},
	{"a loop of one", DATA, 1, DRVQ_WRITE | DRVQ_NEXT, 0},
	{"the next is not there", DATA, 1, DRVQ_WRITE | DRVQ_NEXT, SIZE},
	{"far from there", DATA, 1, DRVQ_WRITE | DRVQ_NEXT, 0xffff},
	{"an empty table", TABLE, 0, DRVQ_INDIRECT, 0},
	{"half a descriptor", TABLE, 24, DRVQ_INDIRECT, 0},
	{"a table with a next", TABLE, 16, DRVQ_INDIRECT | DRVQ_NEXT, 1},
	{"a table behind RAM", RAM - 16, 32, DRVQ_INDIRECT, 0},
	{"a table in the local APIC", LAPIC, 16, DRVQ_INDIRECT, 0},
	{"a table in a table", TABLE, 16, DRVQ_INDIRECT, 0},
	{"a table as long as can be", 0, 0xfffffff0, DRVQ_INDIRECT, 0},
};

static bool check_descriptors(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(bad_descs); i++) {
		const struct bad_desc *bad = &bad_descs[i];

		if (!virtio_bring_up(INDIRECT | (i % 2 ? EVENT_IDX : 0)))
			return false;
		drvq_put_desc_at((u8 *)TABLE, 0, TABLE, 16, DRVQ_INDIRECT, 0);
		drvq_put_desc(&virtio_queue, 0, bad->addr, bad->len, bad->flags, bad->next);
		drvq_put_desc(&virtio_queue, 1, DATA, 1, DRVQ_WRITE, 0);
		drvq_offer(&virtio_queue, 0);
		virtio_send(&virtio_queue, 0);
		if (!virtio_needs_reset(bad->what))
			return false;
	}
	return true;
}

static bool check_order(void)
{
	const struct drvq_buf bufs[] = {{DATA, 1, true}, {DATA, 1, false}};

	if (!virtio_bring_up(0))
		return false;
	drvq_add(&virtio_queue, bufs, 2);
	virtio_send(&virtio_queue, 0);
	if (!virtio_needs_reset("one to read behind one to write") || !virtio_bring_up(0))
		return false;
	drvq_put_desc(&virtio_queue, 0, TABLE, 16, DRVQ_INDIRECT, 0);
	drvq_offer(&virtio_queue, 0);
	virtio_send(&virtio_queue, 0);
	return virtio_needs_reset("a table that was not negotiated");
}

/* More descriptors than the queue has places; each is good for itself. */
static bool check_length(void)
{
	if (!virtio_bring_up(INDIRECT))
		return false;
	for (u32 i = 0; i <= queue_max; i++)
		drvq_put_desc_at((u8 *)TABLE, i, DATA + i, 1,
				 (u16)(DRVQ_WRITE | (i < queue_max ? DRVQ_NEXT : 0)), (u16)(i + 1));
	drvq_put_desc(&virtio_queue, 0, TABLE, 16 * (queue_max + 1), DRVQ_INDIRECT, 0);
	drvq_offer(&virtio_queue, 0);
	virtio_send(&virtio_queue, 0);
	if (!virtio_needs_reset("a chain that is too long") || !virtio_bring_up(0))
		return false;
	/* A loop through all of the ring. */
	for (u32 i = 0; i < SIZE; i++)
		drvq_put_desc(&virtio_queue, (u16)i, DATA, 1, DRVQ_WRITE | DRVQ_NEXT,
			      (u16)((i + 1) % SIZE));
	drvq_offer(&virtio_queue, 0);
	virtio_send(&virtio_queue, 0);
	return virtio_needs_reset("a loop of all");
}

static bool check_indices(void)
{
	static const u16 jumps[] = {SIZE + 1, 0x8000, 0xffff};

	for (u32 i = 0; i < ARRAY_SIZE(jumps); i++) {
		if (!virtio_bring_up(0))
			return false;
		drvq_put_idx(&virtio_queue, jumps[i]);
		virtio_ring(0);
		if (!virtio_needs_reset("an index that jumps"))
			return false;
	}
	if (!virtio_bring_up(EVENT_IDX))
		return false;
	drvq_offer(&virtio_queue, SIZE);
	virtio_send(&virtio_queue, 0);
	return virtio_needs_reset("a head that is not there");
}

/* --- rules of the registers --- */

static bool check_queue(const char *what, u32 size, u64 desc, u64 driver, u64 device)
{
	if (!virtio_negotiate(0))
		return false;
	virtio_set_queue(0, size, desc, driver, device);
	virtio_set(virtio_status, VIRTIO_UP);
	virtio_ring(0);
	return virtio_needs_reset(what);
}

static bool check_queues(void)
{
	const struct {
		const char *what;
		u32 size;
		u64 desc, driver, device;
	} bad[] = {
		{"size 0", 0, RING, RING_2, RING_3},
		{"size 3", 3, RING, RING_2, RING_3},
		{"more than there is", 2 * queue_max, RING, RING_2, RING_3},
		{"size 65535", 65535, RING, RING_2, RING_3},
		{"descriptors in the APIC", SIZE, LAPIC, RING_2, RING_3},
		{"available ring in a window", SIZE, RING, WINDOW, RING_3},
		{"used ring in the APIC", SIZE, RING, RING_2, LAPIC},
		{"descriptors across the end", SIZE, RAM - 16, RING, RING_3},
		{"used ring across the end", SIZE, RING, RING_2, RAM - 512},
		{"used ring at the end", SIZE, RING, RING_2, ~0ULL - 3},
		{"descriptors not aligned", SIZE, RING + 8, RING_2, RING_3},
		{"available ring not aligned", SIZE, RING, RING_2 + 1, RING_3},
		{"used ring not aligned", SIZE, RING, RING_2, RING_3 + 2},
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!check_queue(bad[i].what, bad[i].size, bad[i].desc, bad[i].driver,
				 bad[i].device))
			return false;
	}
	return true;
}

static bool check_features(void)
{
	u32 offered;

	virtio_set(virtio_device_sel, 0);
	offered = virtio_get(virtio_device_features);
	for (u32 bit = 0; bit < 32; bit++) {
		if (offered >> bit & 1)
			continue;
		if (!virtio_reset())
			return false;
		virtio_set(virtio_status, VIRTIO_DRIVER);
		virtio_set(virtio_driver_sel, 0);
		virtio_set(virtio_driver_features, 1U << bit);
		virtio_set(virtio_driver_sel, 1);
		virtio_set(virtio_driver_features, 1);
		virtio_set(virtio_status, VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
		if (!expect("never offered", virtio_get(virtio_status), VIRTIO_DRIVER))
			return false;
	}
	virtio_set(virtio_status, VIRTIO_UP);
	if (!virtio_needs_reset("DRIVER_OK without FEATURES_OK") || !virtio_reset())
		return false;
	virtio_set(virtio_status, VIRTIO_DRIVER);
	virtio_set(virtio_driver_sel, 1);
	virtio_set(virtio_driver_features, 0);
	virtio_set(virtio_status, VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	return expect("a legacy driver", virtio_get(virtio_status), VIRTIO_DRIVER);
}

static bool queue_is_absent(u32 index)
{
	virtio_set(virtio_queue_sel, index);
	if (!expect("a queue that is not there", virtio_get(virtio_queue_max), 0))
		return false;
	virtio_set(virtio_queue_size, 8);
	virtio_set_address(virtio_queue_desc, LAPIC);
	virtio_set(virtio_queue_enable, 1);
	return expect("a queue that is not there", virtio_get(virtio_queue_enable), 0);
}

/* Doorbells and registers of queues that are not there: nothing happens. */
static bool check_absent(void)
{
	static const u32 absent[] = {2, 63, 64, 255, 65535, 0xffffffff};
	u32 queues = virtio_id() == VIRTIO_ID_BALLOON ? 5 : 1;

	if (!virtio_good_request(0) || !queue_is_absent(queues))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(absent); i++) {
		if (absent[i] < queues)
			continue;
		if (!queue_is_absent(absent[i]))
			return false;
		if (absent[i] < virtio_bells())
			virtio_ring(absent[i]);
	}
	/* One that is there and was not enabled. */
	if (queues > 1)
		virtio_ring(1);
	return expect("status", virtio_get(virtio_status), VIRTIO_UP) && virtio_good_request(0);
}

void do_virtio_rules(const char *arg)
{
	if (!virtio_find(arg, 0) || !virtio_reset())
		return;
	virtio_set(virtio_queue_sel, 0);
	queue_max = virtio_get(virtio_queue_max);
	if (virtio_good_request(0) && check_descriptors() && check_order() && check_length() &&
	    check_indices() && check_queues() && check_features() && check_absent() &&
	    virtio_good_request(INDIRECT | EVENT_IDX) && virtio_reset())
		put("virtio-rules: ok\n");
}

/* --- noise --- */

u32 virtio_noise(void)
{
	static u32 state = 1;

	state = state * 1664525 + 1013904223;
	return state >> 8;
}

/*
 * Addresses stay clear of what the payload needs, for the device writes to them: they are behind
 * DATA, or beyond RAM.
 */
void virtio_rewrite_word(void)
{
	u32 at = virtio_noise() % drvq_bytes(SIZE) / 4 * 4;
	u32 value = virtio_noise() << virtio_noise() % 9;

	if (at < drvq_avail_at(SIZE) && at % 16 == 0)
		value = virtio_noise() % 8 ? (u32)DATA + value % (u32)(RAM - DATA)
					   : (u32)RAM + value / 2;
	else if (at < drvq_avail_at(SIZE) && at % 16 == 4)
		value = virtio_noise() % 8 ? 0 : value;
	mem_write32(RING + at, value);
}

/* Rings that change while the device reads them. */
static bool rewrite_rings(void)
{
	if (!virtio_bring_up(virtio_noise() & (INDIRECT | EVENT_IDX)))
		return false;
	for (u32 i = 0; i < SIZE; i++) {
		drvq_put_desc(&virtio_queue, (u16)i, DATA + virtio_noise() % 4096,
			      virtio_noise() % 65536, DRVQ_WRITE, 0);
		drvq_offer(&virtio_queue, (u16)i);
	}
	virtio_send(&virtio_queue, 0);
	for (u32 i = 0; i < 2000; i++)
		virtio_rewrite_word();
	virtio_ring(0);
	return true;
}

/* All of RAM, as often as a chain is long, in each request; and then no time for them. */
static bool ask_for_everything(bool wait)
{
	u32 head, written;

	if (!virtio_bring_up(INDIRECT))
		return false;
	for (u32 i = 0; i < SIZE; i++)
		drvq_put_desc_at((u8 *)TABLE, i, DATA, (u32)(RAM - DATA),
				 (u16)(DRVQ_WRITE | (i + 1 < SIZE ? DRVQ_NEXT : 0)), (u16)(i + 1));
	for (u32 i = 0; i < SIZE; i++) {
		drvq_put_desc(&virtio_queue, (u16)i, TABLE, 16 * SIZE, DRVQ_INDIRECT, 0);
		drvq_offer(&virtio_queue, (u16)i);
	}
	virtio_send(&virtio_queue, 0);
	for (u32 i = 0; wait && i < SIZE; i++) {
		if (!virtio_wait_used(&virtio_queue, &head, &written))
			return false;
	}
	return true;
}

void do_virtio_noise(const char *arg)
{
	if (!virtio_find(arg, 0))
		return;
	for (u32 round = 0; round < 30; round++) {
		bool everything = virtio_id() == VIRTIO_ID_RNG;

		if (!rewrite_rings() || (everything && !ask_for_everything(round % 2)) ||
		    !virtio_good_request(round % 3 ? EVENT_IDX : 0))
			return;
	}
	if (virtio_reset())
		put("virtio-noise: ok\n");
}
