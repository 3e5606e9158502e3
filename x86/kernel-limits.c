// SPDX-License-Identifier: GPL-2.0-only
/*
 * What boot/ has to know of a PC to judge a kernel's file: where a kernel may be.
 *
 * Data alone, in a file of its own, so that the tests of boot/ need no machine. x86/boot.c puts
 * things there.
 */
#include "layout.h"

#include <kvm/arch.h>

const struct arch_kernel_limits arch_kernel_limits = {
	.start = LAYOUT_KERNEL_MIN,
	.low_end = LAYOUT_EBDA,
	.flat_bytes = LAYOUT_FLAT_END - LAYOUT_FLAT,
	.cmdline_bytes = LAYOUT_CMDLINE_MAX,
};
