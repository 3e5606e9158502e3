// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU as text: registers, code bytes and stack, for the crash report.
 *
 * Code and stack are read through the guest's own page tables, with KVM_TRANSLATE for each page;
 * bytes that are not mapped, or not RAM, are shown as "..". The byte at the instruction pointer is
 * in angle brackets.
 *
 * The line of arch_shutdown_meaning() is a guess from the registers. If no other way to reboot
 * works, Linux loads an empty IDT and causes an exception. So a triple fault with an empty IDT is
 * most likely such a reboot.
 *
 * On the vCPU's own thread, or while it is parked.
 */
#include "dump.h"

#include <kvm/arch.h>
#include <kvm/gmem.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>

#include <stdio.h>
#include <string.h>

#define PAGE	      4096ULL
#define CODE_BEFORE   16
#define CODE_BYTES    48
#define STACK_WORDS   8

#define RESET_RIP     0xfff0
#define RESET_CS_BASE 0xffff0000

bool dump_read(const struct kvm_cpu *cpu, u64 address, void *buf, u64 len)
{
	for (u64 done = 0, part; done < len; done += part) {
		struct kvm_translation at = {.linear_address = address + done};

		/* A page is the smallest mapping. */
		part = MIN(len - done, PAGE - at.linear_address % PAGE);
		if (kvm_cpu_ioctl(cpu, KVM_TRANSLATE, &at) || !at.valid ||
		    gmem_read(&cpu->kvm->mem, at.physical_address, (u8 *)buf + done, part))
			return false;
	}
	return true;
}

/*
 * AMD hosts reset a vCPU after a shutdown, before KVM reports it: then the vCPU is at the reset
 * vector, and its previous state is lost.
 */
static bool dump_was_reset(const struct kvm_regs *regs, const struct kvm_sregs *sregs)
{
	return regs->rip == RESET_RIP && sregs->cs.base == RESET_CS_BASE;
}

static void dump_code(const struct kvm_cpu *cpu, u64 rip, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "code");

	for (u64 i = 0; i < CODE_BYTES && used < size; i++) {
		bool here = i == CODE_BEFORE;
		u8 byte;

		if (dump_read(cpu, rip - CODE_BEFORE + i, &byte, 1))
			used += (size_t)snprintf(text + used, size - used,
						 here ? " <%02x>" : " %02x", byte);
		else
			used += (size_t)snprintf(text + used, size - used, here ? " <..>" : " ..");
	}
}

static void dump_stack(const struct kvm_cpu *cpu, u64 rsp, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "stack");

	for (u64 i = 0; i < STACK_WORDS && used < size; i++) {
		u64 word;

		if (!dump_read(cpu, rsp + 8 * i, &word, sizeof(word)))
			break;
		used += (size_t)snprintf(text + used, size - used, " %016llx", word);
	}
}

void arch_cpu_dump(struct kvm_cpu *cpu, void (*line)(void *arg, const char *text), void *arg)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	char text[320];

	if (kvm_cpu_ioctl(cpu, KVM_GET_REGS, &r) || kvm_cpu_ioctl(cpu, KVM_GET_SREGS, &s)) {
		line(arg, "its registers cannot be read");
		return;
	}
	if (dump_was_reset(&r, &s)) {
		line(arg, "its registers are lost: this host's KVM has already reset it");
		return;
	}
#define SHOW(...)                                          \
	do {                                               \
		snprintf(text, sizeof(text), __VA_ARGS__); \
		line(arg, text);                           \
	} while (0)
	SHOW("rip %016llx rsp %016llx rflags %08llx", r.rip, r.rsp, r.rflags);
	SHOW("rax %016llx rbx %016llx rcx %016llx rdx %016llx", r.rax, r.rbx, r.rcx, r.rdx);
	SHOW("rsi %016llx rdi %016llx rbp %016llx", r.rsi, r.rdi, r.rbp);
	SHOW("r8  %016llx r9  %016llx r10 %016llx r11 %016llx", r.r8, r.r9, r.r10, r.r11);
	SHOW("r12 %016llx r13 %016llx r14 %016llx r15 %016llx", r.r12, r.r13, r.r14, r.r15);
	SHOW("cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx", s.cr0, s.cr2, s.cr3, s.cr4, s.efer);
	SHOW("cs %04x base %llx limit %x%s ss %04x tr %04x", s.cs.selector, s.cs.base, s.cs.limit,
	     s.cs.l ? " 64-bit" : "", s.ss.selector, s.tr.selector);
	SHOW("gdt %llx limit %x idt %llx limit %x", s.gdt.base, s.gdt.limit, s.idt.base,
	     s.idt.limit);
#undef SHOW
	dump_code(cpu, s.cs.base + r.rip, text, sizeof(text));
	line(arg, text);
	dump_stack(cpu, s.ss.base + r.rsp, text, sizeof(text));
	line(arg, text);
}

const char *arch_shutdown_meaning(struct kvm_cpu *cpu)
{
	struct kvm_sregs sregs = {.idt.limit = UINT16_MAX};
	struct kvm_regs regs = {0};

	kvm_cpu_ioctl(cpu, KVM_GET_REGS, &regs);
	kvm_cpu_ioctl(cpu, KVM_GET_SREGS, &sregs);
	if (dump_was_reset(&regs, &sregs))
		return "triple fault: a deliberate one, Linux's last resort to reboot (reboot=t, "
		       "or "
		       "nothing else worked), or a stack overflow or wild jump in the kernel; this "
		       "host's KVM does not keep what would tell them apart";
	if (!sregs.idt.limit)
		return "triple fault with an empty interrupt table: most likely a deliberate one, "
		       "Linux's last resort to reboot (reboot=t, or nothing else worked)";
	return "triple fault: an exception came up while the guest handled another, and its "
	       "interrupt table, stack or page tables did not hold; often a stack overflow, a wild "
	       "jump, or a kernel that does not fit its CPU";
}
