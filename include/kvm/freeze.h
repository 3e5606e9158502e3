/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stop the whole machine for a reset, a pause or a look at its vCPUs: core/freeze.c.
 */
#ifndef KVM_FREEZE_H
#define KVM_FREEZE_H

#include <kvm/types.h>

struct kvm;

/* What it is for, in the order in which requests are served. */
enum freeze_kind {
	FREEZE_RESET,	  /* of the machine */
	FREEZE_RESET_CPU, /* of the first vCPU alone */
	FREEZE_LOOK,	  /* at vCPUs, or to change their registers */
	FREEZE_PAUSE,
	FREEZE_KINDS,
};

/* One of a kind, which stays as long as the machine. All functions are called on the loop. */
struct freeze_request {
	enum freeze_kind kind;
	bool devices; /* they must be at rest as well */
	bool fatal;   /* when it fails the run ends: nothing goes on */
	/* For the message about a vCPU that does not park: "pause". It returns NULL: no message. */
	const char *(*name)(void);
	/* All vCPUs are parked, and the devices are asked next: once. 0 or -errno. May be NULL. */
	int (*begin)(struct kvm *kvm);
	/* After begin(), when it comes to nothing; the devices go on next. May be NULL. */
	void (*undo)(struct kvm *kvm);
	/*
	 * err 0: what must be at rest is. Returns whether the vCPUs go on. Else it has failed:
	 * -ETIMEDOUT, -ECANCELED when the run ends first, or what begin() or a device said. Then
	 * the machine goes on already, unless it is fatal, and the returned value does not matter.
	 */
	bool (*done)(struct kvm *kvm, int err);
	bool begun; /* core/freeze.c's */
};

/* Queue it, unless it is queued already, and get all vCPUs out of the guest. Any thread. */
void freeze_ask(struct kvm *kvm, struct freeze_request *request);

/* Is it queued, so that done() will be called? Any thread. */
bool freeze_is_asked(const struct freeze_request *request);

/* Take it back; if no other is queued, the vCPUs go on. False: it was not queued. Loop. */
bool freeze_withdraw(struct kvm *kvm, struct freeze_request *request);

/* Take it back while another's done() runs: its own done() is not called. Loop. */
void freeze_drop(struct freeze_request *request);

/* After a done() that returned false: the vCPUs go on. Loop. */
void freeze_release(struct kvm *kvm);

/*
 * The run is over, the vCPUs and the loop have stopped: queued requests fail with -ECANCELED, and
 * the devices are brought to rest, for at most 5 s in all. The loop runs meanwhile, and kvm_end()
 * ends that, too. Main thread.
 */
void freeze_at_end(struct kvm *kvm);
bool freeze_is_at_end(void); /* has that begun? Loop. */

#endif
