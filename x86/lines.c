// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt lines that devices of a PC share (core/irq-pin.c).
 *
 * Data alone, in a file of its own: the tests of irq-pin.c need it without a machine. The first
 * set are IOAPIC pins that no ISA device has; the other are lines that the PICs have as well, for
 * kernels that use nothing else.
 */
#include "layout.h"

#include <kvm/arch.h>

const struct arch_shared_lines arch_shared_lines = {
	.first = GSI_PCI,
	.count = GSI_PCI_COUNT,
	.isa = GSI_ISA_SHARED,
};
