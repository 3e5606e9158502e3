// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power-on, and reset in place.
 *
 * Power-on is one walk over the devices: each goes to its power-on state. The firmware tables and
 * the boot image are devices too and write themselves into RAM. Before a reset does the same walk,
 * the rest of the machine goes back to its power-on state: devices come to rest (a write that is on
 * its way to a disk still reads RAM), RAM is zeroed, then interrupt controllers, timers and clock,
 * then every vCPU with its MSRs (so that KVM stops writing its clock and steal time into guest
 * memory).
 *
 * No vCPU may run meanwhile, and no device may have anything in flight: core/freeze.c ensures that,
 * with a time limit of 5 s. Any failure ends the run.
 *
 * kvm_reset_begin() is called where the guest wrote to the reset port, on a vCPU thread: it asks
 * all vCPUs to park, its own included, which happens before that vCPU's next instruction. A second
 * reset request while one is under way changes nothing; a stop request wins over both.
 *
 * While the loop loads the kernel again it reads no signal and fires no timer. So this work can be
 * cancelled, like the first load (util/cancel.c): --timeout and a signal end it. A signal that
 * comes too late to cancel presses the power button.
 *
 * A reset of the CPU alone, after which the guest wants to go on (x86/warm.c), works in the same
 * way, but only the first vCPU's registers change, and devices need not be at rest. If a reset of
 * the machine is requested meanwhile, that one replaces it.
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

static atomic_uint reset_cpu_code; /* where the first CPU is to go on; 0: not requested */
static void (*reset_hook)(void);

int kvm_power_on(struct kvm *kvm)
{
	return device_reset_all();
}

/* Bring everything back to power-on, in this order. vCPUs are parked, devices at rest. */
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

/* As reset_machine(), but a signal or --timeout can cancel it, which ends the run. */
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
