/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Getting vCPUs out of the guest, and letting them go on: core/park.c.
 */
#ifndef KVM_PARK_H
#define KVM_PARK_H

#include <kvm/kvm-cpu.h>

/* How long all vCPUs and devices together may take to come to rest. */
#define PARK_TIMEOUT_NS (5 * NSEC_PER_SEC)

/* Bits of kvm_cpu.requests. */
enum { PARK_REQUEST = 1, PARK_STOP = 2 };

/* Ask each vCPU to park (PARK_REQUEST) or stop, and get it out of KVM_RUN. Any thread. */
void park_ask_all(struct kvm *kvm, unsigned int request);

/* Are all parked? Loop. */
bool park_is_complete(const struct kvm *kvm);

/* Log a message for each vCPU that is not parked; what: the request that failed, "reset". Loop. */
void park_report_missing(const struct kvm *kvm, const char *what);

/* All run again, also a vCPU that was asked to park and has not yet. Loop. */
void park_release_all(struct kvm *kvm);

/* fn(arg) is called each time a vCPU has parked, on its thread. NULL: no hook. While none runs. */
void park_set_hook(void (*fn)(void *arg), void *arg);

/* --- for kvm-cpu.c, which runs the vCPUs --- */

/* The kick's handler, for the whole process; it must be there before the first thread is. */
void park_init(void);

/* Start a vCPU's thread, which kicks get through to. 0 or -errno. Main thread. */
int park_start_thread(struct kvm_cpu *cpu, const pthread_attr_t *attr, void *(*fn)(void *cpu));

/* On the vCPU's thread: its first call, and its last. */
void park_enter_thread(void);
void park_leave_thread(struct kvm_cpu *cpu);

/*
 * Has its thread come to its end? Waits for that until then (CLOCK_MONOTONIC), and joins it: 0 or
 * -ETIMEDOUT. Either way no kick is sent to it any more. Main thread.
 */
int park_join_thread(struct kvm_cpu *cpu, const struct timespec *until);

/* What is asked of this vCPU; 0: KVM_RUN may be entered, and a request from here on ends it. */
unsigned int park_requests(struct kvm_cpu *cpu);

/* KVM_RUN completes the instruction that has begun, and executes no other. */
void park_set_immediate_exit(struct kvm_cpu *cpu, bool exit);

/* Park, with nothing left of an instruction, until park_release_all() or a stop. */
void park_wait(struct kvm_cpu *cpu);

#endif
