// SPDX-License-Identifier: GPL-2.0-only
/*
 * The moments of a run: when the program, the machine, the guest and its init began.
 *
 * Time stamps of CLOCK_MONOTONIC, each written once, by the first thread that reaches the moment:
 * main() (exec), builtin-run.c (options, kvm, VM ready), the first vCPU thread, the console and its
 * lines (first byte, init), and core/end.c (end). Readers are the result file, the boot time-out,
 * the budget and the boot trace. A stamp of 0: the moment was not reached. A reset in place does
 * not change a stamp.
 *
 * Moments need not come in the order of the enum: a quiet kernel reaches init before its first
 * console byte. So the moment that was marked last is kept as well: the boot trace counts exits for
 * that moment. Stamp and "last" change together, under a mutex, so that both show the same order
 * when two threads mark at once. Every console byte marks again; a moment that is already marked
 * costs only one load.
 *
 * Each moment may have one watcher, which is called on the thread that marks it.
 */
#include <kvm/phase.h>
#include <kvm/util.h>

#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t phase_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic u64 phase_stamps[PHASE_COUNT];
static atomic_uint phase_last;

static struct {
	void (*fn)(void *arg);
	void *arg;
} phase_watchers[PHASE_COUNT];

static const char *const phase_names[PHASE_COUNT] = {
	[PHASE_EXEC] = "exec",
	[PHASE_OPTIONS] = "options",
	[PHASE_KVM] = "kvm",
	[PHASE_VM_READY] = "vm_ready",
	[PHASE_FIRST_RUN] = "first_kvm_run",
	[PHASE_FIRST_CONSOLE] = "first_console_byte",
	[PHASE_INIT] = "init",
	[PHASE_END] = "end",
};

void phase_mark(enum phase phase)
{
	bool first;

	if (atomic_load_explicit(&phase_stamps[phase], memory_order_relaxed))
		return;
	pthread_mutex_lock(&phase_lock);
	first = !atomic_load(&phase_stamps[phase]);
	if (first) {
		atomic_store(&phase_stamps[phase], now_ns());
		atomic_store(&phase_last, phase);
	}
	pthread_mutex_unlock(&phase_lock);
	if (first && phase_watchers[phase].fn)
		phase_watchers[phase].fn(phase_watchers[phase].arg);
}

u64 phase_ns(enum phase phase)
{
	return atomic_load(&phase_stamps[phase]);
}

enum phase phase_current(void)
{
	return atomic_load_explicit(&phase_last, memory_order_relaxed);
}

void phase_watch(enum phase phase, void (*fn)(void *arg), void *arg)
{
	phase_watchers[phase].fn = fn;
	phase_watchers[phase].arg = arg;
}

const char *phase_name(enum phase phase)
{
	return phase_names[phase];
}
