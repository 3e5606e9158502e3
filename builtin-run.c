// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm run: one virtual machine, from options to exit status.
 *
 * The options fill `config`. With --detach a second process becomes the machine (detach.c), and
 * this one waits until the machine is up. Options that were not given get their defaults here. The
 * files are opened and checked before any machine exists. Then the init list builds the machine,
 * power-on loads the guest, the vCPU threads start, and this thread runs the I/O loop until
 * kvm_end() stops it (core/end.c). After that the console's last bytes are written, the devices
 * come to rest, the result file is completed, the init list is undone in reverse order, and the
 * status is returned.
 *
 * Until the guest runs, a signal ends the start with status 128+n, and --timeout and --boot-timeout
 * end it with 124 (util/cancel.c). After that control/signals.c handles the signals.
 *
 * --dry-run stops just before the first KVM_RUN and prints the machine that was built, on standard
 * output. All steps but the run itself have been done, so the output shows the real machine and not
 * only the options. Lines have the form "kind: fields", stable enough for grep.
 */
#include <kvm/boot-search.h>
#include <kvm/boot.h>
#include <kvm/budget.h>
#include <kvm/builtin.h>
#include <kvm/bus.h>
#include <kvm/cancel.h>
#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/detach.h>
#include <kvm/device.h>
#include <kvm/disk.h>
#include <kvm/event.h>
#include <kvm/freeze.h>
#include <kvm/init.h>
#include <kvm/initramfs.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/pci.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/result.h>
#include <kvm/signals.h>
#include <kvm/status-port.h>
#include <kvm/term.h>
#include <kvm/trace.h>
#include <kvm/util.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static bool help_wanted;
static const char *const loglevel_choices[] = {"error", "warn", "info", "debug", NULL};

static struct {
	int loglevel; /* enum log_level */
	bool debug;
} run_asked = {.loglevel = LOG_WARN};

