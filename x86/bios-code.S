/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BIOS's code: 16-bit, in segment BIOS_SEGMENT from LAYOUT_BIOS on.
 *
 * bios.c writes this code into guest RAM, fills in the parameters at its start and makes the
 * interrupt vectors from the table at the end of this file. The code needs no relocation: jumps and
 * calls are relative, and AT() computes the few absolute addresses.
 *
 * A service is entered by INT with interrupts off and the caller's registers. It ends at one of
 * four labels: `done` keeps the caller's flags, `good` clears carry in the flags that IRET will
 * load, `bad` sets carry, and `unsupported` sets carry and AH = 86h. A service preserves all
 * registers that it does not return, with their upper halves. It reads parameters through CS,
 * because DS is the caller's.
 *
 * Every wait has a limit, and no service needs interrupts. There is no keyboard, disk or screen:
 * characters are printed to COM1, a wait for a key returns 0 immediately, and all disks are absent.
 * If the guest cannot continue (an exception without a handler, boot code that gives up by int 18h
 * or 19h), a line on COM1 says so, and the run ends through the exit port with BIOS_STOP_STATUS;
 * with only a HLT the run would never end.
 *
 * Processor exceptions share the vectors 08h to 0Eh with hardware interrupts (0Dh: general
 * protection). If the PIC does not have the line of such a vector in service, it is an exception.
 *
 * On some hosts KVM emulates each instruction of this code, so it uses only instructions that KVM's
 * emulator supports: no XLAT, LEAVE, ENTER or decimal adjustment.
 */
#include "bios-params.h"
#include "layout.h"

#define ORIGIN		(LAYOUT_BIOS - (BIOS_SEGMENT << 4))
#define AT(label)	(ORIGIN + (label) - bios_code)

#define FLAGS_CF	0x0001
#define FLAGS_ZF	0x0040
#define FLAGS_IF_HIGH	0x02	/* in the second byte */

#define SMAP		0x534d4150
#define UNSUPPORTED	0x86

#define BDA_SEGMENT	(LAYOUT_BDA >> 4)
#define BDA_TICKS	0x6c
#define BDA_MIDNIGHT	0x70
#define TICKS_A_DAY	0x1800b0

#define COM1_LSR	(PORT_COM1 + 5)
#define LSR_THRE	0x20
#define LSR_POLLS	1024

#define PIC_MASTER	0x20	/* command; data follows */
#define PIC_SLAVE	0xa0
#define PIC_ICW1	0x11	/* edge triggered, cascaded, ICW4 follows */
#define PIC_ICW4	0x01	/* 8086 mode */
#define PIC_CASCADE	2	/* the slave's line */
#define PIC_EOI		0x20
#define PIC_READ_ISR	0x0b
#define VECTOR_MASTER	0x08
#define VECTOR_SLAVE	0x70
#define VECTOR_RTC	0x70

#define PIT_CHANNEL0	0x40
#define PIT_COMMAND	0x43
#define PIT_TICK	0x34	/* channel 0, both bytes, rate generator */
#define PORT_SYSTEM	0x61
#define REFRESH		0x10	/* toggles each 15 us; KVM: each 16.384 us */
#define REFRESH_POLLS	0xffff

#define CR0_PE		0x01
#define MOVE_CODE	0x08	/* in move_gdt */
#define MOVE_FLAT	0x10
#define MOVE_DATA	0x18

#define RTC_POLLS	1024
#define RTC_SECONDS	0x00
#define RTC_MINUTES	0x02
#define RTC_HOURS	0x04
#define RTC_DAY		0x07
#define RTC_MONTH	0x08
#define RTC_YEAR	0x09
#define RTC_A		0x0a
#define RTC_B		0x0b
#define RTC_C		0x0c
#define RTC_A_UIP	0x80
#define RTC_B_DST	0x01

	.section .rodata.bios, "a", @progbits
	.code16

	.globl	bios_code
	.hidden	bios_code
	.balign	16
