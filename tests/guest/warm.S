/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A flat real-mode program that resets its CPU and goes on, by each way there is: it leaves a
 * shutdown code in the clock's RAM and an address at 40:67h. It says a digit on COM1 after each,
 * and last resets the CPU without a code, which is a reboot. Status 1: a reset that did nothing, a
 * code that is still there.
 *
 * Entered at 1000:0000 (layout.h), which is where its labels count from.
 */
#define COM1	  0x3f8
#define EXIT_PORT 0xf4
#define CMOS_CODE 0x0f
#define VECTOR	  0x467

	.macro	leave_code code, label
	movb	$CMOS_CODE, %al
	outb	%al, $0x70
	movb	$\code, %al
	outb	%al, $0x71
	xorw	%ax, %ax
	movw	%ax, %es
	movw	$\label - start, %es:VECTOR
	movw	%cs, %es:VECTOR + 2
	.endm

	/* Here again: in real mode, the code read and cleared, memory as it was */
	.macro	arrived digit
	movl	%cr0, %eax
	testb	$1, %al
	jnz	bad
	cmpw	$0x600d, %cs:mark - start
	jne	bad
	movb	$CMOS_CODE, %al
	outb	%al, $0x70
	inb	$0x71, %al
	testb	%al, %al
	jnz	bad
	movw	$COM1, %dx
	movb	$'0' + \digit, %al
	outb	%al, %dx
	.endm

	.code16
	.text
start:
	movw	$0x600d, %cs:mark - start
	leave_code 0x0a, keyboard
	movb	$0xfe, %al
	outb	%al, $0x64
	jmp	bad
keyboard:
	arrived	1
	leave_code 0x05, port92
	inb	$0x92, %al
	orb	$1, %al
	outb	%al, $0x92
	jmp	bad
port92:
	arrived	2
	/* From protected mode, which is what it is for */
	leave_code 0x0a, protected
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	inb	$0x92, %al
	orb	$1, %al
	outb	%al, $0x92
	jmp	bad
protected:
	arrived	3
	leave_code 0x0a, chipset
	movw	$0xcf9, %dx
	movb	$0, %al
	outb	%al, %dx
	movb	$4, %al
	outb	%al, %dx
	jmp	bad
chipset:
	arrived	4
	movb	$'\n', %al
	outb	%al, %dx
	inb	$0x92, %al
	orb	$1, %al
	outb	%al, $0x92
bad:
	movb	$1, %al
	outb	%al, $EXIT_PORT
	hlt
mark:	.word	0

	.section .note.GNU-stack, "", @progbits
