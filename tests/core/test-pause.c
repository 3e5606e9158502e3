// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/pause.c with core/freeze.c: when a machine stands still, when not, and who hears of it.
 *
 * vCPUs and the reset are this test's; there is one device, and the loop and the list of devices
 * are the real ones. The clock stands until let_time_pass().
 */
#include "freeze-fixture.h"
#include "tests/lib/fake-clock.h"
#include "tests/lib/patience.h"

#include <errno.h>
#include <kvm/arch.h>
#include <kvm/freeze.h>
#include <kvm/pause.h>
#include <kvm/util.h>
#include <unistd.h>

#define NOT_YET 1

static int hold_err;
static unsigned int holds, releases, vm_holds, vm_releases, overdue;
static unsigned int resets, late_resets;

int arch_cpu_hold_clock(struct kvm_cpu *cpu)
{
	holds++;
	return hold_err;
}

int arch_vm_hold_clock(struct kvm *vm)
{
	vm_holds++;
	return 0;
}

int arch_cpu_release_clock(struct kvm_cpu *cpu)
{
	releases++;
	return 0;
}

int arch_vm_release_clock(struct kvm *vm)
{
	vm_releases++;
	return 0;
}

static const char *reset_name(void)
{
	return "reset";
}

static bool reset_done(struct kvm *vm, int err)
{
	resets++;
	late_resets += err == -ETIMEDOUT;
	if (err)
		loop_stop(kvm.loop); /* as kvm_end() does */
	return !err;
}

static struct freeze_request reset = {.kind = FREEZE_RESET,
				      .devices = true,
				      .fatal = true,
				      .name = reset_name,
				      .done = reset_done};

static void overdue_device(struct device *dev)
{
	overdue++;
}

static struct device disk = {
	.name = "disk", .pause = pause_device, .resume = resume_device, .overdue = overdue_device};

static void waited(void *arg, int err)
{
	*(int *)arg = err;
	loop_stop(kvm.loop);
}

static int pause_err, look_err;
static struct pause_wait pause_wait = {.what = "pause", .done = waited, .arg = &pause_err};
static struct pause_wait look_wait = {.what = "debug", .done = waited, .arg = &look_err};
static struct pause_wait quiet_wait = {.done = waited, .arg = &look_err};

static int set_up(void **state)
{
	alarm(patient_s(60));
	fake_clock_stands = true;
	hold_err = 0;
	holds = releases = vm_holds = vm_releases = overdue = 0;
	resets = late_resets = 0;
	pause_err = look_err = NOT_YET;
	return machine_up(&disk);
}

static int tear_down(void **state)
{
	kvm_resume(&kvm);
	machine_down(&disk);
	alarm(0);
	return 0;
}

static void nothing(void *arg)
{
}

static void stop_loop(void *arg)
{
	loop_stop(kvm.loop);
}

static void let_some_time_pass(u64 ns)
{
	struct loop_timer look = {.fn = nothing}, stop = {.fn = stop_loop};

	fake_clock_stands = false;
	loop_arm(kvm.loop, &look, now_ns() + 1);
	loop_arm(kvm.loop, &stop, now_ns() + ns);
	loop_continue(kvm.loop);
	assert_int_equal(loop_run(kvm.loop), 0);
	loop_disarm(kvm.loop, &stop);
	fake_clock_stands = true;
}

/* As far as the next timer, which has to end what the loop runs for. */
static void let_time_pass(void)
{
	struct loop_timer look = {.fn = nothing};

	fake_clock_stands = false;
	loop_arm(kvm.loop, &look, now_ns() + 1);
	loop_continue(kvm.loop);
	assert_int_equal(loop_run(kvm.loop), 0);
}

static void assert_paused(bool is)
{
	assert_int_equal(kvm_is_paused(), is);
	assert_int_equal(pause_err, is ? 0 : NOT_YET);
}

static void test_pause_and_resume(void **state)
{
	kvm_pause(&kvm, &pause_wait);
	assert_int_equal(requests, 1);
	run_bells();
	assert_paused(false);
	assert_int_equal(holds, 0);
	park();
	assert_paused(true);
	assert_int_equal(holds, ARRAY_SIZE(cpus));
	assert_int_equal(vm_holds, 1);
	kvm_pause_look(&kvm, &look_wait);
	assert_int_equal(look_err, 0);
	assert_int_equal(unparks, 0);

	assert_int_equal(kvm_resume(&kvm), 0);
	assert_false(kvm_is_paused());
	assert_int_equal(releases, ARRAY_SIZE(cpus));
	assert_int_equal(vm_releases, 1);
	assert_int_equal(resumes, 1);
	assert_int_equal(unparks, 1);
}

/* The clocks are held once, however often the devices are asked. */
static void test_a_device_that_rests_later(void **state)
{
	device_err = -EINPROGRESS;
	kvm_pause(&kvm, &pause_wait);
	park();
	device_rested();
	run_bells();
	assert_paused(false);
	device_err = 0;
	device_rested();
	run_bells();
	assert_paused(true);
	assert_int_equal(holds, ARRAY_SIZE(cpus));
	assert_int_equal(resumes, 0);
}

