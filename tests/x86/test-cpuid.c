// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/cpuid.c: one table per host style, and what a guest reads after each step.
 *
 * The samples are what KVM_GET_SUPPORTED_CPUID gives on a 48-CPU host with two
 * threads a core, cut down to the leaves that matter here.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <kvm/config.h>
#include <kvm/cpuid.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY 64

/* What cpuid.c asks of the machine core; the ioctls themselves are not under test. */
int kvm_check_cap(const struct kvm *kvm, int cap)
{
	return 0;
}

int kvm_cpu_ioctl(const struct kvm_cpu *cpu, unsigned long request, void *arg)
{
	return -ENOSYS;
}

/* --- samples --- */

#define SUB KVM_CPUID_FLAG_SIGNIFCANT_INDEX

/* function, index, flags, eax, ebx, ecx, edx */
static const struct kvm_cpuid_entry2 intel_sample[] = {
	{0x0, 0, 0, 0x20, 0x756e6547, 0x6c65746e, 0x49656e69, {0}},
	{0x1, 0, 0, 0x606a6, 0xab300800, 0x76fa3223, 0x1fabfbff, {0}},
	{0x4, 0, SUB, 0x7c004121, 0x02c0003f, 0x3f, 0x0, {0}},
	{0x4, 1, SUB, 0x7c004122, 0x01c0003f, 0x3f, 0x0, {0}},
	{0x4, 2, SUB, 0x7c004143, 0x04c0003f, 0x3ff, 0x0, {0}},
	{0x4, 3, SUB, 0x7c0fc163, 0x02c0003f, 0xbfff, 0x4, {0}},
	{0x4, 4, SUB, 0x0, 0x0, 0x0, 0x0, {0}},
	{0x6, 0, 0, 0x77, 0x2, 0x9, 0x1, {0}},
	{0x7, 0, SUB, 0x2, 0xf1bf07ab, 0x00415f5e, 0xac004410, {0}},
	{0x7, 1, SUB, 0x30, 0x0, 0x0, 0x0, {0}},
	{0xa, 0, 0, 0x08300805, 0x0, 0xf, 0x8604, {0}},
	{0xb, 0, SUB, 0x1, 0x2, 0x100, 0x2b, {0}},
	{0xb, 1, SUB, 0x6, 0x30, 0x201, 0x2b, {0}},
	{0xd, 0, SUB, 0x2e7, 0xa88, 0xa88, 0x0, {0}},
	{0xd, 1, SUB, 0xf, 0xa08, 0x0, 0x0, {0}},
	{0x1f, 0, SUB, 0x1, 0x2, 0x100, 0x2b, {0}},
	{0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d, {0}},
	{0x40000001, 0, 0, 0x0100fefb, 0x0, 0x0, 0x0, {0}},
	{0x80000000, 0, 0, 0x80000008, 0x0, 0x0, 0x0, {0}},
	{0x80000001, 0, 0, 0x0, 0x0, 0x121, 0x2c100800, {0}},
	{0x80000002, 0, 0, 0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e, {0}},
	{0x80000008, 0, 0, 0x3934, 0x200, 0x0, 0x0, {0}},
};

