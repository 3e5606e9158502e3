// SPDX-License-Identifier: GPL-2.0-only
/*
 * Continues a program that reset its CPU to leave protected mode.
 *
 * The 80286 could leave protected mode only by a reset, and PCs still support this: a program
 * writes a code to the clock's RAM (register 0fh) and an address to 40:67h, and resets the CPU by
 * the keyboard controller, port 92h or 0cf9h. The BIOS reads the code and jumps to the address,
 * with RAM and chips unchanged:
 *
 *	05h	the same, after an end-of-interrupt to both PICs
 *	0ah	nothing else
 *
 * Other codes are for POST, or need a stack at an unknown place: they cause a normal reset. lkvm
 * itself does the BIOS's work here, because not every guest has the BIOS code in RAM.
 *
 * The first CPU continues in real mode, with the register values of a reset and the BIOS's stack;
 * its MSRs, its FPU and its local APIC are unchanged, as after an INIT. The other CPUs are not
 * changed. core/reset.c parks all CPUs first.
 *
 * Spec: IBM PC AT Technical Reference (1984), section 5 (POST, "shutdown"); Intel SDM
 * volume 3, table 10-1 (registers after INIT).
 */
#include "entry.h"
#include "layout.h"

#include <kvm/arch.h>
#include <kvm/gmem.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <endian.h>
#include <string.h>

#define CODE_VECTOR_EOI 0x05
#define CODE_VECTOR	0x0a

#define VECTOR_AT	(LAYOUT_BDA + 0x67)
#define STACK_TOP	0x7c00 /* below the place of boot sectors: free after POST */
#define IDT_LIMIT	0x3ff  /* of the interrupt vectors in real mode */
#define CR0_AFTER_RESET 0x60000010
#define DR6_AFTER_RESET 0xffff0ff0
#define DR7_AFTER_RESET 0x400
#define RFLAGS_FIXED	0x2

bool arch_is_warm_start(u8 code)
{
	return code == CODE_VECTOR_EOI || code == CODE_VECTOR;
}

static int warm_fail(const char *what, int err)
{
	return log_fail(err, "reset of the CPU: %s: %s", what, strerror(-err));
}

/* End the in-service interrupt of the highest priority: that of the lowest line. */
static int warm_end_interrupt(struct kvm *kvm, u32 chip_id)
{
	struct kvm_irqchip chip = {.chip_id = chip_id};
	int err = kvm_vm_ioctl(kvm, KVM_GET_IRQCHIP, &chip);

	if (err)
		return warm_fail("KVM_GET_IRQCHIP", err);
	chip.chip.pic.isr &= chip.chip.pic.isr - 1;
	err = kvm_vm_ioctl(kvm, KVM_SET_IRQCHIP, &chip);
	return err ? warm_fail("KVM_SET_IRQCHIP", err) : 0;
}

static void warm_fill_sregs(struct kvm_sregs *sregs, u16 cs)
{
	sregs->cs = entry_real_segment(cs, 0xb);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = entry_real_segment(0, 0x3);
	sregs->tr = (struct kvm_segment){.limit = 0xffff, .type = 0xb, .present = 1};
	sregs->ldt = (struct kvm_segment){.limit = 0xffff, .type = 0x2, .present = 1};
	sregs->gdt = (struct kvm_dtable){.limit = 0xffff};
	sregs->idt = (struct kvm_dtable){.limit = IDT_LIMIT};
	sregs->cr0 = CR0_AFTER_RESET;
	sregs->cr2 = sregs->cr3 = sregs->cr4 = sregs->cr8 = sregs->efer = 0;
	memset(sregs->interrupt_bitmap, 0, sizeof(sregs->interrupt_bitmap));
}

int arch_warm_start(struct kvm *kvm, u8 code)
{
	struct kvm_cpu *cpu = &kvm->cpus[0];
	struct kvm_regs regs = {.rsp = STACK_TOP, .rflags = RFLAGS_FIXED};
	struct kvm_debugregs debug = {.dr6 = DR6_AFTER_RESET, .dr7 = DR7_AFTER_RESET};
	struct kvm_mp_state runs = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct kvm_vcpu_events events = {0}; /* no event is pending or masked */
	struct kvm_sregs sregs;
	le16 vector[2];
	int err = 0;

	if (code == CODE_VECTOR_EOI) {
		err = warm_end_interrupt(kvm, KVM_IRQCHIP_PIC_SLAVE);
		err = err ?: warm_end_interrupt(kvm, KVM_IRQCHIP_PIC_MASTER);
	}
	if (err)
		return err;
	err = gmem_read(&kvm->mem, VECTOR_AT, vector, sizeof(vector));
	err = err ?: kvm_cpu_ioctl(cpu, KVM_GET_SREGS, &sregs);
	if (err)
		return warm_fail("the state of the CPU cannot be read", err);
	warm_fill_sregs(&sregs, le16toh(vector[1]));
	regs.rip = le16toh(vector[0]);
	err = kvm_cpu_ioctl(cpu, KVM_SET_SREGS, &sregs);
	err = err ?: kvm_cpu_ioctl(cpu, KVM_SET_REGS, &regs);
	err = err ?: kvm_cpu_ioctl(cpu, KVM_SET_DEBUGREGS, &debug);
	err = err ?: kvm_cpu_ioctl(cpu, KVM_SET_MP_STATE, &runs);
	err = err ?: kvm_cpu_ioctl(cpu, KVM_SET_VCPU_EVENTS, &events);
	return err ? warm_fail("the state of the CPU cannot be set", err) : 0;
}
