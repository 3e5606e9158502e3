/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vCPUs: one thread each, in a loop around KVM_RUN. kvm-cpu.c.
 */
#ifndef KVM_CPU_H
#define KVM_CPU_H

#include <kvm/types.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

struct kvm;

#define KVM_CPU_MAX	   255 /* xAPIC ids are 8 bits and 255 is broadcast */
#define KVM_CPU_EXIT_KINDS 64  /* more than any installed header names */

struct kvm_cpu {
	struct kvm *kvm;
	unsigned int id; /* index, and APIC id on x86 */
	int fd;
	struct kvm_run *run; /* shared with the kernel: fetch once, then check */
	pthread_t thread;
	/* For core/park.c: the thread was started; the thread has ended; requests to the vCPU. */
	bool started, left;
	atomic_uint requests;
	atomic_bool parked;
	/* Written by the vCPU's thread alone; others read approximate values. */
	_Atomic u64 exits[KVM_CPU_EXIT_KINDS];
};

/*
 * ioctl on the vCPU; 0 or more, or -errno. While the vCPU runs, only its own thread may call.
 * core/ioctl.c.
 */
int kvm_cpu_ioctl(const struct kvm_cpu *cpu, unsigned long request, void *arg);

/*
 * Start the threads: 0 or -errno. Stop them and wait for at most 5 s: 0, or -ETIMEDOUT if one is
 * stuck in the kernel: then the memory of the vCPUs must not be freed. Main thread.
 */
int kvm_cpu_start_all(struct kvm *kvm);
int kvm_cpu_join_all(struct kvm *kvm);

/* The sum of the CPU time of all vCPU threads, inside and outside the guest. Loop. */
u64 kvm_cpu_used_ns(const struct kvm *kvm);

/* Exits of all vCPUs by kind, summed into counts. Any thread. */
void kvm_cpu_sum_exits(const struct kvm *kvm, u64 counts[KVM_CPU_EXIT_KINDS]);

#endif
