/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the words of the kernel's command line that a boot loader must follow. limits.c.
 */
#ifndef KVM_LIMITS_H
#define KVM_LIMITS_H

#include <kvm/types.h>

/*
 * True if the command line has a word that limits where the kernel's unpacker puts the kernel
 * (mem=, memmap=, huge pages, ...).
 */
bool limits_bind_kernel(const char *line);

/* The end of RAM as set by mem= and memmap=SIZE; UINT64_MAX: not set. */
u64 limits_end_ram(const char *line);

#endif
