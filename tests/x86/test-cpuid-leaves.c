// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/cpuid-leaves.c: which leaves and features of a host reach a guest.
 *
 * Without arguments: a table that has everything. With files, as check-cpuid.sh makes them,
 * recordings of processors: lines of six hexadecimal numbers, leaf, subleaf, EAX, EBX, ECX and
 * EDX. A recording is what the processor says to its host. That is more than KVM lets through, so
 * each rule has work to do.
 */
#include "tests/lib/test.h"

#include <kvm/cpuid.h>
#include <kvm/util.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY 512
#define SUB	 KVM_CPUID_FLAG_SIGNIFCANT_INDEX
#define BIT(n)	 (1U << (n))

static struct kvm_cpuid2 *cpuid;

static int setup(void **state)
{
	cpuid = calloc(1, sizeof(*cpuid) + CAPACITY * sizeof(cpuid->entries[0]));
	return cpuid ? 0 : -1;
}

static int teardown(void **state)
{
	free(cpuid);
	return 0;
}

static void add(u32 leaf, u32 subleaf, u32 flags, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	assert_true(cpuid->nent < CAPACITY - CPUID_ADAPT_ROOM);
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = subleaf,
		.flags = flags,
		.eax = eax,
		.ebx = ebx,
		.ecx = ecx,
		.edx = edx,
	};
}

static u32 reg_of(u32 leaf, u32 subleaf, enum cpuid_reg reg)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, leaf, subleaf);

	return entry ? *cpuid_reg(entry, reg) : 0;
}

/* --- what no guest may see, said once more --- */

