// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/bios.c: which bytes it writes into guest RAM, and that it writes no others.
 *
 * RAM is a buffer; the code is not run here (tests/kvm/test-bios.c does that).
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/bios.h"
#include "x86/e820.h"

#include <errno.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <stdio.h>
#include <string.h>

#define CODE_MAX 4096 /* more than this is no longer "a few services" */
#define BLANK	 0xa5

static u8 ram[2 * MIB];
static struct gmem mem;

/* A machine of this size; only its first 2 MiB are really there. */
static int write_into(u64 total)
{
	u64 low = MIN(total, LAYOUT_RAM_HOLE);

	mem = (struct gmem){.banks = {{.size = low, .host = ram}}, .count = 1};
	if (total > low)
		mem.banks[mem.count++] =
			(struct gmem_bank){.base = LAYOUT_RAM_HIGH, .size = total - low};
	memset(ram, BLANK, sizeof(ram));
	logged.last[0] = '\0';
	return bios_write(&mem);
}

static u16 word(gpa_t at)
{
	return (u16)(ram[at] | ram[at + 1] << 8);
}

static bool is_blank(gpa_t start, gpa_t end)
{
	while (start < end && ram[start] == BLANK)
		start++;
	return start == end;
}

/* A far pointer leads behind the parameters, into what was written. */
static void assert_leads_into_code(gpa_t at)
{
	assert_int_equal(word(at + 2), BIOS_SEGMENT);
	assert_in_range((BIOS_SEGMENT << 4) + word(at), LAYOUT_BIOS + BIOS_PARAM_BYTES,
			LAYOUT_BIOS + CODE_MAX - 1);
	assert_false(is_blank((BIOS_SEGMENT << 4) + word(at), (BIOS_SEGMENT << 4) + word(at) + 4));
}

static void test_nothing_else_is_touched(void **state)
{
	gpa_t end = LAYOUT_BIOS + CODE_MAX;

	assert_int_equal(write_into(2 * MIB), 0);
	assert_true(is_blank(LAYOUT_GDT, LAYOUT_BIOS));
	assert_true(is_blank(end, LAYOUT_BIOS_RESET));
	assert_true(is_blank(LAYOUT_BIOS_END, sizeof(ram)));
	assert_false(is_blank(LAYOUT_BIOS, end));
}

static void test_vectors(void **state)
{
	u16 iret = 0;

	assert_int_equal(write_into(2 * MIB), 0);
	for (gpa_t vector = 0; vector < 256; vector++)
		assert_leads_into_code(LAYOUT_IVT + 4 * vector);

	/* Those that nobody serves lead to one IRET, those that are served do not. */
	iret = word(4 * 0xff);
	assert_int_equal(ram[(BIOS_SEGMENT << 4) + iret], 0xcf);
	assert_int_equal(word(4 * 0x01), iret);
	assert_int_equal(word(4 * 0x1c), iret);
	for (gpa_t vector = 0x06; vector <= 0x1a; vector++)
		assert_int_not_equal(word(4 * vector), iret);
	for (gpa_t vector = 0x70; vector <= 0x77; vector++)
		assert_int_not_equal(word(4 * vector), iret);
}

static void test_data_area(void **state)
{
	const gpa_t bda = LAYOUT_BDA;

	assert_int_equal(write_into(2 * MIB), 0);
	assert_int_equal(word(bda + 0x00), 0x3f8);
	assert_int_equal(word(bda + 0x02), 0x2f8);
	assert_int_equal(word(bda + 0x04), 0x3e8);
	assert_int_equal(word(bda + 0x06), 0x2e8);
	assert_int_equal(word(bda + 0x08), 0);
	assert_int_equal(word(bda + 0x0e), LAYOUT_EBDA >> 4);
	assert_int_equal(word(bda + 0x10), 0x0802); /* four serial ports, an FPU */
	assert_int_equal(word(bda + 0x13), LAYOUT_EBDA >> 10);
	assert_int_equal(word(bda + 0x1a), word(bda + 0x1c)); /* no key waits */
	assert_int_equal(ram[bda + 0x49], 3);
	assert_int_equal(word(bda + 0x4a), 0); /* no screen */
	assert_int_equal(word(bda + 0x6c), 0);
	assert_int_equal(word(bda + 0x6e), 0);
	assert_int_equal(ram[bda + 0x75], 0); /* disks */
	assert_int_equal(ram[bda + 0x84], 24);
	assert_int_equal(word(bda + 0x85), 16);
	assert_int_equal(ram[bda + 0xff], 0);
}

