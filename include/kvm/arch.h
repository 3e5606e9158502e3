/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the machine core asks of the architecture. Implemented in x86/.
 */
#ifndef KVM_ARCH_H
#define KVM_ARCH_H

#include <kvm/types.h>
#include <linux/kvm.h>

struct kvm;
struct kvm_cpu;

/* Where RAM must stop below 4 GiB and may go on, and the most of it, in bytes. */
extern const gpa_t arch_ram_hole_start, arch_ram_hole_end;

/* Capabilities without which no machine is made: named in an error when missing. */
struct arch_cap {
	int cap;
	const char *name;
};
extern const struct arch_cap arch_required_caps[];
extern const size_t arch_required_cap_count;

/*
 * After the RAM slots, before any vCPU: interrupt controllers, timers, what KVM
 * itself needs in guest-physical space. 0 or -errno after log_error().
 */
int arch_vm_init(struct kvm *kvm);

/* Bring VM-wide state back to power-on. All vCPUs are parked. 0 or -errno after log_error(). */
int arch_vm_reset(struct kvm *kvm);

/* After KVM_CREATE_VCPU: CPUID, power-on registers. Main thread. 0 or -errno after log_error(). */
int arch_cpu_init(struct kvm_cpu *cpu);

/* Back to power-on; the boot protocol sets the first instruction afterwards. Parked. */
int arch_cpu_reset(struct kvm_cpu *cpu);

/*
 * The guest's clocks stand still between hold and release: first those of each vCPU, then the
 * machine's. All vCPUs are parked. 0 or -errno after log_error().
 */
int arch_cpu_hold_clock(struct kvm_cpu *cpu);
int arch_vm_hold_clock(struct kvm *kvm);
int arch_cpu_release_clock(struct kvm_cpu *cpu);
int arch_vm_release_clock(struct kvm *kvm);

/* The lines' part of the GSI routing: entry i of IRQ_LINES, at most two entries each. */
unsigned int arch_line_routes(struct kvm_irq_routing_entry *entries, unsigned int max);

/* Most vCPUs and most bytes of RAM this host's KVM can address. */
u64 arch_max_ram(const struct kvm *kvm);

/*
 * Registers, code bytes and stack of a vCPU as text, for the crash report. On the
 * vCPU's own thread or while it is parked. line is called once a line.
 */
void arch_cpu_dump(struct kvm_cpu *cpu, void (*line)(void *arg, const char *text), void *arg);

/* What a shutdown exit usually means here ("triple fault: ..."). */
const char *arch_shutdown_meaning(struct kvm_cpu *cpu);

#endif
