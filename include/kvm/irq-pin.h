/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Level-triggered interrupt lines that several devices share. irq-pin.c, irq-line.c.
 *
 * Each device has a pin; the line is asserted while at least one of its pins is.
 */
#ifndef KVM_IRQ_PIN_H
#define KVM_IRQ_PIN_H

#include <kvm/types.h>

struct kvm;

struct irq_pin {
	u32 gsi;    /* below IRQ_LINES; does not change while level is true */
	bool level; /* for irq-pin.c; false at the start */
};

/*
 * The guest's kernel will not use its IOAPIC, or may not find it: from now on irq_pin_line()
 * returns lines of the PICs. Main thread, before any device exists.
 */
void irq_pin_use_isa_lines(void);
bool irq_pin_uses_isa_lines(void);

/* The line of the n-th device that shares lines with others, for any n. Any thread. */
u32 irq_pin_line(unsigned int n);

/* Is this a line that devices share? Such a line is level-triggered. Any thread. */
bool irq_pin_shares_line(u32 gsi);

/*
 * Set the level of a pin. Any thread, under any lock: it takes a lock of its own and calls only
 * irq_set_level().
 */
void irq_pin_set(struct kvm *kvm, struct irq_pin *pin, bool level);

#endif
