// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID, leaf by leaf: which parts of the host's table a guest sees, and why.
 *
 * KVM_GET_SUPPORTED_CPUID lists what this host's processor and its KVM support. KVM clears the
 * feature bits that it cannot give to a guest, but it passes some leaves through unchanged, and
 * newer kernels pass more of them. So leaf_rules[] below names every leaf that a guest of lkvm
 * sees: a leaf that is not in the table is removed, and reads as zeros. cpuid_apply_rules() removes
 * these leaves once for each VM, and clears the feature bits that announce them.
 *
 * cpuid_adapt() then turns the table for all CPUs into the table of one CPU. All leaves with
 * topology must agree, because different kernels read different leaves: leaf 1, caches (4 on Intel,
 * 0x8000001d on AMD), 0xb and 0x1f, 0x80000008 and 0x8000001e on AMD. APIC ids are 0 to N - 1, so
 * the lowest ceil(log2 N) bits distinguish the cores. Each core has its own L1 and L2, all cores
 * share the L3.
 *
 * Works only on a table: no ioctl, no global state.
 *
 * Left out on purpose: threads (SMT), several packages or dies, NUMA. AMX: a guest may use it only
 * after arch_prctl(ARCH_REQ_XCOMP_GUEST_PERM), and its registers do not fit into the 4 KiB in which
 * cpu.c keeps the power-on state for a reset.
 *
 * Spec: Intel SDM volume 2A, CPUID; volume 3A section 9.9 (topology enumeration); volume 1
 * section 13.2 (XSAVE areas). AMD APM volume 3, appendix E.
 */
#include <kvm/cpuid.h>
#include <kvm/util.h>

#include <errno.h>
#include <string.h>

#define BIT(n) (1U << (n))

/* Replace bits hi to lo of reg by value, which must fit. */
#define FIELD_MASK(hi, lo) ((~0U >> (31 - (hi))) & (~0U << (lo)))
#define SET_FIELD(reg, hi, lo, value) \
	((reg) = ((reg) & ~FIELD_MASK(hi, lo)) | ((u32)(value) << (lo)&FIELD_MASK(hi, lo)))

/*
 * The leaves that a guest sees. `mask`: the bits of EAX, EBX, ECX and EDX to keep; {0} keeps all.
 * `word`, `bit`: keep the leaf only with this feature. The comment of each line says where the
 * content comes from.
 */
static const struct leaf_rule {
	u32 first, last;
	u32 mask[4];
	struct {
		u32 leaf;
		enum cpuid_reg reg;
		u32 bit;
	} needs;
} leaf_rules[] = {
	/* clang-format off */
	{0x0, 0x0, {0}, {0}},	/* vendor, last leaf: the host's */
	{0x1, 0x1, {0}, {0}},	/* family and features: KVM's; APIC id: cpuid_adapt_leaf_1() */
	{0x2, 0x2, {0}, {0}},	/* caches in the old form: the host's */
	{0x4, 0x4, {0}, {0}},	/* caches of Intel: sizes the host's, sharing: adapt_caches() */
	/* 0x5, monitor: MWAIT is not offered */
	{0x6, 0x6, {0}, {0}},	/* sensors and limits: none, adapt_leaf_6() */
	{0x7, 0x7, {0}, {0}},	/* features: KVM's, less hidden_features[] */
	/* 0x9, direct cache access: a host's chipset */
	{0xa, 0xa, {0}, {0}},	/* PMU: as KVM emulates it */
	{0xb, 0xb, {0}, {0}},	/* topology: rebuilt */
	{0xd, 0xd, {0}, {0}},	/* XSAVE areas: KVM's, less AMX's */
	/* 0xf, 0x10, resource control: the host's; 0x12, SGX: there is no EPC in this machine */
	{0x14, 0x14, {0}, {0x7, EBX, 25}}, /* processor trace: only where KVM passes it on */
	{0x15, 0x16, {0}, {0}},	/* frequencies: KVM gives the guest the host's TSC */
	/* 0x17 to 0x1b: vendor brand, TLBs, key locker, core type (hybrid), PCONFIG: the host's */
	{0x1c, 0x1c, {0}, {0x7, EDX, 19}}, /* last branch records: only where KVM passes them on */
	/* 0x1d, 0x1e, AMX; 0x20, HRESET; 0x21, TDX; 0x23, PMU of a hybrid host */
	{0x1f, 0x1f, {0}, {0}},	/* topology: rebuilt */
	{0x24, 0x24, {0}, {0}},	/* AVX10: KVM's */
	{0x40000000, 0x400000ff, {0}, {0}}, /* KVM's own */
	{0x80000000, 0x80000004, {0}, {0}}, /* last leaf, features, brand */
	{0x80000005, 0x80000006, {0}, {0}}, /* caches in AMD's old form: the host's */
	{0x80000007, 0x80000007, {[EDX] = BIT(8)}, {0}}, /* power: only "the TSC is constant" */
	{0x80000008, 0x80000008, {0}, {0}}, /* address sizes, features; cores: adapt_amd() */
	{0x8000000a, 0x8000000a, {0}, {0x80000001, ECX, 2}}, /* SVM: features for nested guests */
	{0x80000019, 0x8000001a, {0}, {0}}, /* TLBs, hints for the choice of instructions */
	/* 0x8000001b, IBS; 0x8000001c, LWP: no guest has them */
	{0x8000001d, 0x8000001e, {0}, {0}}, /* caches and topology of AMD: adapt_amd() */
	/* 0x8000001f, SEV: this machine's memory is not encrypted; 0x80000020: resource control */
	{0x80000021, 0x80000022, {0}, {0}}, /* features and PMU: KVM's */
	/* 0x80000023, keys; 0x80000026, topology once more: without it 0xb is read */
	{0xc0000000, 0xc0000001, {0}, {0}}, /* Centaur's features: KVM's */
	/* clang-format on */
};

