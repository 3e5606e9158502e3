// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state in which a kernel is entered: 64-bit mode, as its boot protocol says.
 *
 * The 64-bit entry wants long mode, flat segments __BOOT_CS (0x10) and __BOOT_DS
 * (0x18), interrupts off, the address of the zero page in RSI, and an identity
 * mapping of everything it touches before it has its own page tables: its image up
 * to init_size, zero page, command line, initrd, set-up data. All of that is below
 * 4 GiB, so 4 GiB are mapped by 2 MiB pages: one PML4, one PDPT, four directories.
 *
 * Tables and GDT are in low RAM that the kernel takes over later. The other vCPUs
 * stay as KVM makes them, waiting for INIT and SIPI.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"; Intel SDM
 * volume 3, 4.5 (4-level paging) and 3.4.5 (segment descriptors).
 */
#include "entry.h"
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
#define PTE_2MIB     0x83 /* and a large page */

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
static const le64 entry_gdt[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};

static int entry_write_tables(const struct gmem *mem)
{
	le64 *tables = gmem_ptr(mem, LAYOUT_PAGE_TABLES, (2 + DIRECTORIES) * PAGE_BYTES);
	le64 *pdpt, *directories;

	if (!tables || gmem_write(mem, LAYOUT_GDT, entry_gdt, sizeof(entry_gdt)))
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

static void entry_fill_sregs(struct kvm_sregs *sregs)
{
	const struct kvm_segment code = {.selector = BOOT_CS,
					 .limit = 0xffffffff,
					 .type = 0xb,
					 .present = 1,
					 .s = 1,
					 .l = 1,
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
	sregs->gdt.limit = sizeof(entry_gdt) - 1;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
	sregs->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	sregs->cr3 = LAYOUT_PAGE_TABLES;
	sregs->cr4 = CR4_PAE;
	sregs->efer = EFER_LME | EFER_LMA;
}

int entry_set_64bit(struct kvm *kvm, gpa_t rip, gpa_t zero_page)
{
	struct kvm_regs regs = {
		.rip = rip, .rsi = zero_page, .rsp = LAYOUT_BOOT_STACK, .rflags = RFLAGS_FIXED};
	const struct kvm_cpu *cpu = &kvm->cpus[0];
	struct kvm_sregs sregs;
	int err = entry_write_tables(&kvm->mem);

	if (err)
		return err;
	err = kvm_cpu_ioctl(cpu, KVM_GET_SREGS, &sregs);
	if (!err) {
		entry_fill_sregs(&sregs);
		err = kvm_cpu_ioctl(cpu, KVM_SET_SREGS, &sregs);
	}
	err = err ? err : kvm_cpu_ioctl(cpu, KVM_SET_REGS, &regs);
	return err ? log_fail(err, "vCPU 0: registers cannot be set: %s", strerror(-err)) : 0;
}
