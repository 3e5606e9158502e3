// SPDX-License-Identifier: GPL-2.0-only
/*
 * irq-pin.c: a shared line is the OR of its pins, and is touched only when that changes.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/test.h"

#include <kvm/irq-pin.h>
#include <pthread.h>

#define LINE 17

static void test_a_line_is_the_or_of_its_pins(void **state)
{
	struct irq_pin pins[3] = {{.gsi = LINE}, {.gsi = LINE}, {.gsi = LINE}};

	for (unsigned int set = 0; set < 64; set++) {
		bool any = false;

		for (unsigned int i = 0; i < 3; i++) {
			irq_pin_set(&fake.kvm, &pins[i], set >> i & 1);
			irq_pin_set(&fake.kvm, &pins[i], set >> i & 1);
			any |= set >> i & 1;
		}
		assert_int_equal(fake_irq(LINE), any);
		assert_false(fake_irq(LINE + 1));
	}
	for (unsigned int i = 0; i < 3; i++)
		irq_pin_set(&fake.kvm, &pins[i], false);
	assert_false(fake_irq(LINE));
}

static void test_lines_are_apart(void **state)
{
	struct irq_pin one = {.gsi = LINE}, other = {.gsi = LINE + 1};

	irq_pin_set(&fake.kvm, &one, true);
	irq_pin_set(&fake.kvm, &other, true);
	irq_pin_set(&fake.kvm, &one, false);
	assert_false(fake_irq(LINE));
	assert_true(fake_irq(LINE + 1));
	irq_pin_set(&fake.kvm, &other, false);
	assert_int_equal(fake_irq_rises(LINE), 1);
	assert_int_equal(fake_irq_rises(LINE + 1), 1);
}

static void *toggle(void *arg)
{
	for (unsigned int i = 0; i < 2000; i++)
		irq_pin_set(&fake.kvm, arg, i % 2);
	return NULL;
}

static void test_two_threads(void **state)
{
	struct irq_pin one = {.gsi = LINE}, other = {.gsi = LINE};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, toggle, &one), 0);
	toggle(&other);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(fake_irq(LINE));
	irq_pin_set(&fake.kvm, &one, false);
	assert_true(fake_irq(LINE));
	irq_pin_set(&fake.kvm, &other, false);
	assert_false(fake_irq(LINE));
}

/* Last: there is no way back to the IOAPIC's lines. */
static void test_which_lines_are_shared(void **state)
{
	for (unsigned int n = 0; n < 100; n++)
		assert_int_equal(irq_pin_line(n), 16 + n % 8);
	for (u32 gsi = 0; gsi < 30; gsi++)
		assert_int_equal(irq_pin_shares_line(gsi), gsi >= 16 && gsi < 24);
	assert_false(irq_pin_uses_isa_lines());
	irq_pin_use_isa_lines();
	assert_true(irq_pin_uses_isa_lines());
	for (unsigned int n = 0; n < 100; n++) {
		u32 line = irq_pin_line(n);

		/* The PICs have it, and no chip of ours is there (layout.h). */
		assert_true(line < 16 && line != 0 && line != 1 && line != 2 && line != 3);
		assert_true(line != 4 && line != 8 && line != 9 && line != 12 && line != 13);
		assert_true(irq_pin_shares_line(line));
		assert_int_equal(line, irq_pin_line(n + 4));
	}
	assert_false(irq_pin_shares_line(16));
	assert_false(irq_pin_shares_line(4));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_line_is_the_or_of_its_pins),
		TEST(test_lines_are_apart),
		TEST(test_two_threads),
		TEST(test_which_lines_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
