// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins bus.c: which region answers, in pieces of what width, and what handlers may do.
 *
 * Each region of the test records the accesses it gets as text, "r2@4" for a read of two
 * bytes at its offset 4, "w1@0=41" for a write. What a region reads as tells where it was read.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/bus.h>
#include <kvm/log.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct bus bus;
static char trace[512];

static void __attribute__((format(printf, 1, 2))) trace_add(const char *fmt, ...)
{
	size_t len = strlen(trace);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(trace + len, sizeof(trace) - len, fmt, ap);
	va_end(ap);
}

/* Byte n of a region reads as 0x10 + n. */
static u64 dev_read(void *dev, u64 offset, unsigned int size)
{
	u64 value = 0;

	trace_add("r%u@%llx ", size, offset);
	for (unsigned int i = 0; i < size; i++)
		value |= (0x10 + offset + i) % 256 << (8 * i);
	return value;
}

static void dev_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	trace_add("w%u@%llx=%llx ", size, offset, value);
}

#define REGION(name_, base_, len_, width_)                                                    \
	(struct bus_region)                                                                   \
	{                                                                                     \
		.name = name_, .base = base_, .len = len_, .width = width_, .read = dev_read, \
		.write = dev_write                                                            \
	}

static int set_up(void **state)
{
	trace[0] = '\0';
	log_record();
	return bus_init(&bus, "test");
}

static int tear_down(void **state)
{
	bus_destroy(&bus);
	log_record_end();
	return 0;
}

static u64 get(u64 addr, unsigned int len)
{
	u8 data[8] = {0};
	u64 value = 0;

	bus_read(&bus, addr, data, len);
	for (unsigned int i = 0; i < len; i++)
		value |= (u64)data[i] << (8 * i);
	return value;
}

static bool put(u64 addr, unsigned int len, u64 value)
{
	u8 data[8];

	for (unsigned int i = 0; i < 8; i++)
		data[i] = (u8)(value >> (8 * i));
	return bus_write(&bus, addr, data, len);
}

/* --- the table --- */

static void test_overlaps_are_refused(void **state)
{
	struct bus_region serial = REGION("serial", 0x100, 0x10, 1);
	const struct {
		u64 base, len;
	} forms[] = {
		{0x100, 0x10},			  /* the same */
		{0x104, 0x4},			  /* inside */
		{0x100, 1},	 {0x10f, 1},	  /* first and last byte */
		{0xf8, 0x10},	 {0x108, 0x10},	  /* over an end */
		{0xff, 2},	 {0x10f, 2},	  /* by one byte */
		{0, 0x1000},	 {0, UINT64_MAX}, /* around */
		{0x100, 0x20},	 {0xf0, 0x20},	  /* around, one end shared */
		{1, UINT64_MAX},		  /* to the top */
	};

	assert_int_equal(bus_add(&bus, &serial), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		struct bus_region other = REGION("clock", forms[i].base, forms[i].len, 1);

		assert_int_equal(bus_add(&bus, &other), -EEXIST);
		assert_int_equal(logged.lines, i + 1);
		assert_non_null(strstr(logged.last, "test bus: clock at 0x"));
		assert_non_null(strstr(logged.last, "overlaps serial at 0x100"));
		assert_int_equal(bus.count, 1);
	}
}

/* An overlap is found whatever else is on the bus, on both sides. */
static void test_overlap_among_many(void **state)
{
	struct bus_region regions[16];
	struct bus_region wide = REGION("wide", 0x108, 0x10, 1);

	for (unsigned int i = 0; i < 16; i++) {
		regions[i] = REGION("small", i * 0x20, 0x10, 1);
		assert_int_equal(bus_add(&bus, &regions[i]), 0);
	}
	assert_int_equal(bus_add(&bus, &wide), -EEXIST);
	wide.base = 0x118; /* its start is free, its end is not */
	assert_int_equal(bus_add(&bus, &wide), -EEXIST);
	wide.base = 0x110;
	assert_int_equal(bus_add(&bus, &wide), 0);
}

static void test_neighbours(void **state)
{
	struct bus_region middle = REGION("middle", 0x100, 0x10, 4);
	struct bus_region below = REGION("below", 0xf0, 0x10, 4);
	struct bus_region above = REGION("above", 0x110, 0x10, 4);

	assert_int_equal(bus_add(&bus, &middle), 0);
	assert_int_equal(bus_add(&bus, &below), 0);
	assert_int_equal(bus_add(&bus, &above), 0);
	assert_ptr_equal(bus.regions[0], &below);
	assert_ptr_equal(bus.regions[2], &above);
	assert_int_equal(get(0xff, 1), 0x1f);
	assert_int_equal(get(0x100, 1), 0x10);
	assert_int_equal(get(0x10f, 1), 0x1f);
	assert_int_equal(get(0x110, 1), 0x10);
	assert_int_equal(logged.lines, 0);
}

