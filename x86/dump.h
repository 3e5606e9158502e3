/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads memory at a vCPU's virtual addresses. dump.c. On the vCPU's own thread or while it is
 * parked.
 */
#ifndef X86_DUMP_H
#define X86_DUMP_H

#include <kvm/types.h>

struct kvm_cpu;

/*
 * Read len bytes at a guest-virtual address, through the guest's own page tables. False if some
 * bytes are not mapped, or not to RAM; then buf is undefined.
 */
bool dump_read(const struct kvm_cpu *cpu, u64 address, void *buf, u64 len);

#endif
