// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of a vCPU for a debugger: registers, code, stack, and how its page tables translate the
 * instruction pointer.
 *
 * dump.c makes a text with such data for the crash report; this file makes a struct arch_view, for
 * the control socket. Tables describe the registers: group, name, and place in KVM's structures. In
 * addition to the registers of KVM_GET_REGS and KVM_GET_SREGS there are the MSRs with the kernel's
 * entry points from user space, and the handler of page faults from the interrupt table: from
 * either address a client can compute how far a kernel with KASLR was moved from its linked
 * address.
 *
 * Code and stack are read by dump_read(), at most one page at a time; bytes of a page that is not
 * mapped are marked.
 *
 * NMI. KVM_NMI waits for the lock that a vCPU holds in KVM_RUN, so the vCPU must be parked. The NMI
 * is like one from another CPU's APIC: the mask of LINT1, with which Linux lets only the first CPU
 * get the NMI of the board's button, does not stop it. A CPU that waits for its start would get the
 * NMI only after the start, which is not useful: it is refused.
 *
 * On the loop's thread, with the vCPU parked.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst 4.64 (KVM_NMI); Intel SDM volume 3, 5.8.8 (system
 * calls in 64-bit mode), 6.11 and 6.14.1 (gates).
 */
#include "dump.h"
#include "pagewalk.h"

#include <kvm/arch.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>

#include <endian.h>
#include <errno.h>
#include <string.h>

#define PAGE		  4096ULL
#define CODE_BEFORE	  16
#define CODE_BYTES	  64
#define EFER_LMA	  (1ULL << 10)
#define RFLAGS_IF	  (1ULL << 9)
#define VECTOR_PAGE_FAULT 14

static const struct {
	const char *name;
	size_t offset;
} general_registers[] = {
	{"rip", offsetof(struct kvm_regs, rip)}, {"rflags", offsetof(struct kvm_regs, rflags)},
	{"rax", offsetof(struct kvm_regs, rax)}, {"rbx", offsetof(struct kvm_regs, rbx)},
	{"rcx", offsetof(struct kvm_regs, rcx)}, {"rdx", offsetof(struct kvm_regs, rdx)},
	{"rsi", offsetof(struct kvm_regs, rsi)}, {"rdi", offsetof(struct kvm_regs, rdi)},
	{"rsp", offsetof(struct kvm_regs, rsp)}, {"rbp", offsetof(struct kvm_regs, rbp)},
	{"r8", offsetof(struct kvm_regs, r8)},	 {"r9", offsetof(struct kvm_regs, r9)},
	{"r10", offsetof(struct kvm_regs, r10)}, {"r11", offsetof(struct kvm_regs, r11)},
	{"r12", offsetof(struct kvm_regs, r12)}, {"r13", offsetof(struct kvm_regs, r13)},
	{"r14", offsetof(struct kvm_regs, r14)}, {"r15", offsetof(struct kvm_regs, r15)},
};

static const struct {
	const char *name;
	size_t offset;
} control_registers[] = {
	{"cr0", offsetof(struct kvm_sregs, cr0)},	 {"cr2", offsetof(struct kvm_sregs, cr2)},
	{"cr3", offsetof(struct kvm_sregs, cr3)},	 {"cr4", offsetof(struct kvm_sregs, cr4)},
	{"cr8", offsetof(struct kvm_sregs, cr8)},	 {"efer", offsetof(struct kvm_sregs, efer)},
	{"apic", offsetof(struct kvm_sregs, apic_base)},
};

static const struct {
	const char *name;
	size_t offset;
} segment_registers[] = {
	{"cs", offsetof(struct kvm_sregs, cs)}, {"ss", offsetof(struct kvm_sregs, ss)},
	{"ds", offsetof(struct kvm_sregs, ds)}, {"es", offsetof(struct kvm_sregs, es)},
	{"fs", offsetof(struct kvm_sregs, fs)}, {"gs", offsetof(struct kvm_sregs, gs)},
	{"tr", offsetof(struct kvm_sregs, tr)}, {"ldt", offsetof(struct kvm_sregs, ldt)},
};

