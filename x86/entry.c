// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets the CPU's state at a kernel's entry: 64-bit, 32-bit or real mode, as the boot protocol
 * requires.
 *
 * The 64-bit entry requires long mode, flat segments __BOOT_CS (0x10) and __BOOT_DS (0x18),
 * interrupts off, the address of the zero page in RSI, and an identity mapping of all memory that
 * the kernel uses before it has its own page tables: its image up to init_size, zero page, command
 * line, initrd, set-up data. All of this is below 4 GiB, so the first 4 GiB are mapped with pages
 * of 2 MiB: one PML4, one PDPT, four directories.
 *
 * The 32-bit entries (Linux's, PVH's, multiboot's) all have flat segments without paging, but other
 * contents of the registers. Linux requires the same selectors as above, and PVH a task register
 * with a 32-bit TSS. All three entries get both, which does no harm.
 *
 * In real mode a segment has 64 KiB, from its selector times 16 on.
 *
 * Page tables and GDT are in low RAM, which the kernel may reuse later. The other vCPUs stay in
 * KVM's initial state and wait for INIT and SIPI.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst, "64-bit Boot Protocol", "32-bit Boot
 * Protocol", "Running the kernel"; Xen docs/misc/pvh.pandoc; Multiboot 0.6.96, 3.2;
 * Intel SDM volume 3, 4.5 (4-level paging) and 3.4.5 (segment descriptors).
 */
#include "entry.h"
#include "bios.h"
#include "layout.h"

#include <kvm/gmem.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <endian.h>
#include <errno.h>
#include <string.h>

#define PAGE_BYTES   4096
#define PAGE_ENTRIES 512
#define DIRECTORIES  4	  /* of 1 GiB each */
#define PTE_TABLE    0x3  /* present, writable */
#define PTE_2MIB     0x83 /* the same, and a large page */

#define BOOT_CS	     0x10
#define BOOT_DS	     0x18

#define CR0_PE	     (1ULL << 0)
#define CR0_ET	     (1ULL << 4)
#define CR0_NE	     (1ULL << 5)
#define CR0_PG	     (1ULL << 31)
#define CR4_PAE	     (1ULL << 5)
#define EFER_LME     (1ULL << 8)
#define EFER_LMA     (1ULL << 10)

#define RFLAGS_FIXED 0x2 /* bit 1 is always set */

/* Null, null, code (64-bit, execute/read), data (read/write): flat, 4 GiB, present. */
static const le64 entry_gdt64[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};
/* The same with 32-bit code. */
static const le64 entry_gdt32[] = {0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff};

_Static_assert(sizeof(entry_gdt32) == ENTRY_GDT_BYTES, "as its header says");

static int entry_write_tables(const struct gmem *mem)
{
	le64 *tables = gmem_ptr(mem, LAYOUT_PAGE_TABLES, (2 + DIRECTORIES) * PAGE_BYTES);
	le64 *pdpt, *directories;

	if (!tables || gmem_write(mem, LAYOUT_GDT, entry_gdt64, sizeof(entry_gdt64)))
		return log_fail(-EFAULT, "--mem: too little RAM for the boot tables");
	pdpt = tables + PAGE_ENTRIES;
	directories = pdpt + PAGE_ENTRIES;
	tables[0] = htole64((LAYOUT_PAGE_TABLES + PAGE_BYTES) | PTE_TABLE);
	for (u64 i = 0; i < DIRECTORIES; i++)
		pdpt[i] = htole64((LAYOUT_PAGE_TABLES + (2 + i) * PAGE_BYTES) | PTE_TABLE);
	for (u64 i = 0; i < DIRECTORIES * PAGE_ENTRIES; i++)
		directories[i] = htole64((i * 2 * MIB) | PTE_2MIB);
	return 0;
}

static int entry_set(struct kvm *kvm, struct kvm_sregs *sregs, struct kvm_regs *regs)
{
	const struct kvm_cpu *cpu = &kvm->cpus[0];
	int err = kvm_cpu_ioctl(cpu, KVM_SET_SREGS, sregs);

	err = err ?: kvm_cpu_ioctl(cpu, KVM_SET_REGS, regs);
	return err ? log_fail(err, "vCPU 0: registers cannot be set: %s", strerror(-err)) : 0;
}

static int entry_get_sregs(struct kvm *kvm, struct kvm_sregs *sregs)
{
	int err = kvm_cpu_ioctl(&kvm->cpus[0], KVM_GET_SREGS, sregs);

	return err ? log_fail(err, "vCPU 0: registers cannot be read: %s", strerror(-err)) : 0;
}

/* Flat segments over 4 GiB; code is 64-bit or 32-bit. */
static void entry_fill_flat(struct kvm_sregs *sregs, bool long_mode)
{
	const struct kvm_segment code = {.selector = BOOT_CS,
					 .limit = 0xffffffff,
					 .type = 0xb,
					 .present = 1,
					 .s = 1,
					 .l = long_mode,
					 .db = !long_mode,
					 .g = 1};
	const struct kvm_segment data = {.selector = BOOT_DS,
					 .limit = 0xffffffff,
					 .type = 0x3,
					 .present = 1,
					 .s = 1,
					 .db = 1,
					 .g = 1};

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->gdt.base = LAYOUT_GDT;
	sregs->gdt.limit = sizeof(entry_gdt64) - 1;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
	sregs->cr0 = CR0_PE | CR0_ET | CR0_NE;
}

int entry_set_64bit(struct kvm *kvm, gpa_t rip, gpa_t zero_page)
{
	struct kvm_regs regs = {
		.rip = rip, .rsi = zero_page, .rsp = LAYOUT_BOOT_STACK, .rflags = RFLAGS_FIXED};
	struct kvm_sregs sregs;
	int err = entry_write_tables(&kvm->mem);

	err = err ?: entry_get_sregs(kvm, &sregs);
	if (err)
		return err;
	entry_fill_flat(&sregs, true);
	sregs.cr0 |= CR0_PG;
	sregs.cr3 = LAYOUT_PAGE_TABLES;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LME | EFER_LMA;
	return entry_set(kvm, &sregs, &regs);
}

int entry_set_32bit(struct kvm *kvm, const struct entry_regs *from)
{
	struct kvm_regs regs = {.rip = from->eip,
				.rax = from->eax,
				.rbx = from->ebx,
				.rsi = from->esi,
				.rsp = LAYOUT_BOOT_STACK,
				.rflags = RFLAGS_FIXED};
	gpa_t gdt = from->gdt ? from->gdt : LAYOUT_GDT;
	struct kvm_sregs sregs;
	int err = entry_get_sregs(kvm, &sregs);

	if (!err && gmem_write(&kvm->mem, gdt, entry_gdt32, sizeof(entry_gdt32)))
		err = log_fail(-EFAULT, "--mem: too little RAM for the boot tables");
	if (err)
		return err;
	entry_fill_flat(&sregs, false);
	sregs.gdt.base = gdt;
	sregs.tr = (struct kvm_segment){.limit = 0x67, .type = 0xb, .present = 1};
	return entry_set(kvm, &sregs, &regs);
}

struct kvm_segment entry_real_segment(u16 selector, u8 type)
{
	return (struct kvm_segment){.selector = selector,
				    .base = (u64)selector << 4,
				    .limit = 0xffff,
				    .type = type,
				    .present = 1,
				    .s = 1};
}

int entry_set_real(struct kvm *kvm, const struct entry_real *from)
{
	struct kvm_regs regs = {.rip = BIOS_ENTRY_IP,
				.rsp = from->sp,
				.rbp = (u64)from->cs << 16 | from->ip,
				.rax = from->ax,
				.rbx = from->ax,
				.rflags = RFLAGS_FIXED};
	struct kvm_sregs sregs;
	int err = entry_get_sregs(kvm, &sregs);

	if (err)
		return err;
	sregs.cs = entry_real_segment(BIOS_ENTRY_CS, 0xb);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = entry_real_segment(from->ds, 0x3);
	return entry_set(kvm, &sregs, &regs);
}