static const struct kvm_cpuid_entry2 amd_sample[] = {
	{0x0, 0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65, {0}},
	{0x1, 0, 0, 0xa00f11, 0xab300800, 0x76f83203, 0x178bfbff, {0}},
	{0x6, 0, 0, 0x4, 0x0, 0x1, 0x0, {0}},
	{0x7, 0, SUB, 0x0, 0x219c97a9, 0x40068c, 0x10, {0}},
	{0xb, 0, SUB, 0x0, 0x0, 0x0, 0x0, {0}},
	{0xd, 1, SUB, 0xf, 0x340, 0x1800, 0x0, {0}},
	{0x80000000, 0, 0, 0x80000026, 0x68747541, 0x444d4163, 0x69746e65, {0}},
	{0x80000001, 0, 0, 0xa00f11, 0x40000000, 0x75c237ff, 0x2fd3fbff, {0}},
	{0x80000008, 0, 0, 0x3030, 0x11aed257, 0x702f, 0x10000, {0}},
	{0x8000001d, 0, SUB, 0x4121, 0x01c0003f, 0x3f, 0x0, {0}},
	{0x8000001d, 1, SUB, 0x4122, 0x01c0003f, 0x3f, 0x0, {0}},
	{0x8000001d, 2, SUB, 0x4143, 0x01c0003f, 0x3ff, 0x2, {0}},
	{0x8000001d, 3, SUB, 0x3c163, 0x03c0003f, 0x7fff, 0x1, {0}},
	{0x8000001d, 4, SUB, 0x0, 0x0, 0x0, 0x0, {0}},
	{0x8000001e, 0, 0, 0x2b, 0x115, 0x100, 0x0, {0}},
	{0x80000026, 0, SUB, 0x1, 0x2, 0x100, 0x2b, {0}},
};

static struct kvm_cpuid2 *cpuid;

static void load(const struct kvm_cpuid_entry2 *sample, u32 count)
{
	assert_in_range(count, 1, CAPACITY - CPUID_ADAPT_ROOM);
	cpuid->nent = count;
	memcpy(cpuid->entries, sample, count * sizeof(*sample));
	logged.lines = 0;
}

#define LOAD(sample) load(sample, ARRAY_SIZE(sample))

static int setup(void **state)
{
	cpuid = calloc(1, sizeof(*cpuid) + CAPACITY * sizeof(cpuid->entries[0]));
	log_record();
	return cpuid ? 0 : -1;
}

static int teardown(void **state)
{
	log_record_end();
	free(cpuid);
	return 0;
}

static void adapt(u32 apic_id, u32 cores)
{
	const struct cpuid_topology topology = {.apic_id = apic_id, .cores = cores};

	assert_int_equal(cpuid_adapt(cpuid, CAPACITY, &topology), 0);
}

/* The entry of exactly this subleaf: there must be one. */
static const struct kvm_cpuid_entry2 *entry(u32 leaf, u32 subleaf)
{
	const struct kvm_cpuid_entry2 *found = cpuid_find(cpuid, leaf, subleaf);

	assert_non_null(found);
	return found;
}

static u32 field(u32 reg, unsigned int hi, unsigned int lo)
{
	return reg >> lo & (~0U >> (31 - (hi - lo)));
}

static unsigned int count_leaf(u32 leaf)
{
	unsigned int count = 0;

	for (u32 i = 0; i < cpuid->nent; i++)
		count += cpuid->entries[i].function == leaf;
	return count;
}

/* --- topology --- */

/* Number of CPUs, and the low bits of the APIC id that takes. */
static const struct {
	u32 cores, bits;
} sizes[] = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {64, 6}, {255, 8}};

static void check_leaf_1(u32 apic_id, u32 cores, u8 clflush)
{
	const struct kvm_cpuid_entry2 *e = entry(1, 0);

	assert_int_equal(field(e->ebx, 31, 24), apic_id);
	assert_int_equal(field(e->ebx, 23, 16), cores);
	assert_int_equal(field(e->ebx, 15, 8), clflush);
	assert_int_equal(field(e->edx, 28, 28), cores > 1);
}

static void check_extended_topology(u32 leaf, u32 apic_id, u32 cores, u32 bits)
{
	const u32 shift[] = {0, bits, 0}, count[] = {1, cores, 0}, type[] = {1, 2, 0};

	assert_int_equal(count_leaf(leaf), 3);
	for (u32 i = 0; i < 3; i++) {
		const struct kvm_cpuid_entry2 *e = entry(leaf, i);

		assert_int_equal(e->index, i);
		assert_int_equal(e->flags, SUB);
		assert_int_equal(e->eax, shift[i]);
		assert_int_equal(e->ebx, count[i]);
		assert_int_equal(e->ecx, type[i] << 8 | i);
		assert_int_equal(e->edx, apic_id);
	}
}

