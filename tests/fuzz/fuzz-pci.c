// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a hostile guest against PCI's configuration space, BARs and MSI-X.
 *
 * Three functions with BARs of each kind, two of them with MSI-X, in devices that are shared and
 * not. An input is steps of eight bytes: what is done, to which function, at which offset, with
 * what value. Invariants, besides what the sanitizers see:
 * - an access reaches a handler within the region, and only a function that decodes;
 * - what is on the buses does not overlap, and is where the registers say;
 * - owners are told of each move once, mapped and unmapped in turn;
 * - identity, type bits and capability pointers are what they were;
 * - a line is the OR of the functions on it; no more irqfds are attached than vectors let through,
 *   and none that is masked.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/fuzz.h"
#include "tests/lib/pci-guest.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <kvm/log.h>
#include <kvm/msix.h>
#include <kvm/pci.h>
#include <string.h>

#define FUNCTIONS  3
#define STEP_BYTES 8
#define VECTORS	   5
#define MSIX_AREA  0x800
#define CAP	   0x40

static const u8 devfns[FUNCTIONS] = {0x08, 0x20, 0x21};

static struct unit {
	struct pci_function fn;
	struct msix msix; /* not of the last one */
	bool told[PCI_BAR_COUNT];
	u64 told_base[PCI_BAR_COUNT];
	u8 header[64]; /* at power-on */
} units[FUNCTIONS];

enum step {
	STEP_PORT_WRITE,
	STEP_PORT_READ,
	STEP_ECAM_WRITE,
	STEP_ECAM_READ,
	STEP_BAR_WRITE,
	STEP_BAR_READ,
	STEP_PAST_WRITE,
	STEP_PAST_READ,
	STEP_RAISE,
	STEP_PIN,
	STEP_MOVE, /* a BAR onto another one, with decoding on */
	STEP_RESET,
	STEP_RAW_WRITE,
	STEP_VECTOR,
	STEP_PENDING,
	STEP_COUNT,
};

/* Region handlers: dev is the BAR. */
struct target {
	struct unit *unit;
	unsigned int bar;
};
static struct target targets[FUNCTIONS][PCI_BAR_COUNT];

static u64 bar_read(void *dev, u64 offset, unsigned int size)
{
	const struct target *target = dev;
	struct unit *unit = target->unit;
	const struct bus_region *region = &unit->fn.bars[target->bar].region;

	CHECK(size <= region->width && offset <= region->len - size);
	if (target->bar == 1 && offset >= MSIX_AREA && unit->msix.count)
		return msix_read(&unit->msix, offset - MSIX_AREA, size);
	return offset;
}

static void bar_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	const struct target *target = dev;
	struct unit *unit = target->unit;
	const struct bus_region *region = &unit->fn.bars[target->bar].region;

	CHECK(size <= region->width && offset <= region->len - size);
	if (target->bar == 1 && offset >= MSIX_AREA && unit->msix.count)
		msix_write(&unit->msix, offset - MSIX_AREA, size, value);
}

static void bar_moved(struct pci_function *fn, unsigned int bar)
{
	struct unit *unit = container_of(fn, struct unit, fn);

	CHECK(unit->told[bar] != fn->bars[bar].mapped);
	unit->told[bar] = fn->bars[bar].mapped;
	unit->told_base[bar] = fn->bars[bar].region.base;
}

static void add_bar(unsigned int i, unsigned int bar, enum pci_bar_kind kind, u64 len)
{
	targets[i][bar] = (struct target){&units[i], bar};
	units[i].fn.bars[bar].kind = kind;
	units[i].fn.bars[bar].region = (struct bus_region){.name = "bar",
							   .len = len,
							   .width = 8,
							   .read = bar_read,
							   .write = bar_write,
							   .dev = &targets[i][bar]};
}

/* --- steps --- */

static u32 get32(const u8 *bytes)
{
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (u32)bytes[3] << 24;
}

