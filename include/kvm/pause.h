/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pause the machine, and let it go on; look at its vCPUs. core/pause.c. All functions are for the
 * loop's thread.
 */
#ifndef KVM_PAUSE_H
#define KVM_PAUSE_H

#include <kvm/types.h>

struct kvm;

/*
 * Park every vCPU, bring every device to rest, hold the guest's clocks. After that done(arg, 0) is
 * called; at once if the machine is already paused. After a failure err is an -errno: -ECANCELED if
 * the run ended first, -EINTR if kvm_resume() was called first, else after log_error(). Several
 * callers may wait. kvm_pause_error() returns a text for each -errno.
 */
struct pause_wait {
	const char *what; /* name for the message about a late vCPU; NULL: no message */
	void (*done)(void *arg, int err);
	void *arg;
	struct pause_wait *next; /* for core/pause.c */
};
void kvm_pause(struct kvm *kvm, struct pause_wait *wait);

/*
 * Park every vCPU, with its last instruction complete, only while done() runs: done() may read and
 * change registers. Devices and clocks are not stopped. After done() the vCPUs go on, unless the
 * machine is paused. done() as above, but it must not ask for another look or pause.
 */
void kvm_pause_look(struct kvm *kvm, struct pause_wait *wait);

const char *kvm_pause_error(int err);

/*
 * Let the machine go on. A pause that is under way is cancelled, with -EINTR. 0, or -errno after
 * log_error(): then the machine stays paused.
 */
int kvm_resume(struct kvm *kvm);

bool kvm_is_paused(void);

#endif
