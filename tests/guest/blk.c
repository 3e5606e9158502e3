// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile driver of virtio-blk: `blk-rules:pci:DEVFN`, `blk-noise:pci:DEVFN` (or `mmio:WINDOW`).
 *
 * blk-rules makes one wrong request after the other, of which the disk must not change a byte: each
 * gets the status that the specification has for it, or, where there is no place for one, the
 * device needs a reset. blk-noise fills the ring with requests of any type, sector and length,
 * rewrites it while they are served, and resets the device with them in flight; then asks for more
 * than RAM by buffers that overlap. What it writes to the disk is anything. blk-fill-reset is a
 * good driver whose machine is reset while it writes, blk-fill one that only begins.
 *
 * The rules that all devices have are in virtio-rules.c.
 *
 * Spec: virtio 1.2, section 5.2
 */
#include "virtio.h"

#include "pci.h"

#define IN	       0
#define OUT	       1
#define FLUSH	       4
#define GET_ID	       8
#define DISCARD	       11
#define WRITE_ZEROES   13

#define OK	       0
#define IOERR	       1
#define UNSUPP	       2
#define NEVER	       0xee /* what no device says */

#define F_RO	       (1U << 5)
#define F_FLUSH	       (1U << 9)
#define F_DISCARD      (1U << 13)
#define F_WRITE_ZEROES (1U << 14)
#define F_ALL	       (F_FLUSH | F_DISCARD | F_WRITE_ZEROES)

#define HEADER	       VIRTIO_HEADERS
#define SEGMENT	       (VIRTIO_HEADERS + 64)
#define STATUS	       (VIRTIO_DATA)
#define BUFFER	       (VIRTIO_DATA + 4096)
#define END	       0x8000000000000000ULL /* of a case: the disk's */
#define REQUEST	       3		     /* descriptors of one */

static u64 capacity;
static u32 features; /* of F_ALL, those that are offered */

static void put_header(u64 at, u32 type, u64 sector)
{
	mem_write32(at, type);
	mem_write32(at + 4, 0);
	mem_write32(at + 8, (u32)sector);
	mem_write32(at + 12, (u32)(sector >> 32));
}

/* --- requests that are wrong --- */

struct bad_request {
	const char *what;
	u32 type;
	u64 sector;
	u32 out, in; /* bytes of data that the device reads, and writes */
	u8 status;
};

static const struct bad_request bad_requests[] = {
	{"a read behind the end", IN, END, 0, 512, IOERR},
	{"a read across the end", IN, END - 1, 0, 1024, IOERR},
	{"a read of nothing behind the end", IN, END + 1, 0, 0, IOERR},
	{"a read at 2^55 sectors", IN, 1ULL << 55, 0, 512, IOERR},
	{"a read at the last sector there can be", IN, (1ULL << 55) - 1, 0, 1024, IOERR},
	{"a read at the last number", IN, ~0ULL, 0, 512, IOERR},
	{"a read of less than a sector", IN, 0, 0, 511, IOERR},
	{"a read of a byte too many", IN, 0, 0, 513, IOERR},
	{"a read with something to write", IN, 0, 512, 512, IOERR},
	{"a read with a byte behind the header", IN, 0, 1, 512, IOERR},
	{"a write behind the end", OUT, END, 512, 0, IOERR},
	{"a write across the end", OUT, END - 1, 1024, 0, IOERR},
	{"a write at 2^55 sectors", OUT, 1ULL << 55, 512, 0, IOERR},
	{"a write at the last number", OUT, ~0ULL, 512, 0, IOERR},
	{"a write of less than a sector", OUT, 0, 100, 0, IOERR},
	{"a write of a byte too many", OUT, 0, 513, 0, IOERR},
	{"a write with something to read", OUT, 0, 512, 512, IOERR},
	{"an identity too short", GET_ID, 0, 0, 19, IOERR},
	{"an identity too long", GET_ID, 0, 0, 21, IOERR},
	{"an identity of nothing", GET_ID, 0, 0, 0, IOERR},
	{"a SCSI command", 2, 0, 16, 16, UNSUPP},
	{"the end of a SCSI command", 3, 0, 16, 16, UNSUPP},
	{"the old flush", 5, 0, 0, 0, UNSUPP},
	{"a lifetime", 10, 0, 0, 16, UNSUPP},
	{"a secure erase", 14, 0, 16, 0, UNSUPP},
	{"a type that is none", 0xffffffff, 0, 0, 512, UNSUPP},
	{"a barrier", 1U << 31, 0, 0, 512, UNSUPP},
	{"a write with the barrier's bit", 1U << 31 | OUT, 0, 512, 0, UNSUPP},
};

