// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile driver of virtio-rng: `virtio-rules:pci:DEVFN`, `virtio-rules:mmio:WINDOW`, and
 * `virtio-noise` with the same arguments.
 *
 * virtio-rules breaks one rule after the other that the device depends on; each time the device
 * has to say NEEDS_RESET, or refuse, and after a reset serve a driver that keeps the rules.
 * virtio-noise rewrites rings while the device reads them, resets it with requests in flight, and
 * asks for all of RAM many times over. Both end with a good request.
 *
 * The driver's side of the ring is tests/lib/virtq-driver.h, as in the unit tests.
 *
 * Spec: virtio 1.2, 2.1 (status), 2.7 (split virtqueues), 4.1 (PCI), 4.2 (MMIO), 5.4 (entropy)
 */
#include "virtio.h"

#include "../lib/virtq-driver.h"
#include "pci.h"

#define MMIO_BASE   0xfebf8000ULL
#define MMIO_BYTES  512
#define ID_RNG	    4
#define SIZE	    64
#define RING	    0x2100000ULL /* RAM that nothing else uses */
#define TABLE	    0x2110000ULL
#define DATA	    0x2120000ULL
#define RAM	    0x4000000ULL /* e2e's default, 64 MiB */
#define LAPIC	    0xfee00000ULL

#define DRIVER	    0x03
#define FEATURES_OK 0x08
#define DRIVER_OK   0x04
#define NEEDS_RESET 0x40
#define INDIRECT    (1U << 28)
#define EVENT_IDX   (1U << 29)

/* --- registers, over either transport --- */

static struct {
	bool mmio;
	u64 base; /* of the window, or of the common configuration */
	u16 bell;
} dev;

/* Where a register is: in the window, in the common configuration. */
struct place {
	u16 mmio, pci;
	u8 pci_bytes;
};

static const struct place status_reg = {0x070, 0x14, 1}, driver_sel = {0x024, 0x08, 4},
			  driver_features = {0x020, 0x0c, 4}, queue_sel = {0x030, 0x16, 2},
			  queue_size = {0x038, 0x18, 2}, queue_enable = {0x044, 0x1c, 2},
			  queue_desc = {0x080, 0x20, 4}, queue_driver = {0x090, 0x28, 4},
			  queue_device = {0x0a0, 0x30, 4};

static u32 get(struct place reg)
{
	if (dev.mmio)
		return mem_read32(dev.base + reg.mmio);
	if (reg.pci_bytes == 1)
		return *(volatile u8 *)(dev.base + reg.pci);
	if (reg.pci_bytes == 2)
		return *(volatile u16 *)(dev.base + reg.pci);
	return mem_read32(dev.base + reg.pci);
}

static void set(struct place reg, u32 value)
{
	if (dev.mmio)
		mem_write32(dev.base + reg.mmio, value);
	else if (reg.pci_bytes == 1)
		*(volatile u8 *)(dev.base + reg.pci) = (u8)value;
	else if (reg.pci_bytes == 2)
		*(volatile u16 *)(dev.base + reg.pci) = (u16)value;
	else
		mem_write32(dev.base + reg.pci, value);
}

static void set_address(struct place reg, u64 value)
{
	set(reg, (u32)value);
	reg.mmio += 4;
	reg.pci += 4;
	set(reg, (u32)(value >> 32));
}

static void ring_bell(u32 queue)
{
	if (dev.mmio)
		mem_write32(dev.base + 0x050, queue);
	else
		outw((u16)(dev.bell + 4 * queue), (u16)queue);
}

