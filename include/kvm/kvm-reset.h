/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Power-on and reset in place. kvm-reset.c.
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

/* Has a reset been asked for that is not over? Loop. */
bool kvm_reset_is_wanted(void);

/* A vCPU has parked. Its own thread. */
void kvm_reset_cpu_parked(struct kvm *kvm);

#endif
