/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BARs: their registers, and their regions' way onto the buses and off them. pci/bar.c, for
 * pci/pci.c, which has the locks: "config lock" over registers, "map lock" over the regions.
 */
#ifndef HW_PCI_BAR_H
#define HW_PCI_BAR_H

#include <kvm/pci.h>

/* Registers and the bits that a guest can change in them, of a function that is not added yet. */
void pci_bar_init(struct pci_function *fn);

/* Where the next BAR goes at power-on. */
struct pci_bar_space {
	u64 port, memory;
};

/*
 * Power-on: an address for each BAR of the function, written into its configuration space as it is
 * going to be. 0, or -ENOSPC after a log_error() line.
 */
int pci_bar_place(const struct pci_function *fn, u8 config[PCI_CONFIG_BYTES],
		  struct pci_bar_space *next);

/* Where the registers say that BAR is. Config lock. */
u64 pci_bar_base(const struct pci_function *fn, unsigned int bar);

/* Note where each BAR should answer by its registers and the command register. Both locks. */
void pci_bar_look(struct pci_function *fn);

/* Those that answer elsewhere than they should, stop; those that should answer, begin. A move is
   both, first for all functions the one, then the other. Map lock alone. */
void pci_bar_leave(struct pci_function *fn);
void pci_bar_join(struct pci_function *fn);

#endif