static void test_a_device_that_does_not_rest(void **state)
{
	device_err = -EINPROGRESS;
	kvm_pause(&kvm, &pause_wait);
	park();
	let_time_pass();
	assert_int_equal(pause_err, -ETIMEDOUT);
	assert_false(kvm_is_paused());
	assert_int_equal(overdue, 1);
	assert_int_equal(unparked, 0);
	assert_int_equal(releases, ARRAY_SIZE(cpus));
	assert_int_equal(resumes, 1);
	assert_int_equal(unparks, 1);
}

static void test_a_vcpu_that_does_not_park(void **state)
{
	kvm_pause(&kvm, &pause_wait);
	run_bells();
	let_time_pass();
	assert_int_equal(pause_err, -ETIMEDOUT);
	assert_int_equal(unparked, 1);
	assert_string_equal(unparked_for, "pause");
	assert_int_equal(overdue, 0);
	assert_int_equal(releases, 0);
	assert_int_equal(unparks, 1);
}

/* The message names the request that failed, and a look of lkvm's own has none. */
static void test_a_vcpu_that_does_not_park_for_a_look(void **state)
{
	kvm_pause_look(&kvm, &quiet_wait);
	run_bells();
	let_time_pass();
	assert_int_equal(look_err, -ETIMEDOUT);
	assert_int_equal(unparked, 0);
	assert_int_equal(unparks, 1);

	fake_clock_stands = true;
	kvm_pause_look(&kvm, &look_wait);
	kvm_pause_look(&kvm, &quiet_wait);
	run_bells();
	let_time_pass();
	assert_int_equal(unparked, 1);
	assert_string_equal(unparked_for, "debug");

	fake_clock_stands = true;
	kvm_pause_look(&kvm, &look_wait);
	kvm_pause(&kvm, &pause_wait);
	run_bells();
	let_time_pass();
	assert_int_equal(unparked, 2);
	assert_string_equal(unparked_for, "pause");
	assert_int_equal(pause_err, -ETIMEDOUT);
}

static void test_a_clock_that_cannot_be_held(void **state)
{
	hold_err = -EIO;
	kvm_pause(&kvm, &pause_wait);
	park();
	assert_int_equal(pause_err, -EIO);
	assert_false(kvm_is_paused());
	assert_int_equal(unparks, 1);
}

static void test_a_reset_goes_first(void **state)
{
	kvm_pause(&kvm, &pause_wait);
	freeze_ask(&kvm, &reset);
	assert_int_equal(requests, 2);
	park();
	/* The vCPUs run again in between. */
	assert_int_equal(resets, 1);
	assert_int_equal(unparks, 1);
	assert_int_equal(requests, 3);
	assert_paused(false);
	assert_int_equal(holds, 0);
	park();
	assert_paused(true);
	assert_int_equal(unparks, 1);
}

/* Both have something in flight to wait for, and each 5 s. */
static void test_each_has_its_own_time(void **state)
{
	u64 began = now_ns();

	kvm_pause(&kvm, &pause_wait);
	run_bells();
	let_some_time_pass(3 * NSEC_PER_SEC);
	freeze_ask(&kvm, &reset);
	run_bells();
	let_some_time_pass(3 * NSEC_PER_SEC);
	assert_int_equal(late_resets, 0);
	assert_int_equal(pause_err, NOT_YET);
	park();
	assert_int_equal(resets, 1);
	let_some_time_pass(4 * NSEC_PER_SEC);
	assert_int_equal(pause_err, NOT_YET);
	let_time_pass();
	assert_int_equal(pause_err, -ETIMEDOUT);
	assert_int_equal(now_ns() - began, 3 * NSEC_PER_SEC + 3 * NSEC_PER_SEC + PARK_TIMEOUT_NS);
}

static void ask_reset(void *arg)
{
	freeze_ask(&kvm, &reset);
}

/* At the same moment as the pause's time is over, and the bell has not told of it yet. */
static void test_a_reset_at_the_last_moment(void **state)
{
	struct loop_timer ask = {.fn = ask_reset};

	loop_arm(kvm.loop, &ask, now_ns() + PARK_TIMEOUT_NS);
	kvm_pause(&kvm, &pause_wait);
	run_bells();
	let_some_time_pass(PARK_TIMEOUT_NS + 1);
	assert_int_equal(pause_err, NOT_YET);
	assert_int_equal(late_resets, 0);
	assert_int_equal(unparks, 0);
	park();
	assert_int_equal(resets, 1);
}

/* It ends the run: nothing goes on, and the pause hears that at the end. */
static void test_a_reset_that_fails(void **state)
{
	kvm_pause(&kvm, &pause_wait);
	freeze_ask(&kvm, &reset);
	run_bells();
	let_time_pass();
	assert_int_equal(late_resets, 1);
	assert_int_equal(unparked, 1);
	assert_string_equal(unparked_for, "reset");
	assert_int_equal(unparks, 0);
	assert_int_equal(pause_err, NOT_YET);
	parked = true;
	freeze_at_end(&kvm);
	assert_int_equal(pause_err, -ECANCELED);
}

