/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes the zero page, which Linux's own boot protocols give to the kernel. params.c.
 */
#ifndef X86_PARAMS_H
#define X86_PARAMS_H

#include <kvm/bzimage.h>

#include <kvm/gmem.h>

struct params {
	const struct bzimage *bz; /* the header to start from */
	gpa_t load;		  /* address of the loaded kernel */
	gpa_t initrd;
	u64 initrd_bytes; /* 0: none */
	const char *cmdline;
	bool randomized; /* lkvm chose random addresses, as KASLR does */
};

/*
 * For the 32-bit and 64-bit entry: write zero page, command line and random seed. 0 or -errno after
 * log_error(). Main thread; guest RAM is zero.
 */
int params_write(const struct gmem *mem, const struct params *params);

/*
 * For the 16-bit entry: complete the header in the set-up code that was loaded to LAYOUT_SETUP, and
 * write the command line and the seed. Otherwise as params_write().
 */
int params_write_setup(const struct gmem *mem, const struct params *params);

#endif
