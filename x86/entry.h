/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets the CPU's state at a kernel's entry. entry.c.
 */
#ifndef X86_ENTRY_H
#define X86_ENTRY_H

#include <kvm/types.h>
#include <linux/kvm.h>

struct kvm;

/* For all functions: the vCPU is not running. They return 0, or -errno after log_error(). */

/*
 * Let the first vCPU start at rip in 64-bit mode, with paging and an identity mapping of the first
 * 4 GiB, RSI = zero_page. Writes GDT and page tables into low RAM.
 */
int entry_set_64bit(struct kvm *kvm, gpa_t rip, gpa_t zero_page);

/*
 * Let the first vCPU start in 32-bit mode: flat segments, paging off, and these registers. The GDT
 * of ENTRY_GDT_BYTES is written to gdt, or to LAYOUT_GDT if gdt is 0.
 */
#define ENTRY_GDT_BYTES 32
struct entry_regs {
	u32 eip, eax, ebx, esi;
	gpa_t gdt;
};
int entry_set_32bit(struct kvm *kvm, const struct entry_regs *from);

/*
 * Let the first vCPU start in real mode at cs:ip, through the BIOS's entry (bios.h), which must
 * have been written: interrupts are off, the data and stack segments are ds, AX and BX are ax.
 */
struct entry_real {
	u16 cs, ip, ds, sp, ax;
};
int entry_set_real(struct kvm *kvm, const struct entry_real *from);

/* The state of a segment register in real mode. type: 0xb code, 0x3 data (in its hidden part). */
struct kvm_segment entry_real_segment(u16 selector, u8 type);

#endif
