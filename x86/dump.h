/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU's memory as it sees it. dump.c. On the vCPU's own thread or while it is parked.
 */
#ifndef X86_DUMP_H
#define X86_DUMP_H

#include <kvm/types.h>

struct kvm_cpu;

/*
 * len bytes at a guest-virtual address, through the guest's own page tables. False when some of
 * them are not mapped, or not to RAM; then buf is undefined.
 */
bool dump_read(const struct kvm_cpu *cpu, u64 address, void *buf, u64 len);

#endif
