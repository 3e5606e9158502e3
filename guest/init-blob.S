/* SPDX-License-Identifier: GPL-2.0-only */
/* guest/init.c as it is built, for initramfs.c. Empty without HAVE_INIT. */
	.section .rodata
	.balign 16
	.globl guest_init_start, guest_init_end
	.hidden guest_init_start, guest_init_end
guest_init_start:
#ifdef HAVE_INIT
	.incbin "build/guest/init"
#endif
guest_init_end:
	.section .note.GNU-stack, "", @progbits
