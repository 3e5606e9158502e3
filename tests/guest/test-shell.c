// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins the shell of lkvm's init, guest/shell.c, shell-run.c, shell-expand.c and shell-test.c:
 * what a line prints and its status. Built for the host here; the lines are plain POSIX shell, so
 * /bin/sh must agree with each, but where it says otherwise.
 */
#include "guest-fixture.h"

#include "guest/init.h"
#include "guest/shell-run.h"

#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct line {
	const char *text;
	int status;
	const char *output; /* standard output and error */
};

/* One line, run in the folder by lkvm's shell or by /bin/sh: its status; its words in output. */
static int run(const char *text, bool ours, char *output, size_t bytes)
{
	int fd = open(put("output", ""), O_RDWR | O_TRUNC | O_APPEND | O_CLOEXEC), status;
	pid_t child = fork();
	ssize_t len;

	assert_true(fd >= 0 && child >= 0);
	if (!child) {
		if (chdir(folder) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(99);
		close(fd);
		alarm(20); /* a pipeline that never ends is a failure */
		setenv("HOME", "/home/joe", 1);
		if (ours)
			_exit(shell_line(strdup(text)));
		execl("/bin/sh", "sh", "-c", text, (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	len = pread(fd, output, bytes - 1, 0);
	assert_true(len >= 0);
	output[len] = 0;
	close(fd);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void check(const struct line *line, bool ours)
{
	char output[4096];
	int status = run(line->text, ours, output, sizeof(output));

	if (status != line->status || strcmp(output, line->output) != 0)
		fail_msg("%s: '%s': status %d, '%s'", ours ? "lkvm" : "/bin/sh", line->text, status,
			 output);
}

static void check_posix(const struct line *table, size_t count)
{
	put("a.txt", "one\n");
	put("b.txt", "two\n");
	for (size_t i = 0; i < count; i++) {
		check(&table[i], true);
		check(&table[i], false);
	}
}

static void test_lists(void **state)
{
	static const struct line table[] = {
		{"echo ok && exit 5", 5, "ok\n"},
		{"true && echo a || echo b", 0, "a\n"},
		{"false && echo a || echo b", 0, "b\n"},
		{"false || false || echo c && echo d", 0, "c\nd\n"},
		{"true || echo a && echo b", 0, "b\n"},
		{"false; echo $?; true; echo $?", 0, "1\n0\n"},
		{"! true; echo $?; ! false; echo $?", 0, "1\n0\n"},
		{"! true || echo x", 0, "x\n"},
		{"true; false", 1, ""},
		{"exit 3; echo no", 3, ""},
		{"exit 0 && echo no", 0, ""},
		{"exit 1 || echo no", 1, ""},
		{"false; exit", 1, ""},
		{"(exit 4); echo $?", 0, "4\n"},
		{"(echo a; exit 3; echo b) || echo $?", 0, "a\n3\n"},
		{"{ echo a; exit 3; }; echo no", 3, "a\n"},
		{"! exit 6", 6, ""},
		{"exit 300", 44, ""},
		{"echo a;echo b&&echo c;", 0, "a\nb\nc\n"},
		{"echo a # b; echo c", 0, "a\n"},
		{"echo a\necho b &&\necho c\n", 0, "a\nb\nc\n"},
		{"", 0, ""},
		{"# nothing", 0, ""},
		{": a b; echo $?", 0, "0\n"},
	};

	check_posix(table, COUNT(table));
}

static void test_pipes(void **state)
{
	static const struct line table[] = {
		{"echo a b | cat", 0, "a b\n"},
		{"echo a | cat | cat | cat", 0, "a\n"},
		{"true | false", 1, ""},
		{"false | true", 0, ""},
		{"! true | false", 0, ""},
		{"exit 3 | exit 4", 4, ""},
		{"A=1; echo x | A=2; echo $A", 0, "1\n"},
		{"{ echo a; echo b; } | { cat; echo c; }", 0, "a\nb\nc\n"},
		{"(echo a; echo b 1>&2) 2>&1 | cat | cat", 0, "a\nb\n"},
		{"yes | true; echo $?", 0, "0\n"},
		{"{ cat /dev/zero; } | true; echo $?", 0, "0\n"},
		{"echo a | cat && echo b | cat", 0, "a\nb\n"},
		{"sleep 0 & wait; echo $?", 0, "0\n"},
		{"(exit 7) & wait $!; echo $?", 0, "7\n"},
		{"cat & wait; echo end", 0, "end\n"},
		{"kill -9 $$; echo no", 137, ""},
		{"(kill -TERM $$); echo no", 143, ""},
	};

	check_posix(table, COUNT(table));
}

static void test_redirections(void **state)
{
	static const struct line table[] = {
		{"echo x >o; cat o; cat <o", 0, "x\nx\n"},
		{"echo x>o;echo y>>o;cat o", 0, "x\ny\n"},
		{"{ echo a; echo b; } >o; cat o", 0, "a\nb\n"},
		{"(echo a; echo b) >o; cat <o", 0, "a\nb\n"},
		{"echo x 1>&2 2>/dev/null", 0, "x\n"},
		{"echo x 2>/dev/null 1>&2", 0, ""},
		{"cat no-such 2>/dev/null || echo $?", 0, "1\n"},
		{"exec 3>o; echo z >&3; exec 3>&-; cat o", 0, "z\n"},
		{"exec 4<a.txt; cat <&4; exec 4<&-", 0, "one\n"},
		{"A=o; echo q >$A; cat $A; cat \"$A\"", 0, "q\nq\n"},
		{"echo x >'a b'; cat 'a b'", 0, "x\n"},
		{">o; cat o; test -f o && echo empty", 0, "empty\n"},
		{">o echo first; cat o", 0, "first\n"},
		{"echo a >o; echo b 1<>o; cat o", 0, "b\n"},
		{"A=1 >o; echo $A", 0, "1\n"},
		{"exec >o; echo x; cat o 1>&2", 0, "x\n"},
	};

	check_posix(table, COUNT(table));
}

static void test_words(void **state)
{
	static const struct line table[] = {
		{"A='x  y'; echo $A \"$A\" ${A}z '$A'", 0, "x y x  y x yz $A\n"},
		{"A=' x '; echo [$A] \"[$A]\"; echo a$A\"b\"", 0, "[ x ] [ x ]\na x b\n"},
		{"A=; echo a $A b \"$A\" c", 0, "a b  c\n"},
		{"echo \\$HOME \\\"x\\\" a\\ \\ b \\a", 0, "$HOME \"x\" a  b a\n"},
		{"echo 'a'\\''b' \"it's\" 'say \"x\"'", 0, "a'b it's say \"x\"\n"},
		{"A=1 B=$A; echo $A$B${A}2", 0, "1112\n"},
		{"a=b\"c d\"'e'f; echo \"$a\"", 0, "bc def\n"},
		{"echo $ \"$\" a$ $% ${no} $no.", 0, "$ $ a$ $% .\n"},
		{"echo ~ ~/x a~ \"~\" '~'", 0, "/home/joe /home/joe/x a~ ~ ~\n"},
		{"A=~/x; echo $A", 0, "/home/joe/x\n"},
		{"echo *.txt \"*.txt\" \\*.txt ?.txt [a].txt", 0,
		 "a.txt b.txt *.txt *.txt a.txt b.txt a.txt\n"},
		{"A='*.txt'; echo $A \"$A\"; B=$A; echo \"$B\"", 0, "a.txt b.txt *.txt\n*.txt\n"},
		{"echo *.none [x", 0, "*.none [x\n"},
		{"echo a\\\nb \"c\\\nd\"", 0, "ab cd\n"},
		{"echo \"a\nb\"", 0, "a\nb\n"},
		{"echo $# $0; echo $1", 0, "0 sh\n\n"},
		{"test $$ -gt 1 && (test $$ -gt 1) && echo y", 0, "y\n"},
		{"echo [$!]", 0, "[]\n"},
		{"A='x  y'; B=$A; echo \"$B\"", 0, "x  y\n"},
		{"A=\"\\a\"; test \"$A\" = '\\a' && echo y", 0, "y\n"},
		{"echo -n a; echo b", 0, "ab\n"},
		{"\"echo\" x; e'ch'o y; A=echo; $A z", 0, "x\ny\nz\n"},
		{"echo } { if ! a=b", 0, "} { if ! a=b\n"},
	};

	check_posix(table, COUNT(table));
}

static void test_variables(void **state)
{
	static const struct line table[] = {
		{"A=1; (A=2; echo $A); echo $A", 0, "2\n1\n"},
		{"X=5; sh -c 'echo [$X]'", 0, "[]\n"},
		{"X=5; export X; sh -c 'echo [$X]'", 0, "[5]\n"},
		{"export X=5 Y='a b'; sh -c 'echo $X $Y'; X=6; sh -c 'echo $X'", 0, "5 a b\n6\n"},
		{"X=5 sh -c 'echo [$X]'; echo [$X]", 0, "[5]\n[]\n"},
		{"X=1; X=5 sh -c 'echo [$X]'; echo [$X]", 0, "[5]\n[1]\n"},
		{"X=1; X=2 echo a; echo $X", 0, "a\n1\n"},
		{"X=1; unset X; echo [$X]; unset no", 0, "[]\n"},
		{"HOME=/; echo ~; sh -c 'echo $HOME'; cd; pwd", 0, "/\n/\n/\n"},
		{"A_1b=x; echo $A_1b-", 0, "x-\n"},
	};

	check_posix(table, COUNT(table));
}

static void test_tests(void **state)
{
	static const struct line table[] = {
		{"test a = a && test a != b && [ a = a ] && echo y", 0, "y\n"},
		{"test; echo $?; test ''; echo $?; test x; echo $?", 0, "1\n1\n0\n"},
		{"test ! x; echo $?; test ! ''; echo $?; test ! = !; echo $?", 0, "1\n0\n0\n"},
		{"test -z '' && test -n x && ! test -z x && echo y", 0, "y\n"},
		{"test 1 -lt 2 && test 2 -ge 2 && test -3 -ne 3 && test 10 -gt 9 && echo y", 0,
		 "y\n"},
		{"test 1 -le 1 && test 1 -ge 1 && ! test 1 -lt 1 && ! test 1 -gt 1 && echo y", 0,
		 "y\n"},
		{"test 2 -le 1; echo $?; test 1 -eq 1; echo $?", 0, "1\n0\n"},
		{"test -f a.txt && test -e . && test -d . && ! test -f . && echo y", 0, "y\n"},
		{"test ! -f no-such && test ! a = b && echo y", 0, "y\n"},
		{"test -s a.txt && >o && ! test -s o && test -r o && ! test -x o && echo y", 0,
		 "y\n"},
		{"[ a = b ]; echo $?", 0, "1\n"},
		{"test 1 -gt x 2>/dev/null; echo $?; [ a 2>/dev/null; echo $?", 0, "2\n2\n"},
	};

	check_posix(table, COUNT(table));
}

/* What /bin/sh says in other words. */
static void test_failures(void **state)
{
	static const struct line table[] = {
		{"no-such-command", 127,
		 "lkvm: no-such-command: not found; help lists this shell's commands, and a static "
		 "busybox on the host makes a complete shell\n"},
		{"./no/such; echo $?", 0, "lkvm: ./no/such: No such file or directory\n127\n"},
		{"./a.txt; echo $?", 0, "lkvm: ./a.txt: Permission denied\n126\n"},
		{"exec no-such; echo no", 127,
		 "lkvm: no-such: not found; help lists this shell's commands, and a static busybox "
		 "on the host makes a complete shell\n"},
		{"echo x >no/such; echo $?", 0, "lkvm: no/such: No such file or directory\n1\n"},
		{"echo x >&7; echo $?", 0, "lkvm: 7: Bad file descriptor\n1\n"},
		{"sh -c : <no-such; echo $?", 0, "lkvm: no-such: No such file or directory\n1\n"},
		{"echo x >/dev/full; echo $?; echo y", 0,
		 "echo: standard output: No space left on device\n1\ny\n"},
		{"exit abc; echo no", 2,
		 "exit: abc: is not a number from 0 to 9223372036854775807\n"},
		{"exit -1", 2, "exit: -1: is not a number from 0 to 9223372036854775807\n"},
		{"while true; do x; done", 2,
		 "lkvm: a loop (while): not in this shell; a static busybox on the host makes a "
		 "complete one\n"},
		{"echo no; echo \"a", 2, "lkvm: a quote (\") is not closed\n"},
		{"export 1a=b", 1, "export: 1a: is not a name\n"},
		{"kill -NO 1 || kill 1x", 1,
		 "kill: kill [-SIGNAL] PID...\nkill: 1x: is not a number from 0 to 2147483647\n"},
		{"sleep 99999999999999999999", 1,
		 "sleep: 99999999999999999999: is not a number from 0 to 2147483647\n"},
		{"wait 1; echo $?", 0, "127\n"},
		{"sh -c 'kill -9 $$'; echo $?", 0, "137\n"},
		{"ls no-such || mkdir . || cat no-such", 1,
		 "ls: no-such: No such file or directory\nmkdir: .: File exists\n"
		 "cat: no-such: No such file or directory\n"},
	};

	put("a.txt", "one\n");
	for (size_t i = 0; i < COUNT(table); i++)
		check(&table[i], true);
}

/* A descriptor that a command was given for a moment is back as it was. */
static void test_descriptors(void **state)
{
	static const struct line table[] = {
		{"{ echo a >o; } 3>p; echo b >&3", 1, "lkvm: 3: Bad file descriptor\n"},
		{"exec 3>p; true 3>&-; echo c >&3; cat p", 0, "c\n"},
		{"true 1>&-; echo d", 0, "d\n"},
		{"ls /proc/self/fd >o; cat o | cat >/dev/null; echo e", 0, "e\n"},
	};

	for (size_t i = 0; i < COUNT(table); i++)
		check(&table[i], true);
}

/* Long pipelines and lists neither hang nor run out of descriptors. */
static void test_sizes(void **state)
{
	char text[8192] = "echo x", output[64];

	for (int i = 0; i < 60; i++)
		strcat(text, " | cat");
	assert_int_equal(run(text, true, output, sizeof(output)), 0);
	assert_string_equal(output, "x\n");
	text[0] = 0;
	for (int i = 0; i < 1000; i++)
		strcat(text, "true;");
	strcat(text, "false 3>&1 | true 4>&1; exit 8");
	assert_int_equal(run(text, true, output, sizeof(output)), 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_lists),    TEST(test_pipes),	     TEST(test_redirections),
		TEST(test_words),    TEST(test_variables),   TEST(test_tests),
		TEST(test_failures), TEST(test_descriptors), TEST(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
