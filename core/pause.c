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
 *   RUNNING --kvm_pause()--> PARKING --all vCPUs parked--> SETTLING --devices at rest--> PAUSED
 *   PAUSED --kvm_resume()--> clocks, devices, vCPUs --> RUNNING
 *
 * The loop never waits, neither for a vCPU nor for the host's storage. The bell of the last one to
 * park holds the clocks and asks the devices, which take nothing new from then on; one that has
 * something in flight says so, and rings when that is done (device_rested()). Both together have
 * 5 s. Then what is not ready is named, the pause fails, and all go on. A reset in place parks the
 * vCPUs too. It goes first, and when it is over the pause asks them again.
 *
 * A look is less: the vCPUs park, done() sees them, and they go on. Devices and clocks are not
 * concerned, so that a disk that hangs keeps nobody from looking; the guest loses milliseconds, as
 * to a host that was busy. Both may be asked for at once: who looks is served first.
 *
 * Clocks: guests run by kvmclock or by the TSC. All TSCs are read while the vCPUs are parked, and
 * written back at the end (arch_cpu_hold_clock()); then KVM's clock is set to what it was, for
 * it is computed from the TSC. KVM_KVMCLOCK_CTRL tells the guest's watchdogs that it was paused.
 *
 * At the end of a run, when there are no vCPUs any more, the devices come to rest in the same way:
 * the loop runs on for that, with one deadline for all, and so a signal, --timeout and the control
 * socket are heard meanwhile; whatever ends a run ends this too.
 *
 * The run's own timers (--timeout, the grace time) go on: they are the host's.
 */
#include <kvm/arch.h>
#include <kvm/device.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/park.h>
#include <kvm/pause.h>
#include <kvm/reset.h>
#include <kvm/util.h>

#include <errno.h>
#include <string.h>

static struct {
	struct pause_wait *waits; /* a pause is under way when there are some */
	struct pause_wait *looks; /* these want the vCPUs parked for a moment */
	struct loop_bell bell;
	struct loop_timer timer; /* from the first who asks until all is ready */
	bool settling;		 /* clocks are held, and devices asked to come to rest */
	bool paused;
	bool ending; /* there are no vCPUs any more */
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
	return err ?: arch_vm_hold_clock(kvm);
}

static int pause_release_clocks(struct kvm *kvm)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < kvm->cpu_count; i++)
		err = arch_cpu_release_clock(&kvm->cpus[i]);
	return err ?: arch_vm_release_clock(kvm);
}

static bool pause_is_wanted(void)
{
	return pausing.waits || pausing.looks;
}

/* Devices and clocks go on. Whoever set them going again has said what failed. */
static void pause_unsettle(struct kvm *kvm)
{
	if (!pausing.settling)
		return;
	pausing.settling = false;
	pause_release_clocks(kvm);
	device_resume_all();
}

/* It does not come to be: all go on, and who waits hears why. */
static void pause_give_up(struct kvm *kvm, int err)
{
	loop_disarm(kvm->loop, &pausing.timer);
	pause_unsettle(kvm);
	park_release_all(kvm);
	pause_tell(&pausing.looks, err);
	pause_tell(&pausing.waits, err);
}

/* All vCPUs are parked, and a pause is wanted; here again each time a device is at rest. */
static void pause_enter(struct kvm *kvm)
{
	int err = pausing.settling ? 0 : pause_hold_clocks(kvm);

	if (!err) {
		pausing.settling = true;
		err = device_pause_all();
	}
	if (err == -EINPROGRESS)
		return;
	if (err) {
		pause_give_up(kvm, err);
		return;
	}
	loop_disarm(kvm->loop, &pausing.timer);
	pausing.settling = false;
	pausing.paused = true;
	event_post("paused");
	pause_tell(&pausing.waits, 0);
}

static void pause_end_look(struct kvm *kvm)
{
	if (device_pause_all() != -EINPROGRESS)
		loop_stop(kvm->loop);
}

static void pause_rung(void *arg)
{
	struct kvm *kvm = arg;
	bool parked;

	if (pausing.ending) {
		pause_end_look(kvm);
		return;
	}
	if (!pause_is_wanted())
		return;
	/* In this order: the vCPU that wants a reset says so before it parks. */
	parked = park_is_complete(kvm);
	if (kvm_reset_is_wanted()) {
		loop_disarm(kvm->loop, &pausing.timer);
		return;
	}
	if (!pausing.timer.deadline_ns)
		loop_arm(kvm->loop, &pausing.timer, now_ns() + PARK_TIMEOUT_NS);
	if (!parked)
		return;
	pause_tell(&pausing.looks, 0);
	if (pausing.waits) {
		pause_enter(kvm);
	} else {
		loop_disarm(kvm->loop, &pausing.timer);
		park_release_all(kvm);
	}
}

