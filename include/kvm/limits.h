/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's command line says to a boot loader. limits.c.
 */
#ifndef KVM_LIMITS_H
#define KVM_LIMITS_H

#include <kvm/types.h>

/*
 * Does the command line say something about memory that the kernel's unpacker takes into
 * account when it chooses the kernel's address (mem=, memmap=, huge pages, ...)?
 */
bool limits_bind_kernel(const char *line);

/* Where RAM ends for the kernel by mem= and memmap=SIZE; UINT64_MAX: neither is there. */
u64 limits_end_ram(const char *line);

#endif
