// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI as an operating system finds it: zero page -> RSDP -> XSDT -> FADT -> DSDT.
 *
 * Every table's sum is checked. \_S5 is looked for as bytes (NameOp, "_S5_", PackageOp, length,
 * count, BytePrefix or ZeroOp/OneOp), as small operating systems do; no AML is run.
 *
 * Spec: ACPI 6.4, sections 5.2.5 (RSDP), 5.2.8 (XSDT), 5.2.9 (FADT), 4.8.3.6 (reset register).
 */
#include "lib.h"

#define ZERO_PAGE_RSDP	    0x070

#define FADT_SCI_INT	    46
#define FADT_PM1A_EVENT	    56
#define FADT_PM1A_CONTROL   64
#define FADT_FLAGS	    112
#define FADT_RESET_REGISTER 116
#define FADT_RESET_VALUE    128
#define FADT_X_DSDT	    140
#define FLAG_RESET_REG_SUP  (1U << 10)
#define SPACE_IO	    1

static u64 get64(u64 address)
{
	return mem_read32(address) | (u64)mem_read32(address + 4) << 32;
}

static bool say(const char *what)
{
	put("bad: acpi: ");
	put(what);
	put("\n");
	return false;
}

static bool sum_is_zero(u64 table, u32 len)
{
	u8 sum = 0;

	for (u32 i = 0; i < len; i++)
		sum += *(u8 *)(table + i);
	return !sum;
}

static bool table_is(u64 table, const char *signature)
{
	for (int i = 0; i < 4; i++) {
		if (*(char *)(table + (u64)i) != signature[i])
			return false;
	}
	return sum_is_zero(table, mem_read32(table + 4));
}

static u64 find_table(u64 xsdt, const char *signature)
{
	u32 len = mem_read32(xsdt + 4);

	for (u32 at = 36; at + 8 <= len; at += 8) {
		u64 table = get64(xsdt + at);

		if (table_is(table, signature))
			return table;
	}
	return 0;
}

/* The first element of \_S5's package, or -1. */
static int find_s5(u64 dsdt)
{
	u32 len = mem_read32(dsdt + 4);

	for (u64 at = dsdt + 36; at + 8 < dsdt + len; at++) {
		const u8 *p = (const u8 *)at;

		if (p[0] != '_' || p[1] != 'S' || p[2] != '5' || p[3] != '_' || p[4] != 0x12)
			continue;
		p += 5;
		p += (*p >> 6) + 1; /* the package's length */
		p++;		    /* how many elements */
		if (*p == 0x0a)
			return p[1];
		return *p <= 1 ? *p : -1;
	}
	return -1;
}

bool acpi_find(struct acpi_fixed *fixed)
{
	u64 rsdp = get64(boot_params + ZERO_PAGE_RSDP), xsdt, fadt, dsdt;
	int s5;

	if (!rsdp || get64(rsdp) != 0x2052545020445352) /* "RSD PTR " */
		return say("no RSDP");
	if (!sum_is_zero(rsdp, 20) || !sum_is_zero(rsdp, mem_read32(rsdp + 20)))
		return say("the RSDP's sum is wrong");
	xsdt = get64(rsdp + 24);
	if (!table_is(xsdt, "XSDT"))
		return say("no XSDT");
	fadt = find_table(xsdt, "FACP");
	if (!fadt)
		return say("no FADT");
	dsdt = get64(fadt + FADT_X_DSDT);
	if (!table_is(dsdt, "DSDT"))
		return say("no DSDT");
	s5 = find_s5(dsdt);
	if (s5 < 0)
		return say("no \\_S5");
	if (!(mem_read32(fadt + FADT_FLAGS) & FLAG_RESET_REG_SUP) ||
	    *(u8 *)(fadt + FADT_RESET_REGISTER) != SPACE_IO)
		return say("no reset register");

	fixed->pm1_event = (u16)mem_read32(fadt + FADT_PM1A_EVENT);
	fixed->pm1_control = (u16)mem_read32(fadt + FADT_PM1A_CONTROL);
	fixed->reset_port = (u16)get64(fadt + FADT_RESET_REGISTER + 4);
	fixed->reset_value = *(u8 *)(fadt + FADT_RESET_VALUE);
	fixed->s5_type = (u8)s5;
	return true;
}