bios_code:
	.skip	BIOS_PARAM_BYTES

/* --- the entry, BIOS_ENTRY_IP: see bios.h --- */

	pushl	%ebp			/* for the LRET: IP, CS */
	pushfw
	cli
	pushw	%ax
	movw	%sp, %bp
	movb	$PIC_ICW1, %al
	outb	%al, $PIC_MASTER
	outb	%al, $PIC_SLAVE
	movb	$VECTOR_MASTER, %al
	outb	%al, $PIC_MASTER + 1
	movb	$VECTOR_SLAVE, %al
	outb	%al, $PIC_SLAVE + 1
	movb	$1 << PIC_CASCADE, %al
	outb	%al, $PIC_MASTER + 1
	movb	$PIC_CASCADE, %al
	outb	%al, $PIC_SLAVE + 1
	movb	$PIC_ICW4, %al
	outb	%al, $PIC_MASTER + 1
	outb	%al, $PIC_SLAVE + 1
	movb	$0xff, %al
	outb	%al, $PIC_SLAVE + 1
	movb	$0xff & ~(1 << PIC_CASCADE), %al
	testb	$FLAGS_IF_HIGH, 3(%bp)
	jz	1f
	movb	$PIT_TICK, %al
	outb	%al, $PIT_COMMAND
	movb	$0, %al			/* 65536 */
	outb	%al, $PIT_CHANNEL0
	outb	%al, $PIT_CHANNEL0
	movb	$0xfe & ~(1 << PIC_CASCADE), %al
1:	outb	%al, $PIC_MASTER + 1
	popw	%ax
	xorl	%ebp, %ebp
	popfw
	lretw

/* --- how a service ends --- */

unsupported:
	movb	$UNSUPPORTED, %ah
bad:	pushw	%bp
	movw	%sp, %bp
	orb	$FLAGS_CF, 6(%bp)
	popw	%bp
done:	iretw

clear_ah:
	movb	$0, %ah
good:	pushw	%bp
	movw	%sp, %bp
	andb	$0xff & ~FLAGS_CF, 6(%bp)
	popw	%bp
	iretw

/* --- printing to COM1 --- */

/* Print the character AL to COM1. */
put:
	pushw	%ax
	pushw	%cx
	pushw	%dx
	movb	%al, %ah
	movw	$COM1_LSR, %dx
	movw	$LSR_POLLS, %cx
1:	inb	%dx, %al
	testb	$LSR_THRE, %al
	loopz	1b
	movw	$PORT_COM1, %dx
	movb	%ah, %al
	outb	%al, %dx
	popw	%dx
	popw	%cx
	popw	%ax
	ret

/* Print the text at CS:SI, up to a 0. Changes AL, SI. */
1:	call	put
	incw	%si
put_text:
	movb	%cs:(%si), %al
	testb	%al, %al
	jnz	1b
	ret

/* Print AX as four hexadecimal digits. Changes AX, CX. */
put_hex:
	movw	$4, %cx
1:	rolw	$4, %ax
	pushw	%ax
	andb	$0x0f, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	2f
	addb	$'a' - '9' - 1, %al
2:	call	put
	popw	%ax
	loop	1b
	ret

/* --- int 10h: a teletype --- */

int10:
	cmpb	$0x0e, %ah		/* write a character */
	je	10f
	cmpb	$0x03, %ah		/* cursor: shape and position */
	je	20f
	cmpb	$0x08, %ah		/* read a character */
	je	30f
	cmpb	$0x0f, %ah		/* mode */
	je	40f
	cmpb	$0x4f, %ah		/* VBE */
	jne	done			/* AH=12h (EGA) must keep BL, AH=1Ah (VGA) must keep AL */
	movw	$0x0100, %ax		/* VBE is absent: AL is not 4Fh */
	jmp	done
10:	call	put
	jmp	done
