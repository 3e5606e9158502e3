// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a machine whose CPUs have all halted for good.
 *
 * A CPU that halts with interrupts disabled does not wake up again. `halt -f` leaves all CPUs in
 * this state, and so does a kernel that could not unpack itself or died before it had a console.
 * KVM reports no exit for that: the vCPUs just sleep.
 *
 * A timer of one second compares the CPU time of the vCPU threads with their time at the last tick.
 * If any of them used CPU time, the guest is not disturbed. If none did, the vCPUs are parked for a
 * moment (kvm_pause_look()) and their state is read: the run ends if all vCPUs that the guest has
 * started are halted with interrupts disabled. The look itself uses CPU time, so an idle guest,
 * which waits with interrupts enabled, is looked at every two seconds at most.
 *
 * A machine that is paused, being reset or ending is not looked at.
 *
 * The guest halted on purpose if its kernel wrote "reboot: System halted". Otherwise the halt is a
 * crash: a message quotes the console's last line and shows the registers of the first CPU.
 *
 * An NMI could wake such CPUs. `lkvm debug --nmi` sends one; with --on-halt=wait the machine stays
 * until then.
 *
 * All of it on the loop.
 */
#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/heard.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/pause.h>
#include <kvm/reset.h>
#include <kvm/util.h>

#define LOOK_NS NSEC_PER_SEC

static const char *const on_halt_choices[] = {"exit", "wait", NULL};

static const struct option halt_options[] = {
	{.name = "on-halt",
	 .type = OPTION_CHOICE,
	 .value = &config.on_halt,
	 .arg = "exit|wait",
	 .choices = on_halt_choices,
	 .help = "what a halt of all CPUs does (exit: status 0 or 122)"},
};
OPTION_GROUP(kvm_halt, run, "Endings", 41, halt_options);

static struct {
	struct loop_timer timer;
	struct pause_wait look;
	bool looking;
	bool known; /* used_ns is valid */
	u64 used_ns;
} halt;

/* Have all CPUs that the guest has started halted for good? Call only while they are parked. */
static bool halt_is_final(const struct kvm *kvm)
{
	unsigned int halted = 0;

	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		switch (arch_cpu_rest(&kvm->cpus[i])) {
		case ARCH_REST_NOT_STARTED:
			break;
		case ARCH_REST_HALTED:
			halted++;
			break;
		default:
			return false;
		}
	}
	return halted != 0;
}

static void halt_line(void *arg, const char *text)
{
	log_error("  %s", text);
}

static void halt_end(struct kvm *kvm)
{
	bool first = kvm_end_reason(NULL) == END_RUNNING;
	char line[HEARD_LINE_MAX + 1];

	if (heard_halted()) {
		kvm_end(kvm, END_HALT, 0);
		return;
	}
	kvm_end(kvm, END_CRASH, STATUS_CRASH);
	if (!first)
		return;
	heard_last_line(line, sizeof(line));
	if (line[0])
		log_error("all CPUs have halted with interrupts disabled; the last line of the "
			  "console: %s",
			  line);
	else
		log_error("all CPUs have halted with interrupts disabled, and the console has no "
			  "line that says why");
	arch_cpu_dump(&kvm->cpus[0], halt_line, NULL);
}

/* False: the machine is paused, is being reset or is ending anyway. */
static bool halt_counts(void)
{
	return !kvm_is_paused() && !kvm_reset_is_wanted() && !kvm_is_ending();
}

static void halt_looked(void *arg, int err)
{
	struct kvm *kvm = arg;

	halt.looking = false;
	/* If the user has paused the machine meanwhile, it stays as it is. */
	if (!err && halt_counts() && halt_is_final(kvm))
		halt_end(kvm);
}

static void halt_tick(void *arg)
{
	struct kvm *kvm = arg;
	u64 used_ns = kvm_cpu_used_ns(kvm);
	bool slept = halt.known && used_ns == halt.used_ns;

	loop_arm(kvm->loop, &halt.timer, now_ns() + LOOK_NS);
	halt.known = halt_counts();
	halt.used_ns = used_ns;
	if (!slept || !halt.known || halt.looking)
		return;
	halt.known = false; /* the look uses CPU time of the vCPUs */
	halt.looking = true;
	kvm_pause_look(kvm, &halt.look);
}

static int halt_init(struct kvm *kvm)
{
	if (config.on_halt == ON_HALT_WAIT)
		return 0;
	halt.known = halt.looking = false;
	halt.timer = (struct loop_timer){.fn = halt_tick, .arg = kvm};
	halt.look = (struct pause_wait){.done = halt_looked, .arg = kvm};
	loop_arm(kvm->loop, &halt.timer, now_ns() + LOOK_NS);
	return 0;
}

static void halt_exit(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &halt.timer);
}

INIT_MODULE(halt, .level = INIT_LATE, .init = halt_init, .exit = halt_exit);
