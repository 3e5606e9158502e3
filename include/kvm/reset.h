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
 * The guest pulled the CPU's reset line, and no other: how as in kvm_request_reset(), which
 * this is but where the guest left word that it wants to go on (arch_is_warm_start()). Any thread.
 */
void kvm_request_cpu_reset(struct kvm *kvm, const char *how);

/*
 * The chip that keeps that word: take() returns it and clears it, on the thread of
 * kvm_request_cpu_reset(). NULL: there is none any more. While no vCPU runs.
 */
void kvm_set_warm_code(u8 (*take)(void *dev), void *dev);

/* Has a reset been asked for that is not over? Loop. */
bool kvm_reset_is_wanted(void);

/* A vCPU has parked. Its own thread. */
void kvm_reset_cpu_parked(struct kvm *kvm);

/* A device has come to rest. Loop. */
void kvm_reset_device_rested(struct kvm *kvm);

/*
 * The run is over, and a reset that was asked for is not done. True: it has waited for the devices
 * in vain, and named them. Loop.
 */
bool kvm_reset_call_off(struct kvm *kvm);

#endif
