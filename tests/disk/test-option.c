// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/option.c: what --disk takes, and the one line for what it does not.
 */
#include "tests/disk/fixture.h"
#include <errno.h>

static struct disk_options options;

static int parse(const char *text)
{
	free(options.path);
	logged.lines = 0;
	return disk_parse_options(text, &options);
}

static void test_defaults(void **state)
{
	assert_int_equal(parse("rootfs.img"), 0);
	assert_string_equal(options.path, "rootfs.img");
	assert_int_equal(options.format, DISK_FORMAT_AUTO);
	assert_int_equal(options.cache, DISK_CACHE_WRITEBACK);
	assert_int_equal(options.aio, DISK_AIO_AUTO);
	assert_int_equal(options.queues, 1);
	assert_int_equal(options.block_bytes, 512);
	assert_true(options.discard);
	assert_false(options.read_only);
	assert_false(options.snapshot);
	assert_string_equal(options.serial, "");
	assert_int_equal(logged.lines, 0);
}

static void test_everything(void **state)
{
	assert_int_equal(parse("a b,format=raw,ro,cache=none,aio=libaio,queues=4,discard=off,"
			       "serial=12345678901234567890,snapshot,block=4096"),
			 0);
	assert_string_equal(options.path, "a b");
	assert_int_equal(options.format, DISK_FORMAT_RAW);
	assert_int_equal(options.cache, DISK_CACHE_NONE);
	assert_int_equal(options.aio, DISK_AIO_LIBAIO);
	assert_int_equal(options.queues, 4);
	assert_int_equal(options.block_bytes, 4096);
	assert_false(options.discard);
	assert_true(options.read_only);
	assert_true(options.snapshot);
	assert_string_equal(options.serial, "12345678901234567890");
	assert_int_equal(parse("x,format=qcow2,cache=unsafe,aio=threads,discard=on"), 0);
	assert_int_equal(options.format, DISK_FORMAT_QCOW2);
	assert_int_equal(options.cache, DISK_CACHE_UNSAFE);
	assert_int_equal(options.aio, DISK_AIO_THREADS);
	assert_true(options.discard);
	assert_int_equal(parse("x,aio=io_uring,cache=writeback"), 0);
	assert_int_equal(options.aio, DISK_AIO_IO_URING);
	assert_int_equal(parse("x,block=512"), 0);
	assert_int_equal(options.block_bytes, 512);
	/* A comma at the end is nothing. */
	assert_int_equal(parse("x,ro,"), 0);
}

static void test_commas_in_the_path(void **state)
{
	assert_int_equal(parse("a,,b,,,ro"), 0);
	assert_string_equal(options.path, "a,b,");
	assert_true(options.read_only);
	assert_int_equal(parse(",,"), 0);
	assert_string_equal(options.path, ",");
}

static void assert_refused(const char *text, const char *line)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_null(options.path);
	assert_int_equal(logged.lines, 1);
	assert_line("disk x: ");
	assert_line(line);
}

static void test_refusals(void **state)
{
	assert_refused("x,foo", "unknown option 'foo'; there are format=");
	assert_refused("x,foo=bar", "unknown option 'foo=bar'");
	assert_refused("x,formats=raw", "unknown option 'formats=raw'");
	assert_refused("x,ro,,ro", "unknown option ''");
	assert_refused("x,=raw", "unknown option '=raw'");
	assert_refused("x,format", "format= takes raw or qcow2; got ''");
	assert_refused("x,format=vmdk", "format= takes raw or qcow2; got 'vmdk'");
	assert_refused("x,cache=on", "cache= takes writeback, none or unsafe; got 'on'");
	assert_refused("x,aio=native", "aio= takes io_uring, libaio or threads; got 'native'");
	assert_refused("x,discard=", "discard= takes on or off; got ''");
	assert_refused("x,queues=0", "queues= takes 1 to 16; got '0'");
	assert_refused("x,queues=17", "got '17'");
	assert_refused("x,queues=4x", "got '4x'");
	assert_refused("x,serial=123456789012345678901", "serial= takes 1 to 20");
	assert_refused("x,serial=", "serial= takes");
	assert_refused("x,serial=a b", "serial= takes");
	assert_refused("x,ro=on", "ro takes no value; got 'on'");
	assert_refused("x,ro,ro", "ro is given twice");
	assert_refused("x,cache=none,cache=unsafe", "cache is given twice");
	assert_refused("x,aio=libaio", "aio=libaio works with cache=none alone");
}

static void test_value_of_any_length(void **state)
{
	char text[300] = "x,format=";

	memset(text + strlen(text), 'r', 200);
	assert_refused(text, "format= takes raw or qcow2; got 'rrrr");
}

/* The line of these is the option parser's. */
static void test_no_path(void **state)
{
	assert_int_equal(parse(""), -EINVAL);
	assert_int_equal(logged.lines, 0);
	assert_int_equal(parse(",ro"), -EINVAL);
	assert_int_equal(logged.lines, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults), TEST(test_everything),	     TEST(test_commas_in_the_path),
		TEST(test_refusals), TEST(test_value_of_any_length), TEST(test_no_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
