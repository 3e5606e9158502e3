// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest's kernel reports on its console about its own health.
 *
 * console.c passes each line that the kernel wrote, or may have written, to report_line(). Printk's
 * time stamp and caller are skipped; then only the start of a line counts, or its start and a word
 * in it. The table says which text is which kind of report, from Linux 5.10 to 7.2, and where Linux
 * prints it. If a text has changed, the versions are named; the other texts are the same in all
 * versions.
 *
 * A report is counted once, at the line that names it. An oops has two such lines: what happened
 * ("BUG: kernel NULL pointer dereference") and the header of die() with its number ("[#1]").
 * Some have only the second (general protection fault). So the first line announces an oops, and
 * the header that follows within ANNOUNCED_LINES belongs to it.
 *
 * The lines of the first report are kept for the result: up to the end of its trace, or
 * REPORT_LINES_MAX. Reports that begin inside it are counted as well.
 *
 * Other lines tell of a panic ("Kernel panic - not syncing") and the end of its trace, of the start
 * of init, if the chip has not told it (console_opened()), and of a halt on purpose, which
 * core/halt.c has to tell from a crash. When the run is over, --fail-on can make a failure of an
 * end that the guest chose.
 *
 * Root in the guest can print any line as the kernel through /dev/kmsg, but changes only the result
 * of its own run. On hvc0 it is not known who wrote a line: there the lines of programs count as
 * well.
 *
 * report_line() runs on the thread that wrote the line, for one line at a time and with no lock
 * held (console.c). The only system calls are those by which core/power.c wakes the loop or kicks
 * the vCPUs after a panic. No allocation, and every buffer is bounded.
 */
#include <kvm/config.h>
#include <kvm/heard.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/log.h>
#include <kvm/phase.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ANNOUNCED_LINES 12 /* between the cause of an oops and its header: x86 prints up to 7 */
#define RULER_BYTES	20 /* KASAN, KCSAN and others end in a line of so many '=' or more */

struct report_text {
	const char *starts;
	const char *has; /* must come later in the line; NULL: nothing */
	enum report_kind kind;
	bool announces; /* an oops, whose header follows */
};