/* Features that announce a leaf or a device which the guest does not have. */
static const struct {
	u32 leaf, subleaf;
	enum cpuid_reg reg;
	u32 bits;
} hidden_features[] = {
	{0x1, 0, ECX, BIT(3)},			    /* MONITOR and MWAIT */
	{0x1, 0, ECX, BIT(18)},			    /* direct cache access */
	{0x7, 0, EBX, BIT(2)},			    /* SGX */
	{0x7, 0, EBX, BIT(12) | BIT(15)},	    /* resource control */
	{0x7, 0, ECX, BIT(23) | BIT(30)},	    /* key locker, SGX launch control */
	{0x7, 0, EDX, BIT(15)},			    /* hybrid: all CPUs are of one kind */
	{0x7, 0, EDX, BIT(18)},			    /* PCONFIG */
	{0x7, 0, EDX, BIT(22) | BIT(24) | BIT(25)}, /* AMX: BF16, tiles, INT8 */
	{0x7, 1, EAX, BIT(8) | BIT(21) | BIT(22)},  /* the PMU of leaf 0x23, AMX FP16, HRESET */
	{0x7, 1, EBX, BIT(1)},			    /* protected processor inventory number */
	{0x7, 1, EDX, BIT(8)},			    /* AMX COMPLEX */
	{0x80000001, 0, ECX, BIT(10) | BIT(15)},    /* IBS, LWP */
};

/* XSAVE areas of AMX and of LWP: bits of 0xd EDX:EAX; each has a subleaf. */
#define XSAVE_HIDDEN (1ULL << 17 | 1ULL << 18 | 1ULL << 62)

/* --- the table --- */

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function != leaf)
			continue;
		if (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == subleaf)
			return entry;
	}
	return NULL;
}

static void cpuid_remove_leaf(struct kvm_cpuid2 *cpuid, u32 leaf)
{
	u32 kept = 0;

	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function != leaf)
			cpuid->entries[kept++] = cpuid->entries[i];
	cpuid->nent = kept;
}

/* True for vendors with AMD's leaves: AMD and Hygon. All others have Intel's. */
static bool cpuid_is_amd(struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, 0, 0);
	char vendor[12];

	if (!entry)
		return false;
	memcpy(vendor, &entry->ebx, 4);
	memcpy(vendor + 4, &entry->edx, 4);
	memcpy(vendor + 8, &entry->ecx, 4);
	return !memcmp(vendor, "AuthenticAMD", 12) || !memcmp(vendor, "HygonGenuine", 12);
}

/* --- which leaves --- */