static void test_a_pause_called_off(void **state)
{
	device_err = -EINPROGRESS;
	kvm_pause(&kvm, &pause_wait);
	park();
	assert_int_equal(kvm_resume(&kvm), 0);
	assert_int_equal(pause_err, -EINTR);
	assert_string_equal(kvm_pause_error(pause_err), "it was resumed meanwhile");
	assert_int_equal(releases, ARRAY_SIZE(cpus));
	assert_int_equal(resumes, 1);
	assert_int_equal(unparks, 1);
}

/* The vCPUs are the reset's: they stay parked until it is over. */
static void test_a_pause_called_off_under_a_reset(void **state)
{
	device_err = -EINPROGRESS;
	kvm_pause(&kvm, &pause_wait);
	freeze_ask(&kvm, &reset);
	park();
	assert_int_equal(kvm_resume(&kvm), 0);
	assert_int_equal(pause_err, -EINTR);
	assert_int_equal(unparks, 0);
}

/* Its time runs already when the guest asks for a reset: that is not the reset's time. */
static void test_a_pause_called_off_before_it_saw_the_reset(void **state)
{
	kvm_pause(&kvm, &pause_wait);
	run_bells();
	let_some_time_pass(3 * NSEC_PER_SEC);
	freeze_ask(&kvm, &reset);
	assert_int_equal(kvm_resume(&kvm), 0);
	let_some_time_pass(3 * NSEC_PER_SEC);
	assert_int_equal(resets, 0);
	assert_int_equal(unparked, 0);
	assert_int_equal(unparks, 0);
}

static void test_a_look(void **state)
{
	kvm_pause_look(&kvm, &look_wait);
	park();
	assert_int_equal(look_err, 0);
	assert_int_equal(holds, 0);
	assert_int_equal(unparks, 1);
	assert_false(kvm_is_paused());
}

/* Both are served in one standstill, the look first. */
static void test_a_look_and_a_pause(void **state)
{
	kvm_pause(&kvm, &pause_wait);
	kvm_pause_look(&kvm, &look_wait);
	device_err = -EINPROGRESS;
	park();
	assert_int_equal(look_err, 0);
	assert_paused(false);
	look_err = NOT_YET;
	kvm_pause_look(&kvm, &look_wait);
	run_bells();
	assert_int_equal(look_err, 0);
	assert_int_equal(holds, ARRAY_SIZE(cpus));
	device_err = 0;
	device_rested();
	run_bells();
	assert_paused(true);
	assert_int_equal(unparks, 0);
}

static void test_the_end(void **state)
{
	kvm_pause(&kvm, &pause_wait);
	freeze_at_end(&kvm);
	assert_int_equal(pause_err, -ECANCELED);
	assert_string_equal(kvm_pause_error(pause_err), "it ends");
	kvm_pause_look(&kvm, &look_wait);
	assert_int_equal(look_err, -ECANCELED);
	assert_int_equal(kvm_resume(&kvm), -ECANCELED);
	assert_int_equal(overdue, 0);
}

static void test_the_end_with_a_device_that_hangs(void **state)
{
	u64 began = now_ns();

	device_err = -EINPROGRESS;
	fake_clock_stands = false;
	loop_stop(kvm.loop);
	freeze_at_end(&kvm);
	assert_int_equal(overdue, 1);
	assert_int_equal(now_ns() - began, PARK_TIMEOUT_NS);
}

/* The reset has waited, and has named it. */
static void test_the_end_after_a_reset_in_vain(void **state)
{
	u64 began;

	device_err = -EINPROGRESS;
	freeze_ask(&kvm, &reset);
	park();
	let_some_time_pass(PARK_TIMEOUT_NS + 1);
	assert_int_equal(late_resets, 1);
	assert_int_equal(overdue, 1);
	began = now_ns();
	fake_clock_stands = false;
	loop_stop(kvm.loop);
	freeze_at_end(&kvm);
	assert_int_equal(overdue, 1);
	assert_true(now_ns() - began < PARK_TIMEOUT_NS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pause_and_resume),
		TEST(test_a_device_that_rests_later),
		TEST(test_a_device_that_does_not_rest),
		TEST(test_a_vcpu_that_does_not_park),
		TEST(test_a_vcpu_that_does_not_park_for_a_look),
		TEST(test_a_clock_that_cannot_be_held),
		TEST(test_a_reset_goes_first),
		TEST(test_each_has_its_own_time),
		TEST(test_a_reset_at_the_last_moment),
		TEST(test_a_reset_that_fails),
		TEST(test_a_look_and_a_pause),
		TEST(test_a_pause_called_off),
		TEST(test_a_pause_called_off_under_a_reset),
		TEST(test_a_pause_called_off_before_it_saw_the_reset),
		TEST(test_a_look),
		TEST(test_the_end),
		TEST(test_the_end_with_a_device_that_hangs),
		TEST(test_the_end_after_a_reset_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