/* One segment of a discard, or write-zeroes. */
struct bad_segment {
	const char *what;
	u64 sector;
	u32 sectors, flags;
	u32 bytes;	    /* of it, given to the device */
	u8 discard, zeroes; /* their status; NEVER: not tried */
};

static const struct bad_segment bad_segments[] = {
	{"no segment", 0, 1, 0, 0, IOERR, IOERR},
	{"half a segment", 0, 1, 0, 8, IOERR, IOERR},
	{"a byte too few", 0, 1, 0, 15, IOERR, IOERR},
	{"a byte too many", 0, 1, 0, 17, IOERR, IOERR},
	{"two segments", 0, 1, 0, 32, IOERR, IOERR},
	{"behind the end", END, 1, 0, 16, IOERR, IOERR},
	{"across the end", END - 1, 2, 0, 16, IOERR, IOERR},
	{"nothing, behind the end", END + 1, 0, 0, 16, IOERR, IOERR},
	{"at 2^55 sectors", 1ULL << 55, 1, 0, 16, IOERR, IOERR},
	{"at the last number", ~0ULL, 1, 0, 16, IOERR, IOERR},
	{"as many as there can be", 0, 0xffffffff, 0, 16, IOERR, IOERR},
	{"more than max_*_sectors", 0, 0x400000, 0, 16, IOERR, IOERR},
	{"unmap", END, 1, 1, 16, UNSUPP, IOERR},
	{"a flag that is none", 0, 1, 2, 16, UNSUPP, UNSUPP},
	{"all flags", 0, 1, 0xffffffff, 16, UNSUPP, UNSUPP},
};

static u64 sector_of(u64 sector)
{
	return sector >= END - 1 && sector <= END + 1 ? sector - END + capacity : sector;
}

/* Header, out bytes, in bytes, status, a buffer each; the status is what it says. */
static bool is_answered(const char *what, u64 out_at, u32 out, u32 in, u8 status)
{
	struct drvq_buf bufs[4] = {{HEADER, 16, false}};
	u16 count = 1;
	u32 head, written;

	if (out)
		bufs[count++] = (struct drvq_buf){out_at, out, false};
	if (in)
		bufs[count++] = (struct drvq_buf){BUFFER, in, true};
	bufs[count++] = (struct drvq_buf){STATUS, 1, true};
	*(volatile u8 *)STATUS = NEVER;
	drvq_add(&virtio_queue, bufs, count);
	virtio_send(&virtio_queue, 0);
	return virtio_wait_used(&virtio_queue, &head, &written) &&
	       expect(what, *(volatile u8 *)STATUS, status) &&
	       expect(what, written <= in + 1, true) &&
	       expect(what, virtio_get(virtio_status), VIRTIO_UP);
}

static bool check_requests(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(bad_requests); i++) {
		const struct bad_request *bad = &bad_requests[i];

		put_header(HEADER, bad->type, sector_of(bad->sector));
		if (!is_answered(bad->what, BUFFER, bad->out, bad->in, bad->status))
			return false;
	}
	return true;
}

static bool check_segment(const struct bad_segment *bad, u32 type, u8 status)
{
	put_header(HEADER, type, 0);
	for (u32 at = SEGMENT; at < SEGMENT + 32; at += 16) {
		u64 sector = sector_of(bad->sector);

		mem_write32(at, (u32)sector);
		mem_write32(at + 4, (u32)(sector >> 32));
		mem_write32(at + 8, bad->sectors);
		mem_write32(at + 12, bad->flags);
	}
	return is_answered(bad->what, SEGMENT, bad->bytes, 0, status);
}

static bool check_segments(u32 taken)
{
	for (u32 i = 0; i < ARRAY_SIZE(bad_segments); i++) {
		const struct bad_segment *bad = &bad_segments[i];
		u8 discard = taken & F_DISCARD ? bad->discard : UNSUPP;
		u8 zeroes = taken & F_WRITE_ZEROES ? bad->zeroes : UNSUPP;

		if (!check_segment(bad, DISCARD, discard) ||
		    !check_segment(bad, WRITE_ZEROES, zeroes))
			return false;
	}
	return true;
}

/* --- chains that are no requests --- */

static const struct {
	const char *what;
	u32 header, status; /* bytes of each */
} no_requests[] = {
	{"nothing", 0, 0},
	{"a header alone", 16, 0},
	{"a status alone", 0, 1},
	{"half a header", 8, 1},
	{"a byte too few", 15, 1},
	{"one byte, and no status", 1, 0},
	{"a header of 64 KiB", 65536, 0},
};

