// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the board put the PCI host.
 *
 * The host, the BARs and MSI-X all look at it, and the host calls the other two. So the pointer is
 * in a file below all three.
 *
 * pci_create() sets it, while no vCPU exists. Any thread reads it after that.
 */
#include "host.h"

const struct pci_place *pci_host_place;
