/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What CPUID answers in the guest. cpuid.c, and for the leaves cpuid-leaves.c.
 *
 * x86_cpuid_setup() is all the machine needs; the steps it takes are declared for
 * the tests. They work on a table alone: no ioctl, no global state, any thread.
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
 * What leaf 1 of each vCPU says: EAX, which names family, model and stepping, and EDX, the
 * oldest features. 0 where there is no such leaf. Main thread, from the vCPUs' init on.
 */
void x86_cpuid_signature(u32 *signature, u32 *features);

/* One package, one thread a core: CPU apic_id of the cores 0 to cores - 1. */
struct cpuid_topology {
	u32 apic_id;
	u32 cores; /* at least 1 */
};

/* Free entries after the last that cpuid_adapt() may need: two leaves of three subleaves. */
#define CPUID_ADAPT_ROOM 6

/* The entry of a subleaf (0 for a leaf without any), or NULL. */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, u32 leaf, u32 subleaf);

enum cpuid_reg { EAX, EBX, ECX, EDX };

u32 *cpuid_reg(struct kvm_cpuid_entry2 *entry, enum cpuid_reg reg);

/* Remove the leaves and the features that no guest of lkvm has, by the table in cpuid-leaves.c. */
void cpuid_apply_rules(struct kvm_cpuid2 *cpuid);

/* The bits that KVM knows how to do but does not list among the supported ones. */
void cpuid_add_implied(struct kvm_cpuid2 *cpuid, bool tsc_deadline);

/*
 * Apply "+name,-name": the later of two that contradict each other wins. cpuid is what
 * the host supports, and stays as it is unless 0 is returned; -EINVAL after a
 * log_error() line that names the feature.
 */
int cpuid_apply_features(struct kvm_cpuid2 *cpuid, const char *list);

/* Make a table for all CPUs that of one. capacity: entries there is room for. 0 or -ENOSPC. */
int cpuid_adapt(struct kvm_cpuid2 *cpuid, u32 capacity, const struct cpuid_topology *topology);

/* Its step for leaf 1 alone. */
void cpuid_adapt_leaf_1(struct kvm_cpuid_entry2 *entry, const struct cpuid_topology *topology);

#endif
