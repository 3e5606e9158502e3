// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins report/kernel-lines.c: which lines of Linux 5.10 to 7.2 are reports, of which kind, counted
 * once.
 *
 * Counts cannot be reset: a test compares them with those of before. The texts of the tables are as
 * those kernels print them.
 */
#include "tests/lib/test.h"

#include <kvm/config.h>
#include <kvm/heard.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <stdio.h>
#include <string.h>

static u64 before[REPORT_KINDS];
static unsigned int panics;

void kvm_panic(struct kvm *kvm, const char *line)
{
	panics++;
}

void kvm_panic_done(struct kvm *kvm)
{
}

static enum end_reason reason;
static int overruled; /* the status that took the place of the end */
static char last_line[256];

enum end_reason kvm_end_reason(int *status)
{
	return reason;
}

void kvm_end_overrule(enum end_reason other, int status)
{
	assert_int_equal(other, END_FAULT);
	overruled = status;
}

static void record(enum log_level level, const char *line, void *arg)
{
	snprintf(last_line, sizeof(last_line), "%s", line);
}

void phase_mark(enum phase phase)
{
}

static void remember(void)
{
	for (enum report_kind kind = 0; kind < REPORT_KINDS; kind++)
		before[kind] = report_count(kind);
}

static int set_up(void **state)
{
	report_reset();
	remember();
	panics = overruled = 0;
	config.fail_on = FAIL_ON_NONE;
	log_set_sink(record, NULL);
	last_line[0] = '\0';
	return 0;
}

static void feed(const char *line)
{
	report_line(NULL, line);
}

/* Since remember() exactly one report, of this kind; REPORT_KINDS: none. */
static void assert_one(enum report_kind wanted, const char *line)
{
	for (enum report_kind kind = 0; kind < REPORT_KINDS; kind++) {
		u64 count = report_count(kind) - before[kind];

		if (count != (kind == wanted))
			print_error("%s: %u times %s\n", line, (unsigned int)count,
				    report_name(kind));
		assert_int_equal(count, kind == wanted);
	}
}

static void assert_judged(int fail_on, enum end_reason end, bool fails)
{
	config.fail_on = fail_on;
	reason = end;
	overruled = 0;
	report_judge();
	assert_int_equal(overruled, fails ? STATUS_FAULT : 0);
}

/* There is one warning so far, and no oops. */
static void assert_fail_on_warning(void)
{
	assert_judged(FAIL_ON_NONE, END_POWEROFF, false);
	assert_judged(FAIL_ON_OOPS, END_POWEROFF, false);
	assert_string_equal(last_line, "");
	assert_judged(FAIL_ON_WARNING, END_EXIT, true);
	assert_string_equal(last_line, "lkvm: --fail-on=warning: the guest's kernel reported 1: "
				       "the first report: [    1.1] WARNING: CPU: 0 PID: 1 at "
				       "lib/a.c:1 a+0x1/0x2");
}

/* First of all: what is kept cannot be forgotten. */
static void test_the_first_report_is_kept(void **state)
{
	assert_judged(FAIL_ON_WARNING, END_POWEROFF, false);
	feed("[    1.0] nothing");
	assert_null(report_first(0));
	feed("[    1.1] WARNING: CPU: 0 PID: 1 at lib/a.c:1 a+0x1/0x2");
	assert_fail_on_warning();
	feed("[    1.2] Modules linked in:");
	feed("[    1.3] BUG: KASAN: use-after-free in b+0x1/0x2");
	feed("[    1.4] ---[ end trace 0000000000000000 ]---");
	feed("[    1.5] after it");
	feed("[    1.6] WARNING: CPU: 0 PID: 1 at lib/c.c:1 c+0x1/0x2");
	assert_string_equal(report_first(0),
			    "[    1.1] WARNING: CPU: 0 PID: 1 at lib/a.c:1 a+0x1/0x2");
	assert_string_equal(report_first(2), "[    1.3] BUG: KASAN: use-after-free in b+0x1/0x2");
	assert_string_equal(report_first(3), "[    1.4] ---[ end trace 0000000000000000 ]---");
	assert_null(report_first(4));
	assert_null(report_first(REPORT_LINES_MAX));
	assert_int_equal(report_count(REPORT_WARN), 2);
	assert_int_equal(report_count(REPORT_KASAN), 1);
	assert_int_equal(report_count_from(REPORT_WARN), 3);
	assert_int_equal(report_count_from(REPORT_BUG), 1);
}

