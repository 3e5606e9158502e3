// SPDX-License-Identifier: GPL-2.0-only
/*
 * outb PORT VALUE: writes one byte to an I/O port. Debian's cloud kernel has no /dev/port.
 * Numbers are decimal or 0x hexadecimal. Status 1: bad arguments or ioperm refused.
 */
#include "tiny.h"

static unsigned long number(const char *s)
{
	unsigned int base = 10, digit;
	unsigned long v = 0;

	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	for (; *s; s++) {
		digit = *s >= 'a' ? *s - 'a' + 10u : *s - '0' + 0u;
		if (digit >= base || v > 0xffff)
			return ~0ul;
		v = v * base + digit;
	}
	return v;
}

__attribute__((used)) static void run(long *stack)
{
	char **argv = (char **)(stack + 1);
	unsigned long port, value;
	long status = 1;

	if (stack[0] == 3) {
		port = number(argv[1]);
		value = number(argv[2]);
		if (port <= 0xffff && value <= 0xff && sys4(__NR_ioperm, port, 1, 1, 0) == 0) {
			__asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"((short)port));
			status = 0;
		}
	}
	for (;;)
		sys4(__NR_exit_group, status, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");
