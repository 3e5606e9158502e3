/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI as a guest without an operating system has it: configuration space, BARs, capabilities.
 * pci.c. devfn is device << 3 | function, on bus 0.
 */
#ifndef TESTS_GUEST_PCI_H
#define TESTS_GUEST_PCI_H

#include "lib.h"

#define PCI_COMMAND    0x04
#define PCI_STATUS     0x06
#define PCI_BAR(i)     (0x10 + 4 * (i))
#define PCI_PIN	       0x3d
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11
#define PCI_PORTS      0x0001
#define PCI_MEMORY     0x0002
#define PCI_MASTER     0x0004
#define PCI_INTX_OFF   0x0400

#define LAPIC_EOI      0xfee000b0
#define LAPIC_SPURIOUS 0xfee000f0

/* Mechanism #1; size is 1, 2 or 4. */
u32 pci_read(u32 devfn, u32 reg, u32 size);
void pci_write(u32 devfn, u32 reg, u32 size, u32 value);

/* Where the capability with that id is, from `after` on (0: the first), or 0. */
u32 pci_find_cap(u32 devfn, u8 id, u32 after);

struct pci_bar {
	u64 base, size; /* size 0: there is none */
	bool port, wide;
};

/* BAR i as its registers have it; sized with decoding off, and left as it was. */
struct pci_bar pci_size_bar(u32 devfn, u32 i);

/* Put BAR i to base. */
void pci_move_bar(u32 devfn, u32 i, u64 base);

/* "bad: what: got instead of want", and false, unless they are equal. */
bool expect(const char *what, u64 got, u64 want);

/* The actions, all with "DEVFN[:...]" as argument. */
void do_pci_scan(const char *arg);
void do_pci_bars(const char *arg);
void do_pci_move(const char *arg);
void do_pci_refused(const char *arg);
void do_pci_race(const char *arg);
void do_pci_noise(const char *arg);
void do_msix_table(const char *arg);
void do_rng(const char *arg);

#endif
