// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins lines.c: what counts as a panic, and which lines are kept.
 *
 * The history cannot be emptied: a test that looks at it fills it first.
 */
#include "tests/console/feed-lines.h"
#include "tests/lib/test.h"

#include <kvm/kernel-lines.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/phase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PANIC	  "Kernel panic - not syncing: VFS: Unable to mount root fs"
#define TRACE_END "---[ end Kernel panic - not syncing: VFS: Unable to mount root fs ]---"

static struct kvm kvm;
static unsigned int panics, ends;
static char panic_line[1024];

void kvm_panic(struct kvm *vm, const char *line)
{
	assert_ptr_equal(vm, &kvm);
	snprintf(panic_line, sizeof(panic_line), "%s", line);
	panics++;
}

void kvm_panic_done(struct kvm *vm)
{
	assert_ptr_equal(vm, &kvm);
	ends++;
}

static void feed(const char *text)
{
	feed_lines(&kvm, LINES_KERNEL, (const u8 *)text, strlen(text));
}

static void reset(void)
{
	char line[LINES_MAX_BYTES + 1];

	for (enum lines_source source = 0; source < LINES_SOURCES; source++) {
		if (lines_cut(source, line))
			report_line(&kvm, line);
	}
	report_reset();
}

static int set_up(void **state)
{
	feed("\n");
	panics = ends = 0;
	panic_line[0] = '\0';
	return 0;
}

/* --- init --- */

static void test_init_and_what_is_none(void **state)
{
	static const char *const others[] = {
		"Run /init as init proces",    "Run /init as init process too",
		"x Run /init as init process", "[    1.0]Run /init as init process",
		"run /init as init process",   "Run init as init process",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		feed(others[i]);
		feed("\n");
		assert_int_equal(phase_ns(PHASE_INIT), 0);
	}
	feed("[    0.598765][    T1] Run /sbin/init as init process");
	assert_int_equal(phase_ns(PHASE_INIT), 0); /* the line is not over */
	feed("\r\n");
	assert_int_not_equal(phase_ns(PHASE_INIT), 0);
	assert_int_equal(panics, 0);
}

/* --- who wrote it --- */

static void feed_from(enum lines_source source, const char *text)
{
	feed_lines(&kvm, source, (const u8 *)text, strlen(text));
}

/* A program that prints an old log is no kernel; on hvc0 nobody can tell. */
static void test_only_the_kernel_panics(void **state)
{
	feed_from(LINES_PROGRAM, PANIC "\n" TRACE_END "\n");
	assert_int_equal(panics, 0);
	assert_int_equal(ends, 0);
	feed_from(LINES_UNKNOWN, PANIC "\n");
	assert_int_equal(panics, 1);
}

static void test_the_kernel_interrupts_a_program(void **state)
{
	char line[LINES_MAX_BYTES + 1];

	feed_from(LINES_PROGRAM, "half of a");
	feed_from(LINES_KERNEL, PANIC);
	feed_from(LINES_PROGRAM, " line\n");
	assert_int_equal(panics, 0);
	lines_last(line, sizeof(line));
	assert_string_equal(line, PANIC); /* unfinished */
	feed_from(LINES_KERNEL, "\n");
	assert_int_equal(panics, 1);
	assert_string_equal(panic_line, PANIC);
	feed_from(LINES_PROGRAM, "\n \t\n");
	lines_last(line, sizeof(line));
	assert_string_equal(line, PANIC); /* the last with something to see */
	feed_from(LINES_PROGRAM, "login: ");
	lines_last(line, sizeof(line));
	assert_string_equal(line, "login: ");
	reset();
	lines_last(line, sizeof(line));
	assert_string_equal(line, "login: ");
	feed_from(LINES_PROGRAM, PANIC "\n");
	assert_int_equal(panics, 1);
}

/* --- panics --- */

static void test_panic_lines(void **state)
{
	static const char *const stamps[] = {
		"",
		"[    0.000000] ",
		"[12345.678901] ",
		"[    1.234567][    T1] ", /* CONFIG_PRINTK_CALLER: one blank behind both */
		"[    1.234567][   C10] ",
		"[    1.234567] [    T1] ",
		"[    T1] ",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(stamps); i++) {
		panics = ends = 0;
		feed(stamps[i]);
		feed(PANIC);
		assert_int_equal(panics, 0); /* the line is not over */
		feed("\r\n");
		assert_int_equal(panics, 1);
		assert_string_equal(panic_line, PANIC);
		assert_int_equal(ends, 0);
		feed(stamps[i]);
		feed(TRACE_END "\n");
		assert_int_equal(panics, 1);
		assert_int_equal(ends, 1);
	}
}

static void test_what_is_no_panic(void **state)
{
	static const char *const innocent[] = {
		"echo " PANIC "\n",
		"x" PANIC "\n",
		" " PANIC "\n",
		"\t" PANIC "\n",
		"[    1.234567] systemd: " PANIC "\n",
		"[    1.234567" PANIC "\n",  /* a stamp that does not end */
		"[    1.234567]" PANIC "\n", /* nor its blank */
		"[    1.234567] [" PANIC "\n",
		"kernel panic - not syncing\n",
		"Kernel panic\n",
		"Kernel panic - not syncin\n",
		"[    1.0] ---[ end trace 0 ]---\n",
		"x" TRACE_END "\n",
		"[ end Kernel panic - not syncing\n",
		"[] [] [] []\n",
		"[\n",
		"]\n",
		"\n",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(innocent); i++) {
		feed(innocent[i]);
		assert_int_equal(panics, 0);
		assert_int_equal(ends, 0);
	}
}