static void test_intel(void **state)
{
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		u32 cores = sizes[s].cores, bits = sizes[s].bits, id = cores - 1;

		LOAD(intel_sample);
		adapt(id, cores);
		check_leaf_1(id, cores, 8);
		for (u32 i = 0; i < 4; i++) {
			u32 eax = entry(4, i)->eax;

			assert_int_equal(field(eax, 25, 14), i == 3 ? (1U << bits) - 1 : 0);
			assert_int_equal(field(eax, 31, 26), MIN((1U << bits) - 1, 63U));
			assert_int_equal(field(eax, 13, 0), field(intel_sample[2 + i].eax, 13, 0));
			assert_int_equal(entry(4, i)->ecx, intel_sample[2 + i].ecx);
		}
		assert_int_equal(entry(4, 4)->eax, 0);
		check_extended_topology(0xb, id, cores, bits);
		check_extended_topology(0x1f, id, cores, bits);
		assert_int_equal(entry(0x80000008, 0)->ecx, 0);
		assert_int_equal(entry(0x80000001, 0)->ecx, 0x121);
	}
}

static void test_amd(void **state)
{
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		u32 cores = sizes[s].cores, bits = sizes[s].bits, id = cores - 1;

		LOAD(amd_sample);
		adapt(id, cores);
		check_leaf_1(id, cores, 8);
		for (u32 i = 0; i < 4; i++)
			assert_int_equal(field(entry(0x8000001d, i)->eax, 25, 14),
					 i == 3 ? cores - 1 : 0);
		assert_int_equal(entry(0x8000001d, 3)->ecx, 0x7fff);
		assert_int_equal(entry(0x8000001d, 4)->eax, 0);
		assert_int_equal(entry(0x80000008, 0)->ecx, bits << 12 | (cores - 1));
		assert_int_equal(entry(0x80000001, 0)->ecx, 0x75c237fd | (cores > 1 ? 2 : 0));
		assert_int_equal(entry(0x8000001e, 0)->eax, id);
		assert_int_equal(entry(0x8000001e, 0)->ebx, id);
		assert_int_equal(entry(0x8000001e, 0)->ecx, 0);
		check_extended_topology(0xb, id, cores, bits);
		assert_int_equal(count_leaf(0x1f), 0);
	}
}

/* Hygon's processors are AMD's under another name. */
static void test_hygon(void **state)
{
	struct kvm_cpuid_entry2 *vendor;

	LOAD(amd_sample);
	vendor = cpuid_find(cpuid, 0, 0);
	memcpy(&vendor->ebx, "Hygo", 4);
	memcpy(&vendor->edx, "nGen", 4);
	memcpy(&vendor->ecx, "uine", 4);
	adapt(2, 3);
	assert_int_equal(entry(0x80000008, 0)->ecx, 2 << 12 | 2);
	assert_int_equal(entry(0x8000001e, 0)->eax, 2);
}

static void test_rest_is_kept(void **state)
{
	static const u32 kept[] = {0x7, 0xa, 0xd, 0x40000000, 0x40000001, 0x80000000, 0x80000002};

	LOAD(intel_sample);
	adapt(3, 4);
	for (size_t s = 0; s < ARRAY_SIZE(intel_sample); s++)
		for (size_t k = 0; k < ARRAY_SIZE(kept); k++)
			if (intel_sample[s].function == kept[k])
				assert_memory_equal(entry(kept[k], intel_sample[s].index),
						    &intel_sample[s], sizeof(intel_sample[s]));
	/* Of leaf 6 only ARAT is. */
	assert_int_equal(entry(6, 0)->eax, 4);
	assert_int_equal(entry(6, 0)->ebx | entry(6, 0)->ecx | entry(6, 0)->edx, 0);
}

