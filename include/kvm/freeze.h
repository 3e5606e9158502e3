/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stop the whole machine for a reset, a pause or a look at its vCPUs: core/freeze.c.
 */
#ifndef KVM_FREEZE_H
#define KVM_FREEZE_H

#include <kvm/types.h>

struct kvm;

/* The purpose of a request. Requests are served in this order. */
enum freeze_kind {
	FREEZE_RESET,	  /* of the machine */
	FREEZE_RESET_CPU, /* of the first vCPU alone */
	FREEZE_LOOK,	  /* to read or change registers of vCPUs */
	FREEZE_PAUSE,
	FREEZE_KINDS,
};

/*
 * There is one request of each kind, which stays as long as the machine. The loop calls all
 * functions.
 */
struct freeze_request {
	enum freeze_kind kind;
	bool devices; /* devices must be at rest as well */
	bool fatal;   /* a failure ends the run */
	/*
	 * Name of the request for the message about a vCPU that does not park: "pause". NULL: no
	 * message.
	 */
	const char *(*name)(void);
	/*
	 * Called once, when all vCPUs are parked, before the devices are asked. 0 or -errno. May be
	 * NULL.
	 */
	int (*begin)(struct kvm *kvm);
	/* Undo begin() after a failure, before the devices go on. May be NULL. */
	void (*undo)(struct kvm *kvm);
	/*
	 * err 0: vCPUs, and devices if asked for, are at rest. Return true to let the vCPUs go on.
	 * Another err: the request has failed: -ETIMEDOUT, -ECANCELED if the run ends first, or the
	 * error of begin() or of a device. Then, unless the request is fatal, the machine goes on
	 * already; the returned value is ignored.
	 */
	bool (*done)(struct kvm *kvm, int err);
	bool begun; /* for core/freeze.c */
};

/* Queue it, unless it is queued already, and get all vCPUs out of the guest. Any thread. */
void freeze_ask(struct kvm *kvm, struct freeze_request *request);

/* Is it queued, so that done() will be called? Any thread. */
bool freeze_is_asked(const struct freeze_request *request);

/*
 * Remove it from the queue; if no other is queued, the vCPUs go on. False: it was not queued. Loop.
 */
bool freeze_withdraw(struct kvm *kvm, struct freeze_request *request);

/* Remove it during done() of another request. Its own done() is not called. Loop. */
void freeze_drop(struct freeze_request *request);

/* Let the vCPUs go on after a done() that returned false. Loop. */
void freeze_release(struct kvm *kvm);

/*
 * The run is over, the vCPUs and the loop have stopped: queued requests fail with -ECANCELED, and
 * the devices are brought to rest, in at most 5 s. The loop runs meanwhile; kvm_end() ends this
 * wait too. Main thread.
 */
void freeze_at_end(struct kvm *kvm);
bool freeze_is_at_end(void); /* has that begun? Loop. */

#endif
