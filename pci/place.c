// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the board put the PCI host.
 *
 * The host, the BARs and MSI-X all read the pointer, and the host calls the other two. The pointer
 * has a file of its own, so that neither of the two depends on the host.
 *
 * pci_create() sets it, while no vCPU exists. Any thread reads it after that.
 */
#include "host.h"

const struct pci_place *pci_host_place;
