// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freeze the machine, and let it go on.
 *
 * A paused machine stands still as a whole: every vCPU is parked with its last instruction
 * complete, every device has drained what was in flight and stopped its timers, and the guest's
 * clocks are held. Nothing in it changes until it goes on: what comes from outside meanwhile
 * (input, SysRq, another size of a disk) each device leaves where it is, or keeps. When it goes on,
 * the guest cannot tell that time has passed, but for the clock on its wall (RTC) and what the
 * network says.
 *
 *   RUNNING --kvm_pause()--> vCPUs park, each rings --> all parked: devices, clocks --> PAUSED
 *   PAUSED --kvm_resume()--> clocks, devices, vCPUs --> RUNNING
 *
 * The loop never waits for a vCPU: the bell of the last one to park does the rest. A vCPU that
 * does not park within 5 s is named, and the pause fails; those that parked go on. A reset in
 * place parks the vCPUs too. It goes first, and when it is over the pause asks them again.
 *
 * A look is less: the vCPUs park, done() sees them, and they go on. Devices and clocks are not
 * concerned, so that a disk that hangs keeps nobody from looking; the guest loses milliseconds, as
 * to a host that was busy. Both may be asked for at once: who looks is served first.
 *
 * Clocks: guests run by kvmclock or by the TSC. All TSCs are read while the vCPUs are parked, and
 * written back at the end (arch_cpu_hold_clock()); then KVM's clock is set to what it was, for
 * it is computed from the TSC. KVM_KVMCLOCK_CTRL tells the guest's watchdogs that it was paused.
 *
 * The run's own timers (--timeout, the grace time) go on: they are the host's.
 */
#include <kvm/arch.h>
#include <kvm/device.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm-ipc.h>
#include <kvm/kvm-pause.h>
#include <kvm/kvm-reset.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/util.h>

#include <errno.h>

static struct {
	struct pause_wait *waits; /* a pause is under way when there are some */
	struct pause_wait *looks; /* these want the vCPUs parked for a moment */
	struct loop_bell bell;
	struct loop_timer timer;
	bool paused;
} pausing;

bool kvm_is_paused(void)
{
	return pausing.paused;
}

/* Everybody who waits in this list hears how it went; a pause may be asked for again in done(). */
static void pause_tell(struct pause_wait **list, int err)
{
	struct pause_wait *wait = *list, *next;

	*list = NULL;
	for (; wait; wait = next) {
		next = wait->next;
		wait->done(wait->arg, err);
	}
}

static int pause_hold_clocks(struct kvm *kvm)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < kvm->cpu_count; i++)
		err = arch_cpu_hold_clock(&kvm->cpus[i]);
	return err ? err : arch_vm_hold_clock(kvm);
}

static int pause_release_clocks(struct kvm *kvm)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < kvm->cpu_count; i++)
		err = arch_cpu_release_clock(&kvm->cpus[i]);
	return err ? err : arch_vm_release_clock(kvm);
}

/* All vCPUs are parked. */
static int pause_machine(struct kvm *kvm)
{
	int err = pause_hold_clocks(kvm);

	return err ? err : device_pause_all();
}

static bool pause_is_wanted(void)
{
	return pausing.waits || pausing.looks;
}

/* All vCPUs are parked, and a pause is wanted. */
static void pause_enter(struct kvm *kvm)
{
	int err = pause_machine(kvm);

	if (err) {
		kvm_cpu_unpark_all(kvm);
	} else {
		pausing.paused = true;
		ipc_event("paused");
	}
	pause_tell(&pausing.waits, err);
}

static void pause_rung(void *arg)
{
	struct kvm *kvm = arg;
	bool parked;

	if (!pause_is_wanted())
		return;
	/* In this order: the vCPU that wants a reset says so before it parks. */
	parked = kvm_cpu_all_parked(kvm);
	if (kvm_reset_is_wanted()) {
		loop_disarm(kvm->loop, &pausing.timer);
		return;
	}
	if (!parked) {
		if (!pausing.timer.deadline_ns)
			loop_arm(kvm->loop, &pausing.timer, now_ns() + CPU_PARK_TIMEOUT_NS);
		return;
	}
	loop_disarm(kvm->loop, &pausing.timer);
	pause_tell(&pausing.looks, 0);
	if (pausing.waits)
		pause_enter(kvm);
	else
		kvm_cpu_unpark_all(kvm);
}

static void pause_overdue(void *arg)
{
	struct kvm *kvm = arg;

	/* The reset's own bound holds; after it the pause is asked for anew. */
	if (kvm_reset_is_wanted())
		return;
	kvm_cpu_report_unparked(kvm, "pause");
	kvm_cpu_unpark_all(kvm);
	pause_tell(&pausing.looks, -ETIMEDOUT);
	pause_tell(&pausing.waits, -ETIMEDOUT);
}

static void pause_ask(struct kvm *kvm)
{
	kvm_cpu_request_all(kvm, CPU_REQUEST_PARK);
	loop_ring(kvm->loop, &pausing.bell);
}

static void pause_join(struct kvm *kvm, struct pause_wait **list, struct pause_wait *wait)
{
	bool asked = pause_is_wanted();

	if (pausing.paused) {
		wait->done(wait->arg, 0);
		return;
	}
	wait->next = *list;
	*list = wait;
	if (!asked)
		pause_ask(kvm);
}

void kvm_pause(struct kvm *kvm, struct pause_wait *wait)
{
	pause_join(kvm, &pausing.waits, wait);
}

void kvm_pause_look(struct kvm *kvm, struct pause_wait *wait)
{
	pause_join(kvm, &pausing.looks, wait);
}

/* A pause that is under way does not come to be. */
static void pause_call_off(struct kvm *kvm)
{
	bool asked = pausing.waits;

	pause_tell(&pausing.waits, -ECANCELED);
	if (!asked || pause_is_wanted() || kvm_reset_is_wanted())
		return;
	loop_disarm(kvm->loop, &pausing.timer);
	kvm_cpu_unpark_all(kvm);
}

int kvm_resume(struct kvm *kvm)
{
	int err;

	if (!pausing.paused) {
		pause_call_off(kvm);
		return 0;
	}
	err = pause_release_clocks(kvm);
	if (err)
		return err;
	device_resume_all();
	pausing.paused = false;
	ipc_event("resumed");
	kvm_cpu_unpark_all(kvm);
	return 0;
}

void kvm_pause_cpu_parked(struct kvm *kvm)
{
	loop_ring(kvm->loop, &pausing.bell);
}

void kvm_pause_after_reset(struct kvm *kvm)
{
	if (pause_is_wanted())
		pause_ask(kvm);
}

static int pause_init(struct kvm *kvm)
{
	pausing.bell = (struct loop_bell){.fn = pause_rung, .arg = kvm};
	pausing.timer = (struct loop_timer){.fn = pause_overdue, .arg = kvm};
	loop_add_bell(kvm->loop, &pausing.bell);
	return 0;
}

static void pause_exit(struct kvm *kvm)
{
	pause_tell(&pausing.looks, -ECANCELED);
	pause_tell(&pausing.waits, -ECANCELED);
	pausing.paused = false;
	loop_disarm(kvm->loop, &pausing.timer);
	loop_remove_bell(kvm->loop, &pausing.bell);
}

INIT_MODULE(pause, .level = INIT_BASE, .init = pause_init, .exit = pause_exit);
