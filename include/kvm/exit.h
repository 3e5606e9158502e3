/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handle the exits of a guest from KVM_RUN. core/exit.c.
 */
#ifndef KVM_EXIT_H
#define KVM_EXIT_H

#include <kvm/types.h>

struct kvm_cpu;
struct kvm_run;

/* Handle the exit in cpu->run. On the vCPU's thread. */
void kvm_exit_handle(struct kvm_cpu *cpu);

/* KVM_RUN itself failed with error (a positive errno): report it, and end the run as a crash. */
void kvm_exit_run_failed(struct kvm_cpu *cpu, int error);

/*
 * count() is called for each exit that has a name, on the vCPU's thread, before it is handled. It
 * must be lock-free and bounded. NULL: no counter. Set only while no vCPU runs.
 */
void kvm_exit_set_counter(void (*count)(const struct kvm_run *run));

/*
 * Name of an exit reason, as statistics show it ("io", "mmio", "shutdown"), or NULL. Any thread.
 * core/exit-names.c.
 */
const char *kvm_exit_name(u32 reason);

#endif
