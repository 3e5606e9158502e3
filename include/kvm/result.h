/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The result file of --result, and a detached machine's: one JSON object, replaced by rename.
 * result.c.
 */
#ifndef KVM_RESULT_H
#define KVM_RESULT_H

#include <kvm/types.h>

struct kvm;

/*
 * From now on keep the result at path as well; it says "running" at first. The string stays the
 * caller's and must live until result_keep(NULL), which ends this. 0 or -errno; prints nothing.
 * Main thread.
 */
int result_keep(const char *path);

/*
 * Write the final result. reason and status are what the process ends with; kvm may be NULL if no
 * machine was made. Main thread, as the last step. Does nothing if neither file is wanted. 0 or
 * -errno after log_error().
 */
int result_finish(const struct kvm *kvm, const char *reason, int status);

/*
 * Used instead of result_finish() in a signal handler that ends the process: writes only reason and
 * status. status is at most 255. Async-signal-safe.
 */
void result_finish_short(const char *reason, int status);

#endif
