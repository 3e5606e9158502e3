/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Golden files: a text that lkvm makes, committed beside the test, and compared byte by byte.
 *
 * A difference is printed and fails the test. LKVM_GOLDEN=update writes the file again, for a
 * commit that says why. Run from the top of the tree, or from where the compiler was.
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_PATH_BYTES 4096

/* What print() writes to a stream. To be freed. */
static inline char *golden_text(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	print(out);
	fclose(out);
	return text;
}

static inline char *golden_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(text);
	if (!file)
		fail_msg("%s cannot be read; run from the top of the tree", path);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

static inline void golden_show_difference(const char *path, const char *now)
{
	char command[GOLDEN_PATH_BYTES + 128];
	FILE *diff;

	snprintf(command, sizeof(command), "diff -u --label golden --label now %s - >&2", path);
	fflush(NULL);
	diff = popen(command, "w");
	if (diff) {
		fputs(now, diff);
		pclose(diff);
	}
}

/* The text that print() writes is that of the file called name, beside the test's source. */
static inline void golden_check(const char *source, const char *name, void (*print)(FILE *out))
{
	const char *mode = getenv("LKVM_GOLDEN"), *slash = strrchr(source, '/');
	char path[GOLDEN_PATH_BYTES];
	char *now = golden_text(print), *golden;

	snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - source), source, name);
	if (mode && !strcmp(mode, "update")) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(now, file);
		assert_int_equal(fclose(file), 0);
	}
	golden = golden_read(path);
	if (strcmp(golden, now) != 0) {
		golden_show_difference(path, now);
		fail_msg("%s has changed; if that is meant, run this test again with "
			 "LKVM_GOLDEN=update and commit the file",
			 name);
	}
	free(golden);
	free(now);
}

#endif
