// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/parse.c: what is a number, a size, a duration, a list, and what is not.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/options.h>

#define UNTOUCHED 0x5ca1ab1e

struct example {
	const char *text;
	int err;
	u64 value;
};

/* An example that is refused, in a table. */
#define BAD(text_, err_)                   \
	{                                  \
		.text = text_, .err = err_ \
	}

static void check(int (*parse)(const char *text, u64 *value), const struct example *examples,
		  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		u64 value = UNTOUCHED;
		int err = parse(examples[i].text, &value);

		if (err != examples[i].err)
			fail_msg("'%s': returned %d", examples[i].text, err);
		if (value != (err ? UNTOUCHED : examples[i].value))
			fail_msg("'%s': is %llu", examples[i].text, value);
	}
}

static void test_u64(void **state)
{
	static const struct example examples[] = {
		{"0", 0, 0},
		{"7", 0, 7},
		{"010", 0, 10},
		{"0x10", 0, 16},
		{"0XfF", 0, 255},
		{"18446744073709551615", 0, UINT64_MAX},
		{"0xffffffffffffffff", 0, UINT64_MAX},
		{"00000000000000000000000000001", 0, 1},
		BAD("18446744073709551616", -ERANGE),
		BAD("18446744073709551620", -ERANGE),
		BAD("99999999999999999999", -ERANGE),
		BAD("0x10000000000000000", -ERANGE),
		BAD("", -EINVAL),
		BAD(" 1", -EINVAL),
		BAD("1 ", -EINVAL),
		BAD("-1", -EINVAL),
		BAD("+1", -EINVAL),
		BAD("0x", -EINVAL),
		BAD("x10", -EINVAL),
		BAD("0xg", -EINVAL),
		BAD("1a", -EINVAL),
		BAD("a", -EINVAL),
		BAD("1.0", -EINVAL),
		BAD("1e3", -EINVAL),
		BAD("\xd9\xa1", -EINVAL),
	};

	check(parse_u64, examples, ARRAY_SIZE(examples));
}

static int parse_mib(const char *text, u64 *value)
{
	return parse_size(text, MIB, value);
}

static void test_size(void **state)
{
	static const struct example examples[] = {
		{"0", 0, 0},
		{"512", 0, 512 * MIB},
		{"512K", 0, 512 * KIB},
		{"512k", 0, 512 * KIB},
		{"512M", 0, 512 * MIB},
		{"4G", 0, 4 * GIB},
		{"4g", 0, 4 * GIB},
		{"2T", 0, 2048 * GIB},
		{"17592186044415", 0, UINT64_MAX - MIB + 1},
		{"16777215T", 0, UINT64_MAX - 1024 * GIB + 1},
		BAD("17592186044416", -ERANGE),
		BAD("16777216T", -ERANGE),
		BAD("18446744073709551616K", -ERANGE),
		BAD("", -EINVAL),
		BAD("M", -EINVAL),
		BAD("-1M", -EINVAL),
		BAD("1MB", -EINVAL),
		BAD("1MiB", -EINVAL),
		BAD("1 M", -EINVAL),
		BAD("1 ", -EINVAL),
		BAD("1B", -EINVAL),
		BAD("1P", -EINVAL),
		BAD("1\x0b", -EINVAL),
		BAD("1.5G", -EINVAL),
		BAD("0x10M", -EINVAL),
	};
	u64 bytes;

	check(parse_mib, examples, ARRAY_SIZE(examples));
	assert_int_equal(parse_size("512", 1, &bytes), 0);
	assert_int_equal(bytes, 512);
	assert_int_equal(parse_size("512K", 1, &bytes), 0);
	assert_int_equal(bytes, 512 * KIB);
}