/* A vector as a driver sets it up, but for what value says: the masks and the message. */
static void set_vector(struct unit *unit, u8 devfn, u32 value)
{
	u64 table = pci_bar_address(&unit->fn, 1) + MSIX_AREA;

	pci_out(devfn, 0x04, 2, 0x0003);
	msix_out(table + 16 * (value % VECTORS), LAYOUT_LAPIC + (value & 0xff00) * 8, value >> 8,
		 value >> 16 & 1);
	pci_out(devfn, CAP + 2, 2, value & 0x4000 ? value >> 16 : 0x8000);
}

static void do_step(const u8 *step)
{
	unsigned int i = step[1] % FUNCTIONS, bar = step[1] / FUNCTIONS % PCI_BAR_COUNT;
	struct unit *unit = &units[i];
	unsigned int offset = step[2] | step[3] << 8, size = 1U << (step[3] >> 6);
	u32 value = get32(&step[4]);
	u64 ecam = LAYOUT_ECAM + ((u64)devfns[i] << 12) + (offset & 0x1ff);
	u64 at = pci_bar_address(&unit->fn, bar) + (offset & 0x3fff);

	switch (step[0] % STEP_COUNT) {
	case STEP_PORT_WRITE:
		pci_out(devfns[i], offset & 0xff, MIN(size, 4U), value);
		break;
	case STEP_PORT_READ:
		pci_in(devfns[i], offset & 0xff, MIN(size, 4U));
		break;
	case STEP_ECAM_WRITE:
		mmio_out(ecam, size, value | (u64)value << 32);
		break;
	case STEP_ECAM_READ:
		mmio_in(ecam, size);
		break;
	case STEP_BAR_WRITE:
		if (unit->fn.bars[bar].kind == PCI_BAR_PORT)
			fake_out(at, MIN(size, 4U), value);
		else
			mmio_out(at, size, value | (u64)step[0] << 32);
		break;
	case STEP_BAR_READ:
		if (unit->fn.bars[bar].kind == PCI_BAR_PORT)
			fake_in(at, MIN(size, 4U));
		else
			mmio_in(at, size);
		break;
	case STEP_PAST_WRITE:
		pci_bar_write(&unit->fn, step[1] / FUNCTIONS, value, size, offset);
		break;
	case STEP_PAST_READ:
		pci_bar_read(&unit->fn, step[1] / FUNCTIONS, value, offset & 15);
		break;
	case STEP_RAISE:
		if (unit->msix.count)
			msix_raise(&unit->msix, value & 0xf);
		break;
	case STEP_PIN:
		pci_set_intx(&unit->fn, value & 1);
		break;
	case STEP_MOVE:
		pci_out(devfns[i], 0x04, 2, 0x0003);
		pci_out(devfns[i], 0x10 + 4 * bar, 4,
			(u32)pci_bar_address(&units[value % FUNCTIONS].fn,
					     step[5] % PCI_BAR_COUNT) +
				step[6] * 0x1000);
		break;
	case STEP_RESET:
		CHECK(device_reset_all() == 0);
		break;
	case STEP_RAW_WRITE:
		fake_out(0xcf8 + (offset & 7), MIN(size, 4U), value);
		break;
	case STEP_VECTOR:
		set_vector(unit, devfns[i], value);
		break;
	case STEP_PENDING:
		mmio_in(pci_bar_address(&unit->fn, 1) + MSIX_AREA + 16 * VECTORS + (offset & 0xf),
			size);
		break;
	}
}

/* --- invariants --- */

static void check_bus(struct bus *bus)
{
	for (unsigned int i = 1; i < bus->count; i++)
		CHECK(bus->regions[i - 1]->base + bus->regions[i - 1]->len <=
		      bus->regions[i]->base);
}

