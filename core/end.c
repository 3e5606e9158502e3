// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a run ends, and what is said of it.
 *
 * A run has one cause of ending: the first that was recorded. kvm_note_end()
 * records, kvm_end() records and stops the machine. The difference is the panic:
 * when the kernel's console says "Kernel panic - not syncing" the cause is known,
 * but the trace is still to come, so the run goes on until the trace's last line,
 * a reset, 2 seconds without output, or 60 seconds in all. Whatever happens in
 * between, the cause stays `panic`. After the trace one line says what the panic was.
 *
 * So a recorded cause does not mean that the run is over, and under --on-panic=continue
 * it may be hours away. kvm_is_over() is for those who wait for something that will not
 * come any more, kvm_is_ending() for those who say what state the machine is in.
 *
 * A guest that was given a command (--exec) tells its status by lkvm's init. If it powers off,
 * reboots or halts without that, nobody knows what became of the command: the cause is `error`.
 *
 * Requests that are not causes: the power button (SIGTERM, `lkvm stop`) asks the
 * guest, which goes on if it was paused; if it powers off within its grace time, `poweroff` is the
 * cause, else `stopped`. --timeout and --boot-timeout are causes when they run out. lkvm's own init
 * hears of the request and of --timeout by own-init.c, and after the latter has 2 s to write what
 * it must.
 *
 * Threads: causes come from vCPU threads (chips), the loop (timers, signals,
 * terminal) and the main thread; one mutex guards the record. Timers belong to
 * the loop, so a vCPU that reports a panic rings a bell and the loop arms the timer.
 *
 * Ends on purpose without a shutdown conversation with devices: pause and
 * quiescing belong to reset and `lkvm pause`; here the vCPUs are stopped, the loop
 * returns, and the init list unwinds.
 */
#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/log.h>
#include <kvm/own-init.h>
#include <kvm/park.h>
#include <kvm/pause.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/result.h>
#include <kvm/util.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define SYNC_NS		 (2 * NSEC_PER_SEC)  /* for lkvm's own init, after --timeout */
#define PATIENCE_NS	 (2 * NSEC_PER_SEC)  /* with a reader, after an end by force */
#define TRACE_SILENCE_NS (2 * NSEC_PER_SEC)  /* a trace is over after so long without output, */
#define TRACE_MAX_NS	 (60 * NSEC_PER_SEC) /* or after so long with output */
#define TRACE_LOOK_NS	 (100 * NSEC_PER_MSEC)

static const char *const on_reboot_choices[] = {"exit", "reset", "fail", NULL};
static const char *const on_panic_choices[] = {"exit", "continue", NULL};
static const char *const fail_on_choices[] = {"none", "warning", "oops", NULL};

static const struct option end_options[] = {
	{.name = "timeout",
	 .type = OPTION_DURATION,
	 .value = &config.timeout_ns,
	 .arg = "DURATION",
	 .help = "end the run after this long (status 124)"},
	{.name = "boot-timeout",
	 .type = OPTION_DURATION,
	 .value = &config.boot_timeout_ns,
	 .arg = "DURATION",
	 .help = "end it when no console byte came by then (status 124)"},
	{.name = "grace",
	 .type = OPTION_DURATION,
	 .value = &config.grace_ns,
	 .arg = "DURATION",
	 .help = "how long a guest may take to power off when asked (10s)"},
	{.name = "on-reboot",
	 .type = OPTION_CHOICE,
	 .value = &config.on_reboot,
	 .arg = "exit|reset|fail",
	 .choices = on_reboot_choices,
	 .help = "what a reboot of the guest does (exit: status 0)"},
	{.name = "on-panic",
	 .type = OPTION_CHOICE,
	 .value = &config.on_panic,
	 .arg = "exit|continue",
	 .choices = on_panic_choices,
	 .help = "whether a kernel panic ends the run (exit: status 121)"},
	{.name = "fail-on",
	 .type = OPTION_CHOICE,
	 .value = &config.fail_on,
	 .arg = "none|warning|oops",
	 .choices = fail_on_choices,
	 .help = "a report on the kernel's console fails the run (status 119)"},
};
OPTION_GROUP(kvm_end, "run", "Endings", 40, end_options);

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
	atomic_bool over;   /* kvm_end() was called */
	atomic_bool forced; /* by somebody who did not want to wait for the guest any longer */
	struct kvm *kvm;
	struct loop_timer timeout, boot_timeout, grace, trace, sync;
	struct loop_bell panic;
	/* The trace of a panic. The loop's: */
	u64 trace_began_ns, trace_heard_ns;
	u64 trace_bytes; /* of the console at the last look */
	bool panic_said;
	void (*press)(void *dev);
	void *press_dev;
} end = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Ends that are the guest's own will, and say nothing of how its command ended. */
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
	if (first && early)
		log_error("--exec: the guest ended before the command: it %s, and lkvm's init told "
			  "no status",
			  early);
}