static void test_bad_regions(void **state)
{
	static const unsigned int widths[] = {0, 3, 5, 6, 7, 9, 16};
	struct bus_region empty = REGION("empty", 0x100, 0, 1);
	struct bus_region empty_at_0 = REGION("empty", 0, 0, 1);
	struct bus_region wraps = REGION("wraps", UINT64_MAX, 2, 1);
	struct bus_region wraps_far = REGION("wraps", 2, UINT64_MAX, 1);

	assert_int_equal(bus_add(&bus, &empty), -EINVAL);
	assert_int_equal(bus_add(&bus, &empty_at_0), -EINVAL);
	assert_int_equal(bus_add(&bus, &wraps), -EINVAL);
	assert_int_equal(bus_add(&bus, &wraps_far), -EINVAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(widths); i++) {
		struct bus_region bad = REGION("bad", 0x100, 8, widths[i]);

		assert_int_equal(bus_add(&bus, &bad), -EINVAL);
	}
	assert_int_equal(bus.count, 0);
}

static void test_top_of_the_space(void **state)
{
	struct bus_region top = REGION("top", UINT64_MAX - 3, 4, 4);
	struct bus_region last = REGION("last", UINT64_MAX, 1, 1);

	assert_int_equal(bus_add(&bus, &top), 0);
	assert_int_equal(bus_add(&bus, &last), -EEXIST);
	assert_int_equal(get(UINT64_MAX - 3, 4), 0x13121110);
	assert_int_equal(get(UINT64_MAX, 1), 0x13);
	/* Beyond the last byte nobody answers. */
	assert_int_equal(get(UINT64_MAX - 1, 4), 0xffff1312);
	assert_true(put(UINT64_MAX, 8, 0x41));
	bus_remove(&bus, &top);
	assert_int_equal(bus_add(&bus, &last), 0);
}

static void test_full(void **state)
{
	static struct bus_region regions[BUS_MAX_REGIONS + 1];

	/* From the top down, so that each goes to the front. */
	for (unsigned int i = 0; i < BUS_MAX_REGIONS; i++) {
		regions[i] = REGION("one of many", (BUS_MAX_REGIONS - i) * 16ULL, 8, 1);
		assert_int_equal(bus_add(&bus, &regions[i]), 0);
	}
	regions[BUS_MAX_REGIONS] = REGION("one too many", 0, 8, 1);
	assert_int_equal(bus_add(&bus, &regions[BUS_MAX_REGIONS]), -ENOSPC);
	for (unsigned int i = 1; i <= BUS_MAX_REGIONS; i++) {
		assert_int_equal(bus.regions[i - 1]->base, i * 16);
		assert_int_equal(get(i * 16 + 7, 1), 0x17);
		assert_int_equal(get(i * 16 + 8, 1), 0xff);
	}
	bus_remove(&bus, &regions[64]);
	assert_int_equal(bus_add(&bus, &regions[BUS_MAX_REGIONS]), 0);
}

static void test_remove(void **state)
{
	struct bus_region a = REGION("a", 0x10, 1, 1), b = REGION("b", 0x20, 1, 1);
	struct bus_region c = REGION("c", 0x30, 1, 1);

	assert_int_equal(bus_add(&bus, &a), 0);
	assert_int_equal(bus_add(&bus, &b), 0);
	assert_int_equal(bus_add(&bus, &c), 0);
	bus_remove(&bus, &b);
	bus_remove(&bus, &b); /* not there: nothing */
	assert_int_equal(bus.count, 2);
	assert_int_equal(get(0x10, 1), 0x10);
	assert_int_equal(get(0x20, 1), 0xff);
	assert_int_equal(get(0x30, 1), 0x10);
	assert_int_equal(bus_add(&bus, &b), 0);
	assert_int_equal(get(0x20, 1), 0x10);
}

static void add_name(const struct bus_region *region, void *arg)
{
	strcat(arg, region->name);
}

