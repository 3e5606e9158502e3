// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt lines that devices share.
 *
 * Normally these are IOAPIC pins that no ISA device uses. But the PICs have no such pins, and Linux
 * uses the PICs with nolapic or noapic, and with acpi=off if it was built without MP tables. For
 * such a kernel devices share ISA lines that are free, as on old PCs. The choice between the two is
 * made once, before any device exists.
 *
 * irq-pin.c combines several pins into one line.
 */
#include <kvm/arch.h>
#include <kvm/irq-pin.h>

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
	const struct arch_shared_lines *lines = &arch_shared_lines;

	if (use_isa_lines)
		return lines->isa[n % ARRAY_SIZE(lines->isa)];
	return lines->first + n % lines->count;
}

bool irq_pin_shares_line(u32 gsi)
{
	const struct arch_shared_lines *lines = &arch_shared_lines;

	for (size_t i = 0; use_isa_lines && i < ARRAY_SIZE(lines->isa); i++) {
		if (lines->isa[i] == gsi)
			return true;
	}
	return !use_isa_lines && gsi >= lines->first && gsi < lines->first + lines->count;
}
