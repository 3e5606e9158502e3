// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/reset.c with core/freeze.c: what a reset in place waits for, and whether the machine
 * goes on after it.
 *
 * vCPUs, RAM and the architecture are this test's; there is one device, and the loop and the list
 * of devices are the real ones, as is util/cancel.c.
 */
#include "freeze-fixture.h"
#include "tests/lib/log-record.h"

#include <errno.h>
#include <kvm/arch.h>
#include <kvm/cancel.h>
#include <kvm/config.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/reset.h>
#include <kvm/util.h>
#include <signal.h>

static bool waits_for_cancel;
static int clear_err, signal_meanwhile;
static unsigned int clears, cpu_resets, warm_starts, device_resets;
static enum end_reason reason;
static int status;

int gmem_clear(struct gmem *mem)
{
	clears++;
	if (signal_meanwhile)
		raise(signal_meanwhile);
	while (waits_for_cancel && !cancel_check())
		;
	return clear_err;
}

int arch_vm_reset(struct kvm *vm)
{
	return 0;
}

int arch_cpu_reset(struct kvm_cpu *cpu)
{
	cpu_resets++;
	return 0;
}

bool arch_is_warm_start(u8 code)
{
	return code == 5;
}

int arch_warm_start(struct kvm *vm, u8 code)
{
	assert_int_equal(code, 5);
	warm_starts++;
	return 0;
}

static unsigned int hooks;

static void hook(void)
{
	hooks++;
}

void kvm_end(struct kvm *vm, enum end_reason why, int code)
{
	reason = why;
	status = code;
}

/* --timeout has run out when it is as short as this. */
u64 phase_ns(enum phase phase)
{
	return now_ns() - NSEC_PER_SEC;
}

static int reset_device(struct device *dev)
{
	device_resets++;
	return 0;
}

static struct device disk = {
	.name = "disk", .reset = reset_device, .pause = pause_device, .resume = resume_device};

static int set_up(void **state)
{
	waits_for_cancel = false;
	clear_err = signal_meanwhile = 0;
	clears = cpu_resets = warm_starts = device_resets = hooks = 0;
	config.timeout_ns = 0;
	reason = END_RUNNING;
	status = 0;
	log_record();
	kvm_set_reset_hook(hook);
	return machine_up(&disk);
}

static int tear_down(void **state)
{
	machine_down(&disk);
	log_record_end();
	return 0;
}

static void assert_was_reset(bool is)
{
	assert_int_equal(clears, is);
	assert_int_equal(cpu_resets, is ? ARRAY_SIZE(cpus) : 0);
	assert_int_equal(device_resets, is);
	assert_int_equal(resumes, is);
	assert_int_equal(unparks, is);
	assert_int_equal(hooks, is);
	assert_int_equal(kvm_reset_is_wanted(), !is);
}

static void test_a_reset(void **state)
{
	kvm_reset_begin(&kvm);
	run_bells();
	assert_was_reset(false);
	park();
	assert_was_reset(true);
	assert_int_equal(reason, END_RUNNING);
}

/* What it has in flight is from RAM. */
static void test_a_device_that_rests_later(void **state)
{
	device_err = -EINPROGRESS;
	kvm_reset_begin(&kvm);
	park();
	assert_was_reset(false);
	device_err = 0;
	device_rested();
	run_bells();
	assert_was_reset(true);
}

static void test_a_device_that_cannot_pause(void **state)
{
	device_err = -EIO;
	kvm_reset_begin(&kvm);
	park();
	assert_int_equal(reason, END_ERROR);
	assert_int_equal(clears, 0);
	assert_int_equal(unparks, 0);
}

static void test_a_reset_of_the_cpu(void **state)
{
	kvm_reset_begin_cpu(&kvm, 5);
	park();
	assert_int_equal(warm_starts, 1);
	assert_int_equal(unparks, 1);
	assert_int_equal(clears + resumes + device_resets + hooks, 0);
}

/* Two vCPUs ask at the same time: all of the machine is more than its first CPU. */
static void test_a_reset_of_the_machine_goes_first(void **state)
{
	kvm_reset_begin(&kvm);
	kvm_reset_begin_cpu(&kvm, 5);
	park();
	assert_was_reset(true);
	assert_int_equal(warm_starts, 0);
}

static void force(int cause)
{
}

static void plan_cancel(void)
{
	struct cancel_plan plan = {.deadline_ns = UINT64_MAX, .force = force};

	sigemptyset(&plan.signals);
	sigaddset(&plan.signals, SIGUSR1);
	cancel_begin(&plan);
	assert_int_equal(cancel_end(), 0);
}

static void reset_at_once(void)
{
	plan_cancel();
	kvm_reset_begin(&kvm);
	park();
}

/* It came too late to call the reset off: the loop reads it, which presses the power button. */
static void test_a_late_signal(void **state)
{
	const struct timespec now = {};
	sigset_t signals;

	signal_meanwhile = SIGUSR1;
	reset_at_once();
	assert_int_equal(reason, END_RUNNING);
	assert_was_reset(true);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	assert_int_equal(sigtimedwait(&signals, NULL, &now), SIGUSR1);
}

static void test_a_signal_that_calls_it_off(void **state)
{
	signal_meanwhile = SIGUSR1;
	clear_err = -ECANCELED;
	reset_at_once();
	assert_int_equal(reason, END_SIGNAL);
	assert_int_equal(status, 128 + SIGUSR1);
	assert_int_equal(unparks, 0);
}

/* Also where the work was whole by then. */
static void test_a_timeout(void **state)
{
	config.timeout_ns = 1;
	waits_for_cancel = true;
	reset_at_once();
	assert_int_equal(reason, END_TIMEOUT);
	assert_int_equal(status, STATUS_TIMEOUT);
	assert_int_equal(unparks, 0);
}

static void test_a_reset_that_fails(void **state)
{
	clear_err = -ENOMEM;
	reset_at_once();
	assert_int_equal(reason, END_ERROR);
	assert_int_equal(status, STATUS_ERROR);
	assert_int_equal(unparks, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_reset),
		TEST(test_a_device_that_rests_later),
		TEST(test_a_device_that_cannot_pause),
		TEST(test_a_reset_of_the_cpu),
		TEST(test_a_reset_of_the_machine_goes_first),
		TEST(test_a_late_signal),
		TEST(test_a_signal_that_calls_it_off),
		TEST(test_a_timeout),
		TEST(test_a_reset_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
