// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt lines that devices of a PC share (core/irq-pin.c).
 *
 * Only data, in a separate file because the tests of irq-pin.c need it without a machine. The first
 * set are IOAPIC pins that no ISA device uses. The second set are lines that are also at the PICs,
 * for kernels that use only the PICs.
 */
#include "layout.h"

#include <kvm/arch.h>

const struct arch_shared_lines arch_shared_lines = {
	.first = GSI_PCI,
	.count = GSI_PCI_COUNT,
	.isa = GSI_ISA_SHARED,
};