static const struct option run_options[] = {
	{.name = "dry-run",
	 .type = OPTION_FLAG,
	 .value = &config.dry_run,
	 .help = "print what would run, and do not run it"},
	{.name = "loglevel",
	 .type = OPTION_CHOICE,
	 .value = &run_asked.loglevel,
	 .arg = "LEVEL",
	 .choices = loglevel_choices,
	 .help = "lkvm's own messages: error, warn, info, debug"},
	{.name = "debug",
	 .type = OPTION_FLAG,
	 .value = &run_asked.debug,
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

/* Both files were created when their options were read, so their inodes can be compared. */
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
		return log_fail(-EINVAL, "run: takes one kernel; got a second one, '%s'", argv[2]);
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

/* Called at power-on and at reset, when every device is in the list. */
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

/* --- a start that is called off --- */

static u64 run_deadline(void)
{
	u64 start = phase_ns(PHASE_EXEC), least = UINT64_MAX;

	if (config.timeout_ns)
		least = config.timeout_ns;
	if (config.boot_timeout_ns)
		least = MIN(least, config.boot_timeout_ns);
	return add_ns(start, least);
}

/* Status and reason of a run that a signal or a time limit ended before its guest ran. */
static int run_cancel_status(int cause, enum end_reason *reason)
{
	*reason = cause == CANCEL_TIMEOUT ? END_TIMEOUT : END_SIGNAL;
	return cause == CANCEL_TIMEOUT ? STATUS_TIMEOUT : 128 + cause;
}

/*
 * Called in a signal handler when the start does not stop after it was cancelled: end the process.
 * Async-signal-safe.
 */
static void run_force(int cause)
{
	static const char text[] = "lkvm: the start did not stop within a second of a signal or "
				   "a time-out, and was ended\n";
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

	signals_get_set(&plan.signals);
	cancel_begin(&plan);
	/* A write to a closed pipe then fails with EPIPE, and the code that writes handles that. */
	signal(SIGPIPE, SIG_IGN);
}

/* --- the machine as it stands --- */

static void dry_run_range(const struct boot_range *range, void *arg)
{
	printf("boot: 0x%010llx-0x%010llx %s\n", range->start, (range->end - 1), range->name);
}

static void dry_run_region(const struct bus_region *region, void *arg)
{
	const struct bus *bus = arg;

	printf("%s: 0x%04llx-0x%04llx %s\n", bus->name, region->base,
	       (region->base + region->len - 1), region->name);
}

static void dry_run_function(struct pci_function *fn, void *arg)
{
	char line[PCI_MAP_LINE] = "";

	pci_map_line(fn, line, sizeof(line));
	printf("pci: %s\n", line);
}

static void dry_run_record(void *arg, const struct device_record *record)
{
	printf(" %s:%u", record->hid, record->uid);
	for (unsigned int i = 0; i < record->count; i++) {
		const struct device_resource *res = &record->resources[i];

		if (res->type == RESOURCE_IRQ)
			printf(" irq %llu", res->base);
	}
}

static void dry_run_device(struct device *dev, void *arg)
{
	printf("device: %s", dev->name);
	if (dev->describe)
		dev->describe(dev, dry_run_record, arg);
	printf("\n");
}

static int dry_run_print(struct kvm *kvm)
{
	printf("name: %s\n", config.name);
	printf("kernel: %s\n", config.kernel);
	printf("entry: %s\n", boot_entry());
	printf("cmdline: %s\n", boot_cmdline());
	printf("cpus: %u\n", kvm->cpu_count);
	for (unsigned int i = 0; i < kvm->mem.count; i++) {
		const struct gmem_bank *bank = &kvm->mem.banks[i];

		printf("ram: 0x%010llx-0x%010llx\n", bank->base, (bank->base + bank->size - 1));
	}
	boot_for_each_range(dry_run_range, NULL);
	bus_for_each(&kvm->ports, dry_run_region, &kvm->ports);
	bus_for_each(&kvm->mmio, dry_run_region, &kvm->mmio);
	pci_for_each(dry_run_function, NULL);
	device_for_each(dry_run_device, NULL);
	if (fflush(stdout) || ferror(stdout))
		return log_fail(-EIO, "--dry-run: standard output cannot be written");
	return 0;
}

/* --- the run --- */

/* How the run ended, and what is still to be undone. */
struct run_end {
	struct kvm *kvm; /* the guest's machine; NULL: no guest ran */
	enum end_reason reason;
	int status;
	bool stuck; /* a vCPU thread did not end */
};

/*
 * The end of a run before any guest ran: an error, which was already logged, or the start was
 * cancelled by a signal or a time limit.
 */
static struct run_end run_failed(void)
{
	struct run_end end = {.reason = END_ERROR, .status = STATUS_ERROR};
	int cause = cancel_end();

	if (!cause)
		return end;
	end.status = run_cancel_status(cause, &end.reason);
	if (end.reason == END_SIGNAL)
		log_error("SIG%s: the start was ended; no guest ran", sigabbrev_np(cause));
	else if (config.timeout_ns &&
		 (!config.boot_timeout_ns || config.timeout_ns <= config.boot_timeout_ns))
		log_error("--timeout: the start was not over in time");
	else
		log_error("--boot-timeout: the start was not over in time");
	return end;
}

static struct run_end run_dry(struct kvm *kvm)
{
	bool failed = dry_run_print(kvm);

	init_exit(kvm);
	return (struct run_end){.reason = failed ? END_ERROR : END_EXIT,
				.status = failed ? STATUS_ERROR : 0};
}

/* The guest runs, from its first instruction to its last. */
static void run_guest(struct kvm *kvm)
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

static struct run_end run_vm(struct kvm *kvm)
{
	struct run_end end = {.kvm = kvm};

	if (init_run(kvm))
		return run_failed();
	phase_mark(PHASE_KVM);
	if (kvm_power_on(kvm) || cancel_end()) {
		init_exit(kvm);
		return run_failed();
	}
	phase_mark(PHASE_VM_READY);
	if (config.dry_run)
		return run_dry(kvm);
	run_guest(kvm);
	end.stuck = kvm_cpu_join_all(kvm) != 0;
	/* Leave raw mode, so that Ctrl-C can end the waits below, which may be long. */
	term_stop();
	console_drain(signals_fd(), kvm_end_patience());
	kvm_say_panic();
	report_judge();
	signals_do_not_ask();
	freeze_at_end(kvm);
	end.reason = kvm_end_reason(&end.status);
	budget_check_end(&end.reason, &end.status);
	return end;
}

static struct run_end run_here(int positional, char **argv)
{
	static struct kvm kvm;

	run_catch_signals();
	if (run_complete_config(positional, argv) || run_choose_init() || boot_open_files() ||
	    disk_open_all())
		return run_failed();
	phase_mark(PHASE_OPTIONS);
	return run_vm(&kvm);
}

/*
 * The end of every run of this process. A file that cannot be written does not change the status.
 */
static int run_finish(const struct run_end *end)
{
	trace_finish(end->kvm, kvm_end_name(end->reason), end->status);
	result_finish(end->kvm, kvm_end_name(end->reason), end->status);
	/* A vCPU thread still runs and uses its memory: exit without freeing anything. */
	if (end->stuck)
		exit(end->status);
	if (end->kvm)
		init_exit(end->kvm);
	disk_close_all();
	initramfs_free();
	return end->status;
}

int builtin_run(int argc, char **argv)
{
	struct run_end end = {.reason = END_ERROR, .status = STATUS_ERROR};
	int positional, status, forked = 0;
	int err = options_parse("run", argc, argv, &positional);

	if (!err && help_wanted) {
		end = (struct run_end){.reason = END_EXIT};
		run_finish(&end);
		return STATUS_HELP;
	}
	if (!err) {
		log_threshold = run_asked.debug ? LOG_DEBUG : (enum log_level)run_asked.loglevel;
		if (config.detach && !config.dry_run)
			forked = detach_fork(&status);
		if (forked > 0)
			return status; /* the machine is in the other process */
		if (!forked)
			end = run_here(positional, argv);
	}
	return run_finish(&end);
}
