// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI-X, and a virtio device to raise it: `msix-table:DEVFN`, `rng:DEVFN[:BYTES]`.
 *
 * msix-table has any function with MSI-X: what the table keeps, what lies beyond it, vectors that
 * do not exist. rng drives virtio-rng, one buffer at a time, with each kind of interrupt there is:
 * a message; one that came while its vector, or the function, was masked; the pin. Its doorbell is
 * rung at each place to which the guest moves it.
 *
 * Messages arrive at vector 0x20 + line with a line of the PICs that start.S counts, which send
 * none themselves: all are masked. While the pin is up its interrupt may come more than once: a KVM
 * without VT-x or SVM beneath it acknowledges level-triggered ones by itself.
 *
 * Spec: PCI Local Bus 3.0, 6.8.2 (MSI-X); virtio 1.2, 2.7 (split virtqueues), 4.1 (PCI), 5.4
 */
#include "pci.h"

#define LINE_QUEUE	10
#define LINE_CONFIG	11
#define LINE_PIN	12
#define MESSAGE_ADDRESS 0xfee00000
#define CONTROL_ENABLE	0x8000
#define CONTROL_MASK	0x4000
#define IOAPIC		0xfec00000
#define FLAGS_IF	0x200

/* Common configuration, virtio 1.2, 4.1.4.3. */
#define FEATURE_SELECT 0x00
#define FEATURE	       0x04
#define DRIVER_SELECT  0x08
#define DRIVER_FEATURE 0x0c
#define CONFIG_VECTOR  0x10
#define STATUS	       0x14
#define QUEUE_SELECT   0x16
#define QUEUE_SIZE     0x18
#define QUEUE_VECTOR   0x1a
#define QUEUE_ENABLE   0x1c
#define QUEUE_NOTIFY   0x1e
#define QUEUE_DESC     0x20
#define QUEUE_DRIVER   0x28
#define QUEUE_DEVICE   0x30
#define NO_VECTOR      0xffff

#define RING	       0x2100000ULL /* RAM that nothing else uses: descriptors, avail, used, data */
#define DESC	       (RING + 0x0000)
#define AVAIL	       (RING + 0x1000)
#define USED	       (RING + 0x2000)
#define DATA	       (RING + 0x3000)

static volatile u8 *at8(u64 address)
{
	return (volatile u8 *)address;
}

static volatile u16 *at16(u64 address)
{
	return (volatile u16 *)address;
}

/* --- MSI-X --- */

struct msix {
	u32 devfn, cap, count;
	u32 bar, pba_bar;
	u64 table, pba; /* addresses */
};

static bool msix_find(u32 devfn, struct msix *msix)
{
	u32 table, pba;

	*msix = (struct msix){.devfn = devfn, .cap = pci_find_cap(devfn, PCI_CAP_MSIX, 0)};
	if (!msix->cap) {
		put("bad: no MSI-X\n");
		return false;
	}
	msix->count = (pci_read(devfn, msix->cap + 2, 2) & 0x7ff) + 1;
	table = pci_read(devfn, msix->cap + 4, 4);
	pba = pci_read(devfn, msix->cap + 8, 4);
	msix->bar = table & 7;
	msix->pba_bar = pba & 7;
	msix->table = pci_size_bar(devfn, msix->bar).base + (table & ~7U);
	msix->pba = pci_size_bar(devfn, msix->pba_bar).base + (pba & ~7U);
	pci_write(devfn, PCI_COMMAND, 2, PCI_PORTS | PCI_MEMORY | PCI_MASTER);
	return true;
}

static void msix_control(const struct msix *msix, u32 bits)
{
	pci_write(msix->devfn, msix->cap + 2, 2, bits);
}

static void msix_set(const struct msix *msix, u32 v, u32 address, u32 data)
{
	mem_write32(msix->table + 16 * v + 12, 1);
	mem_write32(msix->table + 16 * v, address);
	mem_write32(msix->table + 16 * v + 4, 0);
	mem_write32(msix->table + 16 * v + 8, data);
	mem_write32(msix->table + 16 * v + 12, 0);
}

static void msix_mask(const struct msix *msix, u32 v, u32 mask)
{
	mem_write32(msix->table + 16 * v + 12, mask);
}

