/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A payload's head: the header of a bzImage, the 64-bit entry, and the way to CPL 3.
 *
 * A KVM without VT-x or SVM beneath it emulates CPL 0 one instruction at a time and runs CPL 3
 * natively. So what happens here is little: descriptors and page tables are data that the
 * assembler made, the entry loads them and drops to payload_main() at CPL 3. The TSS's I/O bitmap
 * opens all ports there (IOPL 3 would as well, but that KVM does not keep IOPL). All of the first
 * 4 GiB is mapped for CPL 3 by 2 MiB pages.
 *
 * What needs CPL 0 (HLT, LIDT, STI) goes through UD2 with a magic number in RAX: the function in
 * RDI is called there. (INT n would do on a processor; that KVM does not emulate it.) Interrupt
 * lines 0 to 15 arrive at vectors 0x20 to 0x2f and are counted, and so are NMIs; exceptions end the
 * run by payload_fault().
 *
 * Everything lies at fixed addresses below 16 MiB + 64 KiB, so that the assembler can cut a
 * handler's address into the halves a gate wants.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst; Intel SDM volume 3, 6.14 (64-bit mode interrupts).
 */

#define LOAD_ADDRESS	0x1000000
#define KERNEL_CS	0x10
#define KERNEL_DS	0x18
#define USER_DS		0x23
#define USER_CS		0x2b
#define TSS_SELECTOR	0x30
#define RFLAGS_FIXED	0x2
#define CALL_MAGIC	0x6c6c6163	/* in lib.h as well */
#define PAGE_USER_TABLE	0x07	/* present, writable, user */
#define PAGE_USER_2MIB	0x87	/* and a large page */

/* --- the header: boot.rst, "The Real-Mode Kernel Header" --- */

	.section .setup, "a"
setup:
	.org	0x1f1
	.byte	1			/* setup_sects */
	.word	0			/* root_flags */
	.long	payload_paragraphs	/* syssize */
	.word	0			/* ram_size */
	.word	0xffff			/* vid_mode */
	.word	0			/* root_dev */
	.word	0xaa55			/* boot_flag */
	.byte	0xeb, header_end - 1f	/* jump: its distance is the header's length */
1:	.ascii	"HdrS"
	.word	0x020f			/* version */
	.long	0			/* realmode_swtch */
	.word	0			/* start_sys_seg */
	.word	version - 0x200 - setup	/* kernel_version */
	.byte	0			/* type_of_loader */
	.byte	1			/* loadflags: LOADED_HIGH */
	.word	0			/* setup_move_size */
	.long	0x100000		/* code32_start */
	.long	0, 0			/* ramdisk_image, ramdisk_size */
	.long	0			/* bootsect_kludge */
	.word	0			/* heap_end_ptr */
	.byte	0, 0			/* ext_loader_ver, ext_loader_type */
	.long	0			/* cmd_line_ptr */
	.long	0x7fffffff		/* initrd_addr_max */
	.long	0x200000		/* kernel_alignment */
	.byte	0			/* relocatable_kernel */
	.byte	21			/* min_alignment */
	.word	1			/* xloadflags: XLF_KERNEL_64 */
	.long	2047			/* cmdline_size */
	.long	0			/* hardware_subarch */
	.quad	0			/* hardware_subarch_data */
	.long	0, 0			/* payload_offset, payload_length */
	.quad	0			/* setup_data */
	.quad	LOAD_ADDRESS		/* pref_address */
	.long	payload_init_size	/* init_size */
	.long	0			/* handover_offset */
	.long	0			/* kernel_info_offset */
header_end:
version:
	.asciz	"lkvm test payload"

/* --- the entry --- */

	.section .head, "awx"
head:
	ud2				/* the 32-bit entry */
	.org	0x200
	.globl	entry_64
entry_64:
	cli
	mov	%esi, boot_params
	mov	$kernel_stack_top, %esp
	mov	$pml4, %eax
	mov	%rax, %cr3
	lgdt	gdt_pointer
	lidt	idt_pointer
	mov	$KERNEL_DS, %eax
	mov	%eax, %ss
	mov	$USER_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	$TSS_SELECTOR, %eax
	ltr	%ax
	pushq	$USER_DS
	pushq	$user_stack_top
	pushq	$RFLAGS_FIXED
	pushq	$USER_CS
	pushq	$payload_main
	iretq

/* --- interrupts and exceptions --- */

/* UD2 with the magic number in RAX: call RDI at CPL 0 with RSI and the flags' address. */
call_gate:
	cmp	$CALL_MAGIC, %rax
	jne	exception_6
	addq	$2, (%rsp)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	lea	16(%rsp), %rsi
	call	*%rax
	iretq

	.macro	line_handler line
line_\line:
	incl	irq_count + 4 * \line
	push	%rax
	mov	$0x20, %al
	.if	\line >= 8
	out	%al, $0xa0
	.endif
	out	%al, $0x20
	pop	%rax
	iretq
	.endm

	.macro	exception vector has_error
exception_\vector:
	.if	\has_error == 0
	pushq	$0
	.endif
	mov	$\vector, %edi
	jmp	exception_common
	.endm

