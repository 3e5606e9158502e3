// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI as a guest finds it, and as a hostile guest leaves it: `pci-...:DEVFN[:ARGUMENT]`.
 *
 * No action knows what the function is. A BAR that moved is recognised by what it reads as: the
 * first words, which must be the same at its new place and be gone from the old one. Ports have
 * doorbells that read as all ones wherever they are, so of port BARs only the registers are seen
 * here (rng.c rings them).
 *
 * Spec: PCI Local Bus 3.0, 3.2.2.3.2 (mechanism #1), 6.2.5.1 (BARs), 6.7 (capabilities).
 */
#include "pci.h"

#define ECAM	    0xfea00000
#define CONFIG	    0xcf8
#define DATA	    0xcfc
#define IOAPIC	    0xfec00000
#define LAPIC_ID    0xfee00020
#define WORDS	    8
#define FREE_MEMORY 0xd0000000 /* where nothing is, nor will be */
#define FREE_PORTS  0xb000
#define SCRATCH_RAM 0x2000000
#define HOST_BRIDGE 0x00081b36

/* start.S: another processor that switches decoding of a function on and off. */
extern const u8 ap_pci_code[], ap_pci_code_end[];
#define AP_CODE	   0x8000
#define AP_ADDRESS 0x8800 /* what it writes to CONFIG_ADDRESS */
#define AP_ROUNDS  0x8804
#define AP_STOP	   0x8808
#define AP_STOPPED 0x880c

u32 pci_read(u32 devfn, u32 reg, u32 size)
{
	outl(CONFIG, 0x80000000 | devfn << 8 | (reg & 0xfc));
	switch (size) {
	case 1:
		return inb(DATA + (reg & 3));
	case 2:
		return inw(DATA + (reg & 3));
	default:
		return inl(DATA);
	}
}

void pci_write(u32 devfn, u32 reg, u32 size, u32 value)
{
	outl(CONFIG, 0x80000000 | devfn << 8 | (reg & 0xfc));
	switch (size) {
	case 1:
		outb(DATA + (reg & 3), (u8)value);
		break;
	case 2:
		outw(DATA + (reg & 3), (u16)value);
		break;
	default:
		outl(DATA, value);
	}
}

static u64 ecam(u32 devfn, u32 reg)
{
	return ECAM + (devfn << 12) + reg;
}

bool expect(const char *what, u64 got, u64 want)
{
	if (got == want)
		return true;
	put("bad: ");
	put(what);
	put(": 0x");
	put_hex(got, 16);
	put(" instead of 0x");
	put_hex(want, 16);
	put("\n");
	return false;
}

u32 pci_find_cap(u32 devfn, u8 id, u32 after)
{
	u32 at = pci_read(devfn, after ? after + 1 : 0x34, 1);

	if (!(pci_read(devfn, PCI_STATUS, 2) & 0x10))
		return 0;
	for (int steps = 0; at && steps < 48; steps++) {
		if (pci_read(devfn, at, 1) == id)
			return at;
		at = pci_read(devfn, at + 1, 1);
	}
	return 0;
}

struct pci_bar pci_size_bar(u32 devfn, u32 i)
{
	u32 command = pci_read(devfn, PCI_COMMAND, 2);
	u32 low = pci_read(devfn, PCI_BAR(i), 4), high = 0;
	struct pci_bar bar = {.port = low & 1, .wide = (low & 7) == 4};
	u64 mask;

	pci_write(devfn, PCI_COMMAND, 2, command & ~(PCI_PORTS | PCI_MEMORY));
	pci_write(devfn, PCI_BAR(i), 4, 0xffffffff);
	mask = (u64)pci_read(devfn, PCI_BAR(i), 4) | 0xffffffff00000000;
	pci_write(devfn, PCI_BAR(i), 4, low);
	if (bar.wide) {
		high = pci_read(devfn, PCI_BAR(i + 1), 4);
		pci_write(devfn, PCI_BAR(i + 1), 4, 0xffffffff);
		mask = (mask & 0xffffffff) | (u64)pci_read(devfn, PCI_BAR(i + 1), 4) << 32;
		pci_write(devfn, PCI_BAR(i + 1), 4, high);
	}
	pci_write(devfn, PCI_COMMAND, 2, command);
	if (!(u32)mask)
		return bar;
	mask &= bar.port ? ~3ULL : ~15ULL;
	if (bar.port)
		mask |= 0xffff0000;
	bar.base = ((u64)high << 32 | low) & mask;
	bar.size = ~mask + 1;
	return bar;
}

void pci_move_bar(u32 devfn, u32 i, u64 base)
{
	u32 low = pci_read(devfn, PCI_BAR(i), 4);

	pci_write(devfn, PCI_BAR(i), 4, (u32)base | (low & 1 ? low & 3 : low & 15));
	if ((low & 7) == 4)
		pci_write(devfn, PCI_BAR(i + 1), 4, (u32)(base >> 32));
}

/* The first memory BAR, or 6. */
static u32 memory_bar(u32 devfn, struct pci_bar *bar)
{
	for (u32 i = 0; i < 6 && pci_read(devfn, 0, 4) != 0xffffffff; i++) {
		*bar = pci_size_bar(devfn, i);
		if (bar->size && !bar->port)
			return i;
		i += bar->wide;
	}
	return 6;
}

static void decode(u32 devfn, bool on)
{
	pci_write(devfn, PCI_COMMAND, 2, on ? PCI_PORTS | PCI_MEMORY | PCI_MASTER : 0);
}

static void read_words(u64 base, u32 words[WORDS])
{
	for (u32 i = 0; i < WORDS; i++)
		words[i] = mem_read32(base + 4 * i);
}

static bool answers(const char *what, u64 base, const u32 words[WORDS])
{
	for (u32 i = 0; i < WORDS; i++) {
		if (!expect(what, mem_read32(base + 4 * i), words[i]))
			return false;
	}
	return true;
}

static bool is_void(const char *what, u64 base)
{
	for (u32 i = 0; i < WORDS; i++) {
		if (!expect(what, mem_read32(base + 4 * i), 0xffffffff))
			return false;
	}
	return true;
}

/* --- pci-scan: who is there, by both ways to configuration space --- */

void do_pci_scan(const char *arg)
{
	(void)arg;
	for (u32 devfn = 0; devfn < 256; devfn++) {
		u32 id = pci_read(devfn, 0, 4);

		if (!expect("ECAM", mem_read32(ecam(devfn, 0)), id))
			return;
		if (id == 0xffffffff)
			continue;
		for (u32 reg = 0; reg < 256; reg += 4) {
			if (!expect("ECAM", mem_read32(ecam(devfn, reg)), pci_read(devfn, reg, 4)))
				return;
		}
		expect("beyond", mem_read32(ecam(devfn, 256)), 0xffffffff);
		put("pci-scan: 00:");
		put_hex(devfn >> 3, 2);
		put(".");
		put_number(devfn & 7);
		put(" ");
		put_hex(id & 0xffff, 4);
		put(":");
		put_hex(id >> 16, 4);
		put(" class ");
		put_hex(pci_read(devfn, 8, 4) >> 8, 6);
		put(" pin ");
		put_number(pci_read(devfn, PCI_PIN, 1));
		put("\n");
	}
}

/* --- pci-bars: sizes, and decoding --- */

void do_pci_bars(const char *arg)
{
	u32 devfn = (u32)word_number(arg);

	if (pci_read(devfn, 0, 4) == 0xffffffff)
		put("bad: nobody is there\n");
	for (u32 i = 0; i < 6; i++) {
		u32 before = pci_read(devfn, PCI_BAR(i), 4);
		struct pci_bar bar = pci_size_bar(devfn, i);

		expect("sized BAR", pci_read(devfn, PCI_BAR(i), 4), before);
		if (!bar.size)
			continue;
		if (bar.base & (bar.size - 1))
			put("bad: the BAR is not aligned\n");
		put("pci-bars: ");
		put_number(i);
		put(bar.port ? " port 0x" : bar.wide ? " mem64 0x" : " mem32 0x");
		put_hex(bar.base, 8);
		put(" ");
		put_number(bar.size);
		put("\n");
		if (!bar.port) {
			decode(devfn, false);
			is_void("decoding off", bar.base);
		}
		i += bar.wide;
	}
	decode(devfn, true);
	expect("command", pci_read(devfn, PCI_COMMAND, 2), PCI_PORTS | PCI_MEMORY | PCI_MASTER);
	decode(devfn, false);
}

/* --- pci-move: it answers where it was put, and nowhere else --- */

void do_pci_move(const char *arg)
{
	u32 devfn = (u32)word_number(arg), words[WORDS];
	struct pci_bar bar;
	u32 i = memory_bar(devfn, &bar);
	u64 at = bar.base;

	if (i == 6) {
		put("bad: no memory BAR\n");
		return;
	}
	decode(devfn, true);
	read_words(at, words);
	for (u32 step = 0; step < 16; step++) {
		u64 to = FREE_MEMORY + step * step * bar.size;

		pci_move_bar(devfn, i, to);
		if (to != at && (!answers("moved", to, words) || !is_void("left", at)))
			return;
		at = to;
	}
	/* By ECAM, bytewise, each byte of which is a move. */
	*(volatile u8 *)ecam(devfn, PCI_BAR(i) + 3) = bar.base >> 24;
	*(volatile u8 *)ecam(devfn, PCI_BAR(i) + 2) = bar.base >> 16 & 0xff;
	*(volatile u8 *)ecam(devfn, PCI_BAR(i) + 1) = bar.base >> 8 & 0xff;
	if (!answers("home", bar.base, words) || !is_void("left", at))
		return;
	decode(devfn, false);
	is_void("decoding off", bar.base);
	put("pci-move: ok\n");
}

/* --- pci-refused: onto what is somebody else's --- */

void do_pci_refused(const char *arg)
{
	static const u64 places[] = {SCRATCH_RAM, 0x1000000, 0,		 IOAPIC,
				     0xfee00000,  ECAM,	     0xfeffc000, 0xfffff000};
	u32 devfn = (u32)word_number(arg), words[WORDS];
	struct pci_bar bar;
	u32 i = memory_bar(devfn, &bar);
	u32 apic = mem_read32(LAPIC_ID);

	if (i == 6) {
		put("bad: no memory BAR\n");
		return;
	}
	decode(devfn, true);
	read_words(bar.base, words);
	mem_write32(SCRATCH_RAM, 0x600df00d);
	for (u32 n = 0; n < ARRAY_SIZE(places); n++) {
		pci_move_bar(devfn, i, places[n]);
		expect("RAM", mem_read32(SCRATCH_RAM), 0x600df00d);
		mem_write32(SCRATCH_RAM + 4, n);
		expect("RAM", mem_read32(SCRATCH_RAM + 4), n);
		expect("ECAM", mem_read32(ECAM), HOST_BRIDGE);
		expect("local APIC", mem_read32(LAPIC_ID), apic);
		mem_write32(IOAPIC, 1);
		expect("IOAPIC", mem_read32(IOAPIC + 0x10) >> 16, 0x17);
		is_void("left", bar.base);
		pci_move_bar(devfn, i, bar.base);
		if (!answers("back", bar.base, words))
			return;
	}
	/* Ports onto the console, the configuration ports, the PIC: this line is proof. */
	for (u32 n = 0; n < 6; n++) {
		static const u16 ports[] = {COM1, CONFIG, 0x20, 0x60, 0xf0, 0xfff0};
		struct pci_bar port = pci_size_bar(devfn, n);

		for (u32 p = 0; port.size && port.port && p < ARRAY_SIZE(ports); p++) {
			pci_move_bar(devfn, n, ports[p] & ~(port.size - 1));
			expect("host bridge", pci_read(0, 0, 4), HOST_BRIDGE);
			pci_move_bar(devfn, n, port.base);
		}
	}
	decode(devfn, false);
	put("pci-refused: ok\n");
}

/* --- pci-race: another processor switches decoding while this one moves and reads --- */

void do_pci_race(const char *arg)
{
	u32 devfn = (u32)word_number(arg), rounds = (u32)word_number(word_argument(arg));
	u32 words[WORDS], seen = 0, tries = 2000;
	struct pci_bar bar;
	u32 i = memory_bar(devfn, &bar);

	if (i == 6) {
		put("bad: no memory BAR\n");
		return;
	}
	decode(devfn, true);
	read_words(bar.base, words);
	for (u64 n = 0; n < (u64)(ap_pci_code_end - ap_pci_code); n++)
		*(volatile u8 *)(AP_CODE + n) = ap_pci_code[n];
	mem_write32(AP_ADDRESS, 0x80000000 | devfn << 8 | PCI_COMMAND);
	mem_write32(AP_ROUNDS, 0);
	mem_write32(AP_STOP, 0);
	mem_write32(AP_STOPPED, 0);
	mem_write32(LAPIC_SPURIOUS, 0x1ff);
	mem_write32(0xfee00310, 0);
	mem_write32(0xfee00300, 0x000c4500); /* all but self: INIT */
	sleep_ms(10);
	mem_write32(0xfee00300, 0x000c4608); /* start-up at AP_CODE */
	while (!mem_read32(AP_ROUNDS) && --tries)
		sleep_ms(1);
	/* From here on the configuration ports are the other one's: ECAM. */
	for (u32 n = 0; n < rounds; n++) {
		u64 to = n % 2 ? bar.base : FREE_MEMORY + n % 64 * bar.size;
		u32 word;

		mem_write32(ecam(devfn, PCI_BAR(i)), (u32)to);
		for (u32 w = 0; w < WORDS; w++) {
			word = mem_read32(to + 4 * w);
			if (word != 0xffffffff && !expect("race", word, words[w]))
				return;
			seen += word == words[w];
		}
		mem_write32(to + bar.size / 2 + 12,
			    n & 1); /* where MSI-X masks are, if it has it */
	}
	mem_write32(AP_STOP, 1);
	for (tries = 2000; !mem_read32(AP_STOPPED) && --tries;)
		sleep_ms(1);
	mem_write32(ecam(devfn, PCI_BAR(i)), (u32)bar.base);
	decode(devfn, true);
	if (!tries || !seen || !answers("after the race", bar.base, words)) {
		put("bad: race\n");
		return;
	}
	decode(devfn, false);
	put("pci-race: ok, the other one's rounds: ");
	put_number(mem_read32(AP_ROUNDS));
	put("\n");
}

/* --- pci-noise: anything to any register of any function --- */

static u32 noise(void)
{
	static u32 state = 0x12345678;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

void do_pci_noise(const char *arg)
{
	u32 rounds = (u32)word_number(arg);

	for (u32 n = 0; n < rounds; n++) {
		u32 devfn = noise() % 5 << 3, reg = noise() & 0xff, value = noise();
		u64 at = ecam(devfn, reg);

		if (noise() % 4 == 0)
			value = noise() % 2 ? 0xffffffff : 0;
		switch (noise() % 6) {
		case 0:
			pci_write(devfn, reg & 0xff, 1, value);
			break;
		case 1:
			pci_write(devfn, reg & 0xfe, 2, value);
			break;
		case 2:
			pci_write(devfn, reg & 0xfc, 4, value);
			break;
		case 3:
			mem_write32(at, value); /* at any alignment */
			break;
		case 4:
			*(volatile u64 *)at = (u64)value << 32 | noise();
			break;
		default:
			outl(CONFIG, value);
			outb(DATA + (reg & 3), (u8)value);
		}
	}
	for (u32 devfn = 0; devfn < 5 << 3; devfn += 8)
		decode(devfn, false);
	expect("host bridge", pci_read(0, 0, 4), HOST_BRIDGE);
	expect("host bridge", mem_read32(ECAM), HOST_BRIDGE);
	put("pci-noise: ok\n");
}