static bool check_table(const struct msix *msix)
{
	for (u32 v = 0; v < msix->count; v++) {
		u64 entry = msix->table + 16 * v;

		for (u32 word = 0; word < 4; word++)
			mem_write32(entry + 4 * word, 0xffffffff);
		if (!expect("address", mem_read32(entry), 0xfffffffc) ||
		    !expect("address, high", mem_read32(entry + 4), 0xffffffff) ||
		    !expect("data", mem_read32(entry + 8), 0xffffffff) ||
		    !expect("control", mem_read32(entry + 12), 1))
			return false;
		/* Not a word, or not at its place: nothing happens. */
		*at8(entry + 12) = 0;
		*at16(entry + 8) = 0;
		mem_write32(entry + 2, 0);
		if (!expect("bytes", mem_read32(entry + 12), 1) ||
		    !expect("bytes", mem_read32(entry + 8), 0xffffffff) ||
		    !expect("bytes", mem_read32(entry), 0xfffffffc))
			return false;
	}
	return true;
}

/* Up to the end of the BAR and beyond. */
static bool check_beyond(const struct msix *msix)
{
	struct pci_bar bar = pci_size_bar(msix->devfn, msix->bar);
	u64 end = bar.base + bar.size;
	u64 behind = msix->pba + (msix->count + 63) / 64 * 8;

	for (u64 at = msix->pba; at < end; at += at < behind + 64 ? 4 : 252)
		mem_write32(at, 0xffffffff);
	for (u64 at = behind; at + 8 <= end; at += at < behind + 64 ? 8 : 256) {
		if (!expect("behind the PBA", *(volatile u64 *)at, ~0ULL))
			return false;
	}
	mem_write32(end - 2, 0);
	*(volatile u64 *)(end - 4) = 0;
	*(volatile u64 *)(msix->table + 16 * msix->count - 4) = 0; /* across table and PBA */
	return expect("PBA", mem_read32(msix->pba), 0);
}

void do_msix_table(const char *arg)
{
	static const u32 addresses[] = {0,	    0xfee00000, 0xfee00004, 0xfeeffffc,
					0xfef00000, 0xfffffffc, 0x02000000};
	struct msix msix;

	if (!msix_find((u32)word_number(arg), &msix) || !check_table(&msix) || !check_beyond(&msix))
		return;
	/* Routes of all kinds, none of which anybody raises: KVM must take them. */
	msix_control(&msix, CONTROL_ENABLE);
	for (u32 n = 0; n < 64; n++) {
		for (u32 v = 0; v < msix.count; v++)
			msix_set(&msix, v, addresses[n % ARRAY_SIZE(addresses)], n * 0x01010101);
		msix_control(&msix, CONTROL_ENABLE | (n % 3 ? 0 : CONTROL_MASK));
		msix_control(&msix, n % 5 ? CONTROL_ENABLE : 0);
	}
	pci_write(msix.devfn, msix.cap + 4, 4, 0xffffffff);
	pci_write(msix.devfn, msix.cap + 8, 4, 0xffffffff);
	msix_control(&msix, 0);
	put("msix-table: ");
	put_number(msix.count);
	put(" vectors, ok\n");
}

/* --- virtio-rng --- */

struct rng {
	u32 devfn;
	struct msix msix;
	u64 common, isr;
	u32 bell_bar, bell_offset;
	bool bell_port;
	u16 idx; /* of both rings: one buffer at a time */
};

static u64 cap_place(u32 devfn, u32 cap, u32 *bar)
{
	*bar = pci_read(devfn, cap + 4, 1);
	return pci_size_bar(devfn, *bar).base + pci_read(devfn, cap + 8, 4);
}

static bool rng_find(u32 devfn, struct rng *rng)
{
	u32 bar;

	*rng = (struct rng){.devfn = devfn};
	if (!expect("virtio-rng", pci_read(devfn, 0, 4), 0x10441af4) ||
	    !msix_find(devfn, &rng->msix))
		return false;
	for (u32 cap = pci_find_cap(devfn, PCI_CAP_VENDOR, 0); cap;
	     cap = pci_find_cap(devfn, PCI_CAP_VENDOR, cap)) {
		switch (pci_read(devfn, cap + 3, 1)) {
		case 1:
			rng->common = cap_place(devfn, cap, &bar);
			break;
		case 2:
			cap_place(devfn, cap, &rng->bell_bar);
			rng->bell_offset = pci_read(devfn, cap + 8, 4);
			rng->bell_port = pci_size_bar(devfn, rng->bell_bar).port;
			break;
		case 3:
			rng->isr = cap_place(devfn, cap, &bar);
			break;
		}
	}
	if (!rng->common || !rng->isr)
		put("bad: capabilities are missing\n");
	return rng->common && rng->isr;
}

