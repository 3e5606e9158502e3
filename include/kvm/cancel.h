/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Long work on the main thread that a signal or a time limit ends. util/cancel.c.
 *
 * Before the event loop runs (and while a reset loads the kernel again) nothing reads signals and
 * no timer of the loop fires. cancel_begin() to cancel_end() bracket such work. The work asks
 * cancel_check() at least after every few MiB; when that fails it cleans up and returns.
 */
#ifndef KVM_CANCEL_H
#define KVM_CANCEL_H

#include <kvm/types.h>
#include <limits.h>
#include <signal.h>

#define CANCEL_TIMEOUT	INT_MAX /* a cause: the deadline passed; all others are signal numbers */
#define CANCEL_GRACE_NS NSEC_PER_SEC

struct cancel_plan {
	sigset_t signals;
	u64 deadline_ns; /* of now_ns()'s clock; UINT64_MAX: none */
	/*
	 * The work did not stop within CANCEL_GRACE_NS, or a second signal came. Called from a
	 * signal handler: async-signal-safe calls only. It ends the process.
	 */
	void (*force)(int cause);
};

/* Main thread. The signals are unblocked until cancel_end(). */
void cancel_begin(const struct cancel_plan *plan);

/*
 * Main thread. Once more by the plan of cancel_begin(), with another deadline; nothing when there
 * was none.
 */
void cancel_begin_again(u64 deadline_ns);

/*
 * Main thread. The signals are blocked; returns why the work was to stop, or 0. Called again, it
 * returns the same.
 */
int cancel_end(void);

/* Any thread. 0, or -ECANCELED when the work is to stop. log_fail() prints no line for it. */
int cancel_check(void);

#endif