static void test_for_each_ascends(void **state)
{
	struct bus_region c = REGION("c", 0x30, 1, 1), a = REGION("a", 0x10, 1, 1);
	struct bus_region b = REGION("b", 0x20, 1, 1);
	char names[8] = "";

	assert_int_equal(bus_add(&bus, &c), 0);
	assert_int_equal(bus_add(&bus, &a), 0);
	assert_int_equal(bus_add(&bus, &b), 0);
	bus_for_each(&bus, add_name, names);
	assert_string_equal(names, "abc");
}

/* --- accesses --- */

static void test_unclaimed_is_all_ones(void **state)
{
	struct bus_region region = REGION("region", 0x100, 4, 4);
	u8 data[8];

	for (unsigned int len = 1; len <= 8; len++) {
		memset(data, 0, sizeof(data));
		assert_false(bus_read(&bus, 0x5000, data, len));
		for (unsigned int i = 0; i < 8; i++)
			assert_int_equal(data[i], i < len ? 0xff : 0);
		assert_false(bus_write(&bus, 0x5000, data, len));
	}
	assert_int_equal(bus_add(&bus, &region), 0);
	assert_false(bus_read(&bus, 0xff, data, 1));
	assert_false(bus_read(&bus, 0x104, data, 1));
	assert_true(bus_read(&bus, 0xfd, data, 4));
	assert_string_equal(trace, "r1@0 ");
}

static void test_width_splits(void **state)
{
	static const struct {
		unsigned int width, len;
		const char *reads;
	} cases[] = {
		{1, 1, "r1@0 "},	   {1, 4, "r1@0 r1@1 r1@2 r1@3 "},
		{2, 4, "r2@0 r2@2 "},	   {4, 4, "r4@0 "},
		{4, 8, "r4@0 r4@4 "},	   {8, 8, "r8@0 "},
		{8, 2, "r2@0 "},	   {4, 3, "r2@0 r1@2 "},
		{8, 7, "r4@0 r2@4 r1@6 "}, {2, 5, "r2@0 r2@2 r1@4 "},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bus_region region = REGION("region", 0x100, 0x10, cases[i].width);
		u64 all = 0x1716151413121110;
		u64 mask = UINT64_MAX >> (64 - 8 * cases[i].len);

		assert_int_equal(bus_add(&bus, &region), 0);
		trace[0] = '\0';
		assert_int_equal(get(0x100, cases[i].len), all & mask);
		assert_string_equal(trace, cases[i].reads);
		bus_remove(&bus, &region);
	}
}

static void test_writes_split_alike(void **state)
{
	struct bus_region narrow = REGION("narrow", 0x100, 0x10, 1);
	struct bus_region half = REGION("half", 0x200, 0x10, 2);

	assert_int_equal(bus_add(&bus, &narrow), 0);
	assert_int_equal(bus_add(&bus, &half), 0);
	assert_true(put(0x104, 4, 0x44332211));
	assert_true(put(0x200, 4, 0x44332211));
	assert_string_equal(trace, "w1@4=11 w1@5=22 w1@6=33 w1@7=44 w2@0=2211 w2@2=4433 ");
}

static void test_crossing_an_end(void **state)
{
	struct bus_region low = REGION("low", 0x100, 4, 4);
	struct bus_region high = REGION("high", 0x106, 4, 4);

	assert_int_equal(bus_add(&bus, &low), 0);
	assert_int_equal(bus_add(&bus, &high), 0);
	/* Out of the end, byte by byte, into nothing. */
	assert_int_equal(get(0x102, 4), 0xffff1312);
	assert_string_equal(trace, "r1@2 r1@3 ");
	/* From nothing into a region: what is left of the access fits into it. */
	trace[0] = '\0';
	assert_int_equal(get(0x104, 4), 0x1110ffff);
	assert_string_equal(trace, "r2@0 ");
	/* Out of one region, over the gap, into the next. */
	trace[0] = '\0';
	assert_int_equal(get(0x103, 4), 0x10ffff13);
	assert_string_equal(trace, "r1@3 r1@0 ");
	trace[0] = '\0';
	assert_true(put(0x102, 8, 0x8877665544332211));
	assert_string_equal(trace, "w1@2=11 w1@3=22 w4@0=88776655 ");
}

static void test_handlers_may_be_absent(void **state)
{
	struct bus_region mute = {.name = "mute", .base = 0x100, .len = 4, .width = 4};
	u8 data[4] = {0};

	assert_int_equal(bus_add(&bus, &mute), 0);
	assert_true(bus_read(&bus, 0x100, data, 4));
	assert_memory_equal(data, "\xff\xff\xff\xff", 4);
	assert_true(bus_write(&bus, 0x100, data, 4));
}

