/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pause the machine, and let it go on; look at its vCPUs. core/pause.c. All of it on the loop's
 * thread.
 */
#ifndef KVM_PAUSE_H
#define KVM_PAUSE_H

#include <kvm/types.h>

struct kvm;

/*
 * Park every vCPU, quiesce every device, hold the guest's clocks. done(arg, err) is called when
 * that is so, or with -errno after log_error(), or -ECANCELED when the run ends first, or
 * -EINTR when kvm_resume() came first; at once when the machine is paused already. Several may
 * wait. kvm_pause_error() has the words for each -errno.
 */
struct pause_wait {
	const char *what; /* in the message about a vCPU that does not park; NULL: no message */
	void (*done)(void *arg, int err);
	void *arg;
	struct pause_wait *next; /* core/pause.c's */
};
void kvm_pause(struct kvm *kvm, struct pause_wait *wait);

/*
 * Park every vCPU with its last instruction complete, only while done() runs: their registers may
 * be read and changed then. Devices and clocks go on, and so do the vCPUs, unless the machine is
 * paused. done() as above, and it must not ask for another look or pause.
 */
void kvm_pause_look(struct kvm *kvm, struct pause_wait *wait);

const char *kvm_pause_error(int err);

/*
 * Let it go on; a pause that is under way is called off, with -EINTR. 0 or -errno after
 * log_error(): then it stays as it is.
 */
int kvm_resume(struct kvm *kvm);

bool kvm_is_paused(void);

#endif
