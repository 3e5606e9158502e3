/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walk through the guest's page tables, step by step. pagewalk.c.
 */
#ifndef X86_PAGEWALK_H
#define X86_PAGEWALK_H

#include <kvm/arch.h>
#include <kvm/gmem.h>

/* Translate a linear address like a vCPU with these registers, and record each step in walk. */
void pagewalk(const struct gmem *mem, const struct kvm_sregs *sregs, u64 address,
	      struct arch_walk *walk);

#endif