static bool find_pci(u32 devfn)
{
	pci_write(devfn, PCI_COMMAND, 2, PCI_PORTS | PCI_MEMORY | PCI_MASTER | PCI_INTX_OFF);
	for (u32 cap = pci_find_cap(devfn, PCI_CAP_VENDOR, 0); cap;
	     cap = pci_find_cap(devfn, PCI_CAP_VENDOR, cap)) {
		u64 at = pci_size_bar(devfn, pci_read(devfn, cap + 4, 1)).base +
			 pci_read(devfn, cap + 8, 4);

		if (pci_read(devfn, cap + 3, 1) == 1)
			dev.base = at;
		if (pci_read(devfn, cap + 3, 1) == 2)
			dev.bell = (u16)at;
	}
	return expect("virtio-rng", pci_read(devfn, 0, 4), (0x1040 + ID_RNG) << 16 | 0x1af4) &&
	       dev.base && dev.bell;
}

/* "pci:8" or "mmio:0". */
static bool find_device(const char *arg)
{
	u32 number = (u32)word_number(word_argument(arg));

	dev.mmio = word_is(arg, "mmio");
	if (!dev.mmio)
		return find_pci(number);
	dev.base = MMIO_BASE + number * MMIO_BYTES;
	return expect("virtio-rng", mem_read32(dev.base + 8), ID_RNG);
}

/* --- a driver --- */

static struct drvq queue;

static bool reset(void)
{
	set(status_reg, 0);
	for (u32 tries = 5000; get(status_reg) && --tries;)
		sleep_ms(1);
	return expect("status after a reset", get(status_reg), 0);
}

static bool negotiate(u32 features)
{
	if (!reset())
		return false;
	set(status_reg, DRIVER);
	set(driver_sel, 0);
	set(driver_features, features);
	set(driver_sel, 1);
	set(driver_features, 1); /* VERSION_1 */
	set(status_reg, DRIVER | FEATURES_OK);
	return expect("FEATURES_OK", get(status_reg), DRIVER | FEATURES_OK);
}

static void set_queue(u32 size, u64 desc, u64 driver, u64 device)
{
	set(queue_sel, 0);
	set(queue_size, size);
	set_address(queue_desc, desc);
	set_address(queue_driver, driver);
	set_address(queue_device, device);
	set(queue_enable, 1);
}

static bool bring_up(u32 features)
{
	if (!negotiate(features))
		return false;
	drvq_init(&queue, (void *)RING, RING, SIZE, features & EVENT_IDX);
	set_queue(SIZE, drvq_desc_gpa(&queue), drvq_avail_gpa(&queue), drvq_used_gpa(&queue));
	set(status_reg, DRIVER | FEATURES_OK | DRIVER_OK);
	return true;
}

static bool wait_used(u32 *written)
{
	u32 head;

	for (u32 tries = 5000; tries; tries--) {
		if (drvq_take(&queue, &head, written))
			return true;
		sleep_ms(1);
	}
	put("bad: a request does not come back\n");
	return false;
}

/* A driver that keeps the rules is served. */
static bool good_request(u32 features)
{
	const struct drvq_buf buf = {RAM - 32, 32, true}; /* to the last byte of RAM */
	u32 written;

	if (!bring_up(features))
		return false;
	drvq_add(&queue, &buf, 1);
	drvq_publish(&queue);
	ring_bell(0);
	return wait_used(&written) && expect("written", written, 32) &&
	       expect("status", get(status_reg), DRIVER | FEATURES_OK | DRIVER_OK);
}

static bool needs_reset(const char *what)
{
	for (u32 tries = 5000; tries; tries--) {
		if (get(status_reg) & NEEDS_RESET)
			return good_request(EVENT_IDX);
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
	{"in a window", MMIO_BASE, 4, DRVQ_WRITE, 0},
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

		if (!bring_up(INDIRECT | (i % 2 ? EVENT_IDX : 0)))
			return false;
		drvq_put_desc_at((u8 *)TABLE, 0, TABLE, 16, DRVQ_INDIRECT, 0);
		drvq_put_desc(&queue, 0, bad->addr, bad->len, bad->flags, bad->next);
		drvq_put_desc(&queue, 1, DATA, 1, DRVQ_WRITE, 0);
		drvq_offer(&queue, 0);
		drvq_publish(&queue);
		ring_bell(0);
		if (!needs_reset(bad->what))
			return false;
	}
	return true;
}

