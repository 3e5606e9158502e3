// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of matrix.cpio and matrix32.cpio: says which kernel it runs on and with how many CPUs,
 * and ends the machine: by powering off, or with an argument ("-- exit", for kernels without
 * ACPI) by 0 at the exit port. For x86-64 and i386.
 */
#include "tiny.h"

#define EXIT_PORT 0xf4
#define TCSBRK	  0x5409 /* with 1: tcdrain() */
#define RELEASE	  130	 /* offset in struct new_utsname, six fields of 65 bytes */
#define MASK	  1024

TINY_START(matrix_main);

static unsigned long length(const char *text)
{
	unsigned long len = 0;

	while (text[len])
		len++;
	return len;
}

static void say(const char *text)
{
	sys4(__NR_write, 1, (long)text, (long)length(text), 0);
}

static unsigned int count_bits(const unsigned char *mask, long bytes)
{
	unsigned int count = 0;

	for (long i = 0; i < bytes * 8; i++)
		count += mask[i / 8] >> (i % 8) & 1;
	return count;
}

__attribute__((used)) void matrix_main(long argc)
{
	static char name[6 * 65];
	static unsigned char mask[MASK];
	char digits[] = "0 CPUs\n";
	long bytes;

	sys4(__NR_uname, (long)name, 0, 0, 0);
	bytes = sys4(__NR_sched_getaffinity, 0, MASK, (long)mask, 0);
	digits[0] = (char)('0' + count_bits(mask, bytes > 0 ? bytes : 0) % 10);
	say("\nmatrix: Linux ");
	say(name + RELEASE);
	say(", ");
	say(digits);
	/* The end of the machine does not wait for what the kernel still has to send. */
	sys4(__NR_ioctl, 1, TCSBRK, 1, 0);
	if (argc > 1) {
		sys4(__NR_ioperm, EXIT_PORT, 1, 1, 0);
		__asm__ volatile("outb %b0, %w1" : : "a"(0), "Nd"(EXIT_PORT));
	}
	sys4(__NR_reboot, (long)0xfee1dead, 672274793, 0x4321fedc, 0); /* RB_POWER_OFF */
	for (;;)
		sys4(__NR_pause, 0, 0, 0, 0);
}
