// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins own-init.c: the frames of the input, and when the guest is told to end.
 *
 * The test is the port, at whose modem lines it looks, and undoes the frames as the guest does.
 * The loop runs on this thread, for as long as a test wants.
 */
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/own-init.h>
#include <kvm/util.h>
#include <string.h>

static struct kvm kvm;
static bool dsr;
static unsigned int rings, changes;
static u64 changed_ns; /* when DSR last did */

static void drive(void *dev, bool level, bool ring)
{
	assert_ptr_equal(dev, &kvm);
	if (level != dsr) {
		changes++;
		changed_ns = now_ns();
	}
	dsr = level;
	rings += ring;
}

static int set_up(void **state)
{
	dsr = true;
	rings = changes = 0;
	kvm.loop = loop_new();
	own_init_set_line(drive, &kvm);
	return init_run(&kvm);
}

static int tear_down(void **state)
{
	init_exit(&kvm);
	loop_free(kvm.loop);
	return 0;
}

static void stop_loop(void *arg)
{
	loop_stop(kvm.loop);
}

static void run_for(u64 ns)
{
	struct loop_timer timer = {.fn = stop_loop};

	loop_arm(kvm.loop, &timer, now_ns() + ns);
	assert_int_equal(loop_run(kvm.loop), 0);
}

/* --- frames --- */

/* What init-console.c does; -1: the end has come. */
static int unframe(u8 byte)
{
	static bool escaped;

	if (!escaped && byte == 0x10) {
		escaped = true;
		return -2;
	}
	if (!escaped)
		return byte;
	escaped = false;
	return byte == '.' ? -1 : byte ^ 0x40;
}

/* All values, in pieces of every size, through every room: they arrive, and then the end, once. */
static void test_frames(void **state)
{
	u8 data[1024], framed[700];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 7 + i / 256);
	for (size_t room = 1; room < sizeof(framed); room = room * 3 / 2 + 1) {
		size_t at = 0, got = 0, ends = 0;

		own_init_expect(true);
		own_init_called(true);
		for (unsigned int turn = 0; turn < 5000; turn++) {
			size_t len = MIN(sizeof(data) - at, room * 2);
			bool at_end = at + len == sizeof(data);
			size_t made = own_init_frame(data + at, &len, at_end, framed, room);

			assert_true(made <= room);
			at += len;
			for (size_t i = 0; i < made; i++) {
				int byte = unframe(framed[i]);

				/* No driver may take one of them for itself. */
				assert_true(framed[i] != 0x0f && framed[i] != 0x11 &&
					    framed[i] != 0x13);
				assert_int_equal(ends, 0);
				if (byte >= 0)
					assert_int_equal(byte, data[got++]);
				ends += byte == -1;
			}
		}
		assert_int_equal(got, sizeof(data));
		assert_int_equal(ends, 1);
	}
}

static void test_nothing_is_sent_before_somebody_reads(void **state)
{
	u8 framed[8];
	size_t len = 3;

	assert_false(own_init_frames());
	own_init_expect(true);
	assert_true(own_init_frames());
	assert_int_equal(own_init_frame((const u8 *)"abc", &len, true, framed, 8), 0);
	assert_int_equal(len, 0);
	own_init_called(true);
	len = 3;
	assert_int_equal(own_init_frame((const u8 *)"abc", &len, true, framed, 8), 5);
	assert_int_equal(len, 3);
	assert_memory_equal(framed, "abc\x10.", 5);
	/* After a reset the next guest has an end of its own. */
	own_init_expect(true);
	own_init_called(true);
	len = 0;
	assert_int_equal(own_init_frame(NULL, &len, true, framed, 8), 2);
}

static void test_another_init_gets_no_frames(void **state)
{
	own_init_expect(true);
	own_init_called(false);
	assert_false(own_init_frames());
	/* What it does with the line later means nothing. */
	own_init_called(true);
	assert_false(own_init_frames());
	own_init_ask(now_ns());
	assert_false(own_init_hurry());
	assert_int_equal(rings, 0);
	own_init_expect(false);
	own_init_called(true);
	assert_false(own_init_frames());
}

/* --- the end --- */

static void test_others_are_not_asked(void **state)
{
	own_init_ask(now_ns());
	assert_false(own_init_hurry());
	run_for(10 * NSEC_PER_MSEC);
	assert_int_equal(rings, 0);
	assert_true(dsr);
}

/* 5 s of grace: to end now is said after 3. It rings all the time. */
static void test_hurry_is_2_s_before_the_end(void **state)
{
	u64 before = now_ns();

	own_init_expect(false);
	own_init_ask(before + 5 * NSEC_PER_SEC);
	assert_false(dsr);
	assert_int_equal(rings, 1);
	/* Who is in no hurry changes nothing. */
	own_init_ask(UINT64_MAX);
	run_for(3300 * NSEC_PER_MSEC);
	assert_true(dsr);
	assert_int_equal(changes, 2);
	assert_in_range((changed_ns - before) / NSEC_PER_MSEC, 2999, patient_ms(3300));
	assert_in_range(rings, 8, 18);
}

static void test_hurry_is_half_of_a_short_grace(void **state)
{
	u64 before = now_ns();

	own_init_expect(false);
	own_init_ask(before + 100 * NSEC_PER_SEC);
	own_init_ask(before + 400 * NSEC_PER_MSEC);
	run_for(400 * NSEC_PER_MSEC);
	assert_true(dsr);
	assert_in_range((changed_ns - before) / NSEC_PER_MSEC, 199, 390);
}

static void test_who_listens_may_be_waited_for(void **state)
{
	own_init_expect(false);
	assert_false(own_init_hurry());
	own_init_called(true);
	assert_true(own_init_hurry());
	assert_int_equal(rings, 2);
	assert_true(dsr);
	/* The time for asking is over. */
	own_init_ask(now_ns() + NSEC_PER_SEC);
	assert_true(dsr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frames),
		TEST(test_nothing_is_sent_before_somebody_reads),
		TEST(test_another_init_gets_no_frames),
		TEST(test_others_are_not_asked),
		TEST(test_hurry_is_2_s_before_the_end),
		TEST(test_hurry_is_half_of_a_short_grace),
		TEST(test_who_listens_may_be_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
