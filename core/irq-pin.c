// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level-triggered interrupt lines that several devices share.
 *
 * A PC has eight lines for all of PCI, so functions share them; on the wire that is an OR, for
 * each of them pulls the line and none pushes it. Here each line counts the pins that are
 * asserted, and KVM is told only when the count leaves 0 or comes back to it: a pin that is set
 * again, or beside another, costs nothing.
 *
 * KVM is told under the lock, so that it hears of two changes in the order in which they were
 * made. Any thread.
 *
 * The lines are IOAPIC pins that no ISA device has. The PICs do not reach them, and Linux runs on
 * the PICs with nolapic or noapic, and with acpi=off if it was built without MP tables; there
 * devices share ISA lines that are free, as they did on PCs of that time.
 *
 * Spec: PCI Local Bus 3.0, section 2.2.6 (interrupt pins: level sensitive, open drain, shareable).
 */
#include <kvm/irq-pin.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>

#include <assert.h>

#include "x86/layout.h"

static const u32 isa_lines[] = GSI_ISA_SHARED;
static bool use_isa_lines;

static struct {
	pthread_mutex_t lock;
	unsigned int asserted[IRQ_LINES];
} irq_pins = {.lock = PTHREAD_MUTEX_INITIALIZER};

void irq_pin_set(struct kvm *kvm, struct irq_pin *pin, bool level)
{
	assert(pin->gsi < IRQ_LINES);
	pthread_mutex_lock(&irq_pins.lock);
	if (level && !pin->level && irq_pins.asserted[pin->gsi]++ == 0)
		irq_set_level(kvm, pin->gsi, true);
	if (!level && pin->level && --irq_pins.asserted[pin->gsi] == 0)
		irq_set_level(kvm, pin->gsi, false);
	pin->level = level;
	pthread_mutex_unlock(&irq_pins.lock);
}

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
