// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `lkvm balloon` and `lkvm debug` are tested with.
 *
 * `balloon-asked` is a driver of the virtio-balloon in the first MMIO window, without queues: it
 * says what it is asked for and claims to have given it up, until it is asked for nothing any more.
 * `registers` has known values in all general registers and on its stack, and stays at debug_spin,
 * a loop of two instructions. `nmi:N` waits for so many.
 *
 * Spec: virtio 1.2, 4.2.2 (MMIO registers), 5.5.4 (the balloon's configuration).
 */
#include "debug.h"

#include "lib.h"

#define BALLOON		0xfebf8000ULL
#define VIRTIO_ID	(BALLOON + 0x008)
#define VIRTIO_FEATURES (BALLOON + 0x020)
#define VIRTIO_SELECT	(BALLOON + 0x024)
#define VIRTIO_STATUS	(BALLOON + 0x070)
#define NUM_PAGES	(BALLOON + 0x100)
#define ACTUAL		(BALLOON + 0x104)

extern volatile u32 nmi_count; /* start.S */

void do_balloon_asked(const char *arg)
{
	u32 pages = 0;

	(void)arg;
	if (mem_read32(VIRTIO_ID) != 5)
		put("bad: balloon: none in the first window\n");
	mem_write32(VIRTIO_STATUS, 3);
	mem_write32(VIRTIO_SELECT, 1);
	mem_write32(VIRTIO_FEATURES, 1); /* VERSION_1, nothing else */
	mem_write32(VIRTIO_STATUS, 0x0b);
	mem_write32(VIRTIO_STATUS, 0x0f);
	if (mem_read32(VIRTIO_STATUS) != 0x0f)
		put("bad: balloon: it does not come up\n");
	put("balloon: up\n");
	do {
		while (mem_read32(NUM_PAGES) == pages)
			sleep_ms(1);
		pages = mem_read32(NUM_PAGES);
		put("balloon: asked for ");
		put_number(pages);
		put(" pages\n");
		mem_write32(ACTUAL, pages);
	} while (pages);
}

void do_registers(const char *arg)
{
	(void)arg;
	put("registers: set\n");
	asm volatile("	movabs	$0xa1a1a1a1a1a1a1a1, %rax\n"
		     "	push	%rax\n"
		     "	movabs	$0xb2b2b2b2b2b2b2b2, %rbx\n"
		     "	movabs	$0xc3c3c3c3c3c3c3c3, %rcx\n"
		     "	movabs	$0xd4d4d4d4d4d4d4d4, %rdx\n"
		     "	mov	$0x51515151, %esi\n"
		     "	mov	$0xd1d1d1d1, %edi\n"
		     "	movabs	$0xbebebebebebebebe, %rbp\n"
		     "	mov	$8, %r8d\n"
		     "	mov	$9, %r9d\n"
		     "	mov	$10, %r10d\n"
		     "	mov	$11, %r11d\n"
		     "	mov	$12, %r12d\n"
		     "	mov	$13, %r13d\n"
		     "	mov	$14, %r14d\n"
		     "	movabs	$0xffffffff00000015, %r15\n"
		     "	stc\n"
		     "	.globl	debug_spin\n"
		     "	.type	debug_spin, @function\n"
		     "debug_spin:\n"
		     "	pause\n"
		     "	jmp	debug_spin\n"
		     "	.size	debug_spin, . - debug_spin\n");
}

void do_nmi(const char *arg)
{
	u64 wanted = word_number(arg);

	put("nmi: waiting\n");
	for (u64 seen = 0; seen < wanted; seen++) {
		while (nmi_count == seen)
			sleep_ms(1);
		put("nmi: came\n");
	}
}