static bool check_order(void)
{
	const struct drvq_buf bufs[] = {{DATA, 1, true}, {DATA, 1, false}};

	if (!bring_up(0))
		return false;
	drvq_add(&queue, bufs, 2);
	drvq_publish(&queue);
	ring_bell(0);
	if (!needs_reset("one to read behind one to write") || !bring_up(0))
		return false;
	drvq_put_desc(&queue, 0, TABLE, 16, DRVQ_INDIRECT, 0);
	drvq_offer(&queue, 0);
	drvq_publish(&queue);
	ring_bell(0);
	return needs_reset("a table that was not negotiated");
}

static bool check_indices(void)
{
	static const u16 jumps[] = {SIZE + 1, 0x8000, 0xffff};

	for (u32 i = 0; i < ARRAY_SIZE(jumps); i++) {
		if (!bring_up(0))
			return false;
		drvq_put_idx(&queue, jumps[i]);
		ring_bell(0);
		if (!needs_reset("an index that jumps"))
			return false;
	}
	if (!bring_up(EVENT_IDX))
		return false;
	drvq_offer(&queue, SIZE);
	drvq_publish(&queue);
	ring_bell(0);
	return needs_reset("a head that is not there");
}

/* --- rules of the registers --- */

static bool check_queue(const char *what, u32 size, u64 desc, u64 driver, u64 device)
{
	if (!negotiate(0))
		return false;
	set_queue(size, desc, driver, device);
	set(status_reg, DRIVER | FEATURES_OK | DRIVER_OK);
	ring_bell(0);
	return needs_reset(what);
}

static bool check_queues(void)
{
	return check_queue("size 0", 0, RING, RING + 4096, RING + 8192) &&
	       check_queue("size 3", 3, RING, RING + 4096, RING + 8192) &&
	       check_queue("size 128", 2 * SIZE, RING, RING + 4096, RING + 8192) &&
	       check_queue("size 65535", 65535, RING, RING + 4096, RING + 8192) &&
	       check_queue("descriptors in the APIC", SIZE, LAPIC, RING + 4096, RING + 8192) &&
	       check_queue("available ring in a window", SIZE, RING, MMIO_BASE, RING + 8192) &&
	       check_queue("used ring in the APIC", SIZE, RING, RING + 4096, LAPIC) &&
	       check_queue("descriptors across the end", SIZE, RAM - 16, RING, RING + 8192) &&
	       check_queue("used ring across the end", SIZE, RING, RING + 4096, RAM - 512) &&
	       check_queue("used ring at the end", SIZE, RING, RING + 4096, ~0ULL - 3) &&
	       check_queue("descriptors not aligned", SIZE, RING + 8, RING + 4096, RING + 8192) &&
	       check_queue("available ring not aligned", SIZE, RING, RING + 4097, RING + 8192) &&
	       check_queue("used ring not aligned", SIZE, RING, RING + 4096, RING + 8194);
}

static bool check_features(void)
{
	for (u32 bit = 0; bit < 32; bit++) {
		if (1U << bit & (INDIRECT | EVENT_IDX))
			continue;
		if (!reset())
			return false;
		set(status_reg, DRIVER);
		set(driver_sel, 0);
		set(driver_features, 1U << bit);
		set(driver_sel, 1);
		set(driver_features, 1);
		set(status_reg, DRIVER | FEATURES_OK);
		if (!expect("never offered", get(status_reg), DRIVER))
			return false;
	}
	set(status_reg, DRIVER | FEATURES_OK | DRIVER_OK);
	if (!needs_reset("DRIVER_OK without FEATURES_OK") || !reset())
		return false;
	set(status_reg, DRIVER);
	set(driver_sel, 1);
	set(driver_features, 0);
	set(status_reg, DRIVER | FEATURES_OK);
	return expect("a legacy driver", get(status_reg), DRIVER);
}

