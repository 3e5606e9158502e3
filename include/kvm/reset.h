/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Power-on and reset in place. core/reset.c.
 */
#ifndef KVM_RESET_H
#define KVM_RESET_H

#include <kvm/types.h>

struct kvm;

/* Bring all devices to their power-on state, and load the kernel. Main thread. 0 or -errno. */
int kvm_power_on(struct kvm *kvm);

/*
 * Park every vCPU, bring everything back to power-on, run again. Returns at once;
 * the calling vCPU executes no further instruction before the reset. Any thread.
 */
void kvm_reset_begin(struct kvm *kvm);

/*
 * Park every vCPU and let the first one go on as this code says (arch_warm_start()); the rest of
 * the machine does not change. A reset of the machine that is requested meanwhile replaces this
 * one. Else as kvm_reset_begin().
 */
void kvm_reset_begin_cpu(struct kvm *kvm, u8 code);

/* fn() is called on the loop after a reset of the machine, before its vCPUs go on. Main thread. */
void kvm_set_reset_hook(void (*fn)(void));

/* Is a reset requested that is not complete yet? Any thread. */
bool kvm_reset_is_wanted(void);

#endif
