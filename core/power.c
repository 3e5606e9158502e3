// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decides when a run ends: power button, reboot, panic, time limits.
 *
 * The power button (SIGTERM, `lkvm stop`) asks the guest to power off; a paused guest is resumed
 * first. If the guest powers off within its grace time, the cause is `poweroff`, else `stopped`.
 * After a reset in place the new guest is asked again. --timeout and --boot-timeout are causes when
 * they run out. own-init.c tells lkvm's own init of the request and of --timeout; after --timeout
 * the init has 2 s to write its disks.
 *
 * When the kernel writes "Kernel panic - not syncing" to its console, the cause is known, but the
 * trace is still to come. So the run goes on until the trace's last line, a reset, 2 seconds
 * without output, or 60 seconds in all. The cause stays `panic` whatever happens in between. After
 * the trace one line tells the user about the panic.
 *
 * A reset of the guest ends the run or begins a reset in place (core/reset.c), as --on-reboot says.
 * After a reset of the CPU alone the guest may want to go on: kvm_request_cpu_reset() checks that.
 *
 * Threads: a vCPU that reports a panic rings a bell, and the loop arms the timer; all timers belong
 * to the loop. The line of the panic has a lock of its own. core/end.c keeps the record.
 */
#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/event.h>
#include <kvm/heard.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/own-init.h>
#include <kvm/pause.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/util.h>

#include <stdio.h>

#define SYNC_NS		 (2 * NSEC_PER_SEC)  /* lkvm's own init has this long after --timeout */
#define PATIENCE_NS	 (2 * NSEC_PER_SEC)  /* wait for a slow reader, after a forced end */
#define TRACE_SILENCE_NS (2 * NSEC_PER_SEC)  /* a trace is over after so long without output, */
#define TRACE_MAX_NS	 (60 * NSEC_PER_SEC) /* or after so long with output */
#define TRACE_LOOK_NS	 (100 * NSEC_PER_MSEC)

static const char *const on_reboot_choices[] = {"exit", "reset", "fail", NULL};
static const char *const on_panic_choices[] = {"exit", "continue", NULL};
static const char *const fail_on_choices[] = {"none", "warning", "oops", NULL};

