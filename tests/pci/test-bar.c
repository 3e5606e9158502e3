// SPDX-License-Identifier: GPL-2.0-only
/*
 * pci/bar.c, and what pci/pci.c offers to owners of functions: BARs that are sized, moved and
 * refused, capabilities, pins. The function under test is a fake one.
 */
#include "tests/lib/device-state.h"
#include "tests/lib/fake-machine.h"
#include "tests/lib/log-record.h"
#include "tests/lib/pci-guest.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <kvm/log.h>
#include <kvm/pci.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define A	    0x08 /* device 1 */
#define B	    0x20 /* device 4, functions 0 and 3 */
#define C	    0x23

#define COMMAND	    0x04
#define STATUS	    0x06
#define BAR(i)	    (0x10 + 4 * (i))
#define CAP_POINTER 0x34
#define LINE	    0x3c
#define PIN	    0x3d
#define DECODE_PORT 0x0001
#define DECODE_MEM  0x0002
#define DECODE	    0x0003
#define INTX_OFF    0x0400

static struct pci_function a, b, c;
static unsigned int moves, last_bar;
static atomic_uint handled; /* by the handlers of fake BARs, on any thread */
static bool last_mapped;
static u64 last_base;

/* A BAR reads as its owner's first letter and the offset. */
static u64 fake_bar_read(void *dev, u64 offset, unsigned int size)
{
	const struct pci_function *fn = dev;

	handled++;
	return ((u64)(u8)fn->name[0] << 24 | offset) & (UINT64_MAX >> (64 - 8 * size));
}

static void fake_bar_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	handled++;
}

static void see_move(struct pci_function *fn, unsigned int bar)
{
	moves++;
	last_bar = bar;
	last_mapped = fn->bars[bar].mapped;
	last_base = fn->bars[bar].region.base;
}

static void set_bar(struct pci_function *fn, unsigned int i, enum pci_bar_kind kind, u64 len)
{
	fn->bars[i].kind = kind;
	fn->bars[i].region = (struct bus_region){.name = fn->name,
						 .len = len,
						 .width = 4,
						 .read = fake_bar_read,
						 .write = fake_bar_write,
						 .dev = fn};
}

static void fill(struct pci_function *fn, const char *name)
{
	memset(fn, 0, sizeof(*fn));
	fn->name = name;
	fn->vendor = 0x1af4;
	fn->device = 0x1040;
	fn->subsystem_vendor = 0x1af4;
	fn->subsystem = 0x1100;
	fn->class_code = 0x010203;
	fn->revision = 1;
	fn->intx = true;
	fn->bar_moved = see_move;
	set_bar(fn, 0, PCI_BAR_PORT, 64);
	set_bar(fn, 1, PCI_BAR_MEM32, 0x1000);
	set_bar(fn, 4, PCI_BAR_MEM64, 0x4000);
	pci_function_init(fn);
}

static int set_up(void **state)
{
	fake_start();
	log_record();
	fill(&a, "a");
	fill(&b, "b");
	fill(&c, "c");
	/* Out of order: addresses follow the number, not the time. */
	assert_int_equal(pci_add(&fake.kvm, &c, C), 0);
	assert_int_equal(pci_add(&fake.kvm, &a, A), 0);
	assert_int_equal(pci_add(&fake.kvm, &b, B), 0);
	assert_int_equal(device_reset_all(), 0);
	moves = 0;
	handled = 0;
	return 0;
}

static int tear_down(void **state)
{
	pci_remove(&fake.kvm, &b);
	pci_remove(&fake.kvm, &a);
	pci_remove(&fake.kvm, &c);
	assert_int_equal(fake.kvm.mmio.count, 1); /* ECAM */
	log_record_end();
	fake_stop();
	return 0;
}

static void test_header(void **state)
{
	assert_int_equal(pci_in(A, 0x00, 4), 0x10401af4);
	assert_int_equal(pci_in(A, 0x08, 4), 0x01020301);
	assert_int_equal(pci_in(A, 0x0c, 4), 0);
	assert_int_equal(pci_in(A, 0x2c, 4), 0x11001af4);
	assert_int_equal(pci_in(A, PIN, 1), 1);
	assert_int_equal(pci_in(A, LINE, 1), 0xff);
	pci_out(A, LINE, 4, 0x0909090b);
	assert_int_equal(pci_in(A, LINE, 4), 0x0000010b);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(pci_in(A, LINE, 1), 0xff);
}

