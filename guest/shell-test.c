// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command test, also called [, of the shell of lkvm's init.
 *
 * The number of words decides how they are read, as in POSIX: one word is true if it is not empty,
 * two words are an operator and its object, three are two objects with an operator between them.
 * Before each of these forms there may be a !. -a, -o and ( are left out: && and || replace them.
 *
 * Spec: POSIX.1-2017, XCU, test.
 */
#include "shell-run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST_WRONG 2

static int test_wrong(const char *what, const char *object)
{
	fprintf(stderr, "test: %s: %s\n", object, what);
	return TEST_WRONG;
}

/* True if a file that exists is of this kind. */
static bool file_is(char kind, const struct stat *st)
{
	switch (kind) {
	case 'b':
		return S_ISBLK(st->st_mode);
	case 'c':
		return S_ISCHR(st->st_mode);
	case 'd':
		return S_ISDIR(st->st_mode);
	case 'f':
		return S_ISREG(st->st_mode);
	case 'p':
		return S_ISFIFO(st->st_mode);
	case 's':
		return st->st_size > 0;
	case 'S':
		return S_ISSOCK(st->st_mode);
	default: /* e */
		return true;
	}
}

static bool number_of(const char *text, long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	return end != text && !*end && !errno;
}

/* Test one object with an operator before it. */
static int test_one(const char *operator, const char * object)
{
	struct stat st;
	long long fd;
	char kind = operator[0] == '-' && operator[1] && !operator[2] ? operator[1] : 0;

	switch (kind) {
	case 'n':
		return !*object;
	case 'z':
		return !!*object;
	case 'r':
		return access(object, R_OK) != 0;
	case 'w':
		return access(object, W_OK) != 0;
	case 'x':
		return access(object, X_OK) != 0;
	case 'h':
	case 'L':
		return lstat(object, &st) || !S_ISLNK(st.st_mode);
	case 't':
		return !number_of(object, &fd) || fd < 0 || fd > INT_MAX || !isatty((int)fd);
	default:
		if (!kind || !strchr("bcdefpsS", kind))
			return test_wrong("is not an operator", operator);
		return stat(object, &st) || !file_is(kind, &st);
	}
}

/* Test two objects with an operator between them. */
static int test_two(const char *a, const char *operator, const char * b)
{
	static const char *const operators[] = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"};
	long long x, y;
	size_t i = 0;

	if (!strcmp(operator, "="))
		return strcmp(a, b) != 0;
	if (!strcmp(operator, "!="))
		return !strcmp(a, b);
	while (i < sizeof(operators) / sizeof(operators[0]) && strcmp(operator, operators[i]) != 0)
		i++;
	if (i == sizeof(operators) / sizeof(operators[0]))
		return test_wrong("is not an operator", operator);
	if (!number_of(a, &x) || !number_of(b, &y))
		return test_wrong("is not a number", number_of(a, &x) ? b : a);
	return !((const bool[]){x == y, x != y, x<y, x <= y, x> y, x >= y}[i]);
}

static int test_words(char **words, size_t count)
{
	int status;

	if (count == 0)
		return 1;
	if (count == 1)
		return !*words[0];
	if (!strcmp(words[0], "!") && count != 3) {
		status = test_words(words + 1, count - 1);
		return status == TEST_WRONG ? status : !status;
	}
	if (count == 2)
		return test_one(words[0], words[1]);
	if (count > 3)
		return test_wrong("is one word too many", words[3]);
	/* "! -f FILE", unless the second word is an operator for two objects. */
	if (!strcmp(words[0], "!") && strcmp(words[1], "=") != 0 && strcmp(words[1], "!=") != 0) {
		status = test_one(words[1], words[2]);
		return status == TEST_WRONG ? status : !status;
	}
	return test_two(words[0], words[1], words[2]);
}

int shell_test(char **words)
{
	size_t count = 0;

	while (words[count + 1])
		count++;
	if (!strcmp(words[0], "[")) {
		if (!count || strcmp(words[count], "]") != 0)
			return test_wrong("the last word is not ]", "[");
		count--;
	}
	return test_words(words + 1, count);
}