static const struct option power_options[] = {
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
OPTION_GROUP(power, run, "Endings", 40, power_options);

static struct {
	struct kvm *kvm;
	struct loop_timer timeout, boot_timeout, grace, trace, sync;
	struct loop_bell panic;
	pthread_mutex_t line_lock;
	char line[HEARD_LINE_MAX]; /* line of the first panic */
	/* The trace of a panic. Used only by the loop: */
	u64 trace_began_ns, trace_heard_ns;
	u64 trace_bytes; /* console bytes at the last look */
	bool panic_said;
	void (*press)(void *dev);
	void *press_dev;
	u8 (*take_warm_code)(void *dev);
	void *warm_dev;
} power = {.line_lock = PTHREAD_MUTEX_INITIALIZER};

/* --- reset --- */

void kvm_request_reset(struct kvm *kvm, const char *how)
{
	log_info("the guest asked for a reset by %s", how);
	/*
	 * The recorded cause stays, but the run need not wait for anything more: a panic's trace is
	 * over.
	 */
	if (kvm_is_ending())
		kvm_end(kvm, END_REBOOT, 0);
	else if (config.on_reboot == ON_REBOOT_RESET)
		kvm_reset_begin(kvm);
	else
		kvm_end(kvm, END_REBOOT, config.on_reboot == ON_REBOOT_FAIL ? STATUS_REBOOT : 0);
}

void kvm_set_warm_code(u8 (*take)(void *dev), void *dev)
{
	power.take_warm_code = take;
	power.warm_dev = dev;
}

void kvm_request_cpu_reset(struct kvm *kvm, const char *how)
{
	u8 code = power.take_warm_code ? power.take_warm_code(power.warm_dev) : 0;

	/* After a panic the kernel wants a reboot: ignore a code that it left before the panic. */
	if (!arch_is_warm_start(code) || kvm_end_reason(NULL) != END_RUNNING) {
		kvm_request_reset(kvm, how);
		return;
	}
	log_debug("the guest reset its CPU by %s, and goes on by code 0x%02x", how, code);
	kvm_reset_begin_cpu(kvm, code);
}

/* --- the power button --- */

void kvm_set_power_button(void (*press)(void *dev), void *dev)
{
	power.press = press;
	power.press_dev = dev;
}

void kvm_press_power_button(u64 grace_ns)
{
	u64 deadline = add_ns(now_ns(), grace_ns);
	struct kvm *kvm = power.kvm;

	/* A paused guest cannot answer. */
	kvm_resume(kvm);
	if (power.press)
		power.press(power.press_dev);
	/* Of several requests the earliest deadline counts. */
	if (!power.grace.deadline_ns || deadline < power.grace.deadline_ns)
		loop_arm(kvm->loop, &power.grace, deadline);
	own_init_ask(deadline);
}

/* Called after a reset in place: the guest that was asked is gone, so ask the new one. */
static void power_repeat(void)
{
	if (power.grace.deadline_ns && power.press)
		power.press(power.press_dev);
}

u64 kvm_end_patience(void)
{
	u64 at_least = now_ns() + PATIENCE_NS, until = UINT64_MAX;

	if (kvm_end_is_forced())
		return at_least;
	if (power.timeout.deadline_ns)
		until = power.timeout.deadline_ns;
	/* A user who asked for an end expects it within the grace time. */
	if (power.grace.deadline_ns)
		until = MIN(until, MAX(power.grace.deadline_ns, at_least));
	return until;
}

/* --- a panic --- */

void kvm_panic(struct kvm *kvm, const char *line)
{
	kvm_note_end(kvm, END_PANIC, STATUS_PANIC);
	event_post("panic");
	pthread_mutex_lock(&power.line_lock);
	if (line && !power.line[0])
		snprintf(power.line, sizeof(power.line), "%s", line);
	pthread_mutex_unlock(&power.line_lock);
	loop_ring(kvm->loop, &power.panic);
}

void kvm_panic_done(struct kvm *kvm)
{
	if (config.on_panic == ON_PANIC_EXIT && kvm_end_reason(NULL) == END_PANIC)
		kvm_end(kvm, END_PANIC, STATUS_PANIC);
}

bool kvm_panic_line(char *line, size_t size)
{
	pthread_mutex_lock(&power.line_lock);
	snprintf(line, size, "%s", power.line);
	pthread_mutex_unlock(&power.line_lock);
	return line[0];
}

/* Log the panic once: a guest that goes on could panic again and again. */
static void power_say_panic(void)
{
	char line[HEARD_LINE_MAX];

	if (power.panic_said)
		return;
	power.panic_said = true;
	if (kvm_panic_line(line, sizeof(line)))
		log_error("the guest panicked: %s", line);
	else
		log_error("the guest panicked: it reported a panic through pvpanic, without a "
			  "reason");
}

void kvm_say_panic(void)
{
	if (kvm_end_reason(NULL) == END_PANIC)
		power_say_panic();
}

static void power_panic_rung(void *arg)
{
	struct kvm *kvm = arg;

	if (power.trace_began_ns)
		return;
	power.trace_began_ns = power.trace_heard_ns = now_ns();
	power.trace_bytes = heard_output_bytes();
	loop_arm(kvm->loop, &power.trace, power.trace_began_ns + TRACE_LOOK_NS);
}

/*
 * Is the trace still coming? A paused machine writes nothing: the time of a pause does not count as
 * silence.
 */
static bool power_trace_goes_on(u64 now)
{
	u64 bytes = heard_output_bytes();

	if (bytes != power.trace_bytes || kvm_is_paused())
		power.trace_heard_ns = now;
	power.trace_bytes = bytes;
	return now < power.trace_heard_ns + TRACE_SILENCE_NS &&
	       now < power.trace_began_ns + TRACE_MAX_NS;
}

static void power_trace_look(void *arg)
{
	struct kvm *kvm = arg;
	u64 now = now_ns();

	if (power_trace_goes_on(now)) {
		loop_arm(kvm->loop, &power.trace, now + TRACE_LOOK_NS);
		return;
	}
	power_say_panic();
	if (config.on_panic == ON_PANIC_EXIT)
		kvm_end(kvm, END_PANIC, STATUS_PANIC);
}

/* --- time limits --- */

static void power_sync_over(void *arg)
{
	kvm_end(arg, END_TIMEOUT, STATUS_TIMEOUT);
}

/* Record --timeout as the cause, and give lkvm's own init SYNC_NS to write its disks. */
static void power_timeout_over(void *arg)
{
	struct kvm *kvm = arg;

	kvm_note_end(kvm, END_TIMEOUT, STATUS_TIMEOUT);
	if (!kvm_is_over() && own_init_hurry()) {
		kvm_resume(kvm);
		loop_arm(kvm->loop, &power.sync, now_ns() + SYNC_NS);
	} else {
		kvm_end(kvm, END_TIMEOUT, STATUS_TIMEOUT);
	}
	log_error("--timeout: the run was not over in time");
}

static void power_boot_timeout_over(void *arg)
{
	if (phase_ns(PHASE_FIRST_CONSOLE))
		return;
	kvm_end(arg, END_TIMEOUT, STATUS_TIMEOUT);
	log_error("--boot-timeout: the guest wrote nothing to its console in time");
}

static void power_grace_over(void *arg)
{
	bool was_over = kvm_is_over();

	kvm_end(arg, END_STOPPED, STATUS_STOPPED);
	/*
	 * If the run was already over, the guest did power off in time, and only its devices are
	 * still busy.
	 */
	if (!was_over)
		log_error("the guest did not power off within its grace time and was stopped");
}

static int power_init(struct kvm *kvm)
{
	u64 now = phase_ns(PHASE_EXEC);

	power.kvm = kvm;
	kvm_set_reset_hook(power_repeat);
	power.timeout = (struct loop_timer){.fn = power_timeout_over, .arg = kvm};
	power.boot_timeout = (struct loop_timer){.fn = power_boot_timeout_over, .arg = kvm};
	power.grace = (struct loop_timer){.fn = power_grace_over, .arg = kvm};
	power.sync = (struct loop_timer){.fn = power_sync_over, .arg = kvm};
	power.trace = (struct loop_timer){.fn = power_trace_look, .arg = kvm};
	power.panic = (struct loop_bell){.fn = power_panic_rung, .arg = kvm};
	loop_add_bell(kvm->loop, &power.panic);
	if (config.timeout_ns)
		loop_arm(kvm->loop, &power.timeout, add_ns(now, config.timeout_ns));
	if (config.boot_timeout_ns)
		loop_arm(kvm->loop, &power.boot_timeout, add_ns(now, config.boot_timeout_ns));
	return 0;
}

static void power_exit(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &power.timeout);
	loop_disarm(kvm->loop, &power.boot_timeout);
	loop_disarm(kvm->loop, &power.grace);
	loop_disarm(kvm->loop, &power.trace);
	loop_disarm(kvm->loop, &power.sync);
	loop_remove_bell(kvm->loop, &power.panic);
}

INIT_MODULE(power, .level = INIT_BASE, .init = power_init, .exit = power_exit);