static void test_functions_that_share_a_device(void **state)
{
	assert_int_equal(pci_in(A, 0x0e, 1), 0x00);
	assert_int_equal(pci_in(B, 0x0e, 1), 0x80);
	assert_int_equal(pci_in(C, 0x0e, 1), 0x80);
	assert_int_equal(pci_in(B + 1, 0x00, 4), 0xffffffff);
	pci_remove(&fake.kvm, &c);
	assert_int_equal(pci_in(B, 0x0e, 1), 0x00);
	assert_int_equal(pci_in(C, 0x00, 4), 0xffffffff);
	assert_int_equal(pci_add(&fake.kvm, &c, B), -17); /* EEXIST */
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "04.0 is taken by b"));
	assert_int_equal(pci_add(&fake.kvm, &c, C), 0);
	assert_int_equal(pci_in(B, 0x0e, 1), 0x80);
}

/* Addresses at power-on: in the order of functions, aligned, and nobody answers there yet. */
static void test_power_on(void **state)
{
	static const u8 devfns[] = {A, B, C};

	for (unsigned int i = 0; i < 3; i++) {
		u64 memory = LAYOUT_PCI_MMIO + 0x8000 * i;

		assert_int_equal(pci_in(devfns[i], COMMAND, 2), 0);
		assert_int_equal(pci_in(devfns[i], BAR(0), 4), 0x1001 + 64 * i);
		assert_int_equal(pci_in(devfns[i], BAR(1), 4), memory);
		assert_int_equal(pci_in(devfns[i], BAR(4), 4), (memory + 0x4000) | 4);
		for (unsigned int bar = 2; bar <= 5; bar++) {
			if (bar != 4)
				assert_int_equal(pci_in(devfns[i], BAR(bar), 4), 0);
		}
		assert_int_equal(mmio_in(memory, 4), 0xffffffff);
	}
	assert_int_equal(fake_in(0x1000, 4), 0xffffffff);
	assert_int_equal(handled, 0);
	assert_int_equal(moves, 0);
}

static void test_sizing(void **state)
{
	static const u32 sizes[] = {0xffc1, 0xfffff000, 0, 0, 0xffffc004, 0xffffffff};

	for (unsigned int bar = 0; bar < 6; bar++) {
		u32 before = pci_in(A, BAR(bar), 4);

		pci_out(A, BAR(bar), 4, 0xffffffff);
		assert_int_equal(pci_in(A, BAR(bar), 4), sizes[bar]);
		pci_out(A, BAR(bar), 4, before);
		assert_int_equal(pci_in(A, BAR(bar), 4), before);
	}
	pci_out(A, 0x30, 4, 0xffffffff);
	assert_int_equal(pci_in(A, 0x30, 4), 0); /* no ROM */

	/* Sized while it answers: away, and no line, and back. */
	pci_out(A, COMMAND, 2, DECODE);
	assert_int_equal(moves, 3);
	for (unsigned int bar = 0; bar < 2; bar++) {
		u32 before = pci_in(A, BAR(bar), 4);

		moves = 0;
		pci_out(A, BAR(bar), 4, 0xffffffff);
		assert_int_equal(pci_in(A, BAR(bar), 4), sizes[bar]);
		assert_false(last_mapped);
		pci_out(A, BAR(bar), 4, before);
		assert_true(last_mapped);
		assert_int_equal(moves, 2);
	}
	pci_out(A, BAR(5), 4, 0xffffffff);
	pci_out(A, BAR(4), 4, 0xffffffff);
	pci_out(A, BAR(4), 4, LAYOUT_PCI_MMIO + 0x4000);
	pci_out(A, BAR(5), 4, 0);
	assert_true(last_mapped);
	assert_int_equal(last_base, LAYOUT_PCI_MMIO + 0x4000);
	assert_int_equal(logged.lines, 0);
}