20:	movw	$0x0607, %cx
	xorw	%dx, %dx
	jmp	done
30:	movw	$0x0720, %ax
	jmp	done
40:	movw	$80 << 8 | 3, %ax
	movb	$0, %bh
	jmp	done

/* --- int 11h, 12h: equipment, base memory --- */

int11:
	movw	%cs:ORIGIN + BIOS_EQUIPMENT, %ax
	iretw

int12:
	movw	%cs:ORIGIN + BIOS_BASE_KIB, %ax
	iretw

/* --- int 13h, 14h, 17h: no disk; serial lines and printers time out --- */

int13:
	movb	$0x01, %ah		/* invalid function or drive */
	jmp	bad

int14:
	movb	$0x80, %ah
	iretw

int17:
	movb	$0x01, %ah
	iretw

/* --- int 15h: memory, A20, wait --- */

int15:
	cmpw	$0xe820, %ax
	je	e820
	cmpw	$0xe801, %ax
	je	e801
	cmpb	$0x88, %ah
	je	ext_memory
	cmpb	$0x86, %ah
	je	wait_us
	cmpb	$0x87, %ah
	je	block_move
	cmpb	$0x24, %ah
	je	a20
	cmpw	$0xec00, %ax		/* the kernel's future mode: accepted, but not used */
	je	clear_ah
	jmp	unsupported

e820:
	cmpl	$SMAP, %edx
	jne	unsupported
	cmpl	$BIOS_E820_BYTES, %ecx
	jb	unsupported
	cmpl	%cs:ORIGIN + BIOS_E820_COUNT, %ebx
	jae	unsupported
	pushw	%ds
	pushw	%si
	pushw	%di
	pushw	%cs
	popw	%ds
	imulw	$BIOS_E820_BYTES, %bx, %si
	addw	$ORIGIN + BIOS_E820_TABLE, %si
	movw	$BIOS_E820_BYTES / 2, %cx
	cld
	rep movsw
	popw	%di
	popw	%si
	popw	%ds
	incl	%ebx
	cmpl	%cs:ORIGIN + BIOS_E820_COUNT, %ebx
	jb	1f
	xorl	%ebx, %ebx		/* that was the last entry */
1:	movl	$SMAP, %eax
	movl	$BIOS_E820_BYTES, %ecx
	jmp	good

e801:
	movw	%cs:ORIGIN + BIOS_LOW_KIB, %ax
	movw	%cs:ORIGIN + BIOS_HIGH_64KIB, %bx
	movw	%ax, %cx
	movw	%bx, %dx
	jmp	good

ext_memory:
	movw	%cs:ORIGIN + BIOS_EXT_KIB, %ax
	jmp	good

/* A20 is always open. "Close it" (00h) is unsupported, all other calls succeed. */
a20:
	cmpb	$0x01, %al		/* open */
	je	clear_ah
	cmpb	$0x02, %al		/* state? */
	je	1f
	cmpb	$0x03, %al		/* ways to switch it: the keyboard controller */
	jne	unsupported
	movw	$0x0001, %bx
	jmp	clear_ah
1:	movw	$0x0001, %ax
	jmp	good

/*
 * Copy CX words between two addresses below 4 GiB. ES:SI is a table of descriptors: 2 is the
 * source, 3 the destination. The copy runs in protected mode, where the stack must not be used,
 * because SS still has its real-mode content.
 */
block_move:
	pushal
	pushw	%ds
	pushw	%es
	movzwl	%cx, %ecx
	movl	%es:0x12(%si), %eax	/* bytes 2 to 4 of a descriptor, and 7, are the base */
	andl	$0xffffff, %eax
	movzbl	%es:0x17(%si), %edx
	shll	$24, %edx
	orl	%edx, %eax
	movl	%es:0x1a(%si), %edi
	andl	$0xffffff, %edi
	movzbl	%es:0x1f(%si), %edx
	shll	$24, %edx
	orl	%edx, %edi
	movl	%eax, %esi
	lgdtl	%cs:AT(move_gdt_pointer)
	movl	%cr0, %eax
	orb	$CR0_PE, %al
	movl	%eax, %cr0
	ljmpw	$MOVE_CODE, $AT(1f)
