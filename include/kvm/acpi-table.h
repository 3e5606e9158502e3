/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables that the user adds by --acpi-table. acpi-table.c. Main thread.
 */
#ifndef X86_ACPI_TABLE_H
#define X86_ACPI_TABLE_H

#include <kvm/types.h>

#define ACPI_TABLES_MAX 8

struct acpi_table {
	const char *path;
	u8 *bytes;
	u32 len;
};

/*
 * Read and check all files in config.acpi_tables, once, before any machine exists. 0, or -errno
 * after a log_error() line.
 */
int acpi_table_open(void);

/* Table number i, from 0 on, or NULL if there are no more. Valid until exit; not to be freed. */
const struct acpi_table *acpi_table_get(unsigned int i);

#endif
