// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/event.c and core/heard.c: who is told what, and that it may be nobody.
 */
#include "tests/lib/test.h"

#include <kvm/event.h>
#include <kvm/heard.h>
#include <stdio.h>
#include <string.h>

static char heard[64];

static void listen_to(const char *device, const char *name)
{
	snprintf(heard, sizeof(heard), "%s %s", device ? device : "-", name);
}

static void test_events(void **state)
{
	event_post("paused");
	event_set_listener(listen_to);
	event_post("reset");
	assert_string_equal(heard, "- reset");
	event_post_device("virtio-blk0", "resized");
	assert_string_equal(heard, "virtio-blk0 resized");
	event_set_listener(NULL);
	event_post("paused");
	assert_string_equal(heard, "virtio-blk0 resized");
}

static void copy_line(char *line, size_t size)
{
	snprintf(line, size, "the last one");
}

static void test_the_last_line(void **state)
{
	char line[8] = "old";

	heard_last_line(line, sizeof(line));
	assert_string_equal(line, "");
	heard_set_last_line(copy_line);
	heard_last_line(line, sizeof(line));
	assert_string_equal(line, "the las");
	heard_set_last_line(NULL);
	heard_last_line(line, sizeof(line));
	assert_string_equal(line, "");
}

static void test_output_and_halt(void **state)
{
	assert_int_equal(heard_output_bytes(), 0);
	heard_output(7);
	assert_int_equal(heard_output_bytes(), 7);
	assert_false(heard_halted());
	heard_halt(true);
	assert_true(heard_halted());
	heard_halt(false);
	assert_false(heard_halted());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_the_last_line),
		cmocka_unit_test(test_output_and_halt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