static bool rng_start(struct rng *rng, u16 queue_vector)
{
	u64 common = rng->common;

	*at8(common + STATUS) = 0;
	*at8(common + STATUS) = 3;
	mem_write32(common + DRIVER_SELECT, 1);
	mem_write32(common + DRIVER_FEATURE, 1); /* VERSION_1 */
	*at8(common + STATUS) = 11;
	if (!expect("FEATURES_OK", *at8(common + STATUS), 11))
		return false;
	*at16(common + CONFIG_VECTOR) = 1;
	*at16(common + QUEUE_SELECT) = 0;
	*at16(common + QUEUE_SIZE) = 1;
	/* Vectors that there are not. */
	*at16(common + QUEUE_VECTOR) = (u16)rng->msix.count;
	expect("a vector too many", *at16(common + QUEUE_VECTOR), NO_VECTOR);
	*at16(common + QUEUE_VECTOR) = 0x7ff;
	expect("a vector too many", *at16(common + QUEUE_VECTOR), NO_VECTOR);
	*at16(common + QUEUE_VECTOR) = queue_vector;
	expect("vector", *at16(common + QUEUE_VECTOR), queue_vector);
	mem_write32(common + QUEUE_DESC, (u32)DESC);
	mem_write32(common + QUEUE_DESC + 4, 0);
	mem_write32(common + QUEUE_DRIVER, (u32)AVAIL);
	mem_write32(common + QUEUE_DRIVER + 4, 0);
	mem_write32(common + QUEUE_DEVICE, (u32)USED);
	mem_write32(common + QUEUE_DEVICE + 4, 0);
	for (u64 at = RING; at < DATA; at += 4)
		mem_write32(at, 0);
	rng->idx = 0;
	*at16(common + QUEUE_ENABLE) = 1;
	*at8(common + STATUS) = 15;
	return expect("DRIVER_OK", *at8(common + STATUS), 15);
}

static void rng_ring(const struct rng *rng)
{
	u64 base = pci_size_bar(rng->devfn, rng->bell_bar).base + rng->bell_offset;

	if (rng->bell_port)
		outw((u16)base, 0);
	else
		*at16(base) = 0;
}

/* Ask for bytes, and wait until the device has used the buffer. */
static bool rng_ask(struct rng *rng, u32 bytes)
{
	u32 tries = 5000;

	*(volatile u64 *)DESC = DATA;
	mem_write32(DESC + 8, bytes);
	mem_write32(DESC + 12, 2); /* the device writes */
	*at16(AVAIL + 4) = 0;
	*at16(AVAIL + 2) = ++rng->idx;
	rng_ring(rng);
	while (*at16(USED + 2) != rng->idx && --tries)
		sleep_ms(1);
	if (!tries)
		put("bad: the buffer does not come back\n");
	return tries;
}

static void set_interrupts(u64 value, u64 *flags)
{
	*flags = (*flags & ~(u64)FLAGS_IF) | value;
}

/* One more interrupt at line than before, or none for a moment. */
static bool interrupts(const char *what, int line, u32 before, u32 count)
{
	u32 tries = count ? 5000 : 20;

	while (*(volatile u32 *)&irq_count[line] == before && --tries)
		sleep_ms(1);
	mem_write32(LAPIC_EOI, 0);
	return expect(what, *(volatile u32 *)&irq_count[line], before + count);
}

static bool rng_messages(struct rng *rng)
{
	const struct msix *msix = &rng->msix;
	u32 count = irq_count[LINE_QUEUE];

	/* A message. */
	if (!rng_ask(rng, 16) || !interrupts("message", LINE_QUEUE, count, 1))
		return false;
	/* The vector is masked: pending, until it is not. */
	msix_mask(msix, 0, 1);
	if (!rng_ask(rng, 16) || !interrupts("masked", LINE_QUEUE, ++count, 0) ||
	    !expect("pending", mem_read32(msix->pba), 1))
		return false;
	msix_mask(msix, 0, 0);
	if (!interrupts("unmasked", LINE_QUEUE, count, 1) ||
	    !expect("not pending", mem_read32(msix->pba), 0))
		return false;
	/* The function is masked. */
	msix_control(msix, CONTROL_ENABLE | CONTROL_MASK);
	if (!rng_ask(rng, 16) || !interrupts("function masked", LINE_QUEUE, ++count, 0) ||
	    !expect("pending", mem_read32(msix->pba), 1))
		return false;
	msix_control(msix, CONTROL_ENABLE);
	if (!interrupts("function unmasked", LINE_QUEUE, count, 1))
		return false;
	/* Another message. */
	msix_set(msix, 0, MESSAGE_ADDRESS, 0x20 + LINE_CONFIG);
	count = irq_count[LINE_CONFIG];
	if (!rng_ask(rng, 16) || !interrupts("another message", LINE_CONFIG, count, 1))
		return false;
	msix_set(msix, 0, MESSAGE_ADDRESS, 0x20 + LINE_QUEUE);
	return true;
}

