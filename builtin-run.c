// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm run: one virtual machine, from options to exit status.
 *
 * Options fill `config`; with --detach a second process goes on from there (detach.c), and this
 * one waits for its start. What was not said gets its default here. The files are
 * opened and checked before any machine exists. Then the init list builds the
 * machine, power-on loads the guest, the vCPU threads start, and this thread runs
 * the I/O loop until something is recorded as the end (core/end.c). The console's last
 * bytes are written, the devices come to rest, the result file is completed, everything
 * is undone in reverse, and the status is returned.
 *
 * Signals that end a run are read from a signalfd on the loop: the first SIGTERM,
 * SIGINT or SIGHUP presses the power button and starts the grace time, a second one
 * ends the run at once with 128+n. (While the terminal is raw, Ctrl-C is a byte for
 * the guest.) Until the guest runs there is no button to press: the first signal ends
 * the start with 128+n, and --timeout and --boot-timeout end it with 124 (util/cancel.c).
 */
#include <kvm/boot-search.h>
#include <kvm/boot.h>
#include <kvm/budget.h>
#include <kvm/builtin.h>
#include <kvm/cancel.h>
#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/detach.h>
#include <kvm/device.h>
#include <kvm/disk.h>
#include <kvm/dry-run.h>
#include <kvm/freeze.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/initramfs.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/result.h>
#include <kvm/status-port.h>
#include <kvm/term.h>
#include <kvm/trace.h>
#include <kvm/util.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static bool help_wanted;
static const char *const loglevel_choices[] = {"error", "warn", "info", "debug", NULL};

static const struct option run_options[] = {
	{.name = "dry-run",
	 .type = OPTION_FLAG,
	 .value = &config.dry_run,
	 .help = "print what would run, and do not run it"},
	{.name = "loglevel",
	 .type = OPTION_CHOICE,
	 .value = &config.loglevel,
	 .arg = "LEVEL",
	 .choices = loglevel_choices,
	 .help = "lkvm's own messages: error, warn, info, debug"},
	{.name = "debug",
	 .type = OPTION_FLAG,
	 .value = &config.debug,
	 .help = "the same as --loglevel=debug"},
	{.name = "help",
	 .short_name = 'h',
	 .type = OPTION_FLAG,
	 .value = &help_wanted,
	 .help = "list these options"},
};
OPTION_GROUP(run, run, "lkvm itself", 90, run_options);

/* --- what was not said --- */

static void run_default_sizes(void)
{
	u64 host = (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);

	if (!config.cpus) {
		config.cpus = (unsigned int)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);
		config.cpus = MIN(config.cpus, (unsigned int)KVM_CPU_MAX);
		config.cpus_by_default = true;
	}
	if (!config.mem_bytes)
		config.mem_bytes =
			ALIGN_DOWN(MIN(64 * MIB * (config.cpus + 3), host / 10 * 8), MIB);
}

/* Both were written when their options were read, so they can be compared as files. */
static int run_check_files(void)
{
	struct stat result, trace;

	if (!config.result || !config.boot_trace || stat(config.result, &result) < 0 ||
	    stat(config.boot_trace, &trace) < 0)
		return 0;
	if (result.st_dev == trace.st_dev && result.st_ino == trace.st_ino)
		return log_fail(-EINVAL, "--boot-trace %s: is the file of --result; name another",
				config.boot_trace);
	return 0;
}

static int run_complete_config(int positional, char **argv)
{
	static char name[32];
	struct utsname host;

	if (positional > 1)
		return log_fail(-EINVAL, "run: takes one kernel; '%s' is one too many", argv[2]);
	if (positional && config.kernel)
		return log_fail(-EINVAL, "run: the kernel is named twice: %s and %s", config.kernel,
				argv[1]);
	if (positional)
		config.kernel = argv[1];
	if (!config.kernel && !uname(&host))
		config.kernel = kernel_search("", host.release);
	if (!config.kernel)
		return -ENOENT;
	if (!config.dev)
		config.dev = CONFIG_DEV;
	if (!config.name) {
		snprintf(name, sizeof(name), "guest-%d", (int)getpid());
		config.name = name;
	}
	run_default_sizes();
	return run_check_files();
}

/* --- lkvm's own init --- */

