// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/halt.c: when a machine is looked at, and which states are its end.
 *
 * The loop is the real one, the clock is tests/lib/fake-clock.c.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

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
#include <stdio.h>
#include <string.h>

static struct kvm_cpu cpus[3];
static struct kvm kvm = {.cpus = cpus, .cpu_count = ARRAY_SIZE(cpus)};
static enum arch_rest rest[ARRAY_SIZE(cpus)];
static bool busy, paused, resetting, ending, halted;
static bool free_look;	      /* it uses no CPU time that could be seen */
static bool *set_before_look; /* what comes between the question and the look */
static u64 used_ns;
static unsigned int looks, ends, dumps;
static enum end_reason reason;
static int status;
static const char *last;

bool kvm_is_paused(void)
{
	return paused;
}

bool kvm_reset_is_wanted(void)
{
	return resetting;
}

bool kvm_is_ending(void)
{
	return ending;
}

bool heard_halted(void)
{
	return halted;
}

void heard_last_line(char *line, size_t size)
{
	snprintf(line, size, "%s", last);
}

enum arch_rest arch_cpu_rest(const struct kvm_cpu *cpu)
{
	return rest[cpu - cpus];
}

void arch_cpu_dump(struct kvm_cpu *cpu, void (*line)(void *arg, const char *text), void *arg)
{
	assert_ptr_equal(cpu, &cpus[0]);
	dumps++;
}

u64 kvm_cpu_used_ns(const struct kvm *vm)
{
	return busy ? ++used_ns : used_ns;
}

void kvm_pause_look(struct kvm *vm, struct pause_wait *wait)
{
	looks++;
	used_ns += !free_look;
	if (set_before_look)
		*set_before_look = true;
	wait->done(wait->arg, 0);
}

enum end_reason kvm_end_reason(int *code)
{
	return reason;
}

void kvm_end(struct kvm *vm, enum end_reason why, int code)
{
	ends++;
	if (reason == END_RUNNING) {
		reason = why;
		status = code;
	}
	loop_stop(vm->loop);
}

static int set_up(void **state)
{
	config.on_halt = ON_HALT_EXIT;
	busy = paused = resetting = ending = halted = free_look = false;
	set_before_look = NULL;
	looks = ends = dumps = 0;
	reason = END_RUNNING;
	status = 0;
	last = "";
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++)
		rest[i] = ARCH_REST_HALTED;
	log_record();
	kvm.loop = loop_new();
	return kvm.loop ? 0 : -1;
}

static int tear_down(void **state)
{
	init_exit(&kvm);
	loop_free(kvm.loop);
	log_record_end();
	return 0;
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

/* Let it tick so often, or until the run has ended. */
static void tick(unsigned int times)
{
	struct loop_timer stop = {.fn = stop_loop, .arg = kvm.loop};

	assert_int_equal(init_run(&kvm), 0);
	loop_arm(kvm.loop, &stop, now_ns() + times * NSEC_PER_SEC + NSEC_PER_SEC / 2);
	assert_int_equal(loop_run(kvm.loop), 0);
	loop_disarm(kvm.loop, &stop);
}

static void test_a_halt_on_purpose(void **state)
{
	halted = true;
	rest[1] = ARCH_REST_NOT_STARTED;
	tick(3);
	assert_int_equal(reason, END_HALT);
	assert_int_equal(status, 0);
	assert_int_equal(logged.lines, 0);
}

static void test_a_crash_quotes_the_last_line(void **state)
{
	last = " -- System halted";
	tick(3);
	assert_int_equal(reason, END_CRASH);
	assert_int_equal(status, STATUS_CRASH);
	assert_int_equal(logged.lines, 1);
	assert_int_equal(dumps, 1);
	assert_string_equal(logged.first,
			    "lkvm: all CPUs have halted with interrupts disabled; the last line "
			    "of the console:  -- System halted");
}

/* With --on-panic=continue the panic was said already. */
static void test_a_halt_after_a_panic(void **state)
{
	reason = END_PANIC;
	tick(3);
	assert_int_equal(ends, 1);
	assert_int_equal(reason, END_PANIC);
	assert_int_equal(logged.lines, 0);
}

/* A guest that runs is never kicked, whatever state its CPUs would show. */
static void test_a_running_guest_is_not_looked_at(void **state)
{
	busy = true;
	tick(3);
	assert_int_equal(looks, 0);
	assert_int_equal(ends, 0);
}

static void test_an_idle_guest_goes_on(void **state)
{
	rest[2] = ARCH_REST_NONE;
	tick(4);
	assert_int_equal(ends, 0);
	assert_in_range(looks, 1, 2);
}

/* Once in two seconds, whatever a look costs. */
static void test_looks_are_rare(void **state)
{
	free_look = true;
	rest[2] = ARCH_REST_NONE;
	tick(6);
	assert_int_equal(ends, 0);
	assert_int_equal(looks, 3);
}

/* Who got hold of the machine before the look was, keeps it. */
static void test_held_before_the_look(void **state)
{
	bool *const flags[] = {&paused, &resetting, &ending};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		set_before_look = flags[i];
		looks = 0;
		tick(3);
		assert_int_equal(looks, 1);
		assert_int_equal(ends, 0);
		*flags[i] = false;
		init_exit(&kvm);
		loop_free(kvm.loop);
		kvm.loop = loop_new();
	}
}

static void test_no_cpu_was_started(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++)
		rest[i] = ARCH_REST_NOT_STARTED;
	tick(3);
	assert_int_equal(ends, 0);
}

static void test_who_holds_the_machine(void **state)
{
	bool *const flags[] = {&paused, &resetting, &ending};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		*flags[i] = true;
		tick(2);
		assert_int_equal(looks, 0);
		assert_int_equal(ends, 0);
		*flags[i] = false;
		init_exit(&kvm);
		loop_free(kvm.loop);
		kvm.loop = loop_new();
	}
}

static void test_on_halt_wait(void **state)
{
	config.on_halt = ON_HALT_WAIT;
	tick(2);
	assert_int_equal(looks, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_halt_on_purpose),	  TEST(test_a_crash_quotes_the_last_line),
		TEST(test_a_halt_after_a_panic),  TEST(test_a_running_guest_is_not_looked_at),
		TEST(test_an_idle_guest_goes_on), TEST(test_no_cpu_was_started),
		TEST(test_who_holds_the_machine), TEST(test_on_halt_wait),
		TEST(test_looks_are_rare),	  TEST(test_held_before_the_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