/* An old host, whose last leaf is 0xa, gets no 0xb. */
static void test_max_leaf(void **state)
{
	LOAD(intel_sample);
	cpuid_find(cpuid, 0, 0)->eax = 0xa;
	adapt(0, 2);
	assert_int_equal(entry(0xb, 1)->eax, 6); /* out of the guest's reach: as it was */
	cpuid_find(cpuid, 0, 0)->eax = 0xb;
	adapt(0, 2);
	check_extended_topology(0xb, 0, 2, 1);
	assert_int_equal(count_leaf(0x1f), 1);
}

static void test_capacity(void **state)
{
	const struct cpuid_topology topology = {.cores = 2};
	const u32 others = ARRAY_SIZE(intel_sample) - 3; /* all but 0xb and 0x1f */

	LOAD(intel_sample);
	assert_int_equal(cpuid_adapt(cpuid, others + 6, &topology), 0);
	assert_int_equal(cpuid->nent, others + 6);
	LOAD(intel_sample);
	assert_int_equal(cpuid_adapt(cpuid, others + 5, &topology), -ENOSPC);
	cpuid->nent = 0;
	assert_int_equal(cpuid_adapt(cpuid, 0, &topology), 0);
	assert_int_equal(cpuid->nent, 0);
}

/* --- features --- */

static void test_implied(void **state)
{
	LOAD(intel_sample);
	cpuid_add_implied(cpuid, true);
	assert_int_equal(entry(1, 0)->ecx, 0x76fa3223 | 1U << 31 | 1U << 24);
	cpuid_add_implied(cpuid, false);
	assert_int_equal(entry(1, 0)->ecx, (0x76fa3223 | 1U << 31) & ~(1U << 24));
}

static void check_feature(const char *name, u32 leaf, u32 subleaf, size_t reg_offset, u32 bit)
{
	const char *reg;
	char item[64];
	u32 before, after;

	reg = (const char *)entry(leaf, subleaf) + reg_offset;
	memcpy(&before, reg, 4);
	assert_true(before & 1U << bit);
	snprintf(item, sizeof(item), "-%s", name);
	assert_int_equal(cpuid_apply_features(cpuid, item), 0);
	memcpy(&after, reg, 4);
	assert_int_equal(after, before & ~(1U << bit));
}

#define REG(name) offsetof(struct kvm_cpuid_entry2, name)

/* The last of each run of names, so that one too many or too few before it shows. */
static void test_feature_positions(void **state)
{
	LOAD(intel_sample);
	for (u32 i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 1 || e->function == 7 || e->function == 0x80000001 ||
		    (e->function == 0xd && e->index == 1))
			e->eax = e->ebx = e->ecx = e->edx = ~0U;
	}
	check_feature("apic", 1, 0, REG(edx), 9);
	check_feature("clflush", 1, 0, REG(edx), 19);
	check_feature("ss", 1, 0, REG(edx), 27);
	check_feature("vmx", 1, 0, REG(ecx), 5);
	check_feature("ssse3", 1, 0, REG(ecx), 9);
	check_feature("cx16", 1, 0, REG(ecx), 13);
	check_feature("sse4_1", 1, 0, REG(ecx), 19);
	check_feature("sse4_2", 1, 0, REG(ecx), 20);
	check_feature("pcid", 1, 0, REG(ecx), 17);
	check_feature("tsc_deadline_timer", 1, 0, REG(ecx), 24);
	check_feature("aes", 1, 0, REG(ecx), 25);
	check_feature("hypervisor", 1, 0, REG(ecx), 31);
	check_feature("avx2", 7, 0, REG(ebx), 5);
	check_feature("rtm", 7, 0, REG(ebx), 11);
	check_feature("avx512ifma", 7, 0, REG(ebx), 21);
	check_feature("avx512cd", 7, 0, REG(ebx), 28);
	check_feature("avx512vl", 7, 0, REG(ebx), 31);
	check_feature("pku", 7, 0, REG(ecx), 3);
	check_feature("vpclmulqdq", 7, 0, REG(ecx), 10);
	check_feature("avx512_bitalg", 7, 0, REG(ecx), 12);
	check_feature("cldemote", 7, 0, REG(ecx), 25);
	check_feature("movdir64b", 7, 0, REG(ecx), 28);
	check_feature("fsrm", 7, 0, REG(edx), 4);
	check_feature("ibt", 7, 0, REG(edx), 20);
	check_feature("amx_int8", 7, 0, REG(edx), 25);
	check_feature("arch_capabilities", 7, 0, REG(edx), 29);
	check_feature("avx512_bf16", 7, 1, REG(eax), 5);
	check_feature("lam", 7, 1, REG(eax), 26);
	check_feature("xsaves", 0xd, 1, REG(eax), 3);
	check_feature("nx", 0x80000001, 0, REG(edx), 20);
	check_feature("rdtscp", 0x80000001, 0, REG(edx), 27);
	check_feature("3dnow", 0x80000001, 0, REG(edx), 31);
	check_feature("osvw", 0x80000001, 0, REG(ecx), 9);
	check_feature("tce", 0x80000001, 0, REG(ecx), 17);
	check_feature("perfctr_core", 0x80000001, 0, REG(ecx), 23);
	check_feature("mwaitx", 0x80000001, 0, REG(ecx), 29);
}

