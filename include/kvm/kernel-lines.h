/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's kernel reports about its own health: warnings, oopses, panics.
 * report/kernel-lines.c.
 */
#ifndef KVM_KERNEL_REPORT_H
#define KVM_KERNEL_REPORT_H

#include <kvm/types.h>

#define REPORT_LINES_MAX 40 /* how many lines of the first report are kept */

struct kvm;

enum report_kind {
	REPORT_WARN,
	REPORT_LOCKDEP,
	REPORT_UBSAN,
	REPORT_KCSAN,
	REPORT_RCU_STALL,
	REPORT_HUNG_TASK,
	/* --fail-on=oops counts the kinds from here on. */
	REPORT_BUG,
	REPORT_OOPS,
	REPORT_KASAN,
	REPORT_KFENCE,
	REPORT_KMSAN,
	REPORT_SOFT_LOCKUP,
	REPORT_HARD_LOCKUP,
	REPORT_KINDS,
};

/* A whole line of the kernel's console. The caller serialises the calls (console.c). */
void report_line(struct kvm *kvm, const char *line);

/* The machine was reset: later lines are of another kernel. Serialised in the same way. */
void report_reset(void);

/*
 * report_count(): how many reports of this kind there were; report_count_from(): of this kind and
 * all later ones. report_first(): line i of the first report, from 0; NULL when there are no more.
 * Main thread, after the vCPUs have stopped.
 */
u64 report_count(enum report_kind kind);
u64 report_count_from(enum report_kind kind);
const char *report_first(unsigned int i);
const char *report_name(enum report_kind kind);

/*
 * For --fail-on: if there was such a report and the guest ended the run, print a line and make the
 * run fail. Main thread, after the vCPUs have stopped.
 */
void report_judge(void);

#endif