static void test_decoding(void **state)
{
	u64 memory = LAYOUT_PCI_MMIO;

	pci_out(A, COMMAND, 2, DECODE_MEM);
	assert_int_equal(moves, 2);
	assert_int_equal(mmio_in(memory + 8, 4), 0x61000008);
	assert_int_equal(mmio_in(memory + 0x4ff0, 4), 0x61000ff0);
	assert_int_equal(mmio_in(memory + 0x2000, 4), 0xffffffff);
	assert_int_equal(fake_in(0x1000, 4), 0xffffffff);
	pci_out(A, COMMAND, 2, DECODE_PORT);
	assert_int_equal(moves, 5);
	assert_int_equal(mmio_in(memory + 8, 4), 0xffffffff);
	assert_int_equal(fake_in(0x1004, 4), 0x61000004);
	pci_out(A, COMMAND, 2, DECODE_PORT); /* again: nothing happens */
	pci_out(A, COMMAND, 2, DECODE_PORT | 4);
	assert_int_equal(moves, 5);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(moves, 6);
	assert_false(last_mapped);
	assert_int_equal(fake_in(0x1004, 4), 0xffffffff);
}

static void test_moves(void **state)
{
	pci_out(A, COMMAND, 2, DECODE);
	moves = 0;
	pci_out(A, BAR(1), 4, 0xd0000fff); /* the low bits are not part of it */
	assert_int_equal(moves, 2);
	assert_int_equal(last_bar, 1);
	assert_true(last_mapped);
	assert_int_equal(last_base, 0xd0000000);
	assert_int_equal(mmio_in(0xd0000004, 4), 0x61000004);
	assert_int_equal(mmio_in(LAYOUT_PCI_MMIO, 4), 0xffffffff);
	pci_out(A, BAR(1) + 2, 1, 0x70); /* one byte of it */
	assert_int_equal(mmio_in(0xd0700004, 4), 0x61000004);
	pci_out(A, BAR(5), 4, 0x12); /* far above 4 GiB */
	assert_int_equal(last_base, 0x1200000000 + LAYOUT_PCI_MMIO + 0x4000);
	assert_int_equal(mmio_in(last_base + 0x3ffc, 4), 0x61003ffc);
	pci_out(A, BAR(0), 4, 0xabcd4567);
	assert_int_equal(pci_in(A, BAR(0), 4), 0x4541);
	assert_int_equal(fake_in(0x4544, 4), 0x61000004);
	assert_int_equal(logged.lines, 0);
	/* And home, by a reset. */
	assert_int_equal(device_reset_all(), 0);
	pci_out(A, COMMAND, 2, DECODE);
	assert_int_equal(fake_in(0x1004, 4), 0x61000004);
	assert_int_equal(mmio_in(LAYOUT_PCI_MMIO + 0x4000, 4), 0x61000000);
}

/* Places that are somebody's. One line each, and not a word when it is tried again. */
static void test_refused(void **state)
{
	static const struct {
		u32 base;
		const char *owner;
	} places[] = {
		{LAYOUT_ECAM, "the chipset"},	{LAYOUT_ECAM + 0xff000, "the chipset"},
		{LAYOUT_IOAPIC, "the chipset"}, {LAYOUT_LAPIC, "the chipset"},
		{LAYOUT_TSS, "the chipset"},	{0x1000, "RAM"},
	};

	fake.kvm.mem.count = 1;
	fake.kvm.mem.banks[0] = (struct gmem_bank){.base = 0, .size = 2 * MIB};
	pci_out(A, COMMAND, 2, DECODE);
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		pci_out(A, BAR(1), 4, LAYOUT_PCI_MMIO);
		assert_true(a.bars[1].mapped);
		pci_out(A, BAR(1), 4, places[i].base);
		assert_false(a.bars[1].mapped);
		if (i < LOG_BURST)
			assert_non_null(strstr(logged.last, places[i].owner));
		assert_int_equal(pci_in(A, BAR(1), 4), places[i].base);
		pci_out(A, COMMAND, 2, DECODE_MEM);
		pci_out(A, COMMAND, 2, DECODE);
	}
	assert_int_equal(logged.lines, LOG_BURST);
	assert_int_equal(pci_in(A, 0x00, 4), 0x10401af4);
	/* Ports: the motherboard, a chip, the configuration ports themselves, and 0. */
	for (u32 base = 0; base <= 0x0cc0; base += base == 0x40 ? 0x0c80 : 0x40) {
		pci_out(A, BAR(0), 4, 0x2000);
		assert_true(a.bars[0].mapped);
		pci_out(A, BAR(0), 4, base);
		if (base < 0x100 || base == 0x0cc0)
			assert_false(a.bars[0].mapped);
	}
	assert_int_equal(pci_in(A, 0x00, 4), 0x10401af4);
}