static const struct {
	enum report_kind kind;
	const char *line;
} reports[] = {
	{REPORT_WARN, "WARNING: CPU: 1 PID: 77 at kernel/foo.c:12 foo+0x10/0x20 [mod]"},
	{REPORT_WARN, "WARNING: CPU: 1 PID: 77 at foo+0x10/0x20"},
	{REPORT_WARN, "WARNING: kernel/foo.c:12 at foo+0x10/0x20, CPU#0: sh/77"},
	{REPORT_WARN, "WARNING: at foo+0x10/0x20, CPU#11: sh/77"},
	{REPORT_LOCKDEP, "WARNING: possible circular locking dependency detected"},
	{REPORT_LOCKDEP, "WARNING: possible recursive locking detected"},
	{REPORT_LOCKDEP, "WARNING: possible irq lock inversion dependency detected"},
	{REPORT_LOCKDEP, "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected"},
	{REPORT_LOCKDEP, "WARNING: inconsistent lock state"},
	{REPORT_LOCKDEP, "WARNING: bad unlock balance detected!"},
	{REPORT_LOCKDEP, "WARNING: sh/77 still has locks held!"},
	{REPORT_LOCKDEP, "WARNING: lock held when returning to user space!"},
	{REPORT_LOCKDEP, "WARNING: suspicious RCU usage"},
	{REPORT_LOCKDEP, "[ BUG: Invalid wait context ]"},
	{REPORT_LOCKDEP, "INFO: trying to register non-static key."},
	{REPORT_LOCKDEP, "BUG: MAX_LOCKDEP_CHAINS too low!"},
	{REPORT_UBSAN, "UBSAN: array-index-out-of-bounds in lib/test_ubsan.c:79:3"},
	{REPORT_KCSAN, "BUG: KCSAN: data-race in a / b"},
	{REPORT_RCU_STALL, "rcu: INFO: rcu_sched self-detected stall on CPU"},
	{REPORT_RCU_STALL, "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"},
	{REPORT_RCU_STALL,
	 "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-.... }"},
	{REPORT_RCU_STALL, "INFO: rcu_tasks detected stalls on tasks:"},
	{REPORT_HUNG_TASK, "INFO: task sh:77 blocked for more than 120 seconds."},
	{REPORT_HUNG_TASK, "INFO: task sh:77 blocked in I/O wait for more than 120 seconds."},
	{REPORT_BUG, "kernel BUG at mm/slub.c:305!"},
	{REPORT_BUG, "BUG: scheduling while atomic: sh/77/0x00000002"},
	{REPORT_BUG, "BUG: sleeping function called from invalid context at a.c:1"},
	{REPORT_BUG, "BUG: Bad page state in process sh  pfn:12345"},
	{REPORT_BUG, "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!"},
	{REPORT_BUG, "BUG kmalloc-64 (Not tainted): Poison overwritten"},
	{REPORT_OOPS, "BUG: kernel NULL pointer dereference, address: 0000000000000010"},
	{REPORT_OOPS, "BUG: unable to handle page fault for address: ffffc90000000000"},
	{REPORT_OOPS, "BUG: TASK stack guard page was hit at 00000000 (stack is 0..1)"},
	{REPORT_OOPS,
	 "general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP"},
	{REPORT_OOPS,
	 "Oops: general protection fault, maybe for address 0x1: 0000 [#12] SMP NOPTI"},
	{REPORT_OOPS, "divide error: 0000 [#3] PREEMPT SMP"},
	{REPORT_OOPS, "Internal error: Oops: 0000000096000004 [#1]"},
	{REPORT_KASAN, "BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0x1/0x2"},
	{REPORT_KFENCE, "BUG: KFENCE: use-after-free read in a+0x1/0x2"},
	{REPORT_KMSAN, "BUG: KMSAN: uninit-value in a+0x1/0x2"},
	{REPORT_SOFT_LOCKUP, "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [sh:77]"},
	{REPORT_HARD_LOCKUP, "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1"},
	{REPORT_HARD_LOCKUP, "watchdog: Watchdog detected hard LOCKUP on cpu 1"},
	{REPORT_HARD_LOCKUP, "watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 1"},
};

static void test_each_report(void **state)
{
	static const char *const stamps[] = {"", "[    1.234567] ", "[    1.234567][   T77] "};
	char line[256];

	for (size_t i = 0; i < ARRAY_SIZE(reports); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(stamps); j++) {
			snprintf(line, sizeof(line), "%s%s", stamps[j], reports[i].line);
			set_up(state);
			feed(line);
			assert_one(reports[i].kind, line);
			/* In the middle of a line it is no report. */
			snprintf(line, sizeof(line), "%ssh: %s", stamps[j], reports[i].line);
			set_up(state);
			feed(line);
			if (strstr(line, " [#") == NULL)
				assert_one(REPORT_KINDS, line);
		}
	}
}

