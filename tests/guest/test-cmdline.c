// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins guest/cmdline.c: words, quotes, and which of several counts.
 */
#include "guest-fixture.h"

#include "guest/cmdline.h"

/* All words, each followed by a |. */
static void assert_words(const char *text, const char *words)
{
	char all[512] = "", word[64];

	while (cmdline_next(&text, word, sizeof(word))) {
		strcat(all, word);
		strcat(all, "|");
	}
	assert_string_equal(all, words);
}

static void test_words(void **state)
{
	assert_words("", "");
	assert_words("  \t\n ", "");
	assert_words("quiet", "quiet|");
	assert_words(" ro  root=/dev/vda\trw\n", "ro|root=/dev/vda|rw|");
	assert_words("a -- b", "a|");
	assert_words("a --b -- c", "a|--b|");
	assert_words("a=-- b", "a=--|b|");
}

static void test_quotes(void **state)
{
	assert_words("root=\"LABEL=my disk\" ro", "root=LABEL=my disk|ro|");
	assert_words("\"root=LABEL=my disk\" ro", "root=LABEL=my disk|ro|");
	assert_words("a=b\" \"c d", "a=b\" \"c|d|");
	assert_words("a=\"\" b=\"", "a=|b=|");
	assert_words("\"", "|");
	assert_words("\"a", "a|");
	assert_words("\"\" b", "|b|");
	assert_words("a=\"b c", "a=b c|");
	/* Inside quotes it is a word like others. */
	assert_words("\"x -- y\" z", "x -- y|z|");
}

static void test_a_long_word_is_cut_off(void **state)
{
	const char *text = "0123456789 b";
	char word[4];

	assert_true(cmdline_next(&text, word, sizeof(word)));
	assert_string_equal(word, "012");
	assert_true(cmdline_next(&text, word, sizeof(word)));
	assert_string_equal(word, "b");
	assert_false(cmdline_next(&text, word, sizeof(word)));
}

static void test_the_last_one_counts(void **state)
{
	char value[32] = "old";

	assert_true(cmdline_find("root=a root=b xroot=c -- root=d", "root", value, 32));
	assert_string_equal(value, "b");
	assert_true(cmdline_find("rootwait=3 rootwait", "rootwait", value, 32));
	assert_string_equal(value, "");
	assert_false(cmdline_find("rootwaiting rootwai", "rootwait", value, 32));
	assert_string_equal(value, "");
	assert_true(cmdline_find("root=0123", "root", value, 3));
	assert_string_equal(value, "01");
}

static void test_ro_and_rw(void **state)
{
	assert_true(cmdline_last_is("ro", "ro", "rw"));
	assert_true(cmdline_last_is("rw quiet ro x", "ro", "rw"));
	assert_false(cmdline_last_is("ro rw", "ro", "rw"));
	assert_false(cmdline_last_is("", "ro", "rw"));
	assert_false(cmdline_last_is("ro=1 -- ro", "ro", "rw"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(test_words),
		GUEST_TEST(test_quotes),
		GUEST_TEST(test_a_long_word_is_cut_off),
		GUEST_TEST(test_the_last_one_counts),
		GUEST_TEST(test_ro_and_rw),
	};

	return cmocka_run_group_tests_name("cmdline", tests, NULL, NULL);
}
