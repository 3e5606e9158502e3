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
 * No vCPU may run meanwhile, and no device may have anything in flight: core/freeze.c brings the
 * machine there, with a time limit of 5 s. Whatever fails ends the run.
 *
 * kvm_reset_begin() is called where the guest wrote to the reset port, on a vCPU
 * thread: it asks all vCPUs to park, its own included, which happens before that
 * vCPU's next instruction. A second reset request while one is under way changes
 * nothing; a stop request wins over both.
 *
 * While the loop loads the kernel again it reads no signal and fires no timer. So this is
 * work that can be called off, as the first load was (util/cancel.c): --timeout and a signal
 * end it. A signal that came too late for that presses the power button after all.
 *
 * A reset of the CPU alone goes the same way where the guest wants to go on after it
 * (x86/warm.c): then nothing but the first vCPU's registers changes, and devices need not be at
 * rest. A reset of the machine that is asked for meanwhile goes first, and is all there is.
 */
#include <kvm/arch.h>
#include <kvm/cancel.h>
#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/event.h>
#include <kvm/freeze.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/util.h>

#include <errno.h>
#include <signal.h>

static atomic_uint reset_cpu_code; /* by which the first CPU goes on; 0: that is not asked for */
static void (*reset_hook)(void);

int kvm_power_on(struct kvm *kvm)
{
	return device_reset_all();
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

static const char *reset_name(void)
{
	return "reset";
}

/* --- of the CPU alone --- */

static bool reset_cpu_done(struct kvm *kvm, int err)
{
	u8 code = (u8)atomic_exchange(&reset_cpu_code, 0);

	err = err ?: arch_warm_start(kvm, code);
	if (err)
		kvm_end(kvm, END_ERROR, STATUS_ERROR);
	return !err;
}

static struct freeze_request reset_cpu_request = {
	.kind = FREEZE_RESET_CPU,
	.fatal = true,
	.name = reset_name,
	.done = reset_cpu_done,
};

void kvm_reset_begin_cpu(struct kvm *kvm, u8 code)
{
	unsigned int none = 0;

	atomic_compare_exchange_strong(&reset_cpu_code, &none, code);
	freeze_ask(kvm, &reset_cpu_request);
}

/* --- of the machine --- */

static bool reset_done(struct kvm *kvm, int err)
{
	if (err) {
		kvm_end(kvm, END_ERROR, STATUS_ERROR);
		return false;
	}
	freeze_drop(&reset_cpu_request);
	atomic_store(&reset_cpu_code, 0);
	if (reset_or_end(kvm))
		return false;
	if (reset_hook)
		reset_hook();
	event_post("reset");
	return true;
}

static struct freeze_request reset_request = {
	.kind = FREEZE_RESET,
	.devices = true,
	.fatal = true,
	.name = reset_name,
	.done = reset_done,
};

void kvm_reset_begin(struct kvm *kvm)
{
	freeze_ask(kvm, &reset_request);
}

void kvm_set_reset_hook(void (*fn)(void))
{
	reset_hook = fn;
}

bool kvm_reset_is_wanted(void)
{
	return freeze_is_asked(&reset_request) || freeze_is_asked(&reset_cpu_request);
}