/* Two BARs change places while both are switched on. */
static void test_swap(void **state)
{
	u32 first = LAYOUT_PCI_MMIO, second = LAYOUT_PCI_MMIO + 0x8000;

	pci_out(A, COMMAND, 2, DECODE);
	pci_out(B, COMMAND, 2, DECODE);
	pci_out(A, BAR(1), 4, second);
	assert_false(a.bars[1].mapped);
	assert_int_equal(mmio_in(second, 4), 0x62000000);
	pci_out(B, BAR(1), 4, first);
	assert_int_equal(mmio_in(first, 4), 0x62000000);
	assert_int_equal(mmio_in(second, 4), 0x61000000);
	/* All onto one: the one that was there stays, and when it goes the next has its turn. */
	pci_out(C, COMMAND, 2, DECODE);
	pci_out(C, BAR(1), 4, second);
	pci_out(B, BAR(1), 4, second);
	assert_int_equal(mmio_in(second, 4), 0x61000000);
	pci_out(A, BAR(1), 4, first);
	assert_int_equal(mmio_in(second, 4), 0x62000000);
	pci_out(B, COMMAND, 2, 0);
	assert_int_equal(mmio_in(second, 4), 0x63000000);
}

static void test_bars_of_one_function_overlap(void **state)
{
	pci_out(A, COMMAND, 2, DECODE);
	pci_out(A, BAR(4), 4, LAYOUT_PCI_MMIO);
	assert_int_equal(mmio_in(LAYOUT_PCI_MMIO, 4), 0x61000000);
	assert_int_equal(mmio_in(LAYOUT_PCI_MMIO + 0x1000, 4), 0xffffffff);
	pci_out(A, BAR(1), 4, 0xe0000000);
	assert_int_equal(mmio_in(LAYOUT_PCI_MMIO + 0x1000, 4), 0x61001000);
}

static void test_past_the_bus(void **state)
{
	assert_int_equal(pci_bar_read(&a, 4, 0x3ffc, 4), 0x61003ffc);
	assert_int_equal(pci_bar_read(&a, 1, 0xfff, 1), 0xff);
	assert_int_equal(handled, 2);
	pci_bar_write(&a, 0, 60, 4, 1);
	assert_int_equal(handled, 3);
	assert_int_equal(pci_bar_read(&a, 4, 0x3ffd, 4), UINT64_MAX);
	assert_int_equal(pci_bar_read(&a, 4, UINT64_MAX, 1), UINT64_MAX);
	assert_int_equal(pci_bar_read(&a, 4, UINT64_MAX - 2, 4), UINT64_MAX);
	assert_int_equal(pci_bar_read(&a, 4, 0, 8), UINT64_MAX); /* wider than it takes */
	assert_int_equal(pci_bar_read(&a, 4, 0, 3), UINT64_MAX);
	assert_int_equal(pci_bar_read(&a, 4, 0, 0), UINT64_MAX);
	assert_int_equal(pci_bar_read(&a, 5, 0, 4), UINT64_MAX);
	assert_int_equal(pci_bar_read(&a, 6, 0, 4), UINT64_MAX);
	assert_int_equal(pci_bar_read(&a, UINT32_MAX, 0, 4), UINT64_MAX);
	pci_bar_write(&a, 255, 0, 4, 0);
	pci_bar_write(&a, 0, 61, 4, 0);
	assert_int_equal(handled, 3);
	assert_int_equal(pci_bar_address(&a, 4), LAYOUT_PCI_MMIO + 0x4000);
}

