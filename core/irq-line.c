// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which interrupt lines the devices share.
 *
 * They are IOAPIC pins that no ISA device has. The PICs do not reach them, and Linux runs on the
 * PICs with nolapic or noapic, and with acpi=off if it was built without MP tables; there devices
 * share ISA lines that are free, as they did on PCs of that time. Which of the two it is, is decided
 * once, before any device exists.
 *
 * How several pins share a line: irq-pin.c.
 */
#include <kvm/irq-pin.h>

#include "x86/layout.h"

static const u32 isa_lines[] = GSI_ISA_SHARED;
static bool use_isa_lines;

void irq_pin_use_isa_lines(void)
{
	use_isa_lines = true;
}

bool irq_pin_uses_isa_lines(void)
{
	return use_isa_lines;
}

u32 irq_pin_line(unsigned int n)
{
	return use_isa_lines ? isa_lines[n % ARRAY_SIZE(isa_lines)] : GSI_PCI + n % GSI_PCI_COUNT;
}

bool irq_pin_shares_line(u32 gsi)
{
	for (size_t i = 0; use_isa_lines && i < ARRAY_SIZE(isa_lines); i++) {
		if (isa_lines[i] == gsi)
			return true;
	}
	return !use_isa_lines && gsi >= GSI_PCI && gsi < GSI_PCI + GSI_PCI_COUNT;
}
