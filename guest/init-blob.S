/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program built from guest/init.c, for initramfs.c. Only assembled if musl-gcc built that
 * program.
 */
	.section .rodata
	.balign 16
	.globl guest_init_start, guest_init_end
	.hidden guest_init_start, guest_init_end
guest_init_start:
	.incbin "build/guest/init"
guest_init_end:

	/* FEATURE(init) of <kvm/feature.h> */
	.section features, "aR", @progbits
	.asciz "init"
	.zero 11

	.section .note.GNU-stack, "", @progbits