static const struct {
	const char *name;
	u32 index;
} msrs[] = {
	{"star", 0xc0000081},		{"lstar", 0xc0000082},	 {"cstar", 0xc0000083},
	{"kernel_gs_base", 0xc0000102}, {"sysenter_eip", 0x176},
};

/* Indexed by KVM_MP_STATE_*. */
static const char *const states[] = {
	[KVM_MP_STATE_RUNNABLE] = "runs",
	[KVM_MP_STATE_UNINITIALIZED] = "not started",
	[KVM_MP_STATE_INIT_RECEIVED] = "not started",
	[KVM_MP_STATE_HALTED] = "halted",
	[KVM_MP_STATE_SIPI_RECEIVED] = "starts",
};

static void arch_debug_add(struct arch_view *view, const char *group, const char *name, u64 value)
{
	if (view->count < ARCH_REGISTERS_MAX)
		view->registers[view->count++] = (struct arch_register){group, name, value};
}

static u64 arch_debug_field(const void *from, size_t offset)
{
	u64 value;

	memcpy(&value, (const u8 *)from + offset, sizeof(value));
	return value;
}

/* Attributes as in the upper half of a descriptor, from bit 8 on; bit 16: unusable. */
static u32 arch_debug_attributes(const struct kvm_segment *segment)
{
	return (u32)segment->type | (u32)segment->s << 4 | (u32)segment->dpl << 5 |
	       (u32)segment->present << 7 | (u32)segment->avl << 12 | (u32)segment->l << 13 |
	       (u32)segment->db << 14 | (u32)segment->g << 15 | (u32)segment->unusable << 16;
}

static void arch_debug_add_segments(struct arch_view *view, const struct kvm_sregs *sregs)
{
	for (size_t i = 0; i < ARRAY_SIZE(segment_registers); i++) {
		const char *group = segment_registers[i].name;
		struct kvm_segment segment;

		memcpy(&segment, (const u8 *)sregs + segment_registers[i].offset, sizeof(segment));
		arch_debug_add(view, group, "selector", segment.selector);
		arch_debug_add(view, group, "base", segment.base);
		arch_debug_add(view, group, "limit", segment.limit);
		arch_debug_add(view, group, "attributes", arch_debug_attributes(&segment));
	}
	arch_debug_add(view, "gdt", "base", sregs->gdt.base);
	arch_debug_add(view, "gdt", "limit", sregs->gdt.limit);
	arch_debug_add(view, "idt", "base", sregs->idt.base);
	arch_debug_add(view, "idt", "limit", sregs->idt.limit);
}

static void arch_debug_add_msrs(struct arch_view *view, const struct kvm_cpu *cpu)
{
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry;
		} one = {.head = {.nmsrs = 1}, .entry = {.index = msrs[i].index}};

		if (kvm_cpu_ioctl(cpu, KVM_GET_MSRS, &one) == 1)
			arch_debug_add(view, "msr", msrs[i].name, one.entry.data);
	}
}

/* Add the address of the page-fault handler, from its interrupt or trap gate. */
static void arch_debug_add_gate(struct arch_view *view, const struct kvm_cpu *cpu,
				const struct kvm_sregs *sregs)
{
	bool is_long = sregs->efer & EFER_LMA;
	unsigned int bytes = is_long ? 16 : 8;
	le32 gate[4] = {0};
	u64 handler;

	if ((VECTOR_PAGE_FAULT + 1) * bytes > sregs->idt.limit + 1U ||
	    !dump_read(cpu, sregs->idt.base + (u64)VECTOR_PAGE_FAULT * bytes, gate, bytes))
		return;
	handler = (le32toh(gate[0]) & 0xffff) | (le32toh(gate[1]) & 0xffff0000);
	if (is_long)
		handler |= (u64)le32toh(gate[2]) << 32;
	arch_debug_add(view, "idt", "page_fault", handler);
}

