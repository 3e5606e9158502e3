/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's command line says to a boot loader. cmdline.c.
 */
#ifndef X86_CMDLINE_H
#define X86_CMDLINE_H

#include <kvm/types.h>

/*
 * Does the command line say something about memory that the kernel's unpacker takes into
 * account when it chooses the kernel's address (mem=, memmap=, huge pages, ...)?
 */
bool cmdline_limits_kernel(const char *line);

/* Where RAM ends for the kernel by mem= and memmap=SIZE; UINT64_MAX: neither is there. */
u64 cmdline_mem_limit(const char *line);

#endif
