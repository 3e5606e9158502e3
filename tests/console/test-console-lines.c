// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins console.c between the guest and report_line(): the order of the lines, and that no lock is
 * held while they are judged.
 *
 * The test is several vCPUs at once. The loop does not run; what was written is looked at as a
 * viewer does.
 */
#include "tests/lib/test.h"

#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/device.h>
#include <kvm/heard.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/util.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console-calls.h"

#define PANIC	    "Kernel panic - not syncing: "
#define PANIC_BYTES (sizeof(PANIC) - 1 + 8) /* with "a 00001\n" behind it */
#define WRITERS	    4
#define PANICS	    500 /* a writer */

static struct kvm kvm;

static struct {
	char lines[WRITERS * PANICS][PANIC_BYTES];
	unsigned int count;
	u64 written; /* at the last one */
	u8 viewed[PANIC_BYTES];
	size_t viewed_len;
} panic;

/* Under no lock of its own: the console must show one line at a time. */
static void note_panic(const char *line)
{
	snprintf(panic.lines[panic.count++], PANIC_BYTES, "%s", line);
}

/* The end of a machine may ask the console. */
static void ask_console(const char *line)
{
	u64 at = console_history(PANIC_BYTES), lost = 0;

	note_panic(line);
	panic.written = heard_output_bytes();
	panic.viewed_len = console_view(&at, panic.viewed, sizeof(panic.viewed), &lost);
}

static int set_up(void **state)
{
	panic.count = 0;
	kvm.loop = loop_new();
	return init_run(&kvm);
}

static int tear_down(void **state)
{
	on_panic = NULL;
	init_exit(&kvm);
	loop_free(kvm.loop);
	return 0;
}

static void test_no_lock_is_held_while_the_end_is_decided(void **state)
{
	u64 before = heard_output_bytes();

	on_panic = ask_console;
	alarm(20); /* with the lock, this would not return */
	console_write_from(LINES_KERNEL, (const u8 *)PANIC "a 00001\nmore\n", PANIC_BYTES + 5);
	alarm(0);
	/* The writer returns when the panic is known, and its line could be seen by then. */
	assert_int_equal(panic.count, 1);
	assert_string_equal(panic.lines[0], PANIC "a 00001");
	assert_int_equal(panic.written - before, PANIC_BYTES);
	assert_int_equal(panic.viewed_len, PANIC_BYTES);
	assert_memory_equal(panic.viewed, PANIC "a 00001\n", PANIC_BYTES);
	assert_int_equal(heard_output_bytes() - before, PANIC_BYTES + 5);
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void hold_panic(const char *line)
{
	pthread_mutex_lock(&held);
	note_panic(line);
	pthread_mutex_unlock(&held);
}

static void *write_panic(void *arg)
{
	console_write_from(LINES_KERNEL, (const u8 *)PANIC "b 00001\n", PANIC_BYTES);
	return NULL;
}

/* While one line is judged, a program's output and half a line of the kernel's go on. */
static void test_others_write_meanwhile(void **state)
{
	u64 before = heard_output_bytes(), deadline = now_ns() + 10 * NSEC_PER_SEC;
	pthread_t thread;

	on_panic = hold_panic;
	pthread_mutex_lock(&held);
	assert_int_equal(pthread_create(&thread, NULL, write_panic, NULL), 0);
	while (heard_output_bytes() - before < PANIC_BYTES && now_ns() < deadline)
		usleep(1000);
	alarm(20);
	console_write_from(LINES_PROGRAM, (const u8 *)"a line\n", 7);
	console_write_from(LINES_KERNEL, (const u8 *)"half", 4);
	alarm(0);
	assert_int_equal(panic.count, 0);
	assert_int_equal(heard_output_bytes() - before, PANIC_BYTES + 11);
	pthread_mutex_unlock(&held);
	pthread_join(thread, NULL);
	assert_int_equal(panic.count, 1);
	console_write_from(LINES_KERNEL, (const u8 *)"\n", 1);
}

static void *write_panics(void *arg)
{
	const char *name = arg;
	char line[PANIC_BYTES + 1];

	for (unsigned int i = 0; i < PANICS; i++) {
		snprintf(line, sizeof(line), PANIC "%c %05u\n", *name, i);
		console_write_from(*name % 2 ? LINES_KERNEL : LINES_UNKNOWN, (const u8 *)line,
				   PANIC_BYTES);
	}
	return NULL;
}

/* Several vCPUs at COM1 and hvc0 at once. */
static void test_lines_are_judged_in_the_order_of_the_output(void **state)
{
	static u8 got[WRITERS * PANICS * PANIC_BYTES];
	static char names[] = "abcd";
	pthread_t threads[WRITERS];
	u64 at = heard_output_bytes(), lost = 0;

	on_panic = note_panic;
	for (unsigned int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_panics, &names[i]), 0);
	for (unsigned int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(console_view(&at, got, sizeof(got), &lost), sizeof(got));
	assert_int_equal(lost, 0);
	assert_int_equal(panic.count, WRITERS * PANICS);
	for (unsigned int i = 0; i < panic.count; i++) {
		assert_memory_equal(got + i * PANIC_BYTES, panic.lines[i], PANIC_BYTES - 1);
		assert_int_equal(got[(i + 1) * PANIC_BYTES - 1], '\n');
	}
}

static void test_a_reset_ends_the_line(void **state)
{
	on_panic = ask_console;
	console_write_from(LINES_KERNEL, (const u8 *)PANIC "a 00001", PANIC_BYTES - 1);
	assert_int_equal(panic.count, 0);
	alarm(20);
	assert_int_equal(device_reset_all(), 0);
	alarm(0);
	assert_int_equal(panic.count, 1);
	assert_string_equal(panic.lines[0], PANIC "a 00001");
	console_write_from(LINES_KERNEL, (const u8 *)PANIC "a 00002\n", PANIC_BYTES);
	assert_string_equal(panic.lines[1], PANIC "a 00002");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_lock_is_held_while_the_end_is_decided),
		TEST(test_others_write_meanwhile),
		TEST(test_lines_are_judged_in_the_order_of_the_output),
		TEST(test_a_reset_ends_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
