// SPDX-License-Identifier: GPL-2.0-only
/*
 * The status port, as lkvm's init uses it: the port and the number come from the initramfs.
 *
 * status:N first tries a number that is not the right one, then tells the status N.
 */
#include "lib.h"

#define COM2		  0x2f8
#define ZERO_PAGE_RAMDISK 0x218
#define KEY		  "\nstatus ttyS1 "

static void say(const char *text, u64 len)
{
	for (u64 i = 0; i < len; i++)
		outb(COM2, (u8)text[i]);
}

/* What follows KEY in the initrd; NULL: nothing. */
static const char *find_number(void)
{
	const char *data = (const char *)(u64)mem_read32(boot_params + ZERO_PAGE_RAMDISK);
	u32 size = mem_read32(boot_params + ZERO_PAGE_RAMDISK + 4);

	for (u32 at = 0; at + sizeof(KEY) + 32 <= size; at++) {
		u32 same = 0;

		while (same < sizeof(KEY) - 1 && data[at + same] == KEY[same])
			same++;
		if (same == sizeof(KEY) - 1)
			return data + at + same;
	}
	return NULL;
}

void do_status(const char *arg)
{
	const char *number = find_number();
	u64 digits = 0;

	if (!number) {
		put("status: no number in the initrd\n");
		return;
	}
	while (arg[digits] >= '0' && arg[digits] <= '9')
		digits++;
	say("lkvm-status 00000000000000000000000000000000 9\n", 47);
	put("status: forged\n");
	say("lkvm-status ", 12);
	say(number, 32);
	say(" ", 1);
	say(arg, digits);
	say("\n", 1);
	put("bad: the run goes on after a status\n");
}
