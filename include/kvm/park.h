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

/* Are all vCPUs parked? Loop. */
bool park_is_complete(const struct kvm *kvm);

/*
 * Log a message for each vCPU that is not parked; what: name of the request that failed, "reset".
 * Loop.
 */
void park_report_missing(const struct kvm *kvm, const char *what);

/* Let all vCPUs run again, also one that was asked to park and has not parked yet. Loop. */
void park_release_all(struct kvm *kvm);

/*
 * fn(arg) is called each time a vCPU has parked, on its thread. NULL: no hook. Set only while no
 * vCPU runs.
 */
void park_set_hook(void (*fn)(void *arg), void *arg);

/* --- for kvm-cpu.c, which runs the vCPUs --- */

/*
 * Install the signal handler for kicks in the whole process. Call before the first thread starts.
 */
void park_init(void);

/* Start a vCPU's thread; kicks work from then on. 0 or -errno. Main thread. */
int park_start_thread(struct kvm_cpu *cpu, const pthread_attr_t *attr, void *(*fn)(void *cpu));

/* The first call of a vCPU's thread, and its last. */
void park_enter_thread(void);
void park_leave_thread(struct kvm_cpu *cpu);

/*
 * Wait until the vCPU's thread has ended, but no longer than `until` (CLOCK_MONOTONIC), and join
 * it: 0 or -ETIMEDOUT. In both cases no kick is sent to the thread any more. Main thread.
 */
int park_join_thread(struct kvm_cpu *cpu, const struct timespec *until);

/* The requests to this vCPU. 0: it may enter KVM_RUN, and a later request interrupts KVM_RUN. */
unsigned int park_requests(struct kvm_cpu *cpu);

/* With exit, KVM_RUN completes the instruction that has begun, and executes no other. */
void park_set_immediate_exit(struct kvm_cpu *cpu, bool exit);

/* Park until park_release_all() or a stop. The last instruction must be complete. */
void park_wait(struct kvm_cpu *cpu);

#endif