static void test_a_line_may_come_in_pieces(void **state)
{
	static const char line[] = "[    1.234567] " PANIC "\n";

	for (size_t cut = 0; cut < sizeof(line); cut++) {
		panics = 0;
		feed_lines(&kvm, LINES_KERNEL, (const u8 *)line, cut);
		feed_lines(&kvm, LINES_KERNEL, (const u8 *)line + cut, sizeof(line) - 1 - cut);
		assert_int_equal(panics, 1);
		assert_string_equal(panic_line, PANIC);
	}
	panics = 0;
	for (size_t i = 0; i < sizeof(line) - 1; i++)
		feed_lines(&kvm, LINES_KERNEL, (const u8 *)line + i, 1);
	assert_int_equal(panics, 1);
}

static void test_several_lines_in_one_feed(void **state)
{
	feed("a\n" PANIC "\nb\n" TRACE_END "\nc\n");
	assert_int_equal(panics, 1);
	assert_int_equal(ends, 1);
}

static void test_carriage_returns_and_nuls(void **state)
{
	static const char nul_before[] = "\0" PANIC "\n";

	feed("\r" PANIC "\r\r\n");
	assert_int_equal(panics, 1);
	assert_string_equal(panic_line, PANIC);
	/* A NUL is a byte of the line, and so the words are not at its start. */
	feed_lines(&kvm, LINES_KERNEL, (const u8 *)nul_before, sizeof(nul_before) - 1);
	assert_int_equal(panics, 1);
}

/* --- history --- */

struct kept {
	char text[LINES_KEPT + 2][LINES_MAX_BYTES + 1];
	size_t len[LINES_KEPT + 2];
	unsigned int count;
};

static void keep(const char *line, size_t len, void *arg)
{
	struct kept *kept = arg;

	assert_true(kept->count <= LINES_KEPT + 1);
	assert_true(len <= LINES_MAX_BYTES);
	memcpy(kept->text[kept->count], line, len);
	kept->text[kept->count][len] = '\0';
	kept->len[kept->count++] = len;
}

static const struct kept *history(void)
{
	static struct kept kept;

	memset(&kept, 0, sizeof(kept));
	lines_for_each(keep, &kept);
	return &kept;
}

static const char *last(size_t *len)
{
	const struct kept *kept = history();

	assert_true(kept->count > 0);
	*len = kept->len[kept->count - 1];
	return kept->text[kept->count - 1];
}

static void test_history_is_the_last_200_in_order(void **state)
{
	const struct kept *kept;
	char line[32];

	for (unsigned int i = 1; i <= 450; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		feed(line);
	}
	feed("login: ");
	kept = history();
	assert_int_equal(kept->count, LINES_KEPT + 1);
	for (unsigned int i = 0; i < LINES_KEPT; i++) {
		snprintf(line, sizeof(line), "line %u", 450 - LINES_KEPT + 1 + i);
		assert_string_equal(kept->text[i], line);
	}
	assert_string_equal(kept->text[LINES_KEPT], "login: ");
	/* The line goes on where it was. */
	feed("root\n");
	kept = history();
	assert_string_equal(kept->text[kept->count - 1], "login: root");
}

static void test_empty_lines_are_lines(void **state)
{
	const struct kept *kept;

	feed("a\n\n\r\nb\n");
	kept = history();
	assert_string_equal(kept->text[kept->count - 1], "b");
	assert_int_equal(kept->len[kept->count - 2], 0);
	assert_int_equal(kept->len[kept->count - 3], 0);
	assert_string_equal(kept->text[kept->count - 4], "a");
}

static void test_long_lines_keep_their_beginning(void **state)
{
	static const size_t sizes[] = {511, 512, 513, 5000};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t want = MIN(sizes[i], (size_t)LINES_MAX_BYTES), len;
		char *line = calloc(1, sizes[i] + 2);
		const char *kept;

		for (size_t at = 0; at < sizes[i]; at++)
			line[at] = (char)('a' + at % 26);
		feed(line); /* unfinished */
		kept = last(&len);
		assert_int_equal(len, want);
		assert_memory_equal(kept, line, want);
		feed("\nnext\n");
		kept = last(&len);
		assert_string_equal(kept, "next");
		free(line);
	}
}

static void test_a_long_panic_is_seen(void **state)
{
	char line[2000];

	memset(line, 'x', sizeof(line));
	memcpy(line, PANIC, strlen(PANIC));
	line[sizeof(line) - 1] = '\0';
	feed(line);
	feed("\n");
	assert_int_equal(panics, 1);
	assert_int_equal(strlen(panic_line), LINES_MAX_BYTES);
}

static void test_bytes_are_kept_as_they_are(void **state)
{
	static const u8 odd[] = {'a', 0, 0xff, 0x1b, '\r', 0x80, 'b', '\n'};
	static const u8 want[] = {'a', 0, 0xff, 0x1b, 0x80, 'b'};
	const char *kept;
	size_t len;

	feed_lines(&kvm, LINES_KERNEL, odd, sizeof(odd));
	kept = last(&len);
	assert_int_equal(len, sizeof(want));
	assert_memory_equal(kept, want, sizeof(want));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_init_and_what_is_none),
		TEST(test_only_the_kernel_panics),
		TEST(test_the_kernel_interrupts_a_program),
		TEST(test_panic_lines),
		TEST(test_what_is_no_panic),
		TEST(test_a_line_may_come_in_pieces),
		TEST(test_several_lines_in_one_feed),
		TEST(test_carriage_returns_and_nuls),
		TEST(test_history_is_the_last_200_in_order),
		TEST(test_empty_lines_are_lines),
		TEST(test_long_lines_keep_their_beginning),
		TEST(test_a_long_panic_is_seen),
		TEST(test_bytes_are_kept_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
