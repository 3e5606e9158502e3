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
 * made. Any thread. Which lines these are: irq-line.c.
 *
 * Spec: PCI Local Bus 3.0, section 2.2.6 (interrupt pins: level sensitive, open drain, shareable).
 */
#include <kvm/arch.h>
#include <kvm/irq-pin.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>

#include <assert.h>

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
