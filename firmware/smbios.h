/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SMBIOS tables in guest RAM. Their entry point is at LAYOUT_SMBIOS, always. smbios.c.
 */
#ifndef X86_SMBIOS_H
#define X86_SMBIOS_H

#include <kvm/types.h>

struct gmem;

/*
 * Write the tables of a machine called name (up to 255 bytes of it are told) with cpu_count
 * processors (at least 1) and this RAM into [LAYOUT_SMBIOS, LAYOUT_SMBIOS_END). Main thread,
 * after the vCPUs were made. 0, or -EFAULT after a log_error() line: no RAM there.
 */
int smbios_write(const struct gmem *mem, const char *name, unsigned int cpu_count);

#endif
