// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of small.cpio, for a kernel with almost nothing (fetch-small-kernel): says what it
 * reads of the disks /dev/vda and /dev/vdb, where the interrupts come from and what is mounted,
 * and ends the machine with 42 at the exit port. A line about a disk is
 * "/dev/vda: BYTES bytes, sum SUM", the sum of all its bytes modulo 2^32.
 */
#include "tiny.h"

#define EXIT_PORT   0xf4
#define EXIT_STATUS 42
#define TCSBRK	    0x5409 /* with 1: tcdrain() */

TINY_START(small_main);

static unsigned char buffer[4096];

static void say(const char *text)
{
	unsigned long len = 0;

	while (text[len])
		len++;
	sys4(__NR_write, 1, (long)text, (long)len, 0);
}

static void say_number(unsigned int n)
{
	char digits[11], *p = digits + sizeof(digits) - 1;

	*p = 0;
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	say(p);
}

static void say_disk(const char *path)
{
	long fd = sys4(__NR_open, (long)path, 0, 0, 0), n;
	unsigned int bytes = 0, sum = 0;

	say(path);
	if (fd < 0) {
		say(": absent\n");
		return;
	}
	while ((n = sys4(__NR_read, fd, (long)buffer, sizeof(buffer), 0)) > 0) {
		bytes += (unsigned int)n;
		for (long i = 0; i < n; i++)
			sum += buffer[i];
	}
	say(": ");
	say_number(bytes);
	say(" bytes, sum ");
	say_number(sum);
	say(n < 0 ? ", then an error\n" : "\n");
}

static void say_file(const char *path)
{
	long fd = sys4(__NR_open, (long)path, 0, 0, 0), n;

	while (fd >= 0 && (n = sys4(__NR_read, fd, (long)buffer, sizeof(buffer), 0)) > 0)
		sys4(__NR_write, 1, (long)buffer, n, 0);
}

/* mount() has a fifth argument, which sys4() leaves as it is. */
static void mount_type(const char *type, const char *path)
{
	register long flags __asm__("r10") = 0;
	register long data __asm__("r8") = 0;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(__NR_mount), "D"(type), "S"(path), "d"(type), "r"(flags), "r"(data)
			 : "rcx", "r11", "memory");
	if (ret < 0) {
		say(path);
		say(": not mounted\n");
	}
}

__attribute__((used)) void small_main(long argc)
{
	(void)argc;
	say("\nsmall: init runs\n");
	mount_type("proc", "/proc");
	mount_type("devtmpfs", "/dev");
	say_disk("/dev/vda");
	say_disk("/dev/vdb");
	say_file("/proc/interrupts");
	say_file("/proc/mounts");
	/* The end of the machine does not wait for what the kernel still has to send. */
	sys4(__NR_ioctl, 1, TCSBRK, 1, 0);
	sys4(__NR_ioperm, EXIT_PORT, 1, 1, 0);
	__asm__ volatile("outb %b0, %w1" : : "a"(EXIT_STATUS), "Nd"(EXIT_PORT));
	for (;;)
		sys4(__NR_pause, 0, 0, 0, 0);
}
