// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stops the guest's clocks while the machine is paused.
 *
 * A guest reads time from its TSC or from kvmclock, which is computed from the TSC and a base that
 * KVM keeps. Both must stop for the same time, or a guest that compares them (as a watchdog does)
 * sees one of them jump.
 *
 * TSC: each vCPU's TSC is the host's TSC plus an offset. The ticks of the host's TSC between hold
 * and release are subtracted from all offsets, so the differences between vCPUs stay the same;
 * guests run at the host's frequency. Without that attribute (KVM before 5.16) the old value is
 * written to the MSR instead: KVM recognises it as meant to be synchronous with the other vCPUs.
 *
 * kvmclock: KVM's clock of the machine is read at the hold and set at the release, after the
 * TSCs. KVM_KVMCLOCK_CTRL then tells the guest that it was stopped, so that its soft-lockup
 * watchdog does not count the time in which it did not run; EINVAL is a guest without kvmclock.
 *
 * The local APIC's timer is in KVM, and may fire while the vCPU is parked: then the guest wakes up
 * once too early, reads its clock, and sets the timer again.
 *
 * The loop's thread, with all vCPUs parked.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst 4.70 (KVM_KVMCLOCK_CTRL), 4.29 (KVM_SET_CLOCK),
 * devices/vcpu.rst 4.1 (KVM_VCPU_TSC_OFFSET).
 */
#include <kvm/arch.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <string.h>
#include <x86intrin.h>

#define MSR_TSC 0x10

struct tsc_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static struct {
	u64 host_tsc; /* at the hold */
	u64 passed;   /* ticks from the hold to the release */
	bool by_offset;
	u64 offsets[KVM_CPU_MAX]; /* TSC values if not by_offset */
	struct kvm_clock_data clock;
} held;

static int clock_fail(const struct kvm_cpu *cpu, const char *what, int err)
{
	return log_fail(err, "vCPU %u: %s: %s", cpu->id, what, strerror(-err));
}

static int clock_offset(struct kvm_cpu *cpu, unsigned long request, u64 *offset)
{
	struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
				       .attr = KVM_VCPU_TSC_OFFSET,
				       .addr = (u64)(uintptr_t)offset};

	return kvm_cpu_ioctl(cpu, request, &attr);
}

int arch_cpu_hold_clock(struct kvm_cpu *cpu)
{
	struct tsc_msr msr = {.head = {.nmsrs = 1}, .entry = {.index = MSR_TSC}};
	int got;

	if (!cpu->id) {
		held.host_tsc = __rdtsc();
		held.by_offset = !clock_offset(cpu, KVM_HAS_DEVICE_ATTR, NULL);
	}
	if (held.by_offset) {
		int err = clock_offset(cpu, KVM_GET_DEVICE_ATTR, &held.offsets[cpu->id]);

		return err ? clock_fail(cpu, "KVM_VCPU_TSC_OFFSET", err) : 0;
	}
	got = kvm_cpu_ioctl(cpu, KVM_GET_MSRS, &msr);
	held.offsets[cpu->id] = msr.entry.data;
	if (got == 1)
		return 0;
	return clock_fail(cpu, "KVM_GET_MSRS of the TSC", got < 0 ? got : -EIO);
}

int arch_vm_hold_clock(struct kvm *kvm)
{
	int err = kvm_vm_ioctl(kvm, KVM_GET_CLOCK, &held.clock);

	return err ? log_fail(err, "pause: KVM_GET_CLOCK: %s", strerror(-err)) : 0;
}

int arch_cpu_release_clock(struct kvm_cpu *cpu)
{
	struct tsc_msr msr = {.head = {.nmsrs = 1},
			      .entry = {.index = MSR_TSC, .data = held.offsets[cpu->id]}};
	int err = 0, set;
	u64 offset;

	if (!cpu->id)
		held.passed = __rdtsc() - held.host_tsc;
	if (held.by_offset) {
		offset = held.offsets[cpu->id] - held.passed;
		err = clock_offset(cpu, KVM_SET_DEVICE_ATTR, &offset);
	} else {
		set = kvm_cpu_ioctl(cpu, KVM_SET_MSRS, &msr);
		if (set != 1)
			err = set < 0 ? set : -EIO;
	}
	return err ? clock_fail(cpu, "the TSC cannot be set", err) : 0;
}

int arch_vm_release_clock(struct kvm *kvm)
{
	struct kvm_clock_data clock = {.clock = held.clock.clock};
	int err = kvm_vm_ioctl(kvm, KVM_SET_CLOCK, &clock);

	if (err)
		return log_fail(err, "resume: KVM_SET_CLOCK: %s", strerror(-err));
	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		err = kvm_cpu_ioctl(&kvm->cpus[i], KVM_KVMCLOCK_CTRL, NULL);
		if (err && err != -EINVAL)
			return clock_fail(&kvm->cpus[i], "KVM_KVMCLOCK_CTRL", err);
	}
	return 0;
}