u32 *cpuid_reg(struct kvm_cpuid_entry2 *entry, enum cpuid_reg reg)
{
	switch (reg) {
	case EAX:
		return &entry->eax;
	case EBX:
		return &entry->ebx;
	case ECX:
		return &entry->ecx;
	case EDX:
		break;
	}
	return &entry->edx;
}

static const struct leaf_rule *leaf_rule_find(u32 leaf)
{
	for (size_t i = 0; i < ARRAY_SIZE(leaf_rules); i++)
		if (leaf >= leaf_rules[i].first && leaf <= leaf_rules[i].last)
			return &leaf_rules[i];
	return NULL;
}

static bool leaf_is_kept(struct kvm_cpuid2 *cpuid, const struct kvm_cpuid_entry2 *entry)
{
	const struct leaf_rule *rule = leaf_rule_find(entry->function);
	struct kvm_cpuid_entry2 *features;

	if (!rule ||
	    (entry->function == 0xd && entry->index < 64 && XSAVE_HIDDEN >> entry->index & 1))
		return false;
	if (!rule->needs.leaf)
		return true;
	features = cpuid_find(cpuid, rule->needs.leaf, 0);
	return features && *cpuid_reg(features, rule->needs.reg) & BIT(rule->needs.bit);
}

static void leaf_mask(struct kvm_cpuid_entry2 *entry)
{
	const struct leaf_rule *rule = leaf_rule_find(entry->function);

	if (!(rule->mask[EAX] | rule->mask[EBX] | rule->mask[ECX] | rule->mask[EDX]))
		return;
	for (enum cpuid_reg reg = EAX; reg <= EDX; reg++)
		*cpuid_reg(entry, reg) &= rule->mask[reg];
}

/* 0xd ECX is the size of all areas that XCR0 can enable: the end of the last one. */
static void xsave_adapt(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *areas = cpuid_find(cpuid, 0xd, 0);
	u64 mask, end = 512 + 64; /* x87 and SSE, and the header */

	if (!areas)
		return;
	mask = (u64)areas->edx << 32 | areas->eax;
	if (!(mask & XSAVE_HIDDEN))
		return;
	mask &= ~XSAVE_HIDDEN;
	areas->eax = (u32)mask;
	areas->edx = (u32)(mask >> 32);
	for (u32 i = 2; i < 64; i++) {
		struct kvm_cpuid_entry2 *area = cpuid_find(cpuid, 0xd, i);

		if (mask >> i & 1 && area)
			end = MAX(end, (u64)area->ebx + area->eax);
	}
	areas->ecx = (u32)end;
}

void cpuid_apply_rules(struct kvm_cpuid2 *cpuid)
{
	u32 kept = 0;

	for (size_t i = 0; i < ARRAY_SIZE(hidden_features); i++) {
		struct kvm_cpuid_entry2 *entry =
			cpuid_find(cpuid, hidden_features[i].leaf, hidden_features[i].subleaf);

		if (entry)
			*cpuid_reg(entry, hidden_features[i].reg) &= ~hidden_features[i].bits;
	}
	for (u32 i = 0; i < cpuid->nent; i++) {
		if (!leaf_is_kept(cpuid, &cpuid->entries[i]))
			continue;
		cpuid->entries[kept] = cpuid->entries[i];
		leaf_mask(&cpuid->entries[kept++]);
	}
	cpuid->nent = kept;
	xsave_adapt(cpuid);
}

/* --- topology --- */

/* Number of bits of the APIC id that distinguish n cores. */
static u32 core_id_bits(u32 n)
{
	return n > 1 ? 32 - (u32)__builtin_clz(n - 1) : 0;
}

void cpuid_adapt_leaf_1(struct kvm_cpuid_entry2 *entry, const struct cpuid_topology *topology)
{
	SET_FIELD(entry->ebx, 31, 24, topology->apic_id & 0xff);
	SET_FIELD(entry->ebx, 23, 16, MIN(topology->cores, 255U));
	SET_FIELD(entry->edx, 28, 28, topology->cores > 1); /* HTT: more than one in the package */
}

/* Hide the host's thermal sensors and power limits. ARAT: the APIC timer never stops. */
static void adapt_leaf_6(struct kvm_cpuid_entry2 *entry)
{
	entry->eax = BIT(2);
	entry->ebx = entry->ecx = entry->edx = 0;
}