static void test_duration(void **state)
{
	static const struct example examples[] = {
		{"0", 0, 0},
		{"10", 0, 10 * NSEC_PER_SEC},
		{"10s", 0, 10 * NSEC_PER_SEC},
		{"1.5s", 0, 1500 * NSEC_PER_MSEC},
		{"1.5", 0, 1500 * NSEC_PER_MSEC},
		{"0.25", 0, 250 * NSEC_PER_MSEC},
		{"250ms", 0, 250 * NSEC_PER_MSEC},
		{"0.001ms", 0, 1000},
		{"2m", 0, 120 * NSEC_PER_SEC},
		{"1.5m", 0, 90 * NSEC_PER_SEC},
		{"1h", 0, 3600 * NSEC_PER_SEC},
		{"0.1h", 0, 360 * NSEC_PER_SEC},
		{"0.000000001", 0, 1},
		{"0.0000000019", 0, 1},
		{"0.00000000000000000000000000009", 0, 0},
		{"18446744073.709551615", 0, UINT64_MAX},
		BAD("18446744073.709551616", -ERANGE),
		BAD("18446744073.9", -ERANGE),
		BAD("18446744074", -ERANGE),
		BAD("5124096h", -ERANGE),
		BAD("18446744073709551616ms", -ERANGE),
		BAD("", -EINVAL),
		BAD("s", -EINVAL),
		BAD(".5", -EINVAL),
		BAD("1.", -EINVAL),
		BAD("1.s", -EINVAL),
		BAD("1.5.5", -EINVAL),
		BAD("1.-5", -EINVAL),
		BAD("-1", -EINVAL),
		BAD("1 s", -EINVAL),
		BAD("1us", -EINVAL),
		BAD("1S", -EINVAL),
		BAD("1sec", -EINVAL),
		BAD("1m30s", -EINVAL),
	};

	check(parse_duration, examples, ARRAY_SIZE(examples));
}

struct seen {
	u64 values[16];
	size_t count;
	size_t stop_at; /* 0: never */
};

static int see(u64 value, void *arg)
{
	struct seen *seen = arg;

	assert_true(seen->count < ARRAY_SIZE(seen->values));
	seen->values[seen->count++] = value;
	return seen->count == seen->stop_at ? -EBUSY : 0;
}

static void test_list(void **state)
{
	static const u64 want[] = {0, 1, 2, 3, 8, 5, 5};
	struct seen seen = {};

	assert_int_equal(parse_list("0-3,8,5-5,5", 8, see, &seen), 0);
	assert_int_equal(seen.count, ARRAY_SIZE(want));
	assert_memory_equal(seen.values, want, sizeof(want));
}

static void test_list_at_the_largest_number(void **state)
{
	struct seen seen = {};

	assert_int_equal(
		parse_list("18446744073709551614-18446744073709551615", UINT64_MAX, see, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_true(seen.values[1] == UINT64_MAX);
}

static void test_list_stops_when_told(void **state)
{
	struct seen seen = {.stop_at = 2};

	assert_int_equal(parse_list("0-3,8", 8, see, &seen), -EBUSY);
	assert_int_equal(seen.count, 2);
	seen = (struct seen){.stop_at = 4};
	assert_int_equal(parse_list("0-3,8", 8, see, &seen), -EBUSY);
	assert_int_equal(seen.count, 4);
}

static void test_list_refuses(void **state)
{
	static const struct example examples[] = {
		BAD("", -EINVAL),
		BAD(",", -EINVAL),
		BAD("1,", -EINVAL),
		BAD(",1", -EINVAL),
		BAD("1,,2", -EINVAL),
		BAD("1-", -EINVAL),
		BAD("-1", -EINVAL),
		BAD("3-1", -EINVAL),
		BAD("1-2-3", -EINVAL),
		BAD("1 ,2", -EINVAL),
		BAD("a", -EINVAL),
		BAD("0x1", -EINVAL),
		BAD("9", -ERANGE),
		BAD("7-9", -ERANGE),
		BAD("9-7", -EINVAL),
		BAD("1;2", -EINVAL),
		BAD("18446744073709551616", -ERANGE),
	};

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		struct seen seen = {};
		int err = parse_list(examples[i].text, 8, see, &seen);

		if (err != examples[i].err)
			fail_msg("'%s': returned %d", examples[i].text, err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_at_the_largest_number),
		cmocka_unit_test(test_list_stops_when_told),
		cmocka_unit_test(test_list_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
