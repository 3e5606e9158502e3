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
 * Keep the result at path as well, from now on: it says "running". The string is the caller's and
 * stays until result_keep(NULL), which ends it. 0, or -errno without a word. Main thread.
 */
int result_keep(const char *path);

/*
 * Write the final result. reason and status are what the process ends with; kvm may
 * be NULL when no machine came to be. Main thread, last of all. When neither
 * file is wanted nothing happens. 0 or -errno after log_error().
 */
int result_finish(const struct kvm *kvm, const char *reason, int status);

/*
 * Instead of result_finish(), from a signal's handler that ends the process: reason and status
 * alone. status is at most 255. Async-signal-safe.
 */
void result_finish_short(const char *reason, int status);

#endif
