/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions that core/ needs from the architecture. Implemented in x86/.
 */
#ifndef KVM_ARCH_H
#define KVM_ARCH_H

#include <kvm/types.h>
#include <linux/kvm.h>

struct kvm;
struct kvm_cpu;

/* Addresses where RAM must end below 4 GiB, and where it continues. */
extern const gpa_t arch_ram_hole_start, arch_ram_hole_end;

/* Interrupt lines (GSIs) that devices share; isa: those for a kernel that uses only the PICs. */
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

/* Capabilities that every machine needs: an error names the missing one. */
struct arch_cap {
	int cap;
	const char *name;
};
extern const struct arch_cap arch_required_caps[];
extern const size_t arch_required_cap_count;

/*
 * Create interrupt controllers and timers, and set the guest-physical addresses that KVM itself
 * needs. Called after the RAM slots exist, before any vCPU. 0 or -errno after log_error().
 */
int arch_vm_init(struct kvm *kvm);

/* Reset VM-wide state to power-on. All vCPUs are parked. 0 or -errno after log_error(). */
int arch_vm_reset(struct kvm *kvm);

/* Set CPUID and power-on registers of a new vCPU. Main thread. 0 or -errno after log_error(). */
int arch_cpu_init(struct kvm_cpu *cpu);

/* Reset a parked vCPU to power-on; afterwards the boot protocol sets its first instruction. */
int arch_cpu_reset(struct kvm_cpu *cpu);

/*
 * The guest reset its CPU and left a code that says where to continue (x86: the shutdown code in
 * the clock's RAM). arch_is_warm_start() is true if with this code the first vCPU continues, with
 * RAM and devices unchanged. Then arch_warm_start() sets its registers, while all vCPUs are parked:
 * 0 or -errno after log_error().
 */
bool arch_is_warm_start(u8 code);
int arch_warm_start(struct kvm *kvm, u8 code);

/*
 * Between hold and release the guest's clocks stand still. Both are called for each vCPU, then for
 * the machine, while all vCPUs are parked. 0 or -errno after log_error().
 */
int arch_cpu_hold_clock(struct kvm_cpu *cpu);
int arch_vm_hold_clock(struct kvm *kvm);
int arch_cpu_release_clock(struct kvm_cpu *cpu);
int arch_vm_release_clock(struct kvm *kvm);

/* Fill in the GSI routing of the IRQ_LINES lines, at most two entries each. Returns the count. */
unsigned int arch_line_routes(struct kvm_irq_routing_entry *entries, unsigned int max);

/* The most bytes of RAM that the host's processors can address for a guest. */
u64 arch_max_ram(const struct kvm *kvm);

/*
 * Give registers, code bytes and stack of a vCPU as text, for the crash report: line() is called
 * for each line. On the vCPU's own thread or while it is parked.
 */
void arch_cpu_dump(struct kvm_cpu *cpu, void (*line)(void *arg, const char *text), void *arg);

/* --- the state of a vCPU, for a debugger --- */

#define ARCH_MEMORY_MAX	   4096
#define ARCH_REGISTERS_MAX 96
#define ARCH_WALK_MAX	   5

/* With the architecture's own names, such as "general" and "rip". */
struct arch_register {
	const char *group, *name;
	u64 value;
};

/* A piece of guest-virtual memory; there[i]: byte i is mapped to RAM. */
struct arch_memory {
	u64 address;
	u32 len;
	u8 bytes[ARCH_MEMORY_MAX];
	bool there[ARCH_MEMORY_MAX];
};

struct arch_walk_entry {
	const char *level; /* "PML4" */
	u32 index;
	gpa_t at; /* address of the entry in guest RAM */
	u64 value;
};

/* How the vCPU's page tables translate an address. */
struct arch_walk {
	const char *mode; /* "4-level" */
	u64 address;
	struct arch_walk_entry entries[ARCH_WALK_MAX]; /* the entries that were read */
	unsigned int count;
	const char *why; /* why there is no translation; NULL: there is one */
	gpa_t gpa;
	u64 page_bytes; /* 0: no paging */
};

struct arch_view {
	const char *state; /* "runs", "halted", ... */
	struct arch_register registers[ARCH_REGISTERS_MAX];
	unsigned int count;
	struct arch_memory code, stack; /* around the instruction pointer; from the stack pointer */
	struct arch_walk walk;		/* of the instruction pointer */
	bool mapped;			/* KVM found a translation: gpa is valid */
	gpa_t gpa;
};

/*
 * Read all of the above from a parked vCPU, with at most stack_bytes (a multiple of 8) of its
 * stack. Loop. 0 or -errno.
 */
int arch_cpu_examine(struct kvm_cpu *cpu, u32 stack_bytes, struct arch_view *view);

/* A parked vCPU waits for its start, or halted with interrupts disabled, or neither. */
enum arch_rest { ARCH_REST_NOT_STARTED, ARCH_REST_HALTED, ARCH_REST_NONE };
enum arch_rest arch_cpu_rest(const struct kvm_cpu *cpu);

/*
 * Send a parked vCPU a non-maskable interrupt, as another CPU could. Loop. 0; -ESRCH if the guest
 * has not started this CPU; or another -errno.
 */
int arch_cpu_nmi(struct kvm_cpu *cpu);

/* The kernel that was loaded last, so that a client can find its symbols. */
struct arch_kernel {
	char path[4096];     /* absolute; "": unknown */
	const char *release; /* "": unknown */
	bool moved_known;
	u64 moved; /* bytes from its linked virtual address up to the real one */
};
void arch_find_kernel(struct arch_kernel *kernel);

/* The usual meaning of a shutdown exit here ("triple fault: ..."). */
const char *arch_shutdown_meaning(struct kvm_cpu *cpu);

#endif