static bool check_no_requests(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(no_requests); i++) {
		const struct drvq_buf bufs[] = {{VIRTIO_DATA, no_requests[i].header, false},
						{STATUS, no_requests[i].status, true}};

		if (!virtio_bring_up(features))
			return false;
		put_header(VIRTIO_DATA, IN, 0);
		drvq_add(&virtio_queue, bufs, 2);
		virtio_send(&virtio_queue, 0);
		if (!virtio_needs_reset(no_requests[i].what))
			return false;
	}
	return true;
}

/* The disk is read-only to the device, whatever the driver thinks. */
static bool check_read_only(void)
{
	virtio_set(virtio_device_sel, 0);
	if (!(virtio_get(virtio_device_features) & F_RO))
		return true;
	if (!virtio_bring_up(0))
		return false;
	put_header(HEADER, OUT, 0);
	return is_answered("a write to a disk that is read-only", BUFFER, 512, 0, IOERR);
}

static bool find_disk(const char *arg)
{
	if (!virtio_find(arg, VIRTIO_ID_BLOCK))
		return false;
	capacity = virtio_config32(0) | (u64)virtio_config32(4) << 32;
	virtio_set(virtio_device_sel, 0);
	features = virtio_get(virtio_device_features) & F_ALL;
	return true;
}

void do_blk_rules(const char *arg)
{
	if (find_disk(arg) && virtio_good_request(0) && virtio_bring_up(features) &&
	    check_requests() && check_segments(features) && virtio_bring_up(0) &&
	    check_requests() && check_segments(0) && check_no_requests() && check_read_only() &&
	    virtio_good_request(VIRTIO_F_EVENT_IDX) && virtio_reset())
		put("blk-rules: ok\n");
}

/* --- noise --- */

/* Request n is descriptors 3n to 3n + 2, its header at HEADER + 16n, its data anywhere. */
static void add_noise(u32 n)
{
	static const u8 types[] = {IN, IN, IN, OUT, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES, 77};
	u32 type = types[virtio_noise() % ARRAY_SIZE(types)], bytes = 512 << virtio_noise() % 11;
	bool in = type == IN || type == GET_ID;
	u16 head = (u16)(REQUEST * n);

	put_header(HEADER + 16 * n, type, virtio_noise() % (capacity + 8));
	if (type == DISCARD || type == WRITE_ZEROES)
		bytes = 16;
	if (type == GET_ID)
		bytes = 20;
	drvq_put_desc(&virtio_queue, head, HEADER + 16 * n, 16, DRVQ_NEXT, (u16)(head + 1));
	drvq_put_desc(&virtio_queue, (u16)(head + 1), BUFFER + virtio_noise() % 0x100000, bytes,
		      (u16)(DRVQ_NEXT | (in ? DRVQ_WRITE : 0)), (u16)(head + 2));
	drvq_put_desc(&virtio_queue, (u16)(head + 2), STATUS + n, 1, DRVQ_WRITE, 0);
	drvq_offer(&virtio_queue, head);
}

/* A ring full of requests, rewritten as they are served or not, and a reset in their middle. */
static bool reset_in_flight(bool rewrite)
{
	if (!virtio_bring_up(features | (virtio_noise() & VIRTIO_F_EVENT_IDX)))
		return false;
	for (u32 n = 0; n < VIRTIO_SIZE / REQUEST; n++)
		add_noise(n);
	virtio_send(&virtio_queue, 0);
	for (u32 i = 0; rewrite && i < 500; i++) {
		virtio_rewrite_word();
		mem_write32(HEADER + virtio_noise() % 256 * 4, virtio_noise());
	}
	virtio_ring(0);
	sleep_ms(virtio_noise() % 3);
	return true; /* the next step begins with a reset */
}

