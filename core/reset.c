// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power-on, and reset in place.
 *
 * Power-on is one walk over the devices: each goes to its power-on state; the
 * firmware tables and the boot image are devices too and write themselves into
 * RAM. A reset is the same after everything else was brought back: devices at
 * rest (a write on its way to a disk is still from RAM), RAM zeroed, interrupt
 * controllers, timers and clock, every vCPU with its MSRs (so that KVM stops
 * writing its clock and steal time into guest memory).
 *
 * No vCPU may run meanwhile, and the loop never waits. So a reset is a small
 * state machine:
 *
 *   RUNNING --kvm_reset_begin()--> PARKING --last vCPU rings--> SETTLING
 *   SETTLING --last device rings--> all is reset --> RUNNING
 *
 * kvm_reset_begin() is called where the guest wrote to the reset port, on a vCPU
 * thread: it asks all vCPUs to park, its own included, which happens before that
 * vCPU's next instruction. Each vCPU that has parked rings the bell; the loop
 * looks whether all have, and asks the devices to come to rest. Each that had
 * something in flight rings, too; when none has, the loop does the reset. What is
 * not ready within 5 s is named, and the run ends. A second reset request while
 * one is under way changes nothing; a stop request wins over both.
 *
 * While the loop loads the kernel again it reads no signal and fires no timer. So this is
 * work that can be called off, as the first load was (util/cancel.c): --timeout and a signal
 * end it. A signal that came too late for that presses the power button after all.
 *
 * A reset of the CPU alone goes the same way where the guest wants to go on after it
 * (x86/warm.c): then nothing but the first vCPU's registers changes. A reset of the machine
 * that is asked for meanwhile goes first.
 */
#include <kvm/arch.h>
#include <kvm/cancel.h>
#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/park.h>
#include <kvm/pause.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/util.h>

#include <errno.h>
#include <signal.h>

static struct loop_bell reset_bell;
static struct loop_timer reset_timer;
static bool devices_overdue; /* they did not come to rest in time, and were named */
/* 0: none. RESET_FULL, or less: the code by which the first CPU goes on after its reset. */
static atomic_uint reset_wanted;
static void (*reset_hook)(void);

#define RESET_FULL 0x100

int kvm_power_on(struct kvm *kvm)
{
	return device_reset_all();
}

void kvm_reset_begin(struct kvm *kvm)
{
	atomic_store(&reset_wanted, RESET_FULL);
	park_ask_all(kvm, PARK_REQUEST);
	loop_ring(kvm->loop, &reset_bell);
}

void kvm_reset_begin_cpu(struct kvm *kvm, u8 code)
{
	unsigned int none = 0;

	atomic_compare_exchange_strong(&reset_wanted, &none, code);
	park_ask_all(kvm, PARK_REQUEST);
	loop_ring(kvm->loop, &reset_bell);
}

void kvm_set_reset_hook(void (*fn)(void))
{
	reset_hook = fn;
}

void kvm_reset_cpu_parked(struct kvm *kvm)
{
	loop_ring(kvm->loop, &reset_bell);
}

void kvm_reset_device_rested(struct kvm *kvm)
{
	loop_ring(kvm->loop, &reset_bell);
}

bool kvm_reset_is_wanted(void)
{
	return atomic_load(&reset_wanted);
}

/* vCPUs are parked, devices at rest. Everything back to what it was at power-on, in this order. */
static int reset_machine(struct kvm *kvm)
{
	int err = gmem_clear(&kvm->mem);

	err = err ?: arch_vm_reset(kvm);
	for (unsigned int i = 0; !err && i < kvm->cpu_count; i++)
		err = arch_cpu_reset(&kvm->cpus[i]);
	err = err ?: kvm_power_on(kvm);
	if (!err)
		device_resume_all();
	return err;
}

/* As reset_machine(); what calls it off is the end of the run. */
static int reset_or_end(struct kvm *kvm)
{
	u64 limit = config.timeout_ns ? config.timeout_ns : UINT64_MAX;
	int err, cause;

	cancel_begin_again(add_ns(phase_ns(PHASE_EXEC), limit));
	err = reset_machine(kvm);
	cause = cancel_end();
	if (cause == CANCEL_TIMEOUT) {
		kvm_end(kvm, END_TIMEOUT, STATUS_TIMEOUT);
		log_error("--timeout: the run was not over in time");
	} else if (err && cause) {
		kvm_end(kvm, END_SIGNAL, 128 + cause);
	} else if (err) {
		kvm_end(kvm, END_ERROR, STATUS_ERROR);
	} else if (cause) {
		raise(cause); /* blocked: the loop reads it */
	}
	if (!err && cause == CANCEL_TIMEOUT)
		err = -ECANCELED;
	return err;
}

static void reset_rung(void *arg)
{
	struct kvm *kvm = arg;
	unsigned int wanted;
	int err = 0;

	if (!atomic_load(&reset_wanted))
		return;
	if (!reset_timer.deadline_ns)
		loop_arm(kvm->loop, &reset_timer, now_ns() + PARK_TIMEOUT_NS);
	if (!park_is_complete(kvm))
		return;
	/* No vCPU runs, so this changes no more. */
	wanted = atomic_load(&reset_wanted);
	if (wanted == RESET_FULL)
		err = device_pause_all();
	if (err == -EINPROGRESS)
		return;
	loop_disarm(kvm->loop, &reset_timer);
	atomic_store(&reset_wanted, 0);
	if (wanted == RESET_FULL) {
		if (err)
			kvm_end(kvm, END_ERROR, STATUS_ERROR);
		if (err || reset_or_end(kvm))
			return;
		if (reset_hook)
			reset_hook();
	} else if (arch_warm_start(kvm, (u8)wanted)) {
		kvm_end(kvm, END_ERROR, STATUS_ERROR);
		return;
	}
	park_release_all(kvm);
	if (wanted == RESET_FULL)
		event_post("reset");
	kvm_pause_after_reset(kvm);
}

static void reset_overdue(void *arg)
{
	struct kvm *kvm = arg;

	kvm_end(kvm, END_ERROR, STATUS_ERROR);
	devices_overdue = park_is_complete(kvm);
	if (devices_overdue)
		device_report_busy();
	else
		park_report_missing(kvm, "reset");
}

bool kvm_reset_call_off(struct kvm *kvm)
{
	atomic_store(&reset_wanted, false);
	loop_disarm(kvm->loop, &reset_timer);
	return devices_overdue;
}

static int reset_init(struct kvm *kvm)
{
	reset_bell = (struct loop_bell){.fn = reset_rung, .arg = kvm};
	reset_timer = (struct loop_timer){.fn = reset_overdue, .arg = kvm};
	devices_overdue = false;
	loop_add_bell(kvm->loop, &reset_bell);
	return 0;
}

static void reset_exit(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &reset_timer);
	loop_remove_bell(kvm->loop, &reset_bell);
}

INIT_MODULE(reset, .level = INIT_BASE, .init = reset_init, .exit = reset_exit);
