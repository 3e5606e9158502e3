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
	u64 deadline_ns; /* on the clock of now_ns(); UINT64_MAX: no deadline */
	/*
	 * The work did not stop within CANCEL_GRACE_NS, or a second signal came. Called from a
	 * signal handler: async-signal-safe calls only. It ends the process.
	 */
	void (*force)(int cause);
};

/* Main thread. The signals are unblocked until cancel_end(). */
void cancel_begin(const struct cancel_plan *plan);

/*
 * Main thread. Begin again with the plan of the last cancel_begin() and another deadline. Does
 * nothing if there was no cancel_begin().
 */
void cancel_begin_again(u64 deadline_ns);

/*
 * Main thread. End the work and block the signals. Returns the cause to stop (a signal number or
 * CANCEL_TIMEOUT), or 0. A second call returns the same.
 */
int cancel_end(void);

/*
 * Any thread. 0, or -ECANCELED when the work must stop; log_fail() prints no line for -ECANCELED.
 */
int cancel_check(void);

#endif