static void test_features(void **state)
{
	u32 ebx;

	LOAD(intel_sample);
	ebx = entry(7, 0)->ebx;
	assert_int_equal(cpuid_apply_features(cpuid, "+avx2,-avx512f,+sse4_2,-smap"), 0);
	assert_int_equal(entry(7, 0)->ebx, ebx & ~(1U << 16 | 1U << 20));
	assert_int_equal(logged.lines, 0);

	/* The later one wins, in either order; what is absent may be removed. */
	LOAD(intel_sample);
	assert_int_equal(cpuid_apply_features(cpuid, "-avx2,+avx2,+smap,-smap,-3dnow,-tsc"), 0);
	assert_int_equal(entry(7, 0)->ebx, ebx & ~(1U << 20));
	LOAD(amd_sample);
	assert_int_equal(cpuid_apply_features(cpuid, "-avx_vnni"), 0);
}

static void check_refused(const char *list, const char *word)
{
	LOAD(intel_sample);
	assert_int_equal(cpuid_apply_features(cpuid, list), -EINVAL);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, word));
	assert_memory_equal(cpuid->entries, intel_sample, sizeof(intel_sample));
}

static void test_features_refused(void **state)
{
	check_refused("-avx2,+3dnow", "+3dnow");
	check_refused("-avx2,+sse4a", "offer");
	check_refused("+sse4.1", "/proc/cpuinfo");
	check_refused("+avx22", "avx22");
	check_refused("-ht", "\"ht\"");
	check_refused("-sse2", "-sse2");
	check_refused("+avx2,-lm", "x86-64");
	check_refused("-pae,", "-pae");
	check_refused("avx2", "+NAME");
	check_refused("", "+NAME");
	check_refused("+", "+NAME");
	check_refused("+avx2,", "+NAME");
	check_refused("+avx2,,-rtm", "+NAME");
	check_refused("+avx2 ,-rtm", "\"avx2 \"");
}

/* --- the module --- */

static void init_cpuid_alone(const struct init_module *module, void *kvm)
{
	if (!strcmp(module->name, "cpuid"))
		assert_int_equal(module->init(kvm), -EBADF);
}

/* Without a /dev/kvm it fails in one line, and leaks nothing. */
static void test_module_without_kvm(void **state)
{
	static struct kvm kvm = {.dev_fd = -1};

	logged.lines = 0;
	init_for_each(init_cpuid_alone, &kvm);
	assert_int_equal(logged.lines, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_intel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_amd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hygon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_max_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_capacity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_implied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_feature_positions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_features, setup, teardown),
		cmocka_unit_test_setup_teardown(test_features_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_module_without_kvm, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