/* What the vCPUs should park for; NULL: nothing that the user has asked for. */
static const char *pause_name(void)
{
	const struct pause_wait *wait = pausing.waits ? pausing.waits : pausing.looks;

	while (wait && !wait->what)
		wait = wait->next;
	return wait ? wait->what : NULL;
}

static void pause_overdue(void *arg)
{
	const char *name = pause_name();
	struct kvm *kvm = arg;

	if (pausing.ending) {
		device_report_busy();
		loop_stop(kvm->loop);
		return;
	}
	/* The reset's own bound holds; after it the pause is asked for anew. */
	if (kvm_reset_is_wanted())
		return;
	if (pausing.settling)
		device_report_busy();
	else if (name)
		park_report_missing(kvm, name);
	pause_give_up(kvm, -ETIMEDOUT);
}

static void pause_ask(struct kvm *kvm)
{
	park_ask_all(kvm, PARK_REQUEST);
	loop_ring(kvm->loop, &pausing.bell);
}

static void pause_join(struct kvm *kvm, struct pause_wait **list, struct pause_wait *wait)
{
	if (pausing.paused || pausing.ending) {
		wait->done(wait->arg, pausing.ending ? -ECANCELED : 0);
		return;
	}
	wait->next = *list;
	*list = wait;
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

/* A pause that is under way does not come to be. */
static void pause_call_off(struct kvm *kvm)
{
	bool asked = pausing.waits;

	pause_tell(&pausing.waits, -EINTR);
	if (!asked)
		return;
	pause_unsettle(kvm);
	if (pause_is_wanted())
		return;
	loop_disarm(kvm->loop, &pausing.timer);
	/* A reset has its own bound, and needs the vCPUs parked. */
	if (!kvm_reset_is_wanted())
		park_release_all(kvm);
}

int kvm_resume(struct kvm *kvm)
{
	int err;

	if (pausing.ending)
		return -ECANCELED;
	if (!pausing.paused) {
		pause_call_off(kvm);
		return 0;
	}
	err = pause_release_clocks(kvm);
	if (err)
		return err;
	device_resume_all();
	pausing.paused = false;
	event_post("resumed");
	park_release_all(kvm);
	return 0;
}

static void pause_cpu_parked(void *arg)
{
	struct kvm *kvm = arg;

	loop_ring(kvm->loop, &pausing.bell);
	kvm_reset_cpu_parked(kvm);
}

void kvm_pause_after_reset(struct kvm *kvm)
{
	if (pause_is_wanted())
		pause_ask(kvm);
}

void kvm_pause_at_end(struct kvm *kvm)
{
	bool in_vain = kvm_reset_call_off(kvm);

	pause_tell(&pausing.looks, -ECANCELED);
	pause_tell(&pausing.waits, -ECANCELED);
	pausing.ending = true;
	if (device_pause_all() != -EINPROGRESS || in_vain)
		return;
	loop_arm(kvm->loop, &pausing.timer, now_ns() + PARK_TIMEOUT_NS);
	loop_continue(kvm->loop);
	loop_run(kvm->loop);
}

static void pause_device_rested(void *arg)
{
	struct kvm *kvm = arg;

	loop_ring(kvm->loop, &pausing.bell);
	kvm_reset_device_rested(kvm);
}

static int pause_init(struct kvm *kvm)
{
	pausing.bell = (struct loop_bell){.fn = pause_rung, .arg = kvm};
	pausing.timer = (struct loop_timer){.fn = pause_overdue, .arg = kvm};
	loop_add_bell(kvm->loop, &pausing.bell);
	device_set_rest_hook(pause_device_rested, kvm);
	park_set_hook(pause_cpu_parked, kvm);
	return 0;
}

static void pause_exit(struct kvm *kvm)
{
	pause_tell(&pausing.looks, -ECANCELED);
	pause_tell(&pausing.waits, -ECANCELED);
	pausing.paused = pausing.settling = pausing.ending = false;
	device_set_rest_hook(NULL, NULL);
	park_set_hook(NULL, NULL);
	loop_disarm(kvm->loop, &pausing.timer);
	loop_remove_bell(kvm->loop, &pausing.bell);
}

INIT_MODULE(pause, .level = INIT_BASE, .init = pause_init, .exit = pause_exit);
