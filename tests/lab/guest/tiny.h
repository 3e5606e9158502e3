/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls without a C library, for the tiny programs that run in a guest of the lab. */
#ifndef LAB_GUEST_TINY_H
#define LAB_GUEST_TINY_H

#include <asm/unistd.h>

#ifdef __x86_64__
static inline long sys4(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

/* main(argc) is called with the number of arguments. */
#define TINY_START(main) \
	__asm__(".globl _start\n_start: mov (%rsp), %rdi\n and $-16, %rsp\n call " #main "\n")
#else
static inline long sys4(long nr, long a, long b, long c, long d)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory");
	return ret;
}

#define TINY_START(main)                                                                     \
	__asm__(".globl _start\n_start: mov (%esp), %eax\n and $-16, %esp\n sub $12, %esp\n" \
		" push %eax\n call " #main "\n")
#endif

#endif