1:	movw	$MOVE_FLAT, %dx
	movw	%dx, %ds
	movw	%dx, %es
	cld
	.byte	0x67, 0xf3, 0xa5	/* addr32 rep movsw, which some assemblers do not know */
	movw	$MOVE_DATA, %dx
	movw	%dx, %ds
	movw	%dx, %es
	andb	$0xff & ~CR0_PE, %al
	movl	%eax, %cr0
	ljmpw	$BIOS_SEGMENT, $AT(2f)
2:	popw	%es
	popw	%ds
	popal
	jmp	clear_ah

	.balign	8
move_gdt:
	.quad	0
	.quad	0x00009b0f0000ffff	/* this code */
	.quad	0x00cf93000000ffff	/* all of 4 GiB */
	.quad	0x000093000000ffff	/* as in real mode */
move_gdt_pointer:
	.word	move_gdt_pointer - move_gdt - 1
	.long	LAYOUT_BIOS + move_gdt - bios_code

/* Wait CX:DX microseconds: that number / 16 toggles of the refresh bit, and one more. */
wait_us:
	pushl	%eax
	pushl	%ebx
	pushl	%ecx
	pushw	%dx
	shll	$16, %ecx
	movw	%dx, %cx
	shrl	$4, %ecx
	incl	%ecx
	inb	$PORT_SYSTEM, %al
	movb	%al, %bl
1:	movw	$REFRESH_POLLS, %dx
2:	inb	$PORT_SYSTEM, %al
	xorb	%bl, %al
	testb	$REFRESH, %al
	jnz	3f
	decw	%dx
	jnz	2b
	popw	%dx			/* the bit does not toggle */
	popl	%ecx
	popl	%ebx
	popl	%eax
	jmp	unsupported
3:	xorb	$REFRESH, %bl
	decl	%ecx
	jnz	1b
	popw	%dx
	popl	%ecx
	popl	%ebx
	popl	%eax
	jmp	clear_ah

/* --- int 16h: no keyboard --- */

int16:
	pushw	%bp
	movw	%sp, %bp
	pushw	%ax
	andb	$0xff & ~0x10, %ah	/* 1xh: the same for 101 keys */
	cmpb	$0x01, %ah		/* is there a key? */
	popw	%ax
	jne	1f
	orb	$FLAGS_ZF, 6(%bp)
1:	popw	%bp
	testb	$0xff & ~0x10, %ah	/* wait for a key: 0 immediately */
	jz	2f
	cmpb	$0x02, %ah		/* shift keys */
	je	3f
	cmpb	$0x12, %ah
	je	2f
	cmpb	$0x05, %ah		/* store a key: no room */
	jne	done
	movb	$1, %al
	iretw
2:	movb	$0, %ah
3:	movb	$0, %al
	iretw

/* --- int 1Ah: time --- */

int1a:
	testb	%ah, %ah
	jz	get_ticks
	cmpb	$0x01, %ah
	je	set_ticks
	cmpb	$0x02, %ah
	je	get_time
	cmpb	$0x04, %ah
	je	get_date
	jmp	unsupported

get_ticks:
	pushw	%ds
	pushw	$BDA_SEGMENT
	popw	%ds
	movw	BDA_TICKS + 2, %cx
	movw	BDA_TICKS, %dx
	movb	BDA_MIDNIGHT, %al
	movb	$0, BDA_MIDNIGHT
	popw	%ds
	jmp	good

set_ticks:
	pushw	%ds
	pushw	$BDA_SEGMENT
	popw	%ds
	movw	%cx, BDA_TICKS + 2
	movw	%dx, BDA_TICKS
	movb	$0, BDA_MIDNIGHT
	popw	%ds
	jmp	clear_ah