/* --- what handlers do to the bus --- */

static void write_and_leave(void *dev, u64 offset, unsigned int size, u64 value)
{
	dev_write(dev, offset, size, value);
	bus_remove(&bus, dev);
}

static u64 read_and_leave(void *dev, u64 offset, unsigned int size)
{
	bus_remove(&bus, dev);
	return dev_read(dev, offset, size);
}

static void test_remove_within_a_handler(void **state)
{
	struct bus_region region = REGION("leaver", 0x100, 8, 2);

	region.dev = &region;
	region.write = write_and_leave;
	region.read = read_and_leave;
	assert_int_equal(bus_add(&bus, &region), 0);
	/* The first piece is answered; from then on nobody is there. */
	assert_int_equal(get(0x100, 4), 0xffff1110);
	assert_string_equal(trace, "r2@0 ");
	assert_int_equal(bus_add(&bus, &region), 0);
	trace[0] = '\0';
	assert_true(put(0x100, 8, 0x4141));
	assert_string_equal(trace, "w2@0=4141 ");
	assert_false(put(0x100, 1, 0));
}

/* As a BAR: the value written is the new base. */
static void write_and_move(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct bus_region *region = dev;

	dev_write(dev, offset, size, value);
	bus_remove(&bus, region);
	region->base = value;
	assert_int_equal(bus_add(&bus, region), 0);
}

static void test_a_handler_moves_its_own_region(void **state)
{
	struct bus_region region = REGION("mover", 0x100, 8, 4);
	struct bus_region other = REGION("other", 0x180, 8, 4);

	region.dev = &region;
	region.write = write_and_move;
	assert_int_equal(bus_add(&bus, &region), 0);
	assert_int_equal(bus_add(&bus, &other), 0);
	assert_true(put(0x100, 4, 0x200));
	assert_int_equal(get(0x100, 1), 0xff);
	assert_int_equal(get(0x200, 1), 0x10);
	assert_ptr_equal(bus.regions[1], &region);
	/* The second half of one access: where the first half has moved to, if anywhere. */
	trace[0] = '\0';
	assert_true(put(0x200, 8, 0x0000030000000100));
	assert_string_equal(trace, "w4@0=100 ");
	assert_int_equal(get(0x100, 1), 0x10);
}

/* --- threads --- */

static atomic_bool mover_done;
static atomic_uint bad_values;

static u64 read_own_name(void *dev, u64 offset, unsigned int size)
{
	return (u64)(uintptr_t)dev;
}

static void *read_on(void *arg)
{
	while (!atomic_load(&mover_done)) {
		u64 a = get(0x1000, 4), b = get(0x2000, 4), fixed = get(0x3000, 1);

		/* Whole or not at all. */
		if ((a != 0xffffffff && a != 1) || (b != 0xffffffff && b != 1) || fixed != 2)
			atomic_fetch_add(&bad_values, 1);
	}
	return NULL;
}

static void test_regions_move_while_others_read(void **state)
{
	struct bus_region mover = {.name = "mover",
				   .base = 0x1000,
				   .len = 4,
				   .width = 4,
				   .read = read_own_name,
				   .dev = (void *)1};
	struct bus_region fixed = {.name = "fixed",
				   .base = 0x3000,
				   .len = 1,
				   .width = 1,
				   .read = read_own_name,
				   .dev = (void *)2};
	pthread_t readers[2];

	assert_int_equal(bus_add(&bus, &mover), 0);
	assert_int_equal(bus_add(&bus, &fixed), 0);
	atomic_store(&mover_done, false);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, NULL), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		bus_remove(&bus, &mover);
		mover.base = i % 2 ? 0x1000 : 0x2000;
		assert_int_equal(bus_add(&bus, &mover), 0);
	}
	atomic_store(&mover_done, true);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(bad_values, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_overlaps_are_refused),
		TEST(test_overlap_among_many),
		TEST(test_neighbours),
		TEST(test_bad_regions),
		TEST(test_top_of_the_space),
		TEST(test_full),
		TEST(test_remove),
		TEST(test_for_each_ascends),
		TEST(test_unclaimed_is_all_ones),
		TEST(test_width_splits),
		TEST(test_writes_split_alike),
		TEST(test_crossing_an_end),
		TEST(test_handlers_may_be_absent),
		TEST(test_remove_within_a_handler),
		TEST(test_a_handler_moves_its_own_region),
		TEST(test_regions_move_while_others_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