/* Adapt one cache of leaf 4 or 0x8000001d. ids_in_l3: the number of ids that share the L3. */
static void adapt_cache(struct kvm_cpuid_entry2 *entry, u32 ids_in_l3)
{
	u32 type = entry->eax & 0x1f;
	u32 level = entry->eax >> 5 & 7;

	if (type)
		SET_FIELD(entry->eax, 25, 14, level >= 3 ? ids_in_l3 - 1 : 0);
}

/* Intel counts possible ids, which is a power of two; AMD counts existing processors. */
static void adapt_caches(struct kvm_cpuid2 *cpuid, u32 cores)
{
	u32 ids = 1U << core_id_bits(cores);

	for (u32 i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == 4) {
			adapt_cache(entry, ids);
			if (entry->eax & 0x1f)
				SET_FIELD(entry->eax, 31, 26, MIN(ids - 1, 63U));
		} else if (entry->function == 0x8000001d) {
			adapt_cache(entry, cores);
		}
	}
}

/*
 * Leaves 0xb and 0x1f: subleaf 0 is the thread's level, 1 the core's, 2 ends the list. KVM's values
 * are incomplete or missing, so the leaf is built from the start.
 */
static int rebuild_extended_topology(struct kvm_cpuid2 *cpuid, u32 capacity, u32 leaf,
				     const struct cpuid_topology *topology)
{
	enum { LEVEL_END, LEVEL_THREAD, LEVEL_CORE };
	const struct {
		u32 shift, count, type;
	} levels[] = {
		{0, 1, LEVEL_THREAD},
		{core_id_bits(topology->cores), topology->cores, LEVEL_CORE},
		{0, 0, LEVEL_END},
	};

	cpuid_remove_leaf(cpuid, leaf);
	if (capacity < cpuid->nent || capacity - cpuid->nent < ARRAY_SIZE(levels))
		return -ENOSPC;
	for (u32 i = 0; i < ARRAY_SIZE(levels); i++)
		cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
			.function = leaf,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = levels[i].shift,
			.ebx = levels[i].count,
			.ecx = levels[i].type << 8 | i,
			.edx = topology->apic_id,
		};
	return 0;
}

static void adapt_amd(struct kvm_cpuid2 *cpuid, const struct cpuid_topology *topology)
{
	struct kvm_cpuid_entry2 *entry;

	entry = cpuid_find(cpuid, 0x80000001, 0);
	if (entry)
		SET_FIELD(entry->ecx, 1, 1,
			  topology->cores > 1); /* CmpLegacy: cores, not threads */

	entry = cpuid_find(cpuid, 0x80000008, 0);
	if (entry) {
		SET_FIELD(entry->ecx, 7, 0, topology->cores - 1);
		SET_FIELD(entry->ecx, 15, 12, core_id_bits(topology->cores));
	}

	entry = cpuid_find(cpuid, 0x8000001e, 0);
	if (entry) {
		entry->eax = topology->apic_id;
		entry->ebx = topology->apic_id; /* core id; one thread each, counted from 0 */
		entry->ecx = 0;			/* node 0 of one */
	}
}

int cpuid_adapt(struct kvm_cpuid2 *cpuid, u32 capacity, const struct cpuid_topology *topology)
{
	static const u32 extended_topology[] = {0xb, 0x1f};
	struct kvm_cpuid_entry2 *entry;
	u32 max_leaf;

	entry = cpuid_find(cpuid, 0, 0);
	max_leaf = entry ? entry->eax : 0;

	entry = cpuid_find(cpuid, 1, 0);
	if (entry)
		cpuid_adapt_leaf_1(entry, topology);
	entry = cpuid_find(cpuid, 6, 0);
	if (entry)
		adapt_leaf_6(entry);
	adapt_caches(cpuid, topology->cores);
	if (cpuid_is_amd(cpuid))
		adapt_amd(cpuid, topology);

	for (size_t i = 0; i < ARRAY_SIZE(extended_topology); i++) {
		int err;

		if (max_leaf < extended_topology[i])
			continue;
		err = rebuild_extended_topology(cpuid, capacity, extended_topology[i], topology);
		if (err)
			return err;
	}
	return 0;
}