/* The first row that matches counts. */
static const struct report_text report_texts[] = {
	/* kernel/panic.c __warn(): 5.10 to 6.12 "WARNING: CPU: 0 PID: 1 at FILE:LINE FUNCTION" */
	{"WARNING: CPU: ", " at ", REPORT_WARN, false},
	/* the same in 7.2: "WARNING: FILE:LINE at FUNCTION, CPU#0: COMM/PID" */
	{"WARNING: ", ", CPU#", REPORT_WARN, false},

	/* kernel/locking/lockdep.c */
	{"WARNING: possible circular locking dependency", NULL, REPORT_LOCKDEP, false},
	{"WARNING: possible recursive locking", NULL, REPORT_LOCKDEP, false},
	{"WARNING: possible irq lock inversion dependency", NULL, REPORT_LOCKDEP, false},
	{"WARNING: ", "-unsafe lock order detected", REPORT_LOCKDEP, false},
	{"WARNING: inconsistent lock state", NULL, REPORT_LOCKDEP, false},
	{"WARNING: chain_key collision", NULL, REPORT_LOCKDEP, false},
	{"WARNING: Nested lock was not taken", NULL, REPORT_LOCKDEP, false},
	{"WARNING: bad unlock balance detected", NULL, REPORT_LOCKDEP, false},
	{"WARNING: bad contention detected", NULL, REPORT_LOCKDEP, false},
	{"WARNING: held lock freed", NULL, REPORT_LOCKDEP, false},
	{"WARNING: ", " still has locks held!", REPORT_LOCKDEP, false},
	{"WARNING: lock held when returning to user space", NULL, REPORT_LOCKDEP, false},
	{"WARNING: suspicious RCU usage", NULL, REPORT_LOCKDEP, false},
	{"[ BUG: Invalid wait context ]", NULL, REPORT_LOCKDEP, false},
	{"INFO: trying to register non-static key", NULL, REPORT_LOCKDEP, false},
	{"BUG: MAX_LOCK", " too low!", REPORT_LOCKDEP, false},
	{"BUG: MAX_STACK_TRACE_ENTRIES too low!", NULL, REPORT_LOCKDEP, false},
	/* kernel/locking/rtmutex-debug.c, 5.10 */
	{"WARNING: circular locking deadlock detected", NULL, REPORT_LOCKDEP, false},

	{"UBSAN: ", " in ", REPORT_UBSAN, false},    /* lib/ubsan.c ubsan_prologue() */
	{"BUG: KCSAN: ", NULL, REPORT_KCSAN, false}, /* kernel/kcsan/report.c */

	/* kernel/rcu/tree_stall.h, tree_exp.h ("rcu: " by tree.c), tasks.h (5.10: without it) */
	{"rcu: INFO: ", "detected stall", REPORT_RCU_STALL, false},
	{"rcu: INFO: ", "detected expedited stall", REPORT_RCU_STALL, false},
	{"INFO: rcu_", "detected stall", REPORT_RCU_STALL, false},
	{"INFO: rcu_", "detected expedited stall", REPORT_RCU_STALL, false},

	/* kernel/hung_task.c: "blocked for more than", 7.2 also "blocked in I/O wait for ..." */
	{"INFO: task ", " for more than ", REPORT_HUNG_TASK, false},

	{"BUG: KASAN: ", NULL, REPORT_KASAN, false},   /* mm/kasan/report.c */
	{"BUG: KFENCE: ", NULL, REPORT_KFENCE, false}, /* mm/kfence/report.c, from 5.12 */
	{"BUG: KMSAN: ", NULL, REPORT_KMSAN, false},   /* mm/kmsan/report.c, from 6.1 */

	{"watchdog: BUG: soft lockup", NULL, REPORT_SOFT_LOCKUP, false}, /* kernel/watchdog.c */
	/* kernel/watchdog_hld.c to 6.1; kernel/watchdog.c since, in 7.2 behind "CPU0: " */
	{"NMI watchdog: Watchdog detected hard LOCKUP", NULL, REPORT_HARD_LOCKUP, false},
	{"watchdog: ", "Watchdog detected hard LOCKUP", REPORT_HARD_LOCKUP, false},

	/* arch/x86/mm/fault.c show_fault_oops(), arch/x86/kernel/traps.c handle_stack_overflow() */
	{"BUG: kernel NULL pointer dereference", NULL, REPORT_OOPS, true},
	{"BUG: unable to handle ", NULL, REPORT_OOPS, true},
	{"BUG: ", "stack guard page was hit", REPORT_OOPS, true},
	{"kernel BUG at ", NULL, REPORT_BUG, true}, /* lib/bug.c __report_bug() */
	/*
	 * mm/page_alloc.c, mm/memory.c (bad page), kernel/sched/core.c (atomic context),
	 * kernel/locking/spinlock_debug.c, kernel/workqueue.c, include/asm-generic/bug.h
	 */
	{"BUG: ", NULL, REPORT_BUG, false},
	{"BUG ", "): ", REPORT_BUG, false}, /* mm/slub.c slab_bug(): "BUG kmalloc-8 (Tainted): " */
};

static const char *const report_names[REPORT_KINDS] = {
	[REPORT_WARN] = "warn",
	[REPORT_LOCKDEP] = "lockdep",
	[REPORT_UBSAN] = "ubsan",
	[REPORT_KCSAN] = "kcsan",
	[REPORT_RCU_STALL] = "rcu_stall",
	[REPORT_HUNG_TASK] = "hung_task",
	[REPORT_BUG] = "bug",
	[REPORT_OOPS] = "oops",
	[REPORT_KASAN] = "kasan",
	[REPORT_KFENCE] = "kfence",
	[REPORT_KMSAN] = "kmsan",
	[REPORT_SOFT_LOCKUP] = "soft_lockup",
	[REPORT_HARD_LOCKUP] = "hard_lockup",
};

static struct {
	u64 counts[REPORT_KINDS];
	unsigned int announced; /* how many more lines may be the header of an announced oops */
	char first[REPORT_LINES_MAX][LINES_MAX_BYTES + 1];
	unsigned int first_lines;
	bool first_open; /* the next line belongs to the first report, too */
} report;

/* Skip "[    1.234567] " or "[    1.234567][    T1] ", with the one blank at the end. */
static const char *report_skip_stamps(const char *text)
{
	while (*text == '[') {
		const char *close = strchr(text, ']');

		if (!close || (close[1] != ' ' && close[1] != '['))
			break;
		text = close + (close[1] == ' ' ? 2 : 1);
	}
	return text;
}

static bool report_starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* "Run PATH as init process" */
static bool report_says_init(const char *text)
{
	static const char tail[] = " as init process";
	size_t len = strlen(text);

	return report_starts_with(text, "Run /") && len > strlen(tail) &&
	       !strcmp(text + len - strlen(tail), tail);
}

