/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The place of the host bridge, for all files of pci/. place.c.
 */
#ifndef PCI_HOST_H
#define PCI_HOST_H

#include <kvm/pci.h>

/* Where the board put the host: constant from pci_create() to pci_destroy(). Any thread. */
extern const struct pci_place *pci_host_place;

#endif
