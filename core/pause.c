// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pause the machine, and let it go on; look at its vCPUs.
 *
 * A paused machine stands still as a whole: every vCPU is parked with its last instruction
 * complete, every device has drained what was in flight and stopped its timers, and the guest's
 * clocks are held. Nothing in it changes until it goes on: each device leaves events from outside
 * (input, SysRq, another size of a disk) where they are, or keeps them for later. After that the
 * guest can notice only by its RTC and by the network that time has passed.
 *
 * A look does less: the vCPUs park, done() reads or changes their registers, and they go on.
 * Devices and clocks are not stopped, so a look works while a disk hangs; the guest loses some
 * milliseconds, as on a busy host. If both are requested at once, looks are served first.
 *
 * core/freeze.c stops the machine, with a time limit. This file has the lists of waiting callers,
 * and holds the clocks.
 *
 * Clocks: guests run by kvmclock or by the TSC. All TSCs are read while the vCPUs are parked, and
 * written back at the end (arch_cpu_hold_clock()); then KVM's clock, which KVM computes from the
 * TSC, is set to its old value. KVM_KVMCLOCK_CTRL tells the guest's watchdogs that it was paused.
 *
 * All of it on the loop.
 */
#include <kvm/arch.h>
#include <kvm/device.h>
#include <kvm/event.h>
#include <kvm/freeze.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/pause.h>

#include <errno.h>
#include <string.h>

static struct {
	struct pause_wait *waits; /* callers of kvm_pause(); not empty while a pause is under way */
	struct pause_wait *looks; /* callers of kvm_pause_look() */
	bool paused;
} pausing;

bool kvm_is_paused(void)
{
	return pausing.paused;
}

/* Call done() of each entry and empty the list. done() may ask for a pause again. */
static void pause_tell(struct pause_wait **list, int err)
{
	struct pause_wait *wait = *list, *next;

	*list = NULL;
	for (; wait; wait = next) {
		next = wait->next;
		wait->done(wait->arg, err);
	}
}

/* The name of the first entry that wants a message for the user, or NULL. */
static const char *pause_name_of(const struct pause_wait *wait)
{
	while (wait && !wait->what)
		wait = wait->next;
	return wait ? wait->what : NULL;
}

static int pause_hold_clocks(struct kvm *kvm)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < kvm->cpu_count; i++)
		err = arch_cpu_hold_clock(&kvm->cpus[i]);
	return err ?: arch_vm_hold_clock(kvm);
}

static int pause_release_clocks(struct kvm *kvm)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < kvm->cpu_count; i++)
		err = arch_cpu_release_clock(&kvm->cpus[i]);
	return err ?: arch_vm_release_clock(kvm);
}

/* --- the two requests --- */

static const char *pause_name(void)
{
	return pause_name_of(pausing.waits);
}

/* pause_release_clocks() has logged its errors: there is nothing to return here. */
static void pause_undo(struct kvm *kvm)
{
	pause_release_clocks(kvm);
}

static bool pause_done(struct kvm *kvm, int err)
{
	if (!err) {
		pausing.paused = true;
		event_post("paused");
	}
	pause_tell(&pausing.waits, err);
	return false;
}

static struct freeze_request pause_request = {
	.kind = FREEZE_PAUSE,
	.devices = true,
	.name = pause_name,
	.begin = pause_hold_clocks,
	.undo = pause_undo,
	.done = pause_done,
};

static const char *look_name(void)
{
	return pause_name_of(pausing.looks);
}

static bool look_done(struct kvm *kvm, int err)
{
	pause_tell(&pausing.looks, err);
	return true;
}

static struct freeze_request look_request = {
	.kind = FREEZE_LOOK,
	.name = look_name,
	.done = look_done,
};

/* --- calls from other modules --- */

static void pause_join(struct kvm *kvm, struct pause_wait **list, struct pause_wait *wait,
		       struct freeze_request *request)
{
	if (pausing.paused || freeze_is_at_end()) {
		wait->done(wait->arg, freeze_is_at_end() ? -ECANCELED : 0);
		return;
	}
	wait->next = *list;
	*list = wait;
	freeze_ask(kvm, request);
}

void kvm_pause(struct kvm *kvm, struct pause_wait *wait)
{
	pause_join(kvm, &pausing.waits, wait, &pause_request);
}

void kvm_pause_look(struct kvm *kvm, struct pause_wait *wait)
{
	pause_join(kvm, &pausing.looks, wait, &look_request);
}

const char *kvm_pause_error(int err)
{
	switch (err) {
	case -EINTR:
		return "it was resumed meanwhile";
	case -ECANCELED:
		return "it ends";
	case -ETIMEDOUT:
		return "it did not come to rest in 5 s";
	default:
		return strerror(-err);
	}
}

int kvm_resume(struct kvm *kvm)
{
	int err;

	if (freeze_is_at_end())
		return -ECANCELED;
	if (!pausing.paused) {
		/* Not paused yet: cancel the pause that is under way, if there is one. */
		freeze_withdraw(kvm, &pause_request);
		pause_tell(&pausing.waits, -EINTR);
		return 0;
	}
	err = pause_release_clocks(kvm);
	if (err)
		return err;
	device_resume_all();
	pausing.paused = false;
	event_post("resumed");
	freeze_release(kvm);
	return 0;
}
