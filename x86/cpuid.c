// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID: the table by which each virtual CPU describes itself.
 *
 * KVM_GET_SUPPORTED_CPUID returns what this host's processor and its KVM support, as one table of
 * entries (leaf, subleaf, EAX to EDX). Four steps turn it into the guest's table:
 *
 *	once a VM	cpuid_apply_rules()	only leaves that lkvm knows (cpuid-leaves.c)
 *			cpuid_add_implied()	features KVM has but does not list
 *			cpuid_apply_features()	--cpu-features
 *	once a vCPU	cpuid_adapt()		one package of N cores, and which core
 *						this is; then KVM_SET_CPUID2
 *
 * The result of the first three steps is made when this module is initialised, just before the
 * vCPUs in the order of the init list, and is kept until exit. Main thread.
 *
 * KVM itself updates bits that depend on registers of the guest, such as OSXSAVE.
 *
 * Everything that the host supports is on, so +name does not enable anything: it requires the
 * feature, and without it the VM does not start. -name removes a feature, but not the features that
 * depend on it; Linux itself disables those.
 *
 * Left out on purpose: CPU models.
 *
 * Spec: Intel SDM volume 2A, CPUID. AMD APM volume 3, appendix E.
 * Linux Documentation/virt/kvm/x86/cpuid.rst
 */
#include <kvm/config.h>
#include <kvm/cpuid.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define BIT(n) (1U << (n))

/* --- features by name --- */

/*
 * The features of one register, by bit, with the names of Linux's /proc/cpuinfo. Left out on
 * purpose: features that depend on topology (ht, cmp_legacy) or on a register of the guest
 * (osxsave, ospke), and those that KVM never gives to a guest.
 */
static const struct feature_word {
	u32 leaf;
	u32 subleaf;
	enum cpuid_reg reg;
	const char *names[32];
} feature_words[] = {
	/* clang-format off */
	{0x1, 0, EDX, {
		[0] = "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic",
		[11] = "sep", "mtrr", "pge", "mca", "cmov", "pat", "pse36", "pn", "clflush",
		[21] = "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss",
	}},
	{0x1, 0, ECX, {
		[0] = "pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx",
		[9] = "ssse3",
		[12] = "fma", "cx16",
		[15] = "pdcm",
		[17] = "pcid",
		[19] = "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer", "aes",
		[26] = "xsave",
		[28] = "avx", "f16c", "rdrand", "hypervisor",
	}},
	{0x7, 0, EBX, {
		[0] = "fsgsbase", "tsc_adjust", "sgx", "bmi1", "hle", "avx2",
		[7] = "smep", "bmi2", "erms", "invpcid", "rtm",
		[14] = "mpx",
		[16] = "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma",
		[23] = "clflushopt", "clwb", "intel_pt", "avx512pf", "avx512er", "avx512cd",
		[29] = "sha_ni", "avx512bw", "avx512vl",
	}},
	{0x7, 0, ECX, {
		[1] = "avx512vbmi", "umip", "pku",
		[5] = "waitpkg", "avx512_vbmi2", "shstk", "gfni", "vaes", "vpclmulqdq",
		[11] = "avx512_vnni", "avx512_bitalg",
		[14] = "avx512_vpopcntdq",
		[16] = "la57",
		[22] = "rdpid",
		[24] = "bus_lock_detect", "cldemote",
		[27] = "movdiri", "movdir64b",
		[30] = "sgx_lc",
	}},
	{0x7, 0, EDX, {
		[2] = "avx512_4vnniw", "avx512_4fmaps", "fsrm",
		[8] = "avx512_vp2intersect",
		[10] = "md_clear",
		[14] = "serialize",
		[16] = "tsxldtrk",
		[19] = "arch_lbr", "ibt",
		[22] = "amx_bf16", "avx512_fp16", "amx_tile", "amx_int8",
		[28] = "flush_l1d", "arch_capabilities",
	}},
	{0x7, 1, EAX, {
		[4] = "avx_vnni", "avx512_bf16",
		[17] = "fred",
		[21] = "amx_fp16",
		[23] = "avx_ifma",
		[26] = "lam",
	}},
	{0xd, 1, EAX, {
		[0] = "xsaveopt", "xsavec", "xgetbv1", "xsaves",
	}},
	{0x80000001, 0, EDX, {
		[11] = "syscall",
		[20] = "nx",
		[22] = "mmxext",
		[25] = "fxsr_opt", "pdpe1gb", "rdtscp",
		[29] = "lm", "3dnowext", "3dnow",
	}},
	{0x80000001, 0, ECX, {
		[0] = "lahf_lm",
		[2] = "svm",
		[4] = "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw",
		[11] = "xop",
		[16] = "fma4", "tce",
		[21] = "tbm", "topoext", "perfctr_core",
		[29] = "mwaitx",
	}},
	/* clang-format on */
};

