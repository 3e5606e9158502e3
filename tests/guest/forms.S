/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small kernels, one for each way in that payload.bin does not have: multiboot and PVH (ELF32, by
 * -DMULTIBOOT or -DPVH), and a bzImage whose header offers the 32-bit and the 16-bit entry (a flat
 * file, by -DBZIMAGE). Each checks that it was told what its protocol promises, says its command
 * line on COM1, a line of its own, and writes its number to the exit port: 40 PVH, 41 multiboot,
 * 42 32-bit, 43 16-bit; 1 when something is wrong. Multiboot also says what its first module holds,
 * and with -DLOW it takes 128 KiB from 0x500 on, where lkvm would put what it hands over.
 *
 * Spec: Xen docs/misc/pvh.pandoc; Multiboot 0.6.96; Linux Documentation/arch/x86/boot.rst.
 */
#define COM1		0x3f8
#define EXIT_PORT	0xf4
#define BAD		1

#ifdef BZIMAGE
	.code16
	.text
head:
	.org	0x1f1
	.byte	1			/* setup_sects */
	.word	0
	.long	(end - code32) / 16	/* syssize */
	.word	0, 0xffff, 0
	.word	0xaa55
	.byte	0xeb, setup - 1f
1:	.ascii	"HdrS"
	.word	0x020b			/* version: before xloadflags */
	.long	0
	.word	0, 0
	.byte	0, 1			/* loadflags: LOADED_HIGH */
	.word	0
	.long	0x100000		/* code32_start */
	.long	0, 0, 0
	.word	0
	.byte	0, 0
	.long	0			/* cmd_line_ptr, at 0x228 */
	.long	0x37ffffff
	.long	0x1000
	.byte	1, 0			/* relocatable */
	.word	0
	.long	255
	.long	0, 0, 0, 0, 0, 0, 0
	.quad	0x100000		/* pref_address */
	.long	0x10000			/* init_size */

/* Real mode, CS:IP at the boot sector's end, all other segments at its start. */
setup:
	cmpl	$0x53726448, 0x202
	jne	bad16
	mov	0x228, %eax		/* below 1 MiB: as a segment and an offset */
	mov	%ax, %si
	and	$0xf, %si
	shr	$4, %eax
	mov	%ax, %ds
	mov	$COM1, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	mov	$'\n', %al
	out	%al, %dx
	mov	$43, %al
	out	%al, $EXIT_PORT
bad16:	mov	$BAD, %al
	out	%al, $EXIT_PORT
	hlt

	.org	1024
	.code32
code32:
	cmpl	$0x53726448, 0x202(%esi)
	jne	bad
	mov	0x228(%esi), %esi
	call	say
	mov	$42, %al
	jmp	leave
#endif

#ifdef PVH
	.section .note, "a", @note
	.align	4
	.long	4, 4, 18
	.asciz	"Xen"
	.long	_start
	.text
	.code32
	.globl	_start
_start:
	cmpl	$0x336ec578, (%ebx)
	jne	bad
	cmpl	$1, 4(%ebx)		/* version */
	jne	bad
	cmpl	$0, 48(%ebx)		/* memmap_entries */
	je	bad
	mov	24(%ebx), %esi
	call	say
	mov	$40, %al
	jmp	leave
#endif

#ifdef MULTIBOOT
	.text
	.code32
	.align	4
	.long	0x1badb002, 3, -(0x1badb002 + 3)
	.globl	_start
_start:
	cmp	$0x2badb002, %eax
	jne	bad
	mov	(%ebx), %eax
	and	$0x4d, %eax		/* memory, command line, modules, map */
	cmp	$0x4d, %eax
	jne	bad
	cmpw	$0x9fc0, 0x40e		/* the BIOS's data: segment of the EBDA, KiB below it */
	jne	bad
	cmpw	$639, 0x413
	jne	bad
	mov	16(%ebx), %esi
	call	say
	cmpl	$2, 20(%ebx)		/* two modules, page-aligned */
	jne	bad
	mov	24(%ebx), %edi
	mov	16(%edi), %eax
	test	$0xfff, %eax
	jnz	bad
	mov	(%edi), %esi
	call	say
	mov	$41, %al
	jmp	leave
#ifdef LOW
	.bss
	.skip	0x20000
	.text
#endif
#endif

/* The string at ESI, and a line's end */
say:	mov	$COM1, %edx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	mov	$'\n', %al
	out	%al, %dx
	ret

bad:	mov	$BAD, %al
leave:	out	%al, $EXIT_PORT
	hlt
	.align	16
end:
	.section .note.GNU-stack, "", @progbits
