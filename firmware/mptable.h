/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MP table in guest RAM. Its floating pointer is always at LAYOUT_MPTABLE. mptable.c.
 */
#ifndef X86_MPTABLE_H
#define X86_MPTABLE_H

#include <kvm/types.h>

struct gmem;

#define MPTABLE_CPUS_MAX 255 /* APIC ids 0 to 254; 255 means all APICs */

/*
 * Write the tables for cpu_count processors (at least 1; those above MPTABLE_CPUS_MAX are left out)
 * and the PCI bus of the registered devices to [LAYOUT_MPTABLE, LAYOUT_MPTABLE_END). Main thread,
 * after the vCPUs were made. Returns 0; or, after a log_error() line, -EFAULT (no RAM there) or
 * -ENOMEM.
 */
int mptable_write(const struct gmem *mem, unsigned int cpu_count);

#endif
