/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts towards the guest: lines of the in-kernel PIC and IOAPIC, MSI routes, eventfds that
 * raise them. core/irq.c.
 *
 * A GSI is KVM's number of an interrupt source: 0 to 23 are the lines (as the MADT describes them),
 * from IRQ_FIRST_MSI on they are MSI routes. KVM_SET_GSI_ROUTING replaces the whole table and waits
 * for a grace period, so changes are collected and irq_commit() makes one call when something
 * changed.
 */
#ifndef KVM_IRQ_H
#define KVM_IRQ_H

#include <kvm/types.h>

struct kvm;

#define IRQ_LINES      24
#define IRQ_FIRST_MSI  IRQ_LINES
#define IRQ_MAX_ROUTES 4096

/*
 * Drive a line: level true asserts it. For an edge-triggered line the guest sees
 * the rising edge. Any thread. A failure is a bug of ours and is logged.
 */
void irq_set_level(struct kvm *kvm, u32 gsi, bool level);

/* Add an MSI route. Its GSI (>= IRQ_FIRST_MSI) or -ENOSPC. Takes effect at irq_commit(). */
int irq_add_msi(struct kvm *kvm, u64 address, u32 data);

/* Change an MSI route. Returns true if the change needs irq_commit(). */
bool irq_update_msi(struct kvm *kvm, u32 gsi, u64 address, u32 data);
void irq_remove_msi(struct kvm *kvm, u32 gsi);

/* Give the table to KVM if it has changed since the last call. 0 or -errno. */
int irq_commit(struct kvm *kvm);

/*
 * Let a write to eventfd fd raise gsi. resample_fd: -1, or an eventfd that KVM
 * signals when the guest has acknowledged a level-triggered line. 0 or -errno.
 */
int irq_attach_fd(struct kvm *kvm, u32 gsi, int fd, int resample_fd);
int irq_detach_fd(struct kvm *kvm, u32 gsi, int fd);

#endif