static void test_what_is_none(void **state)
{
	static const char *const lines[] = {
		"",
		"WARNING! power/level is deprecated; use power/control instead",
		"WARNING: Spectre v2 mitigation leaves CPU vulnerable",
		"Spectre V2 : WARNING: Unprivileged eBPF is enabled",
		"WARNING: kernel stack frame pointer at 0 in sh:77 has bad value 0",
		"------------[ cut here ]------------",
		"---[ end trace 0123456789abcdef ]---",
		"rcu: INFO: Stall ended before state dump start",
		"rcu: INFO: Expedited stall ended before state dump start",
		"rcu: INFO: rcu_sched kthread starved",
		"INFO: task sh:77 is blocked on a mutex likely owned by task sh:78.",
		"INFO: lockdep is turned off.",
		"KASAN: null-ptr-deref in range [0x10-0x17]",
		"BUGS are fun",
		"BUG",
		"kernel: BUG at a.c:1!",
		"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1",
		"a: 00 [#1]",
		"a: 0000 [#]",
		"a: 0000 [#1",
		"a: 00g0 [#1]",
		"a 0000 [#1]",
		": 0000 [#x]",
		" [#1]",
		"[#1]",
		"oops",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		set_up(state);
		feed(lines[i]);
		assert_one(REPORT_KINDS, lines[i]);
	}
}

static void test_an_oops_counts_once(void **state)
{
	feed("[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000010");
	feed("[    1.0] #PF: supervisor read access in kernel mode");
	feed("[    1.0] #PF: error_code(0x0000) - not-present page");
	feed("[    1.0] PGD 0 P4D 0 ");
	feed("[    1.0] Oops: 0000 [#1] PREEMPT SMP NOPTI");
	assert_one(REPORT_OOPS, "NULL");
	/* The next one has a header only. */
	remember();
	feed("[    2.0] general protection fault: 0000 [#2] SMP");
	assert_one(REPORT_OOPS, "GPF");
	remember();
	feed("[    3.0] ------------[ cut here ]------------");
	feed("[    3.0] kernel BUG at fs/a.c:12!");
	feed("[    3.0] Oops: invalid opcode: 0000 [#3] SMP");
	assert_one(REPORT_BUG, "BUG");
	/* Too far away to belong to it. */
	remember();
	feed("kernel BUG at fs/a.c:12!");
	for (int i = 0; i < 20; i++)
		feed("something else");
	feed("Oops: 0000 [#4] SMP");
	assert_int_equal(report_count(REPORT_BUG) - before[REPORT_BUG], 1);
	assert_int_equal(report_count(REPORT_OOPS) - before[REPORT_OOPS], 1);
	/* Nor to a kernel that was reset meanwhile. */
	remember();
	feed("kernel BUG at fs/a.c:12!");
	report_reset();
	feed("Oops: 0000 [#1] SMP");
	assert_int_equal(report_count(REPORT_OOPS) - before[REPORT_OOPS], 1);
}

static void test_halted(void **state)
{
	assert_false(heard_halted());
	feed("x reboot: System halted");
	feed("reboot: System halted x");
	feed("-- System halted");
	assert_false(heard_halted());
	feed("[    9.876543] reboot: System halted");
	assert_true(heard_halted());
	report_reset();
	assert_false(heard_halted());
	feed("[    9.876543] reboot: Power off not available: System halted instead");
	assert_true(heard_halted());
	assert_int_equal(panics, 0);
}

/* What is a failure already keeps its own reason. */
static void test_fail_on_oops(void **state)
{
	static const enum end_reason guests[] = {END_POWEROFF, END_REBOOT, END_HALT, END_EXIT};
	static const enum end_reason others[] = {END_TIMEOUT, END_CRASH, END_PANIC, END_STOPPED};

	feed("Oops: 0000 [#1] SMP");
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++)
		assert_judged(FAIL_ON_OOPS, guests[i], true);
	assert_non_null(strstr(last_line, "--fail-on=oops: the guest's kernel reported"));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_judged(FAIL_ON_OOPS, others[i], false);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_first_report_is_kept),
		TEST(test_each_report),
		TEST(test_what_is_none),
		TEST(test_an_oops_counts_once),
		TEST(test_halted),
		TEST(test_fail_on_oops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
