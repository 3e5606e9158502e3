/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SMBIOS tables in guest RAM. Their entry point is always at LAYOUT_SMBIOS. smbios.c.
 */
#ifndef X86_SMBIOS_H
#define X86_SMBIOS_H

#include <kvm/types.h>

struct gmem;

/*
 * Write the tables of a machine with this name (at most its first 255 bytes are used), cpu_count
 * processors (at least 1) and this RAM to [LAYOUT_SMBIOS, LAYOUT_SMBIOS_END). Main thread, after
 * the vCPUs were made. 0, or -EFAULT after a log_error() line: no RAM there.
 */
int smbios_write(const struct gmem *mem, const char *name, unsigned int cpu_count);

#endif