/* --- capabilities --- */

static unsigned int reads, writes, resets;

static void cap_reading(struct pci_capability *cap, unsigned int reg, unsigned int size)
{
	reads++;
	pci_config_put(cap->fn, cap->at + 4U, 4, reads);
}

static void cap_written(struct pci_capability *cap, unsigned int reg, unsigned int size)
{
	writes++;
}

static void cap_reset(struct pci_capability *cap)
{
	resets++;
}

static void test_capabilities(void **state)
{
	static struct pci_function fn;
	struct pci_capability first = {.id = 9, .len = 9};
	struct pci_capability second = {.id = 0x11,
					.len = 8,
					.reading = cap_reading,
					.written = cap_written,
					.reset = cap_reset};
	struct pci_capability big = {.id = 9, .len = 184};

	fill(&fn, "fn");
	assert_int_equal(pci_in(A, STATUS, 2), 0);
	assert_int_equal(pci_add_capability(&fn, &first), 0);
	assert_int_equal(pci_add_capability(&fn, &second), 0);
	assert_int_equal(pci_add_capability(&fn, &big), -28); /* ENOSPC */
	assert_int_equal(first.at, 0x40);
	assert_int_equal(second.at, 0x4c);
	pci_config_put(&fn, second.at + 2, 2, 0x0123);
	pci_config_allow(&fn, second.at + 2, 2, 0xc000);
	assert_int_equal(pci_add(&fake.kvm, &fn, 0x80), 0);
	assert_int_equal(pci_in(0x80, STATUS, 2), 0x0010);
	assert_int_equal(pci_in(0x80, CAP_POINTER, 4), 0x40);
	assert_int_equal(pci_in(0x80, 0x40, 2), 0x4c09);
	assert_int_equal(pci_in(0x80, 0x4c, 2), 0x0011);
	reads = writes = resets = 0;
	assert_int_equal(pci_in(0x80, 0x50, 4), 1); /* what the callback put there */
	assert_int_equal(pci_in(0x80, 0x53, 1), 0);
	assert_int_equal(reads, 2);
	pci_in(0x80, 0x54, 4);
	pci_in(0x80, 0x48, 4);
	assert_int_equal(reads, 2);
	pci_out(0x80, 0x4c, 4, 0xffffffff);
	assert_int_equal(writes, 1);
	assert_int_equal(pci_in(0x80, 0x4c, 4), 0xc1230011);
	mmio_out(LAYOUT_ECAM + 0x80000 + 0x53, 4, 0); /* across its end */
	assert_int_equal(writes, 2);
	pci_out(0x80, 0x54, 4, 0);
	assert_int_equal(writes, 2);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(resets, 1);
	assert_int_equal(pci_in(0x80, 0x4c, 4), 0x01230011);
	pci_remove(&fake.kvm, &fn);
}

/* --- pins --- */

static void test_intx(void **state)
{
	assert_int_equal(a.pin.gsi, 17);
	pci_set_intx(&a, true);
	assert_true(fake_irq(17));
	assert_int_equal(pci_in(A, STATUS, 2), 0x0008);
	pci_set_intx(&a, true);
	assert_int_equal(fake_irq_rises(17), 1);
	pci_out(A, COMMAND, 2, INTX_OFF);
	assert_false(fake_irq(17));
	assert_int_equal(pci_in(A, STATUS, 2), 0x0008); /* still pending */
	pci_out(A, COMMAND, 2, 0);
	assert_true(fake_irq(17));
	pci_set_intx(&a, false);
	assert_false(fake_irq(17));
	assert_int_equal(pci_in(A, STATUS, 2), 0);
	pci_set_intx(&a, true);
	assert_int_equal(device_reset_all(), 0);
	assert_false(fake_irq(17));
	assert_int_equal(pci_in(A, STATUS, 2), 0);
}

