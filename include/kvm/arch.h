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

/* Interrupt lines (GSIs) that devices share; isa: the ones for a kernel that uses only the PICs. */
struct arch_shared_lines {
	u32 first, count;
	u32 isa[4];
};
extern const struct arch_shared_lines arch_shared_lines;

/* Where a kernel may be in guest RAM, and what it can be given. */
struct arch_kernel_limits {
	gpa_t start;	   /* it is not below, */
	gpa_t low_end;	   /* but for parts that end here: from here to start the firmware has it */
	u64 flat_bytes;	   /* the most of a flat image */
	u32 cmdline_bytes; /* the most of a command line, with its end */
};
extern const struct arch_kernel_limits arch_kernel_limits;

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
 * The guest reset its CPU and left a code that says where to go on (x86: the shutdown code in the
 * clock's RAM). Is it one by which the first vCPU goes on, with RAM and devices as they are? Then
 * arch_warm_start() sets its registers: all vCPUs are parked. 0 or -errno after log_error().
 */
bool arch_is_warm_start(u8 code);
int arch_warm_start(struct kvm *kvm, u8 code);

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

/* --- a vCPU taken apart, for a debugger --- */

#define ARCH_MEMORY_MAX	   4096
#define ARCH_REGISTERS_MAX 96
#define ARCH_WALK_MAX	   5

/* Names are the architecture's own: "general" "rip". */
struct arch_register {
	const char *group, *name;
	u64 value;
};

/* A piece of guest-virtual memory; there[i]: byte i is mapped, to RAM. */
struct arch_memory {
	u64 address;
	u32 len;
	u8 bytes[ARCH_MEMORY_MAX];
	bool there[ARCH_MEMORY_MAX];
};

struct arch_walk_entry {
	const char *level; /* "PML4" */
	u32 index;
	gpa_t at; /* where in guest RAM it is */
	u64 value;
};

/* How the vCPU's page tables translate an address. */
struct arch_walk {
	const char *mode; /* "4-level" */
	u64 address;
	struct arch_walk_entry entries[ARCH_WALK_MAX]; /* those that were read */
	unsigned int count;
	const char *why; /* there is no translation; NULL: there is */
	gpa_t gpa;
	u64 page_bytes; /* 0: no paging */
};

struct arch_view {
	const char *state; /* "runs", "halted", ... */
	struct arch_register registers[ARCH_REGISTERS_MAX];
	unsigned int count;
	struct arch_memory code, stack; /* around the instruction pointer; from the stack pointer */
	struct arch_walk walk;		/* of the instruction pointer */
	bool mapped;			/* what KVM says of it: gpa is good */
	gpa_t gpa;
};

/*
 * Everything about a parked vCPU, with at most stack_bytes (a multiple of 8) of its stack. Loop.
 * 0 or -errno.
 */
int arch_cpu_examine(struct kvm_cpu *cpu, u32 stack_bytes, struct arch_view *view);

/* What a parked vCPU is at: it waits for its start; it halted with interrupts disabled; neither. */
enum arch_rest { ARCH_REST_NOT_STARTED, ARCH_REST_HALTED, ARCH_REST_NONE };
enum arch_rest arch_cpu_rest(const struct kvm_cpu *cpu);

/*
 * A non-maskable interrupt for a parked vCPU, as one from another CPU. Loop. 0; -ESRCH when the
 * guest has not started it; or another -errno.
 */
int arch_cpu_nmi(struct kvm_cpu *cpu);

/* What is known of the kernel that was loaded last, for those who look for its symbols. */
struct arch_kernel {
	char path[4096];     /* absolute; "" when it cannot be told */
	const char *release; /* "" likewise */
	bool moved_known;
	u64 moved; /* how far above its linked virtual address it runs */
};
void arch_find_kernel(struct arch_kernel *kernel);

/* What a shutdown exit usually means here ("triple fault: ..."). */
const char *arch_shutdown_meaning(struct kvm_cpu *cpu);

#endif
