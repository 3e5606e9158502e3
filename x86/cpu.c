// SPDX-License-Identifier: GPL-2.0-only
/*
 * The power-on state of a vCPU, and its reset to this state.
 *
 * KVM gives a new vCPU the registers that a processor has after power-on, and lets all but the
 * first wait for INIT and SIPI. This file adds: CPUID (before any MSR that depends on it); LINT0 =
 * ExtINT and LINT1 = NMI in the local APIC, as a PC's firmware sets them, so that the PIC works
 * before the APIC is set up; and fast string operations, which firmware enables as well.
 *
 * Reset. If a reset in place is possible, all of a vCPU's state in KVM is read once at this point
 * and written back at each reset. The MSRs are those of KVM_GET_MSR_INDEX_LIST and the MTRRs. Some
 * of them make KVM write into guest memory (clock, steal time, asynchronous page faults,
 * end-of-interrupt): their power-on value 0 stops that. An MSR that KVM lists but does not read or
 * accept is left out: KVM_GET/SET_MSRS stop at such an MSR, and their result says which one.
 *
 * Main thread at init, the loop's thread at a reset, with the vCPU parked.
 *
 * Spec: Intel SDM volume 3, 10.1.1 (processor state after reset), 11.5.1 (local
 * vector table).
 */
#include <kvm/cpuid.h>

#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define APIC_LVT_LINT0		    0x350
#define APIC_LVT_LINT1		    0x360
#define APIC_MODE_MASK		    0x700
#define APIC_MODE_NMI		    0x400
#define APIC_MODE_EXTINT	    0x700
#define APIC_MASKED		    0x10000

#define MSR_MISC_ENABLE		    0x1a0
#define MSR_MISC_ENABLE_FAST_STRING (1ULL << 0)

#define MSR_FEATURE_CONTROL	    0x3a

#define MSR_MAX			    512 /* KVM lists about 100 to 300 */
#define MSR_CHUNK		    128

struct cpu_msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry entries[MSR_MAX];
};

/* The state that a reset writes back, in this order. */
struct cpu_snapshot {
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct cpu_msrs msrs;
};

/* One for each vCPU, kept until exit; NULL if no reset in place is possible. */
static struct cpu_snapshot *snapshots;

static int cpu_fail(const struct kvm_cpu *cpu, const char *what, int err)
{
	return log_fail(err, "vCPU %u: %s: %s", cpu->id, what, strerror(-err));
}

static void lapic_set_lvt(struct kvm_lapic_state *lapic, unsigned int reg, u32 mode)
{
	u32 lvt;

	memcpy(&lvt, lapic->regs + reg, sizeof(lvt));
	lvt = (lvt & ~(u32)(APIC_MODE_MASK | APIC_MASKED)) | mode;
	memcpy(lapic->regs + reg, &lvt, sizeof(lvt));
}

static int cpu_init_lapic(struct kvm_cpu *cpu)
{
	struct kvm_lapic_state lapic;
	int err = kvm_cpu_ioctl(cpu, KVM_GET_LAPIC, &lapic);

	if (err)
		return cpu_fail(cpu, "KVM_GET_LAPIC", err);
	lapic_set_lvt(&lapic, APIC_LVT_LINT0, APIC_MODE_EXTINT);
	lapic_set_lvt(&lapic, APIC_LVT_LINT1, APIC_MODE_NMI);
	err = kvm_cpu_ioctl(cpu, KVM_SET_LAPIC, &lapic);
	return err ? cpu_fail(cpu, "KVM_SET_LAPIC", err) : 0;
}

/* Errors are ignored: AMD hosts may not have the MSR, and all works without it. */
static void cpu_init_msrs(struct kvm_cpu *cpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {.head = {.nmsrs = 1}, .entry = {.index = MSR_MISC_ENABLE}};

	if (kvm_cpu_ioctl(cpu, KVM_GET_MSRS, &msrs) != 1)
		return;
	msrs.entry.data |= MSR_MISC_ENABLE_FAST_STRING;
	kvm_cpu_ioctl(cpu, KVM_SET_MSRS, &msrs);
}

/* --- the snapshot --- */

/* MSRs that KVM keeps but does not list: the memory type ranges. */
static const struct {
	u32 first, count;
} unlisted_msrs[] = {
	{0x200, 16}, /* variable ranges 0..7 */
	{0x250, 1},  /* fixed, 64 KiB */
	{0x258, 2},  /* 16 KiB */
	{0x268, 8},  /* 4 KiB */
	{0x2ff, 1},  /* default type */
};

/* Add an MSR to the snapshot, if this KVM can read it. */
static void snapshot_add_msr(struct kvm_cpu *cpu, struct cpu_msrs *msrs, u32 index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = {.head = {.nmsrs = 1}, .entry = {.index = index}};

	if (msrs->head.nmsrs < MSR_MAX && kvm_cpu_ioctl(cpu, KVM_GET_MSRS, &one) == 1)
		msrs->entries[msrs->head.nmsrs++] = one.entry;
}

