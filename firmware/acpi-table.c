// SPDX-License-Identifier: GPL-2.0-only
/*
 * --acpi-table: the user's own tables, which the guest gets unchanged.
 *
 * A file is one table, header first, as iasl compiles an SSDT. It is read and checked once, before
 * any machine exists, and kept; acpi.c puts the bytes after the DSDT and lists them in the XSDT, at
 * power-on and at each reset.
 *
 * The checks find errors that would confuse a kernel: the length in the header must be that of the
 * file, all bytes must add up to 0, and the signature must be four capital letters, digits or
 * underscores. A table is refused if there can be only one of its kind and acpi.c writes it. The
 * rest of the content is not checked: the user is responsible for it.
 *
 * Spec: ACPI 6.4 section 5.2.6 (header)
 */
#include "checksum.h"
#include "x86/layout.h"
#include <kvm/acpi-table.h>

#include <kvm/config.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES	 36
#define OFFSET_LENGTH	 4
#define TABLE_BYTES_MAX	 (LAYOUT_ACPI_END - LAYOUT_ACPI)
#define SIGNATURE_LETTER "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static struct acpi_table acpi_tables[ACPI_TABLES_MAX];

static const char *const acpi_table_own_signatures[] = {"RSDT", "XSDT", "FACP", "FACS",
							"DSDT", "APIC", "MCFG", "SPCR"};

static int acpi_table_check_signature(const struct acpi_table *table)
{
	char signature[5] = {0};

	memcpy(signature, table->bytes, 4);
	if (strspn(signature, SIGNATURE_LETTER) != 4)
		return log_fail(-EINVAL,
				"--acpi-table %s: is not an ACPI table: it must begin with four "
				"capital letters",
				table->path);
	for (size_t i = 0; i < ARRAY_SIZE(acpi_table_own_signatures); i++)
		if (!strcmp(signature, acpi_table_own_signatures[i]))
			return log_fail(-EINVAL,
					"--acpi-table %s: is a %s, of which there is one already; "
					"an SSDT can add to the DSDT",
					table->path, signature);
	return 0;
}

static int acpi_table_check(const struct acpi_table *table)
{
	le32 length;
	int err = acpi_table_check_signature(table);

	if (err)
		return err;
	memcpy(&length, table->bytes + OFFSET_LENGTH, sizeof(length));
	if (length != table->len)
		return log_fail(-EINVAL,
				"--acpi-table %s: has %u bytes, but its header says %u; "
				"each file must hold one table",
				table->path, table->len, length);
	if (checksum(table->bytes, table->len))
		return log_fail(-EINVAL, "--acpi-table %s: its checksum is wrong", table->path);
	return 0;
}

static int acpi_table_read(struct acpi_table *table, int fd)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return log_fail(-errno, "--acpi-table %s: %s", table->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return log_fail(-EINVAL, "--acpi-table %s: is %s; a file is wanted", table->path,
				S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
	if (st.st_size < HEADER_BYTES || st.st_size > TABLE_BYTES_MAX)
		return log_fail(-EINVAL,
				"--acpi-table %s: has %lld bytes; a table must have %d to %d",
				table->path, (long long)st.st_size, HEADER_BYTES, TABLE_BYTES_MAX);
	table->len = (u32)st.st_size;
	table->bytes = malloc(table->len);
	if (!table->bytes)
		return log_fail(-ENOMEM, "--acpi-table %s: no memory", table->path);
	err = pread_full(fd, table->bytes, table->len, 0);
	return err ? log_fail(err, "--acpi-table %s: %s", table->path, strerror(-err)) : 0;
}

static int acpi_table_open_one(struct acpi_table *table)
{
	int fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0)
		return log_fail(-errno, "--acpi-table %s: %s", table->path, strerror(errno));
	err = acpi_table_read(table, fd);
	close(fd);
	return err ?: acpi_table_check(table);
}

int acpi_table_open(void)
{
	if (config.acpi_tables.count > ACPI_TABLES_MAX)
		return log_fail(-E2BIG, "--acpi-table: is given %zu times; at most %d are allowed",
				config.acpi_tables.count, ACPI_TABLES_MAX);
	for (size_t i = 0; i < config.acpi_tables.count; i++) {
		int err;

		free(acpi_tables[i].bytes);
		acpi_tables[i] = (struct acpi_table){.path = config.acpi_tables.items[i]};
		err = acpi_table_open_one(&acpi_tables[i]);
		if (err)
			return err;
	}
	return 0;
}

const struct acpi_table *acpi_table_get(unsigned int i)
{
	return i < config.acpi_tables.count ? &acpi_tables[i] : NULL;
}

static const struct option acpi_table_options[] = {
	{.name = "acpi-table",
	 .type = OPTION_LIST,
	 .value = &config.acpi_tables,
	 .arg = "FILE",
	 .help = "add an ACPI table, such as an SSDT; repeatable"},
};
OPTION_GROUP(acpi_table, run, "Boot", 21, acpi_table_options);