static bool leaf_is_ours(u32 leaf)
{
	static const u32 ranges[][2] = {
		{0x0, 0x2},
		{0x4, 0x4},
		{0x6, 0x7},
		{0xa, 0xb},
		{0xd, 0xd},
		{0x14, 0x16},
		{0x1c, 0x1c},
		{0x1f, 0x1f},
		{0x24, 0x24},
		{0x40000000, 0x400000ff},
		{0x80000000, 0x80000008},
		{0x8000000a, 0x8000000a},
		{0x80000019, 0x8000001a},
		{0x8000001d, 0x8000001e},
		{0x80000021, 0x80000022},
		{0xc0000000, 0xc0000001},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (leaf >= ranges[i][0] && leaf <= ranges[i][1])
			return true;
	return false;
}

static void check_hidden(void)
{
	for (u32 i = 0; i < cpuid->nent; i++)
		assert_true(leaf_is_ours(cpuid->entries[i].function));
	assert_int_equal(reg_of(0x1, 0, ECX) & (BIT(3) | BIT(18)), 0);
	assert_int_equal(reg_of(0x7, 0, EBX) & (BIT(2) | BIT(12) | BIT(15)), 0);
	assert_int_equal(reg_of(0x7, 0, ECX) & (BIT(23) | BIT(30)), 0);
	assert_int_equal(reg_of(0x7, 0, EDX) & (BIT(15) | BIT(18)), 0);
	assert_int_equal(reg_of(0x7, 0, EDX) & (BIT(22) | BIT(24) | BIT(25)), 0);
	assert_int_equal(reg_of(0x7, 1, EAX) & (BIT(8) | BIT(21) | BIT(22)), 0);
	assert_int_equal(reg_of(0x7, 1, EDX) & BIT(8), 0);
	assert_int_equal(reg_of(0xd, 0, EAX) & (BIT(17) | BIT(18)), 0);
	assert_int_equal(reg_of(0xd, 0, EDX) & BIT(30), 0);
	assert_int_equal(reg_of(0x80000001, 0, ECX) & (BIT(10) | BIT(15)), 0);
	assert_int_equal(reg_of(0x80000007, 0, EDX) & ~BIT(8), 0);
	assert_int_equal(reg_of(0x80000007, 0, EBX), 0);
	if (!(reg_of(0x7, 0, EBX) & BIT(25)))
		assert_null(cpuid_find(cpuid, 0x14, 0));
	if (!(reg_of(0x7, 0, EDX) & BIT(19)))
		assert_null(cpuid_find(cpuid, 0x1c, 0));
	if (!(reg_of(0x80000001, 0, ECX) & BIT(2)))
		assert_null(cpuid_find(cpuid, 0x8000000a, 0));
}

/* XSAVE: a subleaf a bit, and ECX is the end of the last. */
static void check_xsave(void)
{
	u32 end = 512 + 64;

	if (!reg_of(0xd, 0, EAX))
		return;
	for (u32 i = 2; i < 64; i++) {
		struct kvm_cpuid_entry2 *area = cpuid_find(cpuid, 0xd, i);
		u32 areas = reg_of(0xd, 0, i < 32 ? EAX : EDX);

		if (i == 17 || i == 18 || i == 62)
			assert_null(area);
		if (areas & BIT(i % 32) && area)
			end = MAX(end, area->eax + area->ebx);
	}
	assert_int_equal(reg_of(0xd, 0, ECX), end);
}

/* How many cores each leaf says there are, as kernels read it. */
static void check_topology(u32 id, u32 cores)
{
	u32 bits = cores > 1 ? 32 - (u32)__builtin_clz(cores - 1) : 0;
	bool amd = reg_of(0, 0, EBX) == 0x68747541;

	assert_int_equal(reg_of(1, 0, EBX) >> 24, id);
	assert_int_equal(reg_of(1, 0, EBX) >> 16 & 0xff, cores);
	if (reg_of(0, 0, EAX) >= 0xb) {
		assert_int_equal(reg_of(0xb, 0, EBX), 1);
		assert_int_equal(reg_of(0xb, 1, EBX), cores);
		assert_int_equal(reg_of(0xb, 1, EAX), bits);
		assert_int_equal(reg_of(0xb, 1, EDX), id);
	}
	if (!amd && reg_of(4, 0, EAX) & 0x1f)
		assert_int_equal(reg_of(4, 0, EAX) >> 26, MIN((1U << bits) - 1, 63U));
	if (amd) {
		assert_int_equal((reg_of(0x80000008, 0, ECX) & 0xff) + 1, cores);
		assert_int_equal(reg_of(0x80000008, 0, ECX) >> 12 & 0xf, bits);
		assert_int_equal(reg_of(0x8000001e, 0, EBX) >> 8 & 0xff, 0); /* threads */
	}
}

static void check_all(void)
{
	static const u32 sizes[] = {1, 2, 3, 8, 64, 255};
	static struct kvm_cpuid_entry2 host[CAPACITY], once[CAPACITY];
	u32 count = cpuid->nent, left;

	memcpy(host, cpuid->entries, sizeof(host));
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		const struct cpuid_topology topology = {sizes[s] - 1, sizes[s]};

		cpuid->nent = count;
		memcpy(cpuid->entries, host, sizeof(host));
		cpuid_apply_rules(cpuid);
		left = cpuid->nent;
		memcpy(once, cpuid->entries, sizeof(once));
		cpuid_apply_rules(cpuid);
		assert_int_equal(cpuid->nent, left);
		assert_memory_equal(cpuid->entries, once, left * sizeof(once[0]));
		assert_int_equal(cpuid_adapt(cpuid, CAPACITY, &topology), 0);
		check_hidden();
		check_xsave();
		check_topology(sizes[s] - 1, sizes[s]);
	}
}

/* --- tables made here --- */

/* Every leaf there could be, each full of ones but for what has a form. */
static void load_everything(u32 vendor_ebx, u32 vendor_ecx, u32 vendor_edx)
{
	cpuid->nent = 0;
	add(0, 0, 0, 0x24, vendor_ebx, vendor_ecx, vendor_edx);
	for (u32 leaf = 1; leaf <= 0x26; leaf++)
		if (leaf != 0xd && leaf != 7)
			add(leaf, 0, 0, ~0U, ~0U, ~0U, ~0U);
	add(7, 0, SUB, 1, ~0U, ~0U, ~0U);
	add(7, 1, SUB, ~0U, ~0U, ~0U, ~0U);
	add(0xd, 0, SUB, 0x602e7, 0x2b00, 0x2b00, 0);
	add(0xd, 2, SUB, 256, 576, 0, 0);
	add(0xd, 5, SUB, 64, 1088, 0, 0);
	add(0xd, 6, SUB, 512, 1152, 0, 0);
	add(0xd, 7, SUB, 1024, 1664, 0, 0);
	add(0xd, 9, SUB, 8, 2688, 0, 0);
	add(0xd, 17, SUB, 64, 2752, 2, 0);
	add(0xd, 18, SUB, 8192, 2816, 6, 0);
	for (u32 leaf = 0x40000000; leaf <= 0x40000001; leaf++)
		add(leaf, 0, 0, ~0U, ~0U, ~0U, ~0U);
	for (u32 leaf = 0x80000000; leaf <= 0x80000028; leaf++)
		add(leaf, 0, 0, ~0U, ~0U, ~0U, ~0U);
	add(0xc0000000, 0, 0, ~0U, ~0U, ~0U, ~0U);
	add(0xc0000005, 0, 0, ~0U, ~0U, ~0U, ~0U);
	add(0x20000000, 0, 0, ~0U, ~0U, ~0U, ~0U);
}