/* Features that are part of the x86-64 architecture: not removable. */
static const char *const essential_features[] = {
	"fpu", "pse", "pae", "cx8", "pge", "cmov", "fxsr", "sse", "sse2", "syscall", "lm",
};

static bool feature_is_essential(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(essential_features); i++)
		if (!strcmp(name, essential_features[i]))
			return true;
	return false;
}

/* Find word and bit of a feature by its name of len characters. False: unknown. */
static bool feature_find(const char *name, size_t len, size_t *word, unsigned int *bit)
{
	for (size_t w = 0; w < ARRAY_SIZE(feature_words); w++) {
		for (unsigned int b = 0; b < 32; b++) {
			const char *known = feature_words[w].names[b];

			if (!known || strlen(known) != len || memcmp(known, name, len))
				continue;
			*word = w;
			*bit = b;
			return true;
		}
	}
	return false;
}

/* The register with a word's features, or NULL if this host does not have the leaf. */
static u32 *feature_reg(struct kvm_cpuid2 *cpuid, const struct feature_word *word)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, word->leaf, word->subleaf);

	return entry ? cpuid_reg(entry, word->reg) : NULL;
}

/* Parse one "+name" or "-name" of len characters; set the bits to remove in removed[]. */
static int feature_parse(struct kvm_cpuid2 *cpuid, const char *item, int len, u32 *removed)
{
	unsigned int bit;
	size_t word;
	u32 *reg;

	if (len < 2 || (item[0] != '+' && item[0] != '-'))
		return log_fail(-EINVAL,
				"--cpu-features: \"%.*s\" is not +NAME or -NAME, as in +avx2,-rtm",
				len, item);
	if (!feature_find(item + 1, (size_t)len - 1, &word, &bit))
		return log_fail(-EINVAL,
				"--cpu-features: no feature \"%.*s\" can be switched; names are "
				"spelt as in the flags of /proc/cpuinfo: avx2, sse4_1, sha_ni",
				len - 1, item + 1);

	if (item[0] == '-') {
		if (feature_is_essential(feature_words[word].names[bit]))
			return log_fail(-EINVAL,
					"--cpu-features %.*s: every x86-64 processor has it; it "
					"cannot be removed",
					len, item);
		removed[word] |= BIT(bit);
		return 0;
	}
	reg = feature_reg(cpuid, &feature_words[word]);
	if (!reg || !(*reg & BIT(bit)))
		return log_fail(-EINVAL,
				"--cpu-features %.*s: this host's processor or its KVM does not "
				"offer it; leave it out, or use another host",
				len, item);
	removed[word] &= ~BIT(bit);
	return 0;
}

int cpuid_apply_features(struct kvm_cpuid2 *cpuid, const char *list)
{
	u32 removed[ARRAY_SIZE(feature_words)] = {0};

	for (;;) {
		size_t len = strcspn(list, ",");
		int err = feature_parse(cpuid, list, (int)len, removed);

		if (err)
			return err;
		if (!list[len])
			break;
		list += len + 1;
	}

	for (size_t w = 0; w < ARRAY_SIZE(feature_words); w++) {
		u32 *reg = feature_reg(cpuid, &feature_words[w]);

		if (reg)
			*reg &= ~removed[w];
	}
	return 0;
}

/* --- the table --- */

void cpuid_add_implied(struct kvm_cpuid2 *cpuid, bool tsc_deadline)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, 1, 0);

	if (!entry)
		return;
	entry->ecx |= BIT(31); /* hypervisor */
	entry->ecx = (entry->ecx & ~BIT(24)) | (tsc_deadline ? BIT(24) : 0);
}

