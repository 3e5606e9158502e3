/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state in which a kernel is entered. entry.c.
 */
#ifndef X86_ENTRY_H
#define X86_ENTRY_H

#include <kvm/types.h>
#include <linux/kvm.h>

struct kvm;

/* All of these: the vCPU is not running. 0 or -errno after log_error(). */

/*
 * Let the first vCPU begin at rip in 64-bit mode, paging on with the first 4 GiB
 * mapped to themselves, RSI = zero_page. Writes GDT and page tables into low RAM.
 */
int entry_set_64bit(struct kvm *kvm, gpa_t rip, gpa_t zero_page);

/*
 * In 32-bit mode: flat segments, paging off, the registers a boot protocol speaks of. The GDT
 * of ENTRY_GDT_BYTES is written to gdt, or to LAYOUT_GDT when that is 0.
 */
#define ENTRY_GDT_BYTES 32
struct entry_regs {
	u32 eip, eax, ebx, esi;
	gpa_t gdt;
};
int entry_set_32bit(struct kvm *kvm, const struct entry_regs *from);

/*
 * In real mode at cs:ip, by way of the BIOS's entry (bios.h), which must have been
 * written: interrupts are off, the data and stack segments are ds, AX and BX are ax.
 */
struct entry_real {
	u16 cs, ip, ds, sp, ax;
};
int entry_set_real(struct kvm *kvm, const struct entry_real *from);

/* What a segment register holds in real mode; type is of the hidden part: 0xb code, 0x3 data. */
struct kvm_segment entry_real_segment(u16 selector, u8 type);

#endif
