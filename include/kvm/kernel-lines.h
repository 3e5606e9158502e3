/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's kernel says of its own health: warnings, oopses, panics. report/kernel-lines.c.
 */
#ifndef KVM_KERNEL_REPORT_H
#define KVM_KERNEL_REPORT_H

#include <kvm/types.h>

#define REPORT_LINES_MAX 40 /* of the first report are kept */

struct kvm;

enum report_kind {
	REPORT_WARN,
	REPORT_LOCKDEP,
	REPORT_UBSAN,
	REPORT_KCSAN,
	REPORT_RCU_STALL,
	REPORT_HUNG_TASK,
	/* From here on --fail-on=oops counts them too. */
	REPORT_BUG,
	REPORT_OOPS,
	REPORT_KASAN,
	REPORT_KFENCE,
	REPORT_KMSAN,
	REPORT_SOFT_LOCKUP,
	REPORT_HARD_LOCKUP,
	REPORT_KINDS,
};

/* A whole line of the kernel's console. Whoever calls serialises (lines.c). */
void report_line(struct kvm *kvm, const char *line);

/* The machine was reset: what comes is another kernel's. Serialised likewise. */
void report_reset(void);

/*
 * How many reports of this kind there were; of all kinds from this one on. The lines of the first
 * report, i from 0: NULL when there are no more. Main thread, after the vCPUs have stopped.
 */
u64 report_count(enum report_kind kind);
u64 report_count_from(enum report_kind kind);
const char *report_first(unsigned int i);
const char *report_name(enum report_kind kind);

/* --fail-on: say so, and fail a run that the guest ended, if there was such a report. As above. */
void report_judge(void);

#endif