static int snapshot_take_msrs(struct kvm_cpu *cpu, struct cpu_msrs *msrs)
{
	struct {
		struct kvm_msr_list head;
		u32 indices[MSR_MAX];
	} list = {.head = {.nmsrs = MSR_MAX}};

	if (ioctl(cpu->kvm->dev_fd, KVM_GET_MSR_INDEX_LIST, &list) < 0)
		return cpu_fail(cpu, "KVM_GET_MSR_INDEX_LIST", -errno);
	for (u32 i = 0; i < list.head.nmsrs && i < MSR_MAX; i++)
		snapshot_add_msr(cpu, msrs, list.indices[i]);
	for (size_t i = 0; i < ARRAY_SIZE(unlisted_msrs); i++) {
		for (u32 n = 0; n < unlisted_msrs[i].count; n++)
			snapshot_add_msr(cpu, msrs, unlisted_msrs[i].first + n);
	}
	return 0;
}

/* The parts of a snapshot that one ioctl reads and another writes. */
static const struct {
	const char *name;
	unsigned long get, set;
	size_t offset;
} snapshot_parts[] = {
	{"SREGS", KVM_GET_SREGS, KVM_SET_SREGS, offsetof(struct cpu_snapshot, sregs)},
	{"REGS", KVM_GET_REGS, KVM_SET_REGS, offsetof(struct cpu_snapshot, regs)},
	{"XSAVE", KVM_GET_XSAVE, KVM_SET_XSAVE, offsetof(struct cpu_snapshot, xsave)},
	{"XCRS", KVM_GET_XCRS, KVM_SET_XCRS, offsetof(struct cpu_snapshot, xcrs)},
	{"DEBUGREGS", KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS,
	 offsetof(struct cpu_snapshot, debugregs)},
	{"LAPIC", KVM_GET_LAPIC, KVM_SET_LAPIC, offsetof(struct cpu_snapshot, lapic)},
	{"VCPU_EVENTS", KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
	 offsetof(struct cpu_snapshot, events)},
	{"MP_STATE", KVM_GET_MP_STATE, KVM_SET_MP_STATE, offsetof(struct cpu_snapshot, mp_state)},
};

static bool snapshot_part_exists(const struct kvm_cpu *cpu, unsigned long get)
{
	return get != KVM_GET_XCRS || kvm_check_cap(cpu->kvm, KVM_CAP_XCRS);
}

static int snapshot_take(struct kvm_cpu *cpu)
{
	struct cpu_snapshot *snapshot;

	if (!snapshots)
		snapshots = calloc(config.cpus, sizeof(*snapshots));
	if (!snapshots)
		return cpu_fail(cpu, "power-on state", -ENOMEM);
	snapshot = &snapshots[cpu->id];
	for (size_t i = 0; i < ARRAY_SIZE(snapshot_parts); i++) {
		int err = 0;

		if (snapshot_part_exists(cpu, snapshot_parts[i].get))
			err = kvm_cpu_ioctl(cpu, snapshot_parts[i].get,
					    (u8 *)snapshot + snapshot_parts[i].offset);
		if (err)
			return cpu_fail(cpu, snapshot_parts[i].name, err);
	}
	return snapshot_take_msrs(cpu, &snapshot->msrs);
}

/* KVM accepts at most 255 at a time, and stops at an entry that it refuses: skip that one. */
static int snapshot_restore_msrs(struct kvm_cpu *cpu, const struct cpu_msrs *msrs)
{
	u32 done = 0;

	while (done < msrs->head.nmsrs) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entries[MSR_CHUNK];
		} chunk = {.head = {.nmsrs = MIN(msrs->head.nmsrs - done, (u32)MSR_CHUNK)}};
		int taken;

		memcpy(chunk.entries, msrs->entries + done,
		       chunk.head.nmsrs * sizeof(chunk.entries[0]));
		taken = kvm_cpu_ioctl(cpu, KVM_SET_MSRS, &chunk);
		if (taken < 0)
			return cpu_fail(cpu, "KVM_SET_MSRS", taken);
		done += (u32)taken;
		if ((u32)taken < chunk.head.nmsrs) {
			log_debug("vCPU %u: reset leaves out MSR 0x%x", cpu->id,
				  msrs->entries[done].index);
			done++;
		}
	}
	return 0;
}

/*
 * A guest that is itself a hypervisor on Intel may be in VMX operation, in which CR4.VMXE cannot be
 * cleared. When the host writes 0 to this MSR, KVM leaves VMX operation. On other hosts the write
 * fails, which does no harm.
 */
static void cpu_leave_vmx(struct kvm_cpu *cpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {.head = {.nmsrs = 1}, .entry = {.index = MSR_FEATURE_CONTROL}};

	kvm_cpu_ioctl(cpu, KVM_SET_MSRS, &msrs);
}

int arch_cpu_reset(struct kvm_cpu *cpu)
{
	struct cpu_snapshot *snapshot = &snapshots[cpu->id];

	cpu_leave_vmx(cpu);
	for (size_t i = 0; i < ARRAY_SIZE(snapshot_parts); i++) {
		int err = 0;

		if (snapshot_part_exists(cpu, snapshot_parts[i].get))
			err = kvm_cpu_ioctl(cpu, snapshot_parts[i].set,
					    (u8 *)snapshot + snapshot_parts[i].offset);
		if (err)
			return cpu_fail(cpu, snapshot_parts[i].name, err);
	}
	return snapshot_restore_msrs(cpu, &snapshot->msrs);
}

int arch_cpu_init(struct kvm_cpu *cpu)
{
	int err = x86_cpuid_setup(cpu);

	err = err ?: cpu_init_lapic(cpu);
	if (err)
		return err;
	cpu_init_msrs(cpu);
	return config.on_reboot == ON_REBOOT_RESET ? snapshot_take(cpu) : 0;
}
