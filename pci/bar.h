/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BARs: their registers, and when their regions join and leave the buses. pci/bar.c, for pci/pci.c.
 * The locks are in pci/pci.c: the "config lock" over registers, the "map lock" over the regions.
 */
#ifndef HW_PCI_BAR_H
#define HW_PCI_BAR_H

#include <kvm/pci.h>

/* Set the BAR registers and their writable bits, before the function is added. */
void pci_bar_init(struct pci_function *fn);

/* The first free port and address for the next BAR at power-on. */
struct pci_bar_space {
	u64 port, memory;
};

/*
 * Power-on: write an address for each BAR of the function into config, its power-on configuration
 * space, and move *next on. 0, or -ENOSPC after a log_error() line.
 */
int pci_bar_place(const struct pci_function *fn, u8 config[PCI_CONFIG_BYTES],
		  struct pci_bar_space *next);

/* The address in the BAR's registers. Config lock held. */
u64 pci_bar_base(const struct pci_function *fn, unsigned int bar);

/* Note where each BAR should answer by its registers and the command register. Both locks held. */
void pci_bar_look(struct pci_function *fn);

/*
 * pci_bar_leave() takes each BAR off its bus that answers at a wrong address; pci_bar_join() then
 * adds those that should answer. Call the first for all functions before the second. Map lock held,
 * config lock not.
 */
void pci_bar_leave(struct pci_function *fn);
void pci_bar_join(struct pci_function *fn);

#endif