exception_common:
	pop	%rsi			/* error code */
	mov	(%rsp), %rdx		/* RIP */
	mov	%cr2, %rcx
	and	$~15, %rsp
	call	payload_fault

/* An NMI is counted, and nothing else is touched. */
nmi_gate:
	incl	nmi_count
	iretq

	.altmacro
	.set	n, 0
	.rept	16
	line_handler %n
	.set	n, n + 1
	.endr
	.set	n, 0
	.rept	32
	.if	n == 8 || (n >= 10 && n <= 14) || n == 17 || n == 21
	exception %n 1
	.else
	exception %n 0
	.endif
	.set	n, n + 1
	.endr

/* --- descriptors --- */

	.macro	gate handler
	.word	\handler - head		/* the lower half of LOAD_ADDRESS is 0 */
	.word	KERNEL_CS
	.byte	0, 0x8e
	.word	LOAD_ADDRESS >> 16
	.quad	0
	.endm
	.macro	exception_gate vector
	gate	exception_\vector
	.endm
	.macro	line_gate line
	gate	line_\line
	.endm

	.balign	16
idt:
	.set	n, 0
	.rept	32
	.if	n == 6
	gate	call_gate
	.elseif	n == 2
	gate	nmi_gate
	.else
	exception_gate %n
	.endif
	.set	n, n + 1
	.endr
	.set	n, 0
	.rept	16
	line_gate %n
	.set	n, n + 1
	.endr
idt_end:

	.balign	16
gdt:
	.quad	0, 0
	.quad	0x00af9b000000ffff	/* 0x10: code, 64-bit */
	.quad	0x00cf93000000ffff	/* 0x18: data */
	.quad	0x00cff3000000ffff	/* 0x20: data, CPL 3 */
	.quad	0x00affb000000ffff	/* 0x28: code, 64-bit, CPL 3 */
	.word	tss_end - tss - 1, tss - head
	.byte	LOAD_ADDRESS >> 16 & 0xff, 0x89, 0, LOAD_ADDRESS >> 24
	.quad	0
gdt_end:

	.balign	16
tss:
	.long	0
	.quad	kernel_stack_top, 0, 0
	.org	tss + 102
	.word	104			/* the I/O bitmap: zeros, and a last byte of ones */
	.skip	8192
	.byte	0xff
tss_end:

	.balign	8
	.word	0, 0, 0
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt
	.word	0, 0, 0
idt_pointer:
	.word	idt_end - idt - 1
	.quad	idt

/* What payload.c loads in order to crash: no entry at all; entries that are not present. */
	.globl	idt_pointer_empty, idt_pointer_broken
idt_pointer_empty:
	.word	0
	.quad	0
idt_pointer_broken:
	.word	idt_end - idt - 1
	.quad	pml4 + 2048		/* zeros */

/* --- an application processor: runs at 0x8000 in real mode, says so, sleeps or spins --- */

	.globl	ap_code, ap_code_end
	.code16
ap_code:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lock incl 0x8800		/* AP_COUNTER in smp.c */
	cmpb	$1, 0x8804		/* AP_MODE */
1:	je	1b
	jb	3f
2:	cmpb	$0xff, 0x2800		/* the middle of AP_TARGET */
	jne	2b
	mov	$0xcf9, %dx
	mov	$0x06, %al
	out	%al, %dx
3:	hlt
	jmp	3b
ap_code_end:

/* For pci.c: clear and set the decode bits of the function whose command register is selected at
   0x8800, and count at 0x8804, until 0x8808 says so; then 0x880c. */
	.globl	ap_pci_code, ap_pci_code_end
ap_pci_code:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
1:	mov	$0xcf8, %dx
	mov	0x8800, %eax
	out	%eax, %dx
	mov	$0xcfc, %dx
	xor	%ax, %ax
	out	%ax, %dx
	mov	$7, %ax
	out	%ax, %dx
	lock incl 0x8804
	cmpb	$0, 0x8808
	je	1b
	movb	$1, 0x880c
2:	hlt
	jmp	2b
ap_pci_code_end:
	.code64

/* --- page tables: 4 GiB one to one, for CPL 3 --- */

	.balign	4096
pml4:
	.quad	pdpt + PAGE_USER_TABLE
	.org	pml4 + 4096
pdpt:
	.quad	directories + PAGE_USER_TABLE
	.quad	directories + 0x1000 + PAGE_USER_TABLE
	.quad	directories + 0x2000 + PAGE_USER_TABLE
	.quad	directories + 0x3000 + PAGE_USER_TABLE
	.org	pdpt + 4096
directories:
	.set	address, PAGE_USER_2MIB
	.rept	2048
	.quad	address
	.set	address, address + 0x200000
	.endr

	.globl	boot_params, nmi_count
boot_params:
	.quad	0
nmi_count:
	.long	0

/* --- stacks --- */

	.section .stacks, "aw", @nobits
	.balign	16
	.skip	4096
kernel_stack_top:
	.skip	16384
user_stack_top:

	.section .note.GNU-stack, "", @progbits