static void run_add_drivers(struct device *dev, void *arg)
{
	struct initramfs_plan *plan = arg;

	for (size_t i = 0; i < ARRAY_SIZE(dev->drivers); i++) {
		if (dev->drivers[i] && plan->driver_count < INITRAMFS_DRIVERS_MAX)
			plan->drivers[plan->driver_count++] = dev->drivers[i];
	}
}

/* At power-on and reset: every device is in the list. */
static int run_make_initramfs(const char *release, const void **data, size_t *bytes, void *arg)
{
	struct initramfs_plan plan = {
		.kernel = config.kernel, .version = release, .status_port = status_port_open()};
	const char *disks[DISK_MAX];
	u32 blocks[DISK_MAX];

	for (plan.disk_count = 0; plan.disk_count < disk_count(); plan.disk_count++) {
		const struct disk_info *info = disk_info(disk_at(plan.disk_count));

		disks[plan.disk_count] = info->path;
		blocks[plan.disk_count] = info->block_bytes;
	}
	plan.disks = disks;
	plan.disk_blocks = blocks;
	device_for_each(run_add_drivers, &plan);
	return initramfs_make(&plan, data, bytes);
}

static int run_choose_init(void)
{
	struct boot_initramfs initramfs = {.make = run_make_initramfs, .param = initramfs_param()};
	int wanted = initramfs_wanted(config.initrds.count != 0, &initramfs.required);

	if (wanted > 0)
		boot_use_initramfs(&initramfs);
	return MIN(wanted, 0);
}

/* --- signals --- */

static struct {
	struct loop_fd source;
	bool asked;
} run_signals;

static const int ending_signals[] = {SIGTERM, SIGINT, SIGHUP};

/* Under nohup a hang-up is nothing to us. (SIGINT counts: shells ignore it for every `cmd &`.) */
static void run_signal_set(sigset_t *set)
{
	struct sigaction hangup;

	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaddset(set, ending_signals[i]);
	sigaction(SIGHUP, NULL, &hangup);
	if (hangup.sa_handler == SIG_IGN)
		sigdelset(set, SIGHUP);
}

static u64 run_deadline(void)
{
	u64 start = phase_ns(PHASE_EXEC), least = UINT64_MAX;

	if (config.timeout_ns)
		least = config.timeout_ns;
	if (config.boot_timeout_ns)
		least = MIN(least, config.boot_timeout_ns);
	return add_ns(start, least);
}

/* The status and the reason of a run that ended before its guest ran, by what called it off. */
static int run_cancel_status(int cause, enum end_reason *reason)
{
	*reason = cause == CANCEL_TIMEOUT ? END_TIMEOUT : END_SIGNAL;
	return cause == CANCEL_TIMEOUT ? STATUS_TIMEOUT : 128 + cause;
}

/* From the signal's handler: what was going on did not stop. Async-signal-safe. */
static void run_force(int cause)
{
	static const char text[] = "lkvm: the start did not stop within a second of being called "
				   "off, and was ended\n";
	enum end_reason reason;
	int status = run_cancel_status(cause, &reason);

	term_restore();
	result_finish_short(kvm_end_name(reason), status);
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(status);
}

static void run_catch_signals(void)
{
	struct cancel_plan plan = {.deadline_ns = run_deadline(), .force = run_force};

	run_signal_set(&plan.signals);
	cancel_begin(&plan);
	/* It comes back as an error of the write, and is handled there. */
	signal(SIGPIPE, SIG_IGN);
}

