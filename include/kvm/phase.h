/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The moments of a run, for --result and --boot-timeout. phase.c. Any thread; the
 * first mark of a phase is kept.
 */
#ifndef KVM_PHASE_H
#define KVM_PHASE_H

#include <kvm/types.h>

enum phase {
	PHASE_EXEC,	     /* main() began */
	PHASE_VM_READY,	     /* RAM, vCPUs and devices exist, the kernel is loaded */
	PHASE_FIRST_RUN,     /* just before the first KVM_RUN */
	PHASE_FIRST_CONSOLE, /* the guest's first console byte */
	PHASE_END,	     /* the cause of ending was recorded */
	PHASE_COUNT,
};

void phase_mark(enum phase phase);

/* now_ns() of the mark, or 0 when it was not reached. */
u64 phase_ns(enum phase phase);

/* Its key in the result: "exec", "vm_ready", ... */
const char *phase_name(enum phase phase);

#endif
