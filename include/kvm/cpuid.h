/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The result of CPUID in the guest. cpuid.c, and for the leaves cpuid-leaves.c.
 *
 * The machine needs only x86_cpuid_setup() and x86_cpuid_signature(). The steps of the former are
 * declared for the tests: they work only on a table, without ioctls or global state, on any thread.
 */
#ifndef X86_CPUID_H
#define X86_CPUID_H

#include <kvm/types.h>
#include <linux/kvm.h>

struct kvm_cpu;

/*
 * Give the vCPU its CPUID, once, before it runs and before its MSRs are set (KVM
 * checks MSRs against it). Main thread. 0 or -errno after a log_error() line.
 */
int x86_cpuid_setup(struct kvm_cpu *cpu);

/*
 * Leaf 1 of each vCPU: EAX with family, model and stepping, and EDX with the oldest features. 0 if
 * there is no such leaf. Main thread, from the vCPUs' init on.
 */
void x86_cpuid_signature(u32 *signature, u32 *features);

/* One package, one thread for each core: apic_id is the CPU's number, 0 to cores - 1. */
struct cpuid_topology {
	u32 apic_id;
	u32 cores; /* at least 1 */
};

/* Free entries that cpuid_adapt() may add at the end: two leaves of three subleaves. */
#define CPUID_ADAPT_ROOM 6

/* The entry of a subleaf (0 for a leaf without any), or NULL. */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, u32 leaf, u32 subleaf);

enum cpuid_reg { EAX, EBX, ECX, EDX };

u32 *cpuid_reg(struct kvm_cpuid_entry2 *entry, enum cpuid_reg reg);

/* Remove the leaves and features that no guest of lkvm gets: see the table in cpuid-leaves.c. */
void cpuid_apply_rules(struct kvm_cpuid2 *cpuid);

/* Add the features that KVM can provide but does not list as supported. */
void cpuid_add_implied(struct kvm_cpuid2 *cpuid, bool tsc_deadline);

/*
 * Apply a list such as "+name,-name"; of two items for one feature the later one wins. cpuid is
 * what the host supports. Returns 0, or -EINVAL after a log_error() line that names the feature;
 * then cpuid is unchanged.
 */
int cpuid_apply_features(struct kvm_cpuid2 *cpuid, const char *list);

/* Turn the table for all CPUs into that of one. capacity: entries that fit. 0 or -ENOSPC. */
int cpuid_adapt(struct kvm_cpuid2 *cpuid, u32 capacity, const struct cpuid_topology *topology);

/* The part of cpuid_adapt() for leaf 1. */
void cpuid_adapt_leaf_1(struct kvm_cpuid_entry2 *entry, const struct cpuid_topology *topology);

#endif