/* Wait until no update of the clock is near. Carry: timeout. Changes AL, CX. */
rtc_settle:
	movw	$RTC_POLLS, %cx
1:	movb	$RTC_A, %al
	call	rtc_read
	testb	$RTC_A_UIP, %al		/* clears carry */
	jz	2f
	loop	1b
	stc
2:	ret

/* AL = the clock's register AL. */
rtc_read:
	outb	%al, $PORT_RTC
	inb	$PORT_RTC + 1, %al
	ret

/* BCD, as the clock counts after power-on. */
get_time:
	pushw	%ax
	pushw	%cx
	call	rtc_settle
	jc	rtc_stuck
	addw	$2, %sp
	movb	$RTC_SECONDS, %al
	call	rtc_read
	movb	%al, %dh
	movb	$RTC_MINUTES, %al
	call	rtc_read
	movb	%al, %cl
	movb	$RTC_HOURS, %al
	call	rtc_read
	movb	%al, %ch
	movb	$RTC_B, %al
	call	rtc_read
	andb	$RTC_B_DST, %al
	movb	%al, %dl
	popw	%ax
	jmp	clear_ah

get_date:
	pushw	%ax
	pushw	%cx
	call	rtc_settle
	jc	rtc_stuck
	addw	$2, %sp
	movb	$RTC_DAY, %al
	call	rtc_read
	movb	%al, %dl
	movb	$RTC_MONTH, %al
	call	rtc_read
	movb	%al, %dh
	movb	$RTC_YEAR, %al
	call	rtc_read
	movb	%al, %cl
	movb	$CMOS_CENTURY, %al
	call	rtc_read
	movb	%al, %ch
	popw	%ax
	jmp	clear_ah

rtc_stuck:
	popw	%cx
	popw	%ax
	jmp	unsupported

/* --- int 18h, 19h: the boot code gave up --- */

int18:
	movw	$AT(text_returned), %si
	call	put_text

/* The guest cannot continue: end the run. */
stop:
	cli
	movb	%cs:ORIGIN + BIOS_STOP_STATUS, %al
	outb	%al, $PORT_EXIT
1:	hlt
	jmp	1b

/* --- the reset vector leads here --- */

reset:
	cli
	movw	$PORT_RESET, %dx
	movb	$RESET_VALUE, %al
	outb	%al, %dx
1:	hlt
	jmp	1b

/* --- exceptions: the stack holds the vector, IP, CS --- */

exception_0:
	pushw	$0
	jmp	exception
exception_6:
	pushw	$6
	jmp	exception
exception_7:
	pushw	$7
exception:
	movw	%sp, %bp
	movw	$AT(text_exception), %si
	call	put_text
	movb	(%bp), %al		/* 15 at most */
	cmpb	$10, %al
	jb	1f
	movb	$'1', %al
	call	put
	movb	(%bp), %al
	subb	$10, %al
1:	addb	$'0', %al
	call	put
	movw	$AT(text_at), %si
	call	put_text
	movw	4(%bp), %ax
	call	put_hex
	movb	$':', %al
	call	put
	movw	2(%bp), %ax
	call	put_hex
	movw	$AT(text_end), %si
	call	put_text
	jmp	stop

/* --- hardware interrupts --- */

/* The timer's interrupt: count the tick, call the hook int 1Ch. */
irq_0:
	pushw	%ax
	pushw	%dx
	pushw	%ds
	pushw	$BDA_SEGMENT
	popw	%ds
	incl	BDA_TICKS
	cmpl	$TICKS_A_DAY, BDA_TICKS
	jb	1f
	movl	$0, BDA_TICKS
	movb	$1, BDA_MIDNIGHT