/* The doorbell follows its BAR, and what it left behind rings no more. */
static bool rng_moves(struct rng *rng)
{
	struct pci_bar bar = pci_size_bar(rng->devfn, rng->bell_bar);
	u64 home = rng->bell_port ? 0xb000 : 0xd8000000;

	for (u32 n = 0; n < 8; n++) {
		u64 to = n % 2 ? bar.base : home + n * bar.size;
		u32 count = irq_count[LINE_QUEUE];

		pci_move_bar(rng->devfn, rng->bell_bar, to);
		if (!rng_ask(rng, 16) || !interrupts("moved", LINE_QUEUE, count, 1))
			return false;
	}
	return true;
}

static bool rng_pin(struct rng *rng)
{
	u32 pin = pci_read(rng->devfn, PCI_PIN, 1), count = irq_count[LINE_PIN];
	u32 gsi = 16 + ((rng->devfn >> 3) + pin - 1) % 8;

	msix_control(&rng->msix, 0);
	mem_write32(IOAPIC, 0x10 + 2 * gsi + 1);
	mem_write32(IOAPIC + 0x10, 0);
	mem_write32(IOAPIC, 0x10 + 2 * gsi);
	mem_write32(IOAPIC + 0x10, 0x0a000 + 0x20 + LINE_PIN); /* level, low */
	pci_write(rng->devfn, PCI_COMMAND, 2, PCI_PORTS | PCI_MEMORY | PCI_MASTER | PCI_INTX_OFF);
	if (!rng_ask(rng, 16))
		return false;
	sleep_ms(20);
	if (!expect("pin off", irq_count[LINE_PIN], count) ||
	    !expect("status", pci_read(rng->devfn, PCI_STATUS, 2) & 8, 8))
		return false;
	pci_write(rng->devfn, PCI_COMMAND, 2, PCI_PORTS | PCI_MEMORY | PCI_MASTER);
	for (u32 tries = 5000; *(volatile u32 *)&irq_count[LINE_PIN] == count && --tries;)
		sleep_ms(1);
	if (*(volatile u32 *)&irq_count[LINE_PIN] == count) {
		put("bad: no interrupt by the pin\n");
		return false;
	}
	if (!expect("ISR", *at8(rng->isr), 1) || !expect("ISR again", *at8(rng->isr), 0) ||
	    !expect("status", pci_read(rng->devfn, PCI_STATUS, 2) & 8, 0))
		return false;
	mem_write32(LAPIC_EOI, 0);
	count = *(volatile u32 *)&irq_count[LINE_PIN];
	return interrupts("pin released", LINE_PIN, count, 0);
}

void do_rng(const char *arg)
{
	struct rng rng;
	u32 sum = CHECKSUM_START;

	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	mem_write32(LAPIC_SPURIOUS, 0x1ff);
	at_cpl0(set_interrupts, FLAGS_IF);
	if (!rng_find((u32)word_number(arg), &rng) || !rng_start(&rng, 0))
		return;
	msix_control(&rng.msix, CONTROL_ENABLE);
	msix_set(&rng.msix, 0, MESSAGE_ADDRESS, 0x20 + LINE_QUEUE);
	if (!rng_messages(&rng) || !rng_moves(&rng) || !rng_pin(&rng))
		return;
	for (u32 i = 0; i < 16; i++)
		sum = checksum_add(sum, *at8(DATA + i));
	*at8(rng.common + STATUS) = 0;
	expect("reset", *at8(rng.common + STATUS), 0);
	pci_write(rng.devfn, PCI_COMMAND, 2, 0);
	at_cpl0(set_interrupts, 0);
	put("rng: ok, the last bytes' sum is ");
	put_hex(sum, 8);
	put("\n");
}
