// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level-triggered interrupt lines that several devices share.
 *
 * A PC has eight lines for all PCI functions, so functions share them: a line is asserted while at
 * least one of its pins is. So each line has a counter of asserted pins, and KVM is called only
 * when the counter changes between 0 and 1. A change of any other pin needs no call.
 *
 * KVM is called under the lock, so that it gets two changes in the order in which they were made.
 * Any thread. irq-line.c chooses the lines.
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
