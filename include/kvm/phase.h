/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The moments of a run, for --result, --boot-timeout, --budget and --boot-trace. core/phase.c. Any
 * thread, except phase_watch(); the first mark of a phase is kept.
 */
#ifndef KVM_PHASE_H
#define KVM_PHASE_H

#include <kvm/types.h>

enum phase {
	PHASE_EXEC,	     /* main() began */
	PHASE_OPTIONS,	     /* the options are read, kernel and initrds are open and checked */
	PHASE_KVM,	     /* RAM, vCPUs and devices exist */
	PHASE_VM_READY,	     /* the kernel is loaded too */
	PHASE_FIRST_RUN,     /* just before the first KVM_RUN */
	PHASE_FIRST_CONSOLE, /* the guest's first console byte */
	PHASE_INIT,	     /* the console was opened for init, or init announced */
	PHASE_END,	     /* the cause of ending was recorded */
	PHASE_COUNT,
};

void phase_mark(enum phase phase);

/* now_ns() at the mark, or 0 if the phase was not reached. */
u64 phase_ns(enum phase phase);

/* The phase that was marked last. */
enum phase phase_current(void);

/*
 * Call fn(arg) when phase is marked, on the thread that marks it, which may hold a lock of the
 * console's: fn takes no lock and does not log. One watcher for each phase; fn NULL removes it.
 * Main thread, while no vCPU runs.
 */
void phase_watch(enum phase phase, void (*fn)(void *arg), void *arg);

/* The key of a phase in the result: "exec", "vm_ready", ... */
const char *phase_name(enum phase phase);

#endif
