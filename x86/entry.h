/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state in which a kernel is entered. entry.c.
 */
#ifndef X86_ENTRY_H
#define X86_ENTRY_H

#include <kvm/types.h>

struct kvm;

/*
 * Let the first vCPU begin at rip in 64-bit mode, paging on with the first 4 GiB
 * mapped to themselves, RSI = zero_page. Writes GDT and page tables into low RAM.
 * The vCPU is not running. 0 or -errno after log_error().
 */
int entry_set_64bit(struct kvm *kvm, gpa_t rip, gpa_t zero_page);

#endif