void kvm_end(struct kvm *kvm, enum end_reason reason, int status)
{
	kvm_note_end(kvm, reason, status);
	/* The cause may be an older one, such as a panic. */
	if (reason == END_TIMEOUT || reason == END_SIGNAL || reason == END_STOPPED)
		atomic_store(&end.forced, true);
	atomic_store(&end.over, true);
	phase_mark(PHASE_END);
	park_ask_all(kvm, PARK_STOP);
	if (kvm->loop)
		loop_stop(kvm->loop);
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

void kvm_request_reset(struct kvm *kvm, const char *how)
{
	log_info("the guest asked for a reset by %s", how);
	/* There is a cause already, which stays: what was still waited for is over now. */
	if (kvm_is_ending())
		kvm_end(kvm, END_REBOOT, 0);
	else if (config.on_reboot == ON_REBOOT_RESET)
		kvm_reset_begin(kvm);
	else
		kvm_end(kvm, END_REBOOT, config.on_reboot == ON_REBOOT_FAIL ? STATUS_REBOOT : 0);
}

void kvm_panic(struct kvm *kvm, const char *line)
{
	kvm_note_end(kvm, END_PANIC, STATUS_PANIC);
	event_post("panic");
	if (line)
		result_set_panic(line);
	loop_ring(kvm->loop, &end.panic);
}

void kvm_panic_done(struct kvm *kvm)
{
	if (config.on_panic == ON_PANIC_EXIT && kvm_end_reason(NULL) == END_PANIC)
		kvm_end(kvm, END_PANIC, STATUS_PANIC);
}

void kvm_set_power_button(void (*press)(void *dev), void *dev)
{
	end.press = press;
	end.press_dev = dev;
}

/* A duration may be longer than the clock lasts. */
static u64 end_deadline(u64 from_ns, u64 after_ns)
{
	return after_ns > UINT64_MAX - from_ns ? UINT64_MAX : from_ns + after_ns;
}

void kvm_press_power_button(u64 grace_ns)
{
	u64 deadline = end_deadline(now_ns(), grace_ns);
	struct kvm *kvm = end.kvm;

	/* A guest that stands still cannot answer. */
	kvm_resume(kvm);
	if (end.press)
		end.press(end.press_dev);
	/* Of several who ask the one in the greatest hurry counts. */
	if (!end.grace.deadline_ns || deadline < end.grace.deadline_ns)
		loop_arm(kvm->loop, &end.grace, deadline);
	own_init_ask(deadline);
}

void kvm_repeat_power_button(void)
{
	if (end.grace.deadline_ns && end.press)
		end.press(end.press_dev);
}

u64 kvm_end_patience(void)
{
	u64 at_least = now_ns() + PATIENCE_NS, until = UINT64_MAX;

	if (atomic_load(&end.forced))
		return at_least;
	if (end.timeout.deadline_ns)
		until = end.timeout.deadline_ns;
	/* Who asked for an end counts on the grace time. */
	if (end.grace.deadline_ns)
		until = MIN(until, MAX(end.grace.deadline_ns, at_least));
	return until;
}

/* Once, even when the guest goes on and panics again: it could do so without end. */
static void end_say_panic(void)
{
	char line[LINES_MAX_BYTES];

	if (end.panic_said)
		return;
	end.panic_said = true;
	if (result_panic_line(line, sizeof(line)))
		log_error("the guest panicked: %s", line);
	else
		log_error("the guest panicked: it said so through pvpanic, and not why");
}

static void end_panic_rung(void *arg)
{
	struct kvm *kvm = arg;

	if (end.trace_began_ns)
		return;
	end.trace_began_ns = end.trace_heard_ns = now_ns();
	end.trace_bytes = console_written();
	loop_arm(kvm->loop, &end.trace, end.trace_began_ns + TRACE_LOOK_NS);
}

/* Is the trace still coming? A machine that is paused says nothing, and is not done. */
static bool end_trace_goes_on(u64 now)
{
	u64 bytes = console_written();

	if (bytes != end.trace_bytes || kvm_is_paused())
		end.trace_heard_ns = now;
	end.trace_bytes = bytes;
	return now < end.trace_heard_ns + TRACE_SILENCE_NS &&
	       now < end.trace_began_ns + TRACE_MAX_NS;
}

static void end_trace_look(void *arg)
{
	struct kvm *kvm = arg;
	u64 now = now_ns();

	if (end_trace_goes_on(now)) {
		loop_arm(kvm->loop, &end.trace, now + TRACE_LOOK_NS);
		return;
	}
	end_say_panic();
	if (config.on_panic == ON_PANIC_EXIT)
		kvm_end(kvm, END_PANIC, STATUS_PANIC);
}

/* --fail-on judges the ends that the guest chose; the others are failures already. */
static bool end_is_guests(enum end_reason reason)
{
	return reason == END_POWEROFF || reason == END_REBOOT || reason == END_HALT ||
	       reason == END_EXIT;
}

static void end_judge_reports(void)
{
	u64 count = report_count_from(config.fail_on == FAIL_ON_OOPS ? REPORT_BUG : 0);
	int status;
	enum end_reason reason = kvm_end_reason(&status);

	if (config.fail_on == FAIL_ON_NONE || !count || !end_is_guests(reason))
		return;
	log_error("--fail-on=%s: the guest's kernel reported %llu: the first report: %s",
		  fail_on_choices[config.fail_on], count, report_first(0));
	result_set_guest_end(kvm_end_name(reason), status);
	pthread_mutex_lock(&end.lock);
	end.reason = END_FAULT;
	end.status = STATUS_FAULT;
	pthread_mutex_unlock(&end.lock);
}

void kvm_end_settle(void)
{
	if (kvm_end_reason(NULL) == END_PANIC)
		end_say_panic();
	end_judge_reports();
}

static void end_sync_over(void *arg)
{
	kvm_end(arg, END_TIMEOUT, STATUS_TIMEOUT);
}

/* lkvm's own init may write to its disks what it has to. The cause of the end is this. */
static void end_timeout_over(void *arg)
{
	struct kvm *kvm = arg;

	kvm_note_end(kvm, END_TIMEOUT, STATUS_TIMEOUT);
	atomic_store(&end.forced, true);
	if (!kvm_is_over() && own_init_hurry()) {
		kvm_resume(kvm);
		loop_arm(kvm->loop, &end.sync, now_ns() + SYNC_NS);
	} else {
		kvm_end(kvm, END_TIMEOUT, STATUS_TIMEOUT);
	}
	log_error("--timeout: the run was not over in time");
}

static void end_boot_timeout_over(void *arg)
{
	if (phase_ns(PHASE_FIRST_CONSOLE))
		return;
	kvm_end(arg, END_TIMEOUT, STATUS_TIMEOUT);
	log_error("--boot-timeout: the guest wrote nothing to its console in time");
}

static void end_grace_over(void *arg)
{
	bool was_over = kvm_is_over();

	kvm_end(arg, END_STOPPED, STATUS_STOPPED);
	/* Else it did, and only its devices are not at rest yet. */
	if (!was_over)
		log_error("the guest did not power off within its grace time and was stopped");
}

static int end_init(struct kvm *kvm)
{
	u64 now = phase_ns(PHASE_EXEC);

	end.kvm = kvm;
	end.timeout = (struct loop_timer){.fn = end_timeout_over, .arg = kvm};
	end.boot_timeout = (struct loop_timer){.fn = end_boot_timeout_over, .arg = kvm};
	end.grace = (struct loop_timer){.fn = end_grace_over, .arg = kvm};
	end.sync = (struct loop_timer){.fn = end_sync_over, .arg = kvm};
	end.trace = (struct loop_timer){.fn = end_trace_look, .arg = kvm};
	end.panic = (struct loop_bell){.fn = end_panic_rung, .arg = kvm};
	loop_add_bell(kvm->loop, &end.panic);
	if (config.timeout_ns)
		loop_arm(kvm->loop, &end.timeout, end_deadline(now, config.timeout_ns));
	if (config.boot_timeout_ns)
		loop_arm(kvm->loop, &end.boot_timeout, end_deadline(now, config.boot_timeout_ns));
	return 0;
}

static void end_exit(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &end.timeout);
	loop_disarm(kvm->loop, &end.boot_timeout);
	loop_disarm(kvm->loop, &end.grace);
	loop_disarm(kvm->loop, &end.trace);
	loop_disarm(kvm->loop, &end.sync);
	loop_remove_bell(kvm->loop, &end.panic);
}

INIT_MODULE(end, .level = INIT_BASE, .init = end_init, .exit = end_exit);
