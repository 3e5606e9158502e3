// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins device.c: the order of the walks, and what a failure in their middle leaves.
 *
 * Three devices write a letter of theirs and one of the deed ("Ar": A was reset) to a trace.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/device.h>
#include <kvm/log.h>
#include <string.h>

static char trace[64];
static const struct device *failing;
static int failure;

static int note(const struct device *dev, const char *deed)
{
	strcat(strcat(trace, dev->name), deed);
	return dev == failing ? failure : 0;
}

static int do_reset(struct device *dev)
{
	return note(dev, "r ");
}

static int do_pause(struct device *dev)
{
	return note(dev, "p ");
}

static void do_resume(struct device *dev)
{
	note(dev, "c ");
}

static void do_overdue(struct device *dev)
{
	note(dev, "o ");
}

static struct device a, b, c;

static int set_up(void **state)
{
	a = b = c = (struct device){.reset = do_reset, .pause = do_pause, .resume = do_resume};
	a.name = "A";
	b.name = "B";
	c.name = "C";
	failing = NULL;
	failure = -EIO;
	trace[0] = '\0';
	device_register(&a);
	device_register(&b);
	device_register(&c);
	return 0;
}

static int tear_down(void **state)
{
	device_unregister(&a);
	device_unregister(&b);
	device_unregister(&c);
	return 0;
}

static void see(struct device *dev, void *arg)
{
	strcat(arg, dev->name);
}

static void test_order_is_that_of_registration(void **state)
{
	char names[8] = "";

	device_for_each(see, names);
	assert_string_equal(names, "ABC");
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(device_pause_all(), 0);
	device_resume_all();
	assert_string_equal(trace, "Ar Br Cr Ap Bp Cp Ac Bc Cc ");
}

/* Whatever the order of registration: chips, then tables, then the boot image. */
static void test_order_of_stages(void **state)
{
	device_unregister(&a);
	device_unregister(&b);
	a.stage = DEVICE_BOOT;
	b.stage = DEVICE_FIRMWARE;
	device_register(&a);
	device_register(&b);
	assert_int_equal(device_reset_all(), 0);
	assert_string_equal(trace, "Cr Br Ar ");
}

static void test_unregister(void **state)
{
	char names[8] = "";

	device_unregister(&b);
	device_unregister(&b); /* not there: nothing */
	device_for_each(see, names);
	assert_string_equal(names, "AC");
	device_register(&b); /* now the last */
	device_unregister(&a);
	names[0] = '\0';
	device_for_each(see, names);
	assert_string_equal(names, "CB");
	device_unregister(&b);
	device_unregister(&c);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(device_pause_all(), 0);
	assert_string_equal(trace, "");
}

static void test_reset_stops_at_a_failure(void **state)
{
	failing = &b;
	assert_int_equal(device_reset_all(), -EIO);
	assert_string_equal(trace, "Ar Br ");
}

static void test_pause_unwinds(void **state)
{
	static const char *const traces[] = {"Ap ", "Ap Bp Ac ", "Ap Bp Cp Ac Bc "};
	const struct device *const devices[] = {&a, &b, &c};

	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
		trace[0] = '\0';
		failing = devices[i];
		assert_int_equal(device_pause_all(), -EIO);
		assert_string_equal(trace, traces[i]);
	}
}

/* All are asked, so that all come to rest at once; nobody is resumed for it. */
static void test_pause_in_progress(void **state)
{
	failing = &b;
	failure = -EINPROGRESS;
	b.overdue = do_overdue;
	c.overdue = do_overdue;
	assert_int_equal(device_pause_all(), -EINPROGRESS);
	assert_string_equal(trace, "Ap Bp Cp ");
	trace[0] = '\0';
	device_report_busy();
	assert_string_equal(trace, "Bp Bo Cp ");
	trace[0] = '\0';
	failing = NULL;
	assert_int_equal(device_pause_all(), 0);
	assert_string_equal(trace, "Ap Bp Cp ");
}