static void arch_debug_read(struct arch_memory *memory, const struct kvm_cpu *cpu, u64 address,
			    u32 len)
{
	memory->address = address;
	memory->len = MIN(len, (u32)ARCH_MEMORY_MAX);
	for (u32 at = 0, part; at < memory->len; at += part) {
		bool there;

		part = (u32)MIN((u64)memory->len - at, PAGE - (address + at) % PAGE);
		there = dump_read(cpu, address + at, memory->bytes + at, part);
		memset(memory->there + at, there, part);
	}
}

static const char *arch_debug_state(const struct kvm_cpu *cpu, u32 *raw)
{
	struct kvm_mp_state state = {.mp_state = KVM_MP_STATE_RUNNABLE};

	kvm_cpu_ioctl(cpu, KVM_GET_MP_STATE, &state);
	*raw = state.mp_state;
	if (state.mp_state < ARRAY_SIZE(states) && states[state.mp_state])
		return states[state.mp_state];
	return "unknown";
}

int arch_cpu_examine(struct kvm_cpu *cpu, u32 stack_bytes, struct arch_view *view)
{
	struct kvm_translation at = {0};
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	u64 rip, rsp;
	u32 raw;
	int err = kvm_cpu_ioctl(cpu, KVM_GET_REGS, &regs);

	err = err ?: kvm_cpu_ioctl(cpu, KVM_GET_SREGS, &sregs);
	if (err)
		return err;
	view->count = 0;
	view->state = arch_debug_state(cpu, &raw);
	for (size_t i = 0; i < ARRAY_SIZE(general_registers); i++)
		arch_debug_add(view, "general", general_registers[i].name,
			       arch_debug_field(&regs, general_registers[i].offset));
	for (size_t i = 0; i < ARRAY_SIZE(control_registers); i++)
		arch_debug_add(view, "control", control_registers[i].name,
			       arch_debug_field(&sregs, control_registers[i].offset));
	arch_debug_add_segments(view, &sregs);
	arch_debug_add_msrs(view, cpu);
	arch_debug_add_gate(view, cpu, &sregs);

	/* 64-bit code and its stack have no base; other code has addresses of 32 bits. */
	rip = sregs.cs.l ? regs.rip : (u32)(sregs.cs.base + regs.rip);
	rsp = sregs.cs.l ? regs.rsp : (u32)(sregs.ss.base + regs.rsp);
	arch_debug_read(&view->code, cpu, rip - CODE_BEFORE, CODE_BYTES);
	arch_debug_read(&view->stack, cpu, rsp, stack_bytes);
	pagewalk(&cpu->kvm->mem, &sregs, rip, &view->walk);
	at.linear_address = rip;
	view->mapped = !kvm_cpu_ioctl(cpu, KVM_TRANSLATE, &at) && at.valid;
	view->gpa = at.physical_address;
	return 0;
}

int arch_cpu_nmi(struct kvm_cpu *cpu)
{
	u32 state;

	arch_debug_state(cpu, &state);
	if (state == KVM_MP_STATE_UNINITIALIZED || state == KVM_MP_STATE_INIT_RECEIVED)
		return -ESRCH;
	return kvm_cpu_ioctl(cpu, KVM_NMI, NULL);
}

enum arch_rest arch_cpu_rest(const struct kvm_cpu *cpu)
{
	struct kvm_regs regs;
	u32 state;

	arch_debug_state(cpu, &state);
	if (state == KVM_MP_STATE_UNINITIALIZED || state == KVM_MP_STATE_INIT_RECEIVED)
		return ARCH_REST_NOT_STARTED;
	if (state != KVM_MP_STATE_HALTED || kvm_cpu_ioctl(cpu, KVM_GET_REGS, &regs))
		return ARCH_REST_NONE;
	return regs.rflags & RFLAGS_IF ? ARCH_REST_NONE : ARCH_REST_HALTED;
}