/* kernel/reboot.c; 7.2 has another text for a power-off that the machine cannot do. */
static bool report_says_halt(const char *text)
{
	return !strcmp(text, "reboot: System halted") ||
	       !strcmp(text, "reboot: Power off not available: System halted instead");
}

/*
 * die()'s header: "general protection fault: 0000 [#1] SMP", from 6.9 on with "Oops: " before it
 * (arch/x86/kernel/dumpstack.c): four hexadecimal digits or more and the number of the oops.
 */
static bool report_is_die(const char *text)
{
	const char *number = strstr(text, " [#"), *at = number;

	if (!number || !isdigit((unsigned char)number[3]))
		return false;
	while (at > text && isxdigit((unsigned char)at[-1]))
		at--;
	if (number - at < 4 || at - text < 3 || at[-1] != ' ' || at[-2] != ':')
		return false;
	for (number += 3; isdigit((unsigned char)*number); number++)
		;
	return *number == ']';
}

static bool report_is_ruler(const char *text)
{
	return strspn(text, "=") >= RULER_BYTES;
}

/* The kind of report that this line begins, or REPORT_KINDS. */
static enum report_kind report_find(const char *text, bool *announces)
{
	*announces = false;
	for (size_t i = 0; i < ARRAY_SIZE(report_texts); i++) {
		const struct report_text *row = &report_texts[i];

		if (!report_starts_with(text, row->starts) ||
		    (row->has && !strstr(text + strlen(row->starts), row->has)))
			continue;
		*announces = row->announces;
		return row->kind;
	}
	return report_is_die(text) ? REPORT_OOPS : REPORT_KINDS;
}

static void report_keep(const char *line, const char *text)
{
	snprintf(report.first[report.first_lines++], sizeof(report.first[0]), "%s", line);
	if (report.first_lines == REPORT_LINES_MAX || report_starts_with(text, "---[ end trace") ||
	    report_is_ruler(text))
		report.first_open = false;
}

static void report_look(const char *line, const char *text)
{
	bool announces;
	enum report_kind kind = report_find(text, &announces);

	if (report.announced)
		report.announced--;
	if (kind == REPORT_OOPS && !announces && report.announced) {
		report.announced = 0; /* the header of an oops that was counted at its first line */
	} else if (kind < REPORT_KINDS) {
		report.counts[kind]++;
		report.announced = announces ? ANNOUNCED_LINES : 0;
		if (!report.first_lines)
			report.first_open = true;
	}
	if (report.first_open)
		report_keep(line, text);
}

void report_line(struct kvm *kvm, const char *line)
{
	const char *text = report_skip_stamps(line);

	if (report_starts_with(text, "Kernel panic - not syncing"))
		kvm_panic(kvm, text);
	else if (report_says_init(text))
		phase_mark(PHASE_INIT);
	else if (report_starts_with(text, "---[ end Kernel panic"))
		kvm_panic_done(kvm);
	else if (report_says_halt(text))
		heard_halt(true);
	report_look(line, text);
}

void report_reset(void)
{
	report.announced = 0;
	report.first_open = false;
	heard_halt(false);
}

u64 report_count(enum report_kind kind)
{
	return report.counts[kind];
}

u64 report_count_from(enum report_kind kind)
{
	u64 count = 0;

	for (; kind < REPORT_KINDS; kind++)
		count += report.counts[kind];
	return count;
}

const char *report_first(unsigned int i)
{
	return i < report.first_lines ? report.first[i] : NULL;
}

const char *report_name(enum report_kind kind)
{
	return report_names[kind];
}

/* Ends that the guest chose; all others are failures already. */
static bool report_end_is_guests(enum end_reason reason)
{
	return reason == END_POWEROFF || reason == END_REBOOT || reason == END_HALT ||
	       reason == END_EXIT;
}

void report_judge(void)
{
	bool oops = config.fail_on == FAIL_ON_OOPS;
	u64 count = report_count_from(oops ? REPORT_BUG : 0);

	if (config.fail_on == FAIL_ON_NONE || !count || !report_end_is_guests(kvm_end_reason(NULL)))
		return;
	log_error("--fail-on=%s: the guest's kernel reported %llu: the first report: %s",
		  oops ? "oops" : "warning", count, report_first(0));
	kvm_end_overrule(END_FAULT, STATUS_FAULT);
}