static void count_rest(void *arg)
{
	++*(unsigned int *)arg;
}

static void test_rest_hook(void **state)
{
	unsigned int rests = 0;

	device_rested();
	device_set_rest_hook(count_rest, &rests);
	device_rested();
	device_rested();
	assert_int_equal(rests, 2);
	device_set_rest_hook(NULL, NULL);
	device_rested();
	assert_int_equal(rests, 2);
}

static void test_functions_may_be_absent(void **state)
{
	b.reset = b.pause = NULL;
	b.resume = NULL;
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(device_pause_all(), 0);
	device_resume_all();
	assert_string_equal(trace, "Ar Cr Ap Cp Ac Cc ");
	trace[0] = '\0';
	failing = &c;
	assert_int_equal(device_pause_all(), -EIO);
	assert_string_equal(trace, "Ap Cp Ac ");
}

/* --- state --- */

struct counter_state {
	u32 count;
};

static struct counter_state counter;
static unsigned int refusals;

static void counter_save(struct device *dev, void *state)
{
	memcpy(state, &counter, sizeof(counter));
}

static int counter_load(struct device *dev, const void *state)
{
	struct counter_state loaded;

	memcpy(&loaded, state, sizeof(loaded));
	if (loaded.count > 100)
		return -EINVAL;
	counter = loaded;
	return 0;
}

static const struct counter_state counter_power_on = {.count = 7};

static const struct device_state counter_form = {
	.power_on = &counter_power_on,
	.version = 3,
	.bytes = sizeof(struct counter_state),
	.save = counter_save,
	.load = counter_load,
};

/* Without a reset() of its own a device loads its power-on state. */
static void test_reset_loads_power_on(void **state)
{
	b.reset = NULL;
	b.state = &counter_form;
	counter.count = 55;
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(counter.count, 7);
	assert_string_equal(trace, "Ar Cr ");
}

static void count_refusal(enum log_level level, const char *line, void *arg)
{
	refusals += level == LOG_ERROR;
}

static void test_state_is_checked(void **state)
{
	struct {
		struct device_state_header header;
		struct counter_state body;
	} good, bad;

	b.state = c.state = &counter_form;
	assert_int_equal(device_state_bytes(&a), 0);
	assert_int_equal(device_state_bytes(&b), sizeof(good));
	counter.count = 55;
	device_save(&b, &good);
	counter.count = 1;
	assert_int_equal(device_load(&b, &good, sizeof(good)), 0);
	assert_int_equal(counter.count, 55);

	counter.count = 1;
	log_set_sink(count_refusal, NULL);
	assert_int_equal(device_load(&b, &good, sizeof(good) - 1), -EINVAL);
	assert_int_equal(device_load(&c, &good, sizeof(good)), -EINVAL);
	assert_int_equal(device_load(&a, &good, sizeof(good)), -EINVAL);
	bad = good;
	bad.header.version++;
	assert_int_equal(device_load(&b, &bad, sizeof(bad)), -EINVAL);
	bad = good;
	bad.header.bytes++;
	assert_int_equal(device_load(&b, &bad, sizeof(bad)), -EINVAL);
	bad = good;
	memset(bad.header.name, 'B', sizeof(bad.header.name));
	assert_int_equal(device_load(&b, &bad, sizeof(bad)), -EINVAL);
	bad = good;
	bad.body.count = 101;
	assert_int_equal(device_load(&b, &bad, sizeof(bad)), -EINVAL);
	log_set_sink(NULL, NULL);
	assert_int_equal(refusals, 7);
	assert_int_equal(counter.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order_is_that_of_registration),
		TEST(test_order_of_stages),
		TEST(test_unregister),
		TEST(test_reset_stops_at_a_failure),
		TEST(test_pause_unwinds),
		TEST(test_functions_may_be_absent),
		TEST(test_pause_in_progress),
		TEST(test_rest_hook),
		TEST(test_reset_loads_power_on),
		TEST(test_state_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
