// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins guest/shell-parse.c: which lines lkvm's own shell takes, and by which name it refuses the
 * others. What a line does is tests/guest/test-shell.c's.
 */
#include "guest/shell-parse.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct refusal {
	const char *text, *what;
};

static void assert_refused(const struct refusal *refusal, bool unsupported)
{
	struct shell_problem problem;

	if (shell_parse(refusal->text, &problem))
		fail_msg("'%s' is taken", refusal->text);
	if (!strstr(problem.what, refusal->what) || problem.unsupported != unsupported)
		fail_msg("'%s': %s%s", refusal->text, problem.what,
			 problem.unsupported ? " (unsupported)" : "");
}

static void test_taken(void **state)
{
	static const char *const texts[] = {
		"",
		"   # only a comment",
		"echo ok && exit 5",
		"a || b && c ; d & e",
		"a | b | c",
		"! a | b",
		"! (a)",
		"(a; b) >f 2>&1 | { c; d; } <g",
		"{ a; }; ( (b) )",
		"A=1 B=\"x $A\" c >>f 3<>g 4<&- 5>|h <i",
		"echo a#b } ] { if then 'while' \\` '`' '$('",
		"echo \"a\\\"b\" 'c\"$(d)' \\$\\(f\\) $? $$ $! $# $0 ${A} ${?} ${10} $A$ \"$\" a=b",
		"\"if\" x; \\while y; A=if b",
		"a\\\nb &&\n\n# comment\nc |\nd\n\ne\n",
		"[ -e f ] && test x != y",
		"e{cho,x} a~b ~ ~/x *.c [a-z]?",
		">f",
		"A=",
		"a;",
		"a &",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct shell_problem problem;
		struct shell_program *program = shell_parse(texts[i], &problem);

		if (!program)
			fail_msg("'%s': %s", texts[i], problem.what);
		shell_parse_free(program);
	}
}

static void test_unsupported(void **state)
{
	static const struct refusal refusals[] = {
		{"while true; do a; done", "a loop (while)"},
		{"a; until b; do c; done", "a loop (until)"},
		{"a && for i in 1 2; do b; done", "a loop (for)"},
		{"(if a; then b; fi)", "a condition (if)"},
		{"a | case $b in c) d;; esac", "a condition (case)"},
		{"A=1 while a", "a loop (while)"},
		{"[[ a = b ]]", "a condition ([[)"},
		{"f() { a; }", "a function"},
		{"f () { a; }", "a function"},
		{"function f { a; }", "a function"},
		{"echo $(a)", "command substitution ($(...))"},
		{"echo \"x $(a)\"", "command substitution ($(...))"},
		{"A=`b`", "command substitution (`...`)"},
		{"echo \"`b`\"", "command substitution (`...`)"},
		{">$(a)", "command substitution ($(...))"},
		{"echo $((1 + 1))", "arithmetic ($((...)))"},
		{"((1 + 1))", "arithmetic ((...))"},
		{"echo ${A:-b}", "an operation on a variable (${...})"},
		{"echo \"${#A}\"", "an operation on a variable (${...})"},
		{"echo ${A", "an operation on a variable (${...})"},
		{"echo \"$@\"", "$@"},
		{"echo $*", "$*"},
		{"echo $'a'", "$'...'"},
		{"cat <<END\na\nEND\n", "a here-document (<<)"},
		{"cat <<<a", "a here-document (<<)"},
		{"cat <(a)", "process substitution"},
		{"a &>b", "a redirection of both outputs (&>)"},
		{"a |& b", "a pipe for both outputs (|&)"},
		{"a 12>b", "a descriptor above 9"},
		{"echo ~joe/a", "a user's home (~USER)"},
		{"IFS=: a", "another IFS"},
		{"a; trap b EXIT", "the command 'trap'"},
		{"{ eval a; }", "the command 'eval'"},
		{". ./a", "the command '.'"},
		{"set -e; a", "the command 'set'"},
	};

	for (size_t i = 0; i < COUNT(refusals); i++)
		assert_refused(&refusals[i], true);
}