/* Pins by function, lines by device and pin; a line is up while one of its functions is. */
static void test_shared_lines(void **state)
{
	static struct pci_function fn;

	assert_int_equal(pci_in(B, PIN, 1), 1);
	assert_int_equal(pci_in(C, PIN, 1), 4);
	assert_int_equal(b.pin.gsi, 20);
	assert_int_equal(c.pin.gsi, 23);
	fill(&fn, "fn");
	assert_int_equal(pci_add(&fake.kvm, &fn, 0x7 << 3), 0);
	assert_int_equal(fn.pin.gsi, 23);
	pci_set_intx(&c, true);
	pci_set_intx(&fn, true);
	pci_set_intx(&c, false);
	assert_true(fake_irq(23));
	pci_out(0x38, COMMAND, 2, INTX_OFF);
	assert_false(fake_irq(23));
	pci_set_intx(&c, true);
	assert_true(fake_irq(23));
	pci_out(0x38, COMMAND, 2, 0);
	pci_remove(&fake.kvm, &fn);
	assert_true(fake_irq(23));
	pci_set_intx(&c, false);
	assert_false(fake_irq(23));
	assert_int_equal(fake_irq_rises(23), 2);
}

/* What the firmware tables are told: each pin that a function has, once. */
static void see_pins(void *arg, const struct device_record *record)
{
	static const struct device_pin want[] = {{1, 0, 17}, {4, 0, 20}, {4, 3, 23}};

	assert_int_equal(record->pin_count, ARRAY_SIZE(want));
	for (unsigned int i = 0; i < record->pin_count; i++) {
		assert_int_equal(record->pins[i].device, want[i].device);
		assert_int_equal(record->pins[i].pin, want[i].pin);
		assert_int_equal(record->pins[i].gsi, want[i].gsi);
	}
	++*(unsigned int *)arg;
}

static void see_device(struct device *dev, void *arg)
{
	if (dev->describe)
		dev->describe(dev, see_pins, arg);
}

static void test_described_pins(void **state)
{
	static struct pci_function same, pinless;
	unsigned int records = 0;

	fill(&same, "same"); /* function 4 has function 0's pin */
	fill(&pinless, "pinless");
	pinless.intx = false;
	pci_function_init(&pinless);
	assert_int_equal(pci_add(&fake.kvm, &same, B + 4), 0);
	assert_int_equal(pci_add(&fake.kvm, &pinless, B + 1), 0);
	assert_int_equal(pci_in(B + 1, LINE, 2), 0);
	assert_int_equal(same.pin.gsi, b.pin.gsi);
	device_for_each(see_device, &records);
	assert_int_equal(records, 1);
	pci_set_intx(&pinless, true);
	pci_remove(&fake.kvm, &same);
	pci_remove(&fake.kvm, &pinless);
}

static void test_map(void **state)
{
	char line[PCI_MAP_LINE], small[16];

	pci_map_line(&c, line, sizeof(line));
	assert_string_equal(line, "00:04.3 1af4:1040 class 010203 irq 23 bar0 port 0x1080-0x10bf "
				  "bar1 mem32 0xc0010000-0xc0010fff "
				  "bar4 mem64 0xc0014000-0xc0017fff c");
	pci_map_line(&c, small, sizeof(small));
	assert_string_equal(small, "00:04.3 1af4:10");
	log_threshold = LOG_DEBUG;
	assert_int_equal(device_reset_all(), 0);
	log_threshold = LOG_WARN;
	assert_int_equal(logged.lines, 4);
	assert_non_null(strstr(logged.last, "pci: 00:04.3 "));
}

static void test_no_room_at_power_on(void **state)
{
	static struct pci_function fn[5];

	for (unsigned int i = 0; i < ARRAY_SIZE(fn); i++) {
		fill(&fn[i], "huge");
		set_bar(&fn[i], 1, PCI_BAR_MEM32, 256 * MIB);
		pci_function_init(&fn[i]);
		assert_int_equal(pci_add(&fake.kvm, &fn[i], (u8)(0xc0 + i)), 0);
	}
	assert_int_equal(device_reset_all(), -28);
	assert_non_null(strstr(logged.last, "no room for BAR 1"));
	for (unsigned int i = 0; i < ARRAY_SIZE(fn); i++)
		pci_remove(&fake.kvm, &fn[i]);
}