/* --- KVM's side --- */

#define SUPPORTED_ENTRIES_START 64   /* doubled until the host's table fits */
#define SUPPORTED_ENTRIES_MAX	1024 /* four times the limit of KVM_SET_CPUID2 */

static const char *cpuid_features_asked; /* --cpu-features */

static struct kvm_cpuid2 *vm_cpuid; /* for all vCPUs, before cpuid_adapt() */

static struct kvm_cpuid2 *cpuid_alloc(u32 entries)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + entries * sizeof(cpuid->entries[0]));
	if (cpuid)
		cpuid->nent = entries;
	return cpuid;
}

/* Read what the host supports into a new buffer, which the caller frees. 0 or -errno. */
static int cpuid_read_supported(int dev_fd, struct kvm_cpuid2 **supported)
{
	int err = -E2BIG;

	for (u32 n = SUPPORTED_ENTRIES_START; n <= SUPPORTED_ENTRIES_MAX && err == -E2BIG; n *= 2) {
		*supported = cpuid_alloc(n);
		if (!*supported)
			return -ENOMEM;
		if (!ioctl(dev_fd, KVM_GET_SUPPORTED_CPUID, *supported))
			return 0;
		err = -errno;
		free(*supported);
	}
	return err;
}

static int cpuid_init(struct kvm *kvm)
{
	struct kvm_cpuid2 *cpuid;
	int err;

	err = cpuid_read_supported(kvm->dev_fd, &cpuid);
	if (err)
		return log_fail(err, "cpuid: KVM does not say what it supports: %s",
				strerror(-err));
	cpuid_apply_rules(cpuid);
	cpuid_add_implied(cpuid, kvm_check_cap(kvm, KVM_CAP_TSC_DEADLINE_TIMER));
	if (cpuid_features_asked)
		err = cpuid_apply_features(cpuid, cpuid_features_asked);
	if (err)
		free(cpuid);
	else
		vm_cpuid = cpuid;
	return err;
}

static void cpuid_exit(struct kvm *kvm)
{
	free(vm_cpuid);
	vm_cpuid = NULL;
}

int x86_cpuid_setup(struct kvm_cpu *cpu)
{
	struct cpuid_topology topology = {.apic_id = cpu->id, .cores = config.cpus};
	struct kvm_cpuid2 *cpuid;
	u32 capacity;
	int err;

	assert(vm_cpuid);
	capacity = vm_cpuid->nent + CPUID_ADAPT_ROOM;
	cpuid = cpuid_alloc(capacity);
	if (!cpuid)
		return log_fail(-ENOMEM, "cpuid: no memory for the table of CPU %u", cpu->id);
	memcpy(cpuid, vm_cpuid, sizeof(*cpuid) + vm_cpuid->nent * sizeof(cpuid->entries[0]));

	err = cpuid_adapt(cpuid, capacity, &topology);
	if (!err)
		err = kvm_cpu_ioctl(cpu, KVM_SET_CPUID2, cpuid);
	if (err)
		log_error("cpuid: CPU %u: KVM does not take a table of %u entries: %s", cpu->id,
			  cpuid->nent, strerror(-err));
	free(cpuid);
	return err;
}

void x86_cpuid_signature(u32 *signature, u32 *features)
{
	const struct cpuid_topology topology = {.apic_id = 0, .cores = config.cpus};
	const struct kvm_cpuid_entry2 *found;
	struct kvm_cpuid_entry2 entry = {0};

	assert(vm_cpuid);
	found = cpuid_find(vm_cpuid, 1, 0);
	if (found) {
		entry = *found;
		cpuid_adapt_leaf_1(&entry, &topology);
	}
	*signature = entry.eax;
	*features = entry.edx;
}

static const struct option cpuid_options[] = {
	{
		.name = "cpu-features",
		.type = OPTION_STRING,
		.value = &cpuid_features_asked,
		.arg = "+NAME,-NAME",
		.help = "require or remove CPU features, named as in /proc/cpuinfo",
	},
};

OPTION_GROUP(cpuid, run, "Machine", 13, cpuid_options);

INIT_MODULE(cpuid, .level = INIT_BASE, .init = cpuid_init, .exit = cpuid_exit);