static void test_reset_vector(void **state)
{
	assert_int_equal(write_into(2 * MIB), 0);
	assert_int_equal(ram[LAYOUT_BIOS_RESET], 0xea); /* jmp far */
	assert_leads_into_code(LAYOUT_BIOS_RESET + 1);
	assert_memory_equal(ram + LAYOUT_BIOS_RESET + 5, "01/01/26", 8);
	assert_int_equal(ram[LAYOUT_BIOS_RESET + 14], 0xfc); /* an AT */
}

static void test_parameters_are_the_memory_map(void **state)
{
	static const u64 totals[] = {2 * MIB, 128 * MIB, 3 * GIB, 6 * GIB};

	for (size_t t = 0; t < ARRAY_SIZE(totals); t++) {
		struct boot_e820_entry table[E820_MAX_ENTRIES_ZEROPAGE];
		unsigned int count;

		assert_int_equal(write_into(totals[t]), 0);
		count = e820_fill(&mem, table);
		assert_int_equal(word(LAYOUT_BIOS + BIOS_E820_COUNT), count);
		assert_int_equal(word(LAYOUT_BIOS + BIOS_E820_COUNT + 2), 0);
		assert_memory_equal(ram + LAYOUT_BIOS + BIOS_E820_TABLE, table,
				    count * sizeof(table[0]));
	}
}

static void test_sizes(void **state)
{
	static const struct {
		u64 total;
		u16 ext_kib, low_kib, high_64kib;
	} sizes[] = {
		{1 * MIB, 0, 0, 0},
		{2 * MIB, 1024, 1024, 0},
		{16 * MIB, 15 * 1024, 15 * 1024, 0},
		{20 * MIB, 19 * 1024, 15 * 1024, 64},
		{64 * MIB, 63 * 1024, 15 * 1024, 768},
		{65 * MIB, 63 * 1024, 15 * 1024, 784},
		{3 * GIB, 63 * 1024, 15 * 1024, 48896},
		{8 * GIB, 63 * 1024, 15 * 1024, 48896}, /* up to the hole */
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(write_into(sizes[i].total), 0);
		assert_int_equal(word(LAYOUT_BIOS + BIOS_EXT_KIB), sizes[i].ext_kib);
		assert_int_equal(word(LAYOUT_BIOS + BIOS_LOW_KIB), sizes[i].low_kib);
		assert_int_equal(word(LAYOUT_BIOS + BIOS_HIGH_64KIB), sizes[i].high_64kib);
		assert_int_equal(word(LAYOUT_BIOS + BIOS_BASE_KIB), 639);
		assert_int_equal(word(LAYOUT_BIOS + BIOS_EQUIPMENT), word(LAYOUT_BDA + 0x10));
		assert_int_equal(ram[LAYOUT_BIOS + BIOS_STOP_STATUS], STATUS_CRASH);
	}
}

static void test_too_little_ram(void **state)
{
	log_record();
	assert_int_equal(write_into(512 * KIB), -EFAULT);
	log_record_end();
	assert_non_null(strstr(logged.last, "needs 1 MiB"));
	assert_true(is_blank(512 * KIB, sizeof(ram)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_else_is_touched),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_data_area),
		cmocka_unit_test(test_reset_vector),
		cmocka_unit_test(test_parameters_are_the_memory_map),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_too_little_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
