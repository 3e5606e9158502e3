// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/pagewalk.c: each form of page tables and each size of page, what ends a walk, and
 * tables of a guest that wants to do harm.
 *
 * Tables are written entry by entry into fake guest RAM of 16 MiB.
 */
#include "tests/lib/guest-ram.h"

#include "x86/pagewalk.h"

#include <string.h>

#define RAM	(16 * MIB)
#define PRESENT 1ULL
#define LARGE	0x80ULL
#define NX	(1ULL << 63)

/* CR0 and CR4 and EFER of each form. */
static const struct kvm_sregs real = {.cr0 = 0x10};
static const struct kvm_sregs plain = {.cr0 = 0x80000001, .cr3 = 0x1000};
static const struct kvm_sregs pse = {.cr0 = 0x80000001, .cr3 = 0x1018, .cr4 = 0x10};
static const struct kvm_sregs pae = {.cr0 = 0x80000001, .cr3 = 0x1fe7, .cr4 = 0x20};
static const struct kvm_sregs four = {
	.cr0 = 0x80000001, .cr3 = 0x8000000000001fffULL, .cr4 = 0x20, .efer = 0x500};
static const struct kvm_sregs five = {
	.cr0 = 0x80000001, .cr3 = 0x1000, .cr4 = 0x1020, .efer = 0x500};

static struct arch_walk walk;

static int setup(void **state)
{
	return ram_map(RAM);
}

static int teardown(void **state)
{
	gmem_unmap(&mem);
	return 0;
}

static void put(gpa_t table, unsigned int index, unsigned int bytes, u64 value)
{
	assert_int_equal(gmem_write(&mem, table + (u64)index * bytes, &value, bytes), 0);
}

static void go(const struct kvm_sregs *sregs, u64 address)
{
	memset(&walk, 0x5a, sizeof(walk));
	pagewalk(&mem, sregs, address, &walk);
	assert_true(walk.address == address);
	assert_in_range(walk.count, 0, ARCH_WALK_MAX);
}

static void maps(u64 gpa, u64 page_bytes, unsigned int count)
{
	assert_null(walk.why);
	assert_true(walk.gpa == gpa);
	assert_true(walk.page_bytes == page_bytes);
	assert_int_equal(walk.count, count);
}

static void fails(const char *why, unsigned int count)
{
	assert_non_null(walk.why);
	assert_non_null(strstr(walk.why, why));
	assert_int_equal(walk.count, count);
}

static void test_no_paging(void **state)
{
	go(&real, 0xfffffff0);
	maps(0xfffffff0, 0, 0);
	assert_string_equal(walk.mode, "no paging");
}

/* Kernel text at its usual place, in the three sizes of page. */
static void test_4_level(void **state)
{
	const u64 text = 0xffffffff81234567;

	put(0x1000, 511, 8, 0x2000 | PRESENT);
	put(0x2000, 510, 8, 0x3000 | PRESENT);
	put(0x3000, 9, 8, 0x4000 | PRESENT);
	put(0x4000, 0x34, 8, NX | 0x765000 | LARGE | PRESENT); /* bit 7 is PAT here */
	go(&four, text);
	maps(0x765567, 4096, 4);
	assert_string_equal(walk.mode, "4-level");
	assert_string_equal(walk.entries[0].level, "PML4");
	assert_int_equal(walk.entries[0].index, 511);
	assert_int_equal(walk.entries[0].at, 0x1ff8);
	assert_int_equal(walk.entries[1].index, 510);
	assert_string_equal(walk.entries[3].level, "PT");
	assert_int_equal(walk.entries[3].at, 0x41a0);
	assert_true(walk.entries[3].value == (NX | 0x765081));

	put(0x3000, 9, 8, 0x12345678401000 | LARGE | PRESENT); /* bit 12 is PAT here */
	go(&four, text);
	maps(0x2345678400000 | 0x34567, 2 * MIB, 3);

	put(0x2000, 510, 8, 0x40000000 | LARGE | PRESENT);
	go(&four, text);
	maps(0x40000000 | 0x1234567, GIB, 2);
}

static void test_5_level(void **state)
{
	const u64 address = 0xff11000000003123;

	put(0x1000, 0x111, 8, 0x2000 | PRESENT);
	put(0x2000, 0, 8, 0x3000 | PRESENT);
	put(0x3000, 0, 8, 0x4000 | PRESENT);
	put(0x4000, 0, 8, 0x5000 | PRESENT);
	put(0x5000, 3, 8, 0x6000 | PRESENT);
	go(&five, address);
	maps(0x6123, 4096, 5);
	assert_string_equal(walk.entries[0].level, "PML5");
	/* With four levels it is no address at all. */
	go(&four, address);
	fails("canonical", 0);
}