/* --- two vCPUs at once, for TSAN=1 --- */

static void *mover(void *arg)
{
	u8 devfn = *(u8 *)arg;
	u64 reg = LAYOUT_ECAM + ((u64)devfn << 12);

	for (u32 i = 0; i < 500; i++) {
		mmio_out(reg + BAR(1), 4, LAYOUT_PCI_MMIO + (i % 8 << 12));
		mmio_out(reg + COMMAND, 2, i % 16 ? DECODE : 0);
		mmio_in(LAYOUT_PCI_MMIO + (i % 5 << 12), 4);
		pci_set_intx(&b, i % 2);
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	static u8 devfns[] = {A, B};
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, mover, &devfns[0]), 0);
	mover(&devfns[1]);
	assert_int_equal(pthread_join(other, NULL), 0);
	pci_out(A, COMMAND, 2, 0);
	pci_out(B, COMMAND, 2, 0);
	assert_int_equal(fake.kvm.mmio.count, 1);
	pci_out(A, BAR(1), 4, 0xd0000000);
	pci_out(A, COMMAND, 2, DECODE);
	assert_int_equal(mmio_in(0xd0000000, 4), 0x61000000);
}

/* BARs where the guest has put them, a pin that is high, the register that is selected. */
static void test_state(void **state)
{
	u64 moved = LAYOUT_PCI_MMIO + 0x800000;
	u32 port = pci_in(A, BAR(0), 4) & ~3U;

	pci_out(A, BAR(1), 4, (u32)moved);
	pci_out(A, LINE, 1, 0x0b);
	pci_out(A, COMMAND, 2, DECODE);
	pci_set_intx(&a, true);
	fake_out(0xcf8, 4, 0x80000000U | A << 8 | LINE);
	save_state("pci");
	assert_int_equal(mmio_in(moved, 4), 'a' << 24);
	assert_true(fake_irq(17));

	pci_set_intx(&a, false);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(mmio_in(moved, 4), 0xffffffff);
	assert_false(fake_irq(17));
	assert_int_equal(fake_in(0xcf8, 4), 0);

	assert_int_equal(load_state("pci"), 0);
	assert_int_equal(fake_in(0xcfc, 1), 0x0b);
	assert_int_equal(mmio_in(moved, 4), 'a' << 24);
	assert_int_equal(fake_in((u16)port, 4), 'a' << 24);
	assert_true(fake_irq(17));
	assert_int_equal(pci_in(A, COMMAND, 2), DECODE);
	assert_int_equal(pci_in(A, BAR(1), 4), moved);
	assert_int_equal(pci_in(B, COMMAND, 2), 0);
	pci_set_intx(&a, false);
	assert_false(fake_irq(17));
}

/* Offsets: the address, 256 bytes of presence, then 256 bytes a function. */
static void test_state_refused(void **state)
{
	size_t config = 4 + 256 + 256 * A;

	save_state("pci");
	assert_refused("pci", 0, 0x01);		    /* a reserved bit of CONFIG_ADDRESS */
	assert_refused("pci", 4 + A, 0);	    /* a function that is there */
	assert_refused("pci", 4 + B + 1, 1);	    /* one that is not */
	assert_refused("pci", config, 0x55);	    /* another vendor */
	assert_refused("pci", config + 0x10, 0x00); /* a memory BAR where ports are */
	assert_refused("pci", config + 0x40, 0x01); /* a capability that is not there */
	assert_int_equal(load_state("pci"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_header),
		TEST(test_functions_that_share_a_device),
		TEST(test_power_on),
		TEST(test_sizing),
		TEST(test_decoding),
		TEST(test_moves),
		TEST(test_refused),
		TEST(test_swap),
		TEST(test_bars_of_one_function_overlap),
		TEST(test_past_the_bus),
		TEST(test_capabilities),
		TEST(test_intx),
		TEST(test_shared_lines),
		TEST(test_described_pins),
		TEST(test_map),
		TEST(test_no_room_at_power_on),
		TEST(test_two_threads),
		TEST(test_state),
		TEST(test_state_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
