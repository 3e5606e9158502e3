/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls without a C library, for the tiny programs that run in a guest of the lab. */
#ifndef LAB_GUEST_TINY_H
#define LAB_GUEST_TINY_H

#include <sys/syscall.h>

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

#endif
