/* SPDX-License-Identifier: GPL-2.0-only */
/* --boot-trace: how long each phase of a boot took, and which exits it cost. trace.c. */
#ifndef KVM_TRACE_H
#define KVM_TRACE_H

#include <kvm/types.h>

struct kvm;

/*
 * The run is over: write the file, and print the table if there was a machine. kvm may be NULL.
 * Main thread. Without --boot-trace nothing happens. 0 or -errno after log_error().
 */
int trace_finish(struct kvm *kvm, const char *reason, int status);

#endif