/* Doorbells and registers of queues that are not there: nothing happens. */
static bool check_absent(void)
{
	static const u32 absent[] = {1, 2, 63, 64, 255, 65535, 0xffffffff};

	if (!good_request(0))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(absent); i++) {
		set(queue_sel, absent[i]);
		if (!expect("a queue that is not there", get(queue_size), 0))
			return false;
		set(queue_size, 8);
		set_address(queue_desc, LAPIC);
		set(queue_enable, 1);
		if (!expect("a queue that is not there", get(queue_enable), 0))
			return false;
		if (dev.mmio)
			ring_bell(absent[i]);
	}
	return expect("status", get(status_reg), DRIVER | FEATURES_OK | DRIVER_OK) &&
	       good_request(0);
}

void do_virtio_rules(const char *arg)
{
	if (find_device(arg) && good_request(0) && check_descriptors() && check_order() &&
	    check_indices() && check_queues() && check_features() && check_absent() &&
	    good_request(INDIRECT | EVENT_IDX) && reset())
		put("virtio-rules: ok\n");
}

/* --- noise --- */

static u32 noise_state = 1;

static u32 noise(void)
{
	noise_state = noise_state * 1664525 + 1013904223;
	return noise_state >> 8;
}

/*
 * Some word of the rings gets another value. Addresses stay clear of what the payload needs, for
 * the device writes to them: they are behind DATA, or beyond RAM.
 */
static void rewrite_word(void)
{
	u32 at = noise() % drvq_bytes(SIZE) / 4 * 4;
	u32 value = noise() << noise() % 9;

	if (at < drvq_avail_at(SIZE) && at % 16 == 0)
		value = noise() % 8 ? (u32)DATA + value % (u32)(RAM - DATA) : (u32)RAM + value / 2;
	else if (at < drvq_avail_at(SIZE) && at % 16 == 4)
		value = noise() % 8 ? 0 : value;
	mem_write32(RING + at, value);
}

/* Rings that change while the device reads them. */
static bool rewrite_rings(void)
{
	if (!bring_up(noise() & (INDIRECT | EVENT_IDX)))
		return false;
	for (u32 i = 0; i < SIZE; i++) {
		drvq_put_desc(&queue, (u16)i, DATA + noise() % 4096, noise() % 65536, DRVQ_WRITE,
			      0);
		drvq_offer(&queue, (u16)i);
	}
	drvq_publish(&queue);
	ring_bell(0);
	for (u32 i = 0; i < 2000; i++)
		rewrite_word();
	ring_bell(0);
	return true;
}

/* All of RAM, as often as a chain is long, in each request; and then no time for them. */
static bool ask_for_everything(bool wait)
{
	u32 written;

	if (!bring_up(INDIRECT))
		return false;
	for (u32 i = 0; i < SIZE; i++)
		drvq_put_desc_at((u8 *)TABLE, i, DATA, (u32)(RAM - DATA),
				 (u16)(DRVQ_WRITE | (i + 1 < SIZE ? DRVQ_NEXT : 0)), (u16)(i + 1));
	for (u32 i = 0; i < SIZE; i++) {
		drvq_put_desc(&queue, (u16)i, TABLE, 16 * SIZE, DRVQ_INDIRECT, 0);
		drvq_offer(&queue, (u16)i);
	}
	drvq_publish(&queue);
	ring_bell(0);
	for (u32 i = 0; wait && i < SIZE; i++) {
		if (!wait_used(&written))
			return false;
	}
	return true;
}

void do_virtio_noise(const char *arg)
{
	if (!find_device(arg))
		return;
	for (u32 round = 0; round < 30; round++) {
		if (!rewrite_rings() || !ask_for_everything(round % 2) ||
		    !good_request(round % 3 ? EVENT_IDX : 0))
			return;
	}
	if (reset())
		put("virtio-noise: ok\n");
}
