// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record of how a run ends.
 *
 * A run has one cause of ending: the first that was recorded. kvm_note_end() records a cause;
 * kvm_end() records it and stops the machine. A recorded cause does not mean that the run is over:
 * after a panic the trace is still to come, and under --on-panic=continue the end may be hours
 * away. Code that waits for the guest asks kvm_is_over(); code that shows the machine's state asks
 * kvm_is_ending(). core/power.c decides what ends a run, and when.
 *
 * With --exec, lkvm's init in the guest reports the status of the command. If the guest powers off,
 * reboots or halts without this report, the result of the command is unknown: the cause is `error`.
 *
 * At the end of the run --fail-on may replace an end that the guest chose by a failure; then the
 * guest's own end is kept beside it.
 *
 * Threads: causes come from vCPU threads (chips), the loop (timers, signals, terminal) and the main
 * thread; one mutex guards the record.
 *
 * Devices get no separate request to shut down. kvm_end() stops the vCPUs and the loop; then the
 * devices come to rest (core/freeze.c), and the init list is undone.
 */
#include <kvm/config.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/park.h>
#include <kvm/phase.h>

static const char *const end_names[] = {
	[END_RUNNING] = "running", [END_POWEROFF] = "poweroff", [END_REBOOT] = "reboot",
	[END_HALT] = "halt",	   [END_FAULT] = "fault",	[END_EXIT] = "exit",
	[END_STOPPED] = "stopped", [END_PANIC] = "panic",	[END_CRASH] = "crash",
	[END_TIMEOUT] = "timeout", [END_SIGNAL] = "signal",	[END_ERROR] = "error",
};

static struct {
	pthread_mutex_t lock;
	enum end_reason reason;
	int status;
	enum end_reason guest_reason; /* the guest's end, if it was replaced; else END_RUNNING */
	int guest_status;
	atomic_bool over;   /* kvm_end() was called */
	atomic_bool forced; /* the user did not want to wait for the guest any longer */
} end = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*
 * Did the guest end by itself, without a report of how its command ended? The verb for the message,
 * or NULL.
 */
static const char *end_without_status(enum end_reason reason, int status)
{
	if (!config.status_due || status)
		return NULL;
	switch (reason) {
	case END_POWEROFF:
		return "powered off";
	case END_REBOOT:
		return "rebooted";
	case END_HALT:
		return "halted";
	default:
		return NULL;
	}
}

void kvm_note_end(struct kvm *kvm, enum end_reason reason, int status)
{
	const char *early = end_without_status(reason, status);
	bool first;

	pthread_mutex_lock(&end.lock);
	first = end.reason == END_RUNNING;
	if (first) {
		end.reason = early ? END_ERROR : reason;
		end.status = early ? STATUS_ERROR : status;
	}
	pthread_mutex_unlock(&end.lock);
	/* Set also if an earlier cause, such as a panic, is already recorded. */
	if (reason == END_TIMEOUT || reason == END_SIGNAL || reason == END_STOPPED)
		atomic_store(&end.forced, true);
	if (first && early)
		log_error("--exec: the guest ended before the command: it %s, and lkvm's init told "
			  "no status",
			  early);
}

void kvm_end(struct kvm *kvm, enum end_reason reason, int status)
{
	kvm_note_end(kvm, reason, status);
	atomic_store(&end.over, true);
	phase_mark(PHASE_END);
	park_ask_all(kvm, PARK_STOP);
	if (kvm->loop)
		loop_stop(kvm->loop);
}

void kvm_end_overrule(enum end_reason reason, int status)
{
	pthread_mutex_lock(&end.lock);
	end.guest_reason = end.reason;
	end.guest_status = end.status;
	end.reason = reason;
	end.status = status;
	pthread_mutex_unlock(&end.lock);
}

enum end_reason kvm_end_of_guest(int *status)
{
	enum end_reason reason;

	pthread_mutex_lock(&end.lock);
	reason = end.guest_reason;
	*status = end.guest_status;
	pthread_mutex_unlock(&end.lock);
	return reason;
}

enum end_reason kvm_end_reason(int *status)
{
	enum end_reason reason;

	pthread_mutex_lock(&end.lock);
	reason = end.reason;
	if (status)
		*status = end.status;
	pthread_mutex_unlock(&end.lock);
	return reason;
}

bool kvm_end_is_forced(void)
{
	return atomic_load(&end.forced);
}

bool kvm_is_over(void)
{
	return atomic_load(&end.over);
}

bool kvm_is_ending(void)
{
	enum end_reason reason = kvm_end_reason(NULL);

	return kvm_is_over() || reason == END_TIMEOUT ||
	       (reason == END_PANIC && config.on_panic == ON_PANIC_EXIT);
}

const char *kvm_end_name(enum end_reason reason)
{
	return end_names[reason];
}