1:	int	$0x1c
	movb	$PIC_EOI, %al
	outb	%al, $PIC_MASTER
	popw	%ds
	popw	%dx
	popw	%ax
	iretw

	.irp	line, 1, 2, 3, 4, 5, 6, 7
irq_\line:
	pushw	$VECTOR_MASTER + \line
	jmp	irq_master
	.endr

	.irp	line, 8, 9, 10, 11, 12, 13, 14, 15
irq_\line:
	pushw	$VECTOR_SLAVE + \line - 8
	jmp	irq_slave
	.endr

/* AL: the PIC's in-service register. ZF: the line with the vector at 2(%bp) is not in service. */
irq_test:
	movb	2(%bp), %cl
	andb	$7, %cl
	shrb	%cl, %al
	testb	$1, %al
	ret

irq_master:
	pushw	%bp
	movw	%sp, %bp
	pushw	%ax
	pushw	%cx
	movb	$PIC_READ_ISR, %al
	outb	%al, $PIC_MASTER
	inb	$PIC_MASTER, %al
	call	irq_test
	jz	1f
	movb	$PIC_EOI, %al
	outb	%al, $PIC_MASTER
	jmp	irq_done
1:	cmpb	$VECTOR_MASTER + 7, 2(%bp)
	je	irq_done		/* a spurious interrupt: the line dropped too early */
	popw	%cx
	popw	%ax
	popw	%bp
	jmp	exception

irq_slave:
	pushw	%bp
	movw	%sp, %bp
	pushw	%ax
	pushw	%cx
	movb	$PIC_READ_ISR, %al
	outb	%al, $PIC_SLAVE
	inb	$PIC_SLAVE, %al
	call	irq_test
	jz	2f
	cmpb	$VECTOR_RTC, 2(%bp)
	jne	1f
	movb	$RTC_C, %al		/* acknowledge: otherwise the clock's line stays high */
	call	rtc_read
1:	movb	$PIC_EOI, %al
	outb	%al, $PIC_SLAVE
2:	movb	$PIC_EOI, %al		/* also if spurious at the slave: not so at the master */
	outb	%al, $PIC_MASTER
irq_done:
	popw	%cx
	popw	%ax
	popw	%bp
	addw	$2, %sp
	iretw

/* --- texts --- */

text_returned:
	.asciz	"lkvm: the boot code returned to the BIOS\r\n"
text_exception:
	.asciz	"lkvm: BIOS: exception "
text_at:
	.asciz	" at "
text_end:
	.asciz	"\r\n"
code_end:

/* --- symbols for bios.c --- */

	.balign	4
	.globl	bios_code_bytes, bios_vectors, bios_vector_count, bios_iret_ip, bios_reset_ip
	.hidden	bios_code_bytes, bios_vectors, bios_vector_count, bios_iret_ip, bios_reset_ip
bios_code_bytes:
	.long	code_end - bios_code

	.macro	vector number, label
	.word	\number, AT(\label)
	.endm

bios_vectors:
	vector	0x00, exception_0
	vector	0x06, exception_6
	vector	0x07, exception_7
	vector	0x08, irq_0
	.irp	line, 1, 2, 3, 4, 5, 6, 7
	vector	VECTOR_MASTER+\line, irq_\line
	.endr
	vector	0x10, int10
	vector	0x11, int11
	vector	0x12, int12
	vector	0x13, int13
	vector	0x14, int14
	vector	0x15, int15
	vector	0x16, int16
	vector	0x17, int17
	vector	0x18, int18
	vector	0x19, int18
	vector	0x1a, int1a
	.irp	line, 8, 9, 10, 11, 12, 13, 14, 15
	vector	VECTOR_SLAVE+\line-8, irq_\line
	.endr
vectors_end:
	.balign	4
bios_vector_count:
	.long	(vectors_end - bios_vectors) / 4
bios_iret_ip:
	.word	AT(done)
bios_reset_ip:
	.word	AT(reset)

	.section .note.GNU-stack, "", @progbits
