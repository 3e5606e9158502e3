// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/printable.c: nothing that a terminal obeys gets through, and all else does.
 */
#include "tests/lib/test.h"

#include <kvm/printable.h>
#include <kvm/types.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *text, *want;
} cases[] = {
	{"", ""},
	{"plain \\ text~", "plain \\ text~"},
	{"a\x1b[2Jb\x07\x7f", "a\\x1b[2Jb\\x07\\x7f"},
	{"one\ntwo\r\t", "one\\x0atwo\\x0d\\x09"},
	{"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"},
	{"\xc2\xa0", "\xc2\xa0"},
	{"\xc2\x9b"
	 "31m",
	 "\\xc2\\x9b31m"}, /* C1's CSI */
	{"\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f"},
	{"\x9b"
	 "31m",
	 "\\x9b31m"},				      /* the same on a terminal with 8-bit codes */
	{"\xe0\x82\x9b", "\\xe0\\x82\\x9b"},	      /* overlong, for one that is lenient */
	{"\xf0\x80\x82\x9b", "\\xf0\\x80\\x82\\x9b"}, /* the same */
	{"\xed\xa0\x80", "\\xed\\xa0\\x80"},	      /* a surrogate */
	{"\xe2\x82", "\\xe2\\x82"},
	{"\xff", "\\xff"},
};

static void test_copy(void **state)
{
	char to[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = printable_copy(to, sizeof(to), cases[i].text);

		assert_string_equal(to, cases[i].want);
		assert_int_equal(len, strlen(cases[i].want));
	}
}

/* What does not fit is cut between characters, and never beyond the room that there is. */
static void test_room(void **state)
{
	char to[64];

	for (size_t size = 8; size < 40; size++) {
		memset(to, 'X', sizeof(to));
		assert_in_range(printable_copy(to, size,
					       "\xe2\x82\xac\x1b\xe2\x82\xac\x1b\xe2\x82\xac"
					       "abcdefghijkl"),
				3, size - 1);
		assert_int_equal(to[size], 'X');
		assert_int_equal(strlen(to) < size, true);
		for (const char *at = to; *at; at += printable_length(at))
			assert_true(printable_length(at) > 0);
	}
	printable_copy(to, 8, "1234");
	assert_string_equal(to, "1234");
	printable_copy(to, 8, "12345");
	assert_string_equal(to, "1234...");
	printable_copy(to, 8, "123\x1b");
	assert_string_equal(to, "123...");
}

static void test_json(void **state)
{
	json_t *value = json_pack("{s:s, s:[s, i, {s:b}], s:n}", "a\x1b", "\xc2\x9b", "list",
				  "x\ny", 7, "deep\x7f", 1, "null");
	json_t *copy = printable_json(value);
	char *text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);

	assert_string_equal(text, "{\"a\\\\x1b\":\"\\\\xc2\\\\x9b\",\"list\":[\"x\\\\x0ay\",7,"
				  "{\"deep\\\\x7f\":true}],\"null\":null}");
	free(text);
	json_decref(copy);
	/* The original stays as it was. */
	assert_string_equal(json_string_value(json_object_get(value, "a\x1b")), "\xc2\x9b");
	json_decref(value);
}

/* As deep as a hostile machine can make its answer. */
static void test_deep_json(void **state)
{
	char text[4097];
	json_t *value, *copy;

	memset(text, '[', 2047);
	memset(text + 2047, ']', 2047);
	value = json_loadb(text, 2 * 2047, 0, NULL);
	assert_non_null(value);
	copy = printable_json(value);
	assert_true(json_equal(copy, value));
	json_decref(copy);
	json_decref(value);
	memset(text, '[', 2049);
	assert_null(json_loadb(text, 2049, 0, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_deep_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
