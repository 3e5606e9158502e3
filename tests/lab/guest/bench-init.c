// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of bench.cpio: says INIT on the console that the kernel opened for it, and powers off.
 * Nothing else, so that a boot measured up to here is the kernel's and the launcher's. With an
 * argument ("-- wait" on the kernel's command line) it waits for a byte of input in between, so
 * that whoever measures can look at a machine that stands still at its prompt.
 */
#include "tiny.h"

TINY_START(bench_main);

__attribute__((used)) void bench_main(long argc)
{
	static const char line[] = "INIT\n";
	char byte;

	sys4(__NR_write, 1, (long)line, sizeof(line) - 1, 0);
	if (argc > 1)
		sys4(__NR_read, 0, (long)&byte, 1, 0);
	sys4(__NR_reboot, (long)0xfee1dead, 672274793, 0x4321fedc, 0); /* RB_POWER_OFF */
	for (;;)
		sys4(__NR_pause, 0, 0, 0, 0);
}
