// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of bench.cpio: says INIT on the console that the kernel opened for it, and powers off.
 * Nothing else, so that a boot measured up to here is the kernel's and the launcher's.
 */
#include "tiny.h"

void _start(void)
{
	static const char line[] = "INIT\n";

	sys4(SYS_write, 1, (long)line, sizeof(line) - 1, 0);
	sys4(SYS_reboot, (long)0xfee1dead, 672274793, 0x4321fedc, 0);	/* RB_POWER_OFF */
	for (;;)
		sys4(SYS_pause, 0, 0, 0, 0);
}