static void test_wrong(void **state)
{
	static const struct refusal refusals[] = {
		{"echo 'a", "a quote (') is not closed"},
		{"echo \"a", "a quote (\") is not closed"},
		{"echo \"a\\\"", "a quote (\") is not closed"},
		{"echo a\\", "a backslash at the end"},
		{"echo \"a\\", "a backslash at the end"},
		{"a &&", "a command is missing at the end"},
		{"a || ; b", "';' is not expected there"},
		{"| a", "'|' is not expected there"},
		{"&& a", "'&&' is not expected there"},
		{"a ;; b", "';;' is not expected there"},
		{"a & & b", "'&' is not expected there"},
		{"a |", "a command is missing at the end"},
		{"a\n&& b", "'&&' is not expected there"},
		{"!", "a command is missing at the end"},
		{"! ! a", "'!' is not expected there"},
		{"! ; a", "';' is not expected there"},
		{"(a", "a ( is not closed"},
		{"()", "')' is not expected there"},
		{"a)", "')' is not expected there"},
		{"a b (c)", "'(' is not expected there"},
		{"A=(a b)", "'(' is not expected there"},
		{"(a) b", "'b' is not expected there"},
		{"{ a; } (b)", "'(' is not expected there"},
		{"{ a }", "a { is not closed"},
		{"{ a; ", "a { is not closed"},
		{"{ }", "'}' is not expected there"},
		{"a; }", "'}' is not expected there"},
		{"then a", "'then' is not expected there"},
		{"a >", "a redirection has no file"},
		{"a > ; b", "a redirection has no file"},
		{"a >&b", ">& and <& are followed by a number"},
		{"a 2>&12", ">& and <& are followed by a number"},
	};

	for (size_t i = 0; i < COUNT(refusals); i++)
		assert_refused(&refusals[i], false);
}

static char *repeated(const char *text, size_t times)
{
	size_t len = strlen(text);
	char *all = malloc(len * times + 1);

	assert_non_null(all);
	for (size_t i = 0; i < times; i++)
		memcpy(all + i * len, text, len);
	all[len * times] = 0;
	return all;
}

/* Long is no problem, and deep is one, not a crash. */
static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		bool taken;
	} cases[] = {{"(a);", true}, {"{ a;}\n", true}, {"a;", true},	{"a&", true},
		     {"a\n", true},  {"a ", true},	{">a ", true},	{"$a", true},
		     {"A=b ", true}, {"(", false},	{"( ", false},	{"{ ", false},
		     {"((", false},  {"a|", false},	{"a&&", false}, {"! ", false}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = repeated(cases[i].text, 20000);
		struct shell_problem problem;
		struct shell_program *program = shell_parse(text, &problem);

		assert_int_equal(program != NULL, cases[i].taken);
		if (!program)
			assert_true(problem.what[0]);
		shell_parse_free(program);
		free(text);
	}
}

/* 64 levels can be run; the 65th is refused. */
static void test_depth(void **state)
{
	char text[3 * 65 + 2] = "";
	struct shell_problem problem;
	struct shell_program *program;

	memset(text, ' ', sizeof(text) - 1);
	for (size_t i = 0; i < 64; i++) {
		text[2 * i] = '(';
		text[129 + i] = ')';
	}
	text[128] = 'a';
	program = shell_parse(text, &problem);
	assert_non_null(program);
	shell_parse_free(program);
	text[128] = '(';
	assert_null(shell_parse(text, &problem));
	assert_string_equal(problem.what, "it is nested too deeply");
}

/* What pieces become. */
static void test_tree(void **state)
{
	struct shell_problem problem;
	struct shell_program *program = shell_parse("A=b c d >e && ! (f) & g", &problem);
	const struct shell_node *list, *chain, *command, *second;

	assert_non_null(program);
	list = shell_parse_list(program);
	assert_int_equal(list->kind, SHELL_LIST);
	chain = list->children;
	assert_true(chain->background);
	assert_false(chain->next->background);
	assert_null(chain->next->next);
	command = chain->children->children;
	assert_int_equal(command->kind, SHELL_COMMAND);
	assert_memory_equal(command->assignments->name, "A=b", 3);
	assert_int_equal(command->assignments->name_len, 1);
	assert_int_equal(command->assignments->len, 1);
	assert_memory_equal(command->words->next->text, "d >e", 4);
	assert_int_equal(command->words->next->len, 1);
	assert_int_equal(command->redirects->direction, SHELL_OUT);
	assert_int_equal(command->redirects->fd, 1);
	second = chain->children->next;
	assert_int_equal(second->join, SHELL_IF_TRUE);
	assert_true(second->negated);
	assert_int_equal(second->children->kind, SHELL_SUBSHELL);
	shell_parse_free(program);
	program = shell_parse(" # nothing", &problem);
	assert_null(shell_parse_list(program));
	shell_parse_free(program);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken), cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_wrong), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_depth), cmocka_unit_test(test_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