static void check_bars(struct unit *unit)
{
	u8 command = unit->fn.config[0x04];

	for (unsigned int bar = 0; bar < PCI_BAR_COUNT; bar++) {
		const struct pci_bar *at = &unit->fn.bars[bar];

		CHECK(unit->told[bar] == at->mapped);
		if (!at->mapped)
			continue;
		CHECK(command & (at->kind == PCI_BAR_PORT ? 1 : 2));
		CHECK(at->region.base == pci_bar_address(&unit->fn, bar));
		CHECK(at->region.base == unit->told_base[bar]);
		CHECK(at->region.base % at->region.len == 0);
		if (at->kind != PCI_BAR_PORT)
			CHECK(at->region.base < LAYOUT_IOAPIC || at->region.base >= 4 * GIB);
	}
}

/* All but command, status, BARs and the interrupt line. */
static void check_header(const struct unit *unit)
{
	const u8 *now = unit->fn.config, *then = unit->header;

	CHECK(!memcmp(now, then, 4) && !memcmp(now + 8, then + 8, 8));
	CHECK(!memcmp(now + 0x28, then + 0x28, 0x14) && !memcmp(now + 0x3d, then + 0x3d, 3));
	CHECK((now[0x06] & ~8) == (then[0x06] & ~8) && !now[0x07]);
	for (unsigned int bar = 0; bar < PCI_BAR_COUNT; bar++)
		CHECK(unit->fn.bars[bar].kind == PCI_BAR_NONE ||
		      (now[0x10 + 4 * bar] & 15) == (then[0x10 + 4 * bar] & 15));
}

static unsigned int let_through(const struct unit *unit)
{
	unsigned int count = 0;

	if (!unit->msix.count || (unit->fn.config[CAP + 3] & 0xc0) != 0x80)
		return 0;
	for (unsigned int v = 0; v < VECTORS; v++)
		count += !(unit->msix.table[v][3] & 1);
	return count;
}

static void check_lines(void)
{
	bool levels[IRQ_LINES] = {0};

	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		const struct pci_function *fn = &units[i].fn;
		bool messages = units[i].msix.count && fn->config[CAP + 3] & 0x80;

		levels[fn->pin.gsi] |=
			(fn->config[0x06] & 8) && !(fn->config[0x05] & 4) && !messages;
	}
	for (u32 gsi = GSI_PCI; gsi < GSI_PCI + GSI_PCI_COUNT; gsi++)
		CHECK(fake_irq(gsi) == levels[gsi]);
}

static void check_all(void)
{
	unsigned int vectors = 0;

	check_bus(&fake.kvm.ports);
	check_bus(&fake.kvm.mmio);
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		check_bars(&units[i]);
		check_header(&units[i]);
		vectors += let_through(&units[i]);
	}
	check_lines();
	CHECK(fake_msi_attached() <= vectors);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fake_start();
	log_set_sink(fuzz_drop_line, NULL);
	fake.kvm.mem.count = 1;
	fake.kvm.mem.banks[0] = (struct gmem_bank){.base = 0, .size = 64 * MIB};
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		struct unit *unit = &units[i];

		unit->fn = (struct pci_function){.name = "unit",
						 .vendor = 0x1af4,
						 .device = 0x1040,
						 .class_code = 0xff0000,
						 .intx = true,
						 .bar_moved = bar_moved};
		add_bar(i, 0, PCI_BAR_PORT, 0x40);
		add_bar(i, 1, PCI_BAR_MEM32, 0x1000);
		add_bar(i, 2, PCI_BAR_MEM64, 0x4000);
		add_bar(i, 4, PCI_BAR_MEM32, 0x10);
		pci_function_init(&unit->fn);
		if (i < 2)
			CHECK(!msix_init(&unit->msix, &fake.kvm, &unit->fn, 1, MSIX_AREA, VECTORS));
		CHECK(!pci_add(&fake.kvm, &unit->fn, devfns[i]));
	}
	CHECK(!device_reset_all());
	for (unsigned int i = 0; i < FUNCTIONS; i++)
		memcpy(units[i].header, units[i].fn.config, sizeof(units[i].header));
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	CHECK(!device_reset_all());
	fake_msi_forget();
	for (size_t at = 0; at + STEP_BYTES <= size; at += STEP_BYTES) {
		do_step(data + at);
		check_all();
	}
	return 0;
}
