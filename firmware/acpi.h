/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables in guest RAM. The RSDP is always at LAYOUT_ACPI. acpi.c.
 */
#ifndef X86_ACPI_H
#define X86_ACPI_H

#include <kvm/types.h>

struct gmem;

/*
 * Write the tables for cpu_count processors (1..KVM_CPU_MAX), every registered device and
 * the user's own tables into [LAYOUT_ACPI, LAYOUT_ACPI_END). Main thread, vCPUs parked.
 * Returns 0; or, after a log_error() line, -ENOSPC (the devices' descriptions or the user's
 * tables do not fit), -EINVAL (a device cannot be described), -EFAULT (no RAM there) or
 * -ENOMEM.
 */
int acpi_write_tables(const struct gmem *mem, unsigned int cpu_count);

/*
 * Polarity and trigger mode of the SCI: high and level-triggered. MADT and MP table have the same
 * encoding: bits 1:0 polarity, 3:2 trigger mode.
 */
#define ACPI_SCI_FLAGS 0x0d

/*
 * The id of the IOAPIC, which must be the same in MADT and MP table: the first one after the
 * processors' ids 0 to cpu_count - 1.
 */
static inline u8 acpi_ioapic_id(unsigned int cpu_count)
{
	return (u8)cpu_count;
}

#endif