static void run_signal(void *arg, u32 events)
{
	struct signalfd_siginfo info;
	struct kvm *kvm = arg;

	if (read(run_signals.source.fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (run_signals.asked) {
		kvm_end(kvm, END_SIGNAL, 128 + (int)info.ssi_signo);
		return;
	}
	run_signals.asked = true;
	kvm_press_power_button(config.grace_ns);
	log_warn("SIG%s: the power button was pressed; the guest has %.1f s, a second signal "
		 "ends it at once",
		 sigabbrev_np((int)info.ssi_signo), (double)config.grace_ns / NSEC_PER_SEC);
}

static int run_signals_init(struct kvm *kvm)
{
	sigset_t set;

	run_signal_set(&set);
	run_signals.source = (struct loop_fd){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .fn = run_signal, .arg = kvm};
	if (run_signals.source.fd < 0)
		return log_fail(-errno, "signals: signalfd: %s", strerror(errno));
	return loop_watch(kvm->loop, &run_signals.source, EPOLLIN);
}

static void run_signals_exit(struct kvm *kvm)
{
	loop_unwatch(kvm->loop, &run_signals.source);
	close(run_signals.source.fd);
}

INIT_MODULE(run_signals, .level = INIT_LATE, .init = run_signals_init, .exit = run_signals_exit);

/* --- the run --- */

/* Complete the files. If one cannot be written it says so; the status stays the run's. */
static int run_finish(struct kvm *kvm, enum end_reason reason, int status)
{
	trace_finish(kvm, kvm_end_name(reason), status);
	result_finish(kvm, kvm_end_name(reason), status);
	return status;
}

/* Before any guest ran: a failure, which has said its line, or it was called off. */
static int run_fail(void)
{
	enum end_reason reason;
	int cause = cancel_end(), status;

	if (!cause)
		return run_finish(NULL, END_ERROR, STATUS_ERROR);
	status = run_cancel_status(cause, &reason);
	if (reason == END_SIGNAL)
		log_error("SIG%s: the start was ended; no guest ran", sigabbrev_np(cause));
	else if (config.timeout_ns &&
		 (!config.boot_timeout_ns || config.timeout_ns <= config.boot_timeout_ns))
		log_error("--timeout: the start was not over in time");
	else
		log_error("--boot-timeout: the start was not over in time");
	return run_finish(NULL, reason, status);
}

static void run_machine(struct kvm *kvm)
{
	int err;

	term_take();
	err = kvm_cpu_start_all(kvm);
	if (!err) {
		event_post("started");
		err = loop_run(kvm->loop);
		if (err)
			log_error("event loop: %s", strerror(-err));
	}
	if (err)
		kvm_end(kvm, END_ERROR, STATUS_ERROR);
}

static int run_vm(void)
{
	static struct kvm kvm;
	enum end_reason reason;
	bool stuck;
	int status;

	if (init_run(&kvm))
		return run_fail();
	phase_mark(PHASE_KVM);
	if (kvm_power_on(&kvm) || cancel_end()) {
		init_exit(&kvm);
		return run_fail();
	}
	phase_mark(PHASE_VM_READY);
	if (config.dry_run) {
		status = dry_run_print(&kvm) ? STATUS_ERROR : 0;
		init_exit(&kvm);
		return run_finish(NULL, status ? END_ERROR : END_EXIT, status);
	}
	run_machine(&kvm);
	stuck = kvm_cpu_join_all(&kvm) != 0;
	/* The terminal is the user's again, and Ctrl-C ends what may be a long wait. */
	term_stop();
	console_drain(run_signals.source.fd, kvm_end_patience());
	kvm_say_panic();
	report_judge();
	run_signals.asked = true; /* a signal ends what is left */
	freeze_at_end(&kvm);
	reason = kvm_end_reason(&status);
	budget_check_end(&reason, &status);
	run_finish(&kvm, reason, status);
	/* The memory of a vCPU that never came back cannot be freed; leave as we are. */
	if (stuck)
		exit(status);
	init_exit(&kvm);
	return status;
}

int builtin_run(int argc, char **argv)
{
	int positional, status = STATUS_ERROR, forked = 0;

	if (options_parse("run", argc, argv, &positional))
		return run_finish(NULL, END_ERROR, STATUS_ERROR);
	if (help_wanted) {
		run_finish(NULL, END_EXIT, 0);
		return STATUS_HELP;
	}
	log_threshold = config.debug ? LOG_DEBUG : (enum log_level)config.loglevel;
	if (config.detach && !config.dry_run)
		forked = detach_fork(&status);
	if (forked)
		return forked > 0 ? status : run_finish(NULL, END_ERROR, STATUS_ERROR);
	run_catch_signals();
	if (run_complete_config(positional, argv) || run_choose_init() || boot_open_files() ||
	    disk_open_all())
		return run_fail();
	phase_mark(PHASE_OPTIONS);
	status = run_vm();
	disk_close_all();
	initramfs_free();
	return status;
}
