// SPDX-License-Identifier: GPL-2.0-only
/*
 * The moments of a run: when the program, the machine, the guest and its console began.
 *
 * Five time stamps of CLOCK_MONOTONIC, each written once by whoever gets there
 * first: main() (exec), builtin-run.c (VM ready), the first vCPU thread, the
 * console, and kvm-end.c (end). Readers are the result file and the boot
 * time-out; a stamp that is 0 was not reached. A reset in place adds no marks:
 * the phases are those of the run.
 */
#include <kvm/phase.h>
#include <kvm/util.h>

#include <stdatomic.h>

static _Atomic u64 phase_stamps[PHASE_COUNT];

static const char *const phase_names[PHASE_COUNT] = {
	[PHASE_EXEC] = "exec",
	[PHASE_VM_READY] = "vm_ready",
	[PHASE_FIRST_RUN] = "first_kvm_run",
	[PHASE_FIRST_CONSOLE] = "first_console_byte",
	[PHASE_END] = "end",
};

void phase_mark(enum phase phase)
{
	u64 unset = 0;

	if (!atomic_load_explicit(&phase_stamps[phase], memory_order_relaxed))
		atomic_compare_exchange_strong(&phase_stamps[phase], &unset, now_ns());
}

u64 phase_ns(enum phase phase)
{
	return atomic_load(&phase_stamps[phase]);
}

const char *phase_name(enum phase phase)
{
	return phase_names[phase];
}
