// SPDX-License-Identifier: GPL-2.0-only
/*
 * A limit on the time from exec to init, for tests in CI.
 *
 * When init is reached too late (phase.c says when it is reached), the run ends at that moment as
 * an error with status 125: what init would do does not matter any more. The run does not end when
 * the budget is over, because the message has to say by how much it was missed. But a guest that
 * hangs must not be waited for without end, so the run ends 10 s after the budget is over.
 *
 * A check must fail when it has not seen what it checks: so a guest that ends with status 0 and was
 * never seen to reach init fails too. Any other end before init is a failure already and keeps its
 * own reason, and a cause that was recorded before stays the cause.
 *
 * The decision is made on the thread that marks the moment, a vCPU's, or on the loop. The main
 * thread prints the line about it when the run is over, because a vCPU must not wait for standard
 * error here. Time counts from exec, including resets in place.
 */
#include <kvm/budget.h>
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/util.h>

#define GIVE_UP_NS (10 * NSEC_PER_SEC) /* how long after the budget the run ends without init */

static struct loop_timer budget_timer;

static const struct option budget_options[] = {
	{.name = "budget",
	 .type = OPTION_DURATION,
	 .value = &config.budget_ns,
	 .arg = "DURATION",
	 .help = "fail when init is reached later than that (status 125)"},
};
OPTION_GROUP(budget, run, "Endings", 42, budget_options);

static double budget_ms(u64 ns)
{
	return (double)ns / NSEC_PER_MSEC;
}

/* From exec to init; 0: not reached. */
static u64 budget_used_ns(void)
{
	u64 init = phase_ns(PHASE_INIT);

	return init ? init - phase_ns(PHASE_EXEC) : 0;
}

static u64 budget_give_up_ns(void)
{
	return add_ns(config.budget_ns, GIVE_UP_NS);
}

/* End the run, unless it is ending for another reason, such as a panic whose trace still comes. */
static void budget_fail(struct kvm *kvm)
{
	if (!kvm_is_ending())
		kvm_end(kvm, END_ERROR, STATUS_ERROR);
}

static void budget_init_reached(void *arg)
{
	if (budget_used_ns() > config.budget_ns)
		budget_fail(arg);
}

static void budget_given_up(void *arg)
{
	if (!phase_ns(PHASE_INIT))
		budget_fail(arg);
}

void budget_check_end(enum end_reason *reason, int *status)
{
	u64 used = budget_used_ns(), end = phase_ns(PHASE_END) - phase_ns(PHASE_EXEC);
	double allowed = budget_ms(config.budget_ns);

	if (!config.budget_ns)
		return;
	if (*reason == END_ERROR && used > config.budget_ns) {
		log_error("--budget: init after %.1f ms; %.10g ms allowed", budget_ms(used),
			  allowed);
	} else if (*reason == END_ERROR && !used && end >= budget_give_up_ns()) {
		log_error("--budget: init not seen after %.0f ms; %.10g ms allowed", budget_ms(end),
			  allowed);
	} else if (!*status && !used) {
		log_error("--budget: init not seen before the end (%s) after %.1f ms",
			  kvm_end_name(*reason), budget_ms(end));
		*reason = END_ERROR;
		*status = STATUS_ERROR;
	}
}

static int budget_init(struct kvm *kvm)
{
	if (!config.budget_ns)
		return 0;
	budget_timer = (struct loop_timer){.fn = budget_given_up, .arg = kvm};
	loop_arm(kvm->loop, &budget_timer, add_ns(phase_ns(PHASE_EXEC), budget_give_up_ns()));
	phase_watch(PHASE_INIT, budget_init_reached, kvm);
	return 0;
}

static void budget_exit(struct kvm *kvm)
{
	phase_watch(PHASE_INIT, NULL, NULL);
	loop_disarm(kvm->loop, &budget_timer);
}

INIT_MODULE(budget, .level = INIT_BASE, .init = budget_init, .exit = budget_exit);
