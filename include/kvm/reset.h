/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Power-on and reset in place. core/reset.c.
 */
#ifndef KVM_RESET_H
#define KVM_RESET_H

#include <kvm/types.h>

struct kvm;

/* All devices to their power-on state, the kernel loaded. Main thread. 0 or -errno. */
int kvm_power_on(struct kvm *kvm);

/*
 * Park every vCPU, bring everything back to power-on, run again. Returns at once;
 * the calling vCPU executes no further instruction before the reset. Any thread.
 */
void kvm_reset_begin(struct kvm *kvm);

/*
 * Park every vCPU and let the first go on by this code (arch_warm_start()), with everything else as
 * it is. A reset of the machine that is asked for meanwhile goes first. As kvm_reset_begin().
 */
void kvm_reset_begin_cpu(struct kvm *kvm, u8 code);

/* fn() is called on the loop when the machine was reset, before its vCPUs go on. Main thread. */
void kvm_set_reset_hook(void (*fn)(void));

/* Has a reset been asked for that is not over? Any thread. */
bool kvm_reset_is_wanted(void);

#endif
