// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/e820.c: for each size of RAM, a map that is in order and gives away only RAM.
 *
 * No RAM is mapped; the map looks at the table of banks only.
 */
#include "tests/lib/test.h"
#include "x86/e820.h"
#include "x86/layout.h"

#include <string.h>

static struct boot_e820_entry table[E820_MAX_ENTRIES_ZEROPAGE];
static unsigned int count;

static void fill(u64 total)
{
	u64 low = MIN(total, LAYOUT_RAM_HOLE);
	struct gmem mem = {.banks = {{.size = low}}, .count = 1};

	if (total > low)
		mem.banks[mem.count++] =
			(struct gmem_bank){.base = LAYOUT_RAM_HIGH, .size = total - low};
	memset(table, 0xee, sizeof(table));
	count = e820_fill(&mem, table);
	assert_in_range(count, 1, ARRAY_SIZE(table));
}

/* Does any entry of this type touch [start, end)? */
static bool touches(u32 type, u64 start, u64 end)
{
	for (unsigned int i = 0; i < count; i++) {
		if (table[i].type == type && table[i].addr < end &&
		    start < table[i].addr + table[i].size)
			return true;
	}
	return false;
}

/* Is [start, end) one entry of this type? */
static bool has(u32 type, u64 start, u64 end)
{
	for (unsigned int i = 0; i < count; i++) {
		if (table[i].type == type && table[i].addr == start &&
		    table[i].addr + table[i].size == end)
			return true;
	}
	return false;
}

static const u64 totals[] = {MIB,     MIB + 4096,     2 * MIB, 128 * MIB, 3 * GIB - 4096,
			     3 * GIB, 3 * GIB + 4096, 6 * GIB, 1024 * GIB};

static void test_ascending_without_overlap(void **state)
{
	for (unsigned int t = 0; t < ARRAY_SIZE(totals); t++) {
		u64 end = 0;

		fill(totals[t]);
		for (unsigned int i = 0; i < count; i++) {
			assert_true(table[i].addr >= end);
			assert_true(table[i].size > 0);
			assert_true(table[i].addr + table[i].size > table[i].addr);
			assert_in_range(table[i].type, E820_RAM, E820_ACPI);
			end = table[i].addr + table[i].size;
		}
	}
}

/* All RAM but the 385 KiB from the EBDA to 1 MiB, and not a byte that is none. */
static void test_sum_of_ram(void **state)
{
	for (unsigned int t = 0; t < ARRAY_SIZE(totals); t++) {
		u64 sum = 0, high = totals[t] > LAYOUT_RAM_HOLE ? totals[t] - LAYOUT_RAM_HOLE : 0;

		fill(totals[t]);
		for (unsigned int i = 0; i < count; i++)
			sum += table[i].type == E820_RAM ? table[i].size : 0;
		assert_int_equal(sum, totals[t] - (LAYOUT_KERNEL_MIN - LAYOUT_EBDA));
		assert_false(touches(E820_RAM, MIN(totals[t], LAYOUT_RAM_HOLE), LAYOUT_RAM_HIGH));
		assert_false(touches(E820_RAM, LAYOUT_RAM_HIGH + high, UINT64_MAX));
	}
}

static void test_what_is_never_usable(void **state)
{
	for (unsigned int t = 0; t < ARRAY_SIZE(totals); t++) {
		fill(totals[t]);
		assert_true(has(E820_ACPI, LAYOUT_ACPI, LAYOUT_ACPI_END));
		assert_true(has(E820_RESERVED, LAYOUT_FIRMWARE, LAYOUT_FIRMWARE_END));
		assert_false(touches(E820_RAM, LAYOUT_EBDA, LAYOUT_KERNEL_MIN));
		assert_false(touches(E820_RAM, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH));
		/* What KVM uses itself on Intel, told as reserved. */
		assert_true(has(E820_RESERVED, LAYOUT_IDENTITY_MAP, LAYOUT_TSS + LAYOUT_TSS_BYTES));
		assert_false(touches(E820_RESERVED, LAYOUT_IOAPIC, LAYOUT_IOAPIC + 0x1000));
		assert_false(touches(E820_RESERVED, LAYOUT_LAPIC, LAYOUT_LAPIC + 0x1000));
	}
}

static void test_where_ram_ends(void **state)
{
	fill(MIB);
	assert_true(has(E820_RAM, 0, LAYOUT_EBDA));
	assert_false(touches(E820_RAM, LAYOUT_KERNEL_MIN, UINT64_MAX));
	fill(128 * MIB);
	assert_true(has(E820_RAM, LAYOUT_KERNEL_MIN, 128 * MIB));
	assert_false(touches(E820_RAM, 128 * MIB, UINT64_MAX));
	fill(3 * GIB);
	assert_true(has(E820_RAM, LAYOUT_KERNEL_MIN, 3 * GIB));
	assert_false(touches(E820_RAM, 3 * GIB, UINT64_MAX));
	fill(3 * GIB + 4096);
	assert_true(has(E820_RAM, LAYOUT_KERNEL_MIN, 3 * GIB));
	assert_true(has(E820_RAM, 4 * GIB, 4 * GIB + 4096));
	fill(6 * GIB);
	assert_true(has(E820_RAM, 4 * GIB, 7 * GIB));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ascending_without_overlap),
		cmocka_unit_test(test_sum_of_ram),
		cmocka_unit_test(test_what_is_never_usable),
		cmocka_unit_test(test_where_ram_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