static void test_canonical(void **state)
{
	go(&four, 0x0000800000000000);
	fails("canonical", 0);
	go(&four, 0xffff7fffffffffff);
	fails("canonical", 0);
	go(&four, 0x00007fffffffffff);
	fails("not present", 1);
	go(&five, 0x0000800000000000);
	fails("not present", 1);
	go(&five, 0x0100000000000000);
	fails("canonical", 0);
}

/* The root is 32 bytes anywhere below 4 GiB. */
static void test_pae(void **state)
{
	put(0x1fe0, 3, 8, 0x3000 | PRESENT);
	put(0x3000, 511, 8, 0x4000 | PRESENT);
	put(0x4000, 511, 8, 0x5000 | PRESENT);
	go(&pae, 0xfffff00f);
	maps(0x500f, 4096, 3);
	assert_string_equal(walk.mode, "PAE");
	assert_int_equal(walk.entries[0].at, 0x1ff8);
	put(0x3000, 511, 8, 0x200000 | LARGE | PRESENT);
	go(&pae, 0xfffff00f);
	maps(0x3ff00f, 2 * MIB, 2);
	put(0x1fe0, 3, 8, 0x3000 | LARGE | PRESENT);
	go(&pae, 0xfffff00f);
	fails("reserved", 1);
}

static void test_32_bit(void **state)
{
	put(0x1000, 0x300, 4, 0x3000 | PRESENT);
	put(0x3000, 0x3ff, 4, 0x7000 | PRESENT);
	go(&pse, 0xc03ff678);
	maps(0x7678, 4096, 2);
	assert_string_equal(walk.mode, "32-bit");
	assert_int_equal(walk.entries[0].at, 0x1c00);
	/* PSE-36: bits 20 to 13 are address bits 39 to 32. */
	put(0x1000, 0x300, 4, 0x00400000 | 0x5a << 13 | LARGE | PRESENT);
	go(&pse, 0xc03ff678);
	maps(0x5a00400000 | 0x3ff678, 4 * MIB, 1);
	/* Without CR4.PSE bit 7 means nothing. */
	put(0x1000, 0x300, 4, 0x3000 | LARGE | PRESENT);
	go(&plain, 0xc03ff678);
	maps(0x7678, 4096, 2);
}

static void test_what_ends_a_walk(void **state)
{
	put(0x1000, 0, 8, 0x2000 | PRESENT);
	put(0x2000, 0, 8, 0x3000);
	go(&four, 0x1000);
	fails("not present", 2);
	put(0x1000, 0, 8, 0x2000 | LARGE | PRESENT);
	go(&four, 0x1000);
	fails("reserved", 1);
}

/* Tables outside of RAM, at its edge, and tables that point to themselves. */
static void test_hostile_tables(void **state)
{
	struct kvm_sregs sregs = four;

	put(0x1000, 0, 8, 0x000ffffffffff000 | PRESENT);
	go(&four, 0);
	fails("outside of RAM", 1);
	put(0x1000, 0, 8, RAM | PRESENT);
	go(&four, 0);
	fails("outside of RAM", 1);
	put(0x1000, 0, 8, ~(u64)LARGE);
	go(&four, 0);
	fails("outside of RAM", 1);
	sregs.cr3 = ~0ULL;
	go(&sregs, 0xffffffffffffffff);
	fails("outside of RAM", 0);
	sregs = pae;
	sregs.cr3 = RAM - 32;
	go(&sregs, 0xffffffff);
	fails("not present", 1);
	sregs.cr3 = RAM;
	go(&sregs, 0);
	fails("outside of RAM", 0);
	for (unsigned int i = 0; i < 512; i++)
		put(0x1000, i, 8, 0x1000 | PRESENT);
	go(&four, 0x00007fffffffffff);
	maps(0x1fff, 4096, 4);
	go(&five, 0x00ffffffffffffff);
	maps(0x1fff, 4096, 5);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_no_paging),
		EACH(test_4_level),
		EACH(test_5_level),
		EACH(test_canonical),
		EACH(test_pae),
		EACH(test_32_bit),
		EACH(test_what_ends_a_walk),
		EACH(test_hostile_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