/* Each request reads 15.5 MiB into the same 256 KiB; all of them twice the guest's RAM and more. */
static bool ask_for_everything(bool wait)
{
	u32 head, written, last = VIRTIO_SIZE - 1;

	if (!virtio_bring_up(VIRTIO_F_INDIRECT))
		return false;
	put_header(HEADER, IN, 0);
	drvq_put_desc_at((u8 *)VIRTIO_TABLE, 0, HEADER, 16, DRVQ_NEXT, 1);
	for (u32 i = 1; i < last; i++)
		drvq_put_desc_at((u8 *)VIRTIO_TABLE, i, BUFFER, 0x40000, DRVQ_WRITE | DRVQ_NEXT,
				 (u16)(i + 1));
	drvq_put_desc_at((u8 *)VIRTIO_TABLE, last, STATUS, 1, DRVQ_WRITE, 0);
	for (u32 i = 0; i < 10; i++) {
		drvq_put_desc(&virtio_queue, (u16)i, VIRTIO_TABLE, 16 * VIRTIO_SIZE, DRVQ_INDIRECT,
			      0);
		drvq_offer(&virtio_queue, (u16)i);
	}
	virtio_send(&virtio_queue, 0);
	for (u32 i = 0; wait && i < 10; i++) {
		if (!virtio_wait_used(&virtio_queue, &head, &written))
			return false;
	}
	return true;
}

/* --- writes that are under way --- */

#define FILL	    0x5a
#define FILL_BYTES  0x40000 /* this often in each request ... */
#define FILL_TIMES  60
#define FILL_WRITES 8 /* ... of so many */

/* Begin to write FILL over the first 120 MiB of the disk. Nobody waits for it. */
static bool begin_fill(const char *arg)
{
	if (!find_disk(arg) || !virtio_bring_up(VIRTIO_F_INDIRECT))
		return false;
	for (u64 at = BUFFER; at < BUFFER + FILL_BYTES; at += 8)
		*(volatile u64 *)at = FILL * 0x0101010101010101ULL;
	for (u16 n = 0; n < FILL_WRITES; n++) {
		u64 header = HEADER + 16 * n, gpa = VIRTIO_TABLE + 1024 * n;
		u8 *table = (u8 *)gpa;

		put_header(header, OUT, n * (FILL_TIMES * FILL_BYTES / 512));
		drvq_put_desc_at(table, 0, header, 16, DRVQ_NEXT, 1);
		for (u16 i = 1; i <= FILL_TIMES; i++)
			drvq_put_desc_at(table, i, BUFFER, FILL_BYTES, DRVQ_NEXT, i + 1);
		drvq_put_desc_at(table, FILL_TIMES + 1, STATUS + n, 1, DRVQ_WRITE, 0);
		drvq_put_desc(&virtio_queue, n, gpa, 16 * (FILL_TIMES + 2), DRVQ_INDIRECT, 0);
		drvq_offer(&virtio_queue, n);
	}
	virtio_send(&virtio_queue, 0);
	return true;
}

/* On the first boot alone. */
void do_blk_fill_reset(const char *arg)
{
	if (cmos_read(CMOS_BOOTS))
		return;
	cmos_write(CMOS_BOOTS, 1);
	if (begin_fill(arg))
		outb(PORT_RESET, 0x06);
}

/* Nor does what follows. */
void do_blk_fill(const char *arg)
{
	put(begin_fill(arg) ? "blk-fill: begun\n" : "bad: blk-fill\n");
}

/* Reads of 4 MiB without end, of what the host has in memory; 30 of them at a time. */
void do_blk_flood(const char *arg)
{
	u32 head, written;

	if (!find_disk(arg) || !virtio_bring_up(VIRTIO_F_INDIRECT))
		return;
	put_header(HEADER, IN, 0);
	for (u16 n = 0; n < 30; n++) {
		u64 gpa = VIRTIO_TABLE + 1024 * n;
		u8 *table = (u8 *)gpa;

		drvq_put_desc_at(table, 0, HEADER, 16, DRVQ_NEXT, 1);
		for (u16 i = 1; i <= 16; i++)
			drvq_put_desc_at(table, i, BUFFER, 0x40000, DRVQ_WRITE | DRVQ_NEXT, i + 1);
		drvq_put_desc_at(table, 17, STATUS + n, 1, DRVQ_WRITE, 0);
		drvq_put_desc(&virtio_queue, n, gpa, 16 * 18, DRVQ_INDIRECT, 0);
		drvq_offer(&virtio_queue, n);
	}
	virtio_send(&virtio_queue, 0);
	put("blk-flood: begun\n");
	while (virtio_wait_used(&virtio_queue, &head, &written)) {
		drvq_offer(&virtio_queue, (u16)head);
		virtio_send(&virtio_queue, 0);
	}
}

void do_blk_noise(const char *arg)
{
	if (!find_disk(arg))
		return;
	for (u32 round = 0; round < 40; round++) {
		if (!reset_in_flight(round % 2) || !(round % 8 || ask_for_everything(round % 16)) ||
		    !virtio_good_request(round % 3 ? VIRTIO_F_EVENT_IDX : 0))
			return;
	}
	if (virtio_reset())
		put("blk-noise: ok\n");
}