static void test_everything(void **state)
{
	load_everything(0x756e6547, 0x6c65746e, 0x49656e69);
	check_all();
	assert_int_equal(reg_of(0xd, 0, EAX), 0x2e7);
	/* The end of PKRU's area, not of AMX's tiles. */
	assert_int_equal(reg_of(0xd, 0, ECX), 2696);
	load_everything(0x68747541, 0x444d4163, 0x69746e65);
	check_all();
	/* What is not named stays. */
	assert_int_equal(reg_of(0x80000021, 0, EAX), ~0U);
	assert_int_equal(reg_of(0x40000001, 0, EAX), ~0U);
	assert_int_equal(reg_of(7, 0, EBX), ~(BIT(2) | BIT(12) | BIT(15)));
}

/* A leaf that belongs to a feature goes with it. */
static void test_needs(void **state)
{
	load_everything(0x756e6547, 0x6c65746e, 0x49656e69);
	cpuid_apply_rules(cpuid);
	assert_non_null(cpuid_find(cpuid, 0x14, 0));
	assert_non_null(cpuid_find(cpuid, 0x1c, 0));
	assert_non_null(cpuid_find(cpuid, 0x8000000a, 0));
	load_everything(0x756e6547, 0x6c65746e, 0x49656e69);
	cpuid_find(cpuid, 7, 0)->ebx &= ~BIT(25);
	cpuid_find(cpuid, 7, 0)->edx &= ~BIT(19);
	cpuid_find(cpuid, 0x80000001, 0)->ecx &= ~BIT(2);
	check_all();
	assert_null(cpuid_find(cpuid, 0x14, 0));
}

/* Without AMX the size is KVM's, whatever it is. */
static void test_xsave_without_amx(void **state)
{
	load_everything(0x756e6547, 0x6c65746e, 0x49656e69);
	cpuid_find(cpuid, 0xd, 0)->eax = 0x7;
	cpuid_find(cpuid, 0xd, 0)->ecx = 0x340;
	cpuid_apply_rules(cpuid);
	assert_int_equal(reg_of(0xd, 0, EAX), 7);
	assert_int_equal(reg_of(0xd, 0, ECX), 0x340);
	/* A table without any leaf, or without areas, is no reason to fail. */
	cpuid->nent = 0;
	cpuid_apply_rules(cpuid);
	assert_int_equal(cpuid->nent, 0);
}

/* --- recordings --- */

static const char *recording;

static void test_recording(void **state)
{
	FILE *file = fopen(recording, "r");
	u32 leaf, sub, eax, ebx, ecx, edx, lines = 0;

	assert_non_null(file);
	cpuid->nent = 0;
	while (fscanf(file, "%x %x %x %x %x %x", &leaf, &sub, &eax, &ebx, &ecx, &edx) == 6) {
		bool indexed = leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd ||
			       (leaf >= 0xf && leaf <= 0x26 && leaf != 0x13 && leaf != 0x15 &&
				leaf != 0x16) ||
			       leaf == 0x8000001d || leaf == 0x80000020 || leaf == 0x80000026;

		add(leaf, sub, indexed ? SUB : 0, eax, ebx, ecx, edx);
		lines++;
	}
	fclose(file);
	assert_true(lines > 10);
	check_all();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(test_needs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsave_without_amx, setup, teardown),
	};
	int failed = 0;

	if (argc == 1)
		return cmocka_run_group_tests(tests, NULL, NULL);
	for (int i = 1; i < argc; i++) {
		const struct CMUnitTest one[] = {
			{argv[i], test_recording, setup, teardown, NULL},
		};

		recording = argv[i];
		failed += cmocka_run_group_tests(one, NULL, NULL);
	}
	return failed != 0;
}
