// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a hostile guest's console output against console/lines.c and report/kernel-lines.c.
 *
 * An input is a list of pieces: a byte that says who writes (or that the machine is reset), a byte
 * of length, and so many bytes. Invariants, besides what the sanitizers see:
 * - each piece is taken whole, and a piece ends where a line does;
 * - the kernel's lines come one by one, as a plain record of the same bytes has them, and no line
 *   of a program comes;
 * - the history is that record's end.
 */
#include "tests/lib/fuzz.h"

#include <kvm/kernel-lines.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>

#include <string.h>

#define SOURCE_RESET LINES_SOURCES

struct text {
	size_t len;
	char bytes[LINES_MAX_BYTES];
};

/* The record: what each source has begun, and the last finished lines of `count`. */
static struct text begun[LINES_SOURCES], finished[LINES_KEPT];
static u64 count;

void kvm_panic(struct kvm *kvm, const char *line)
{
	CHECK(strlen(line) <= LINES_MAX_BYTES);
}

void kvm_panic_done(struct kvm *kvm)
{
}

static void finish(enum lines_source source)
{
	finished[count++ % LINES_KEPT] = begun[source];
	begun[source].len = 0;
}

/* The line that just ended, in the record and as lines.c gave it. */
static void compare(const char *line)
{
	const struct text *want = &finished[(count - 1) % LINES_KEPT];
	size_t shown = strnlen(want->bytes, want->len);

	/* A guest may write NUL: the text ends there for report_line(). */
	CHECK(strlen(line) == shown);
	CHECK(!memcmp(line, want->bytes, shown));
	report_line(NULL, line);
}

static void feed(enum lines_source source, const u8 *data, size_t len)
{
	char line[LINES_MAX_BYTES + 1];

	while (len) {
		bool kernels, ended = false;
		size_t taken = lines_take(source, data, len, line, &kernels);

		CHECK(taken && taken <= len);
		for (size_t i = 0; i < taken; i++) {
			struct text *text = &begun[source];

			CHECK(!ended);
			ended = data[i] == '\n';
			if (ended)
				finish(source);
			else if (data[i] != '\r' && text->len < LINES_MAX_BYTES)
				text->bytes[text->len++] = (char)data[i];
		}
		CHECK(ended || taken == len);
		CHECK(kernels == (ended && source != LINES_PROGRAM));
		if (kernels)
			compare(line);
		data += taken;
		len -= taken;
	}
}

static void reset(void)
{
	char line[LINES_MAX_BYTES + 1];

	for (enum lines_source source = 0; source < LINES_SOURCES; source++) {
		bool unfinished = begun[source].len, kernels;

		if (unfinished)
			finish(source);
		kernels = lines_cut(source, line);
		CHECK(kernels == (unfinished && source != LINES_PROGRAM));
		if (kernels)
			compare(line);
	}
	report_reset();
}

/* arg: which finished line comes next. */
static void compare_kept(const char *line, size_t len, void *arg)
{
	u64 *next = arg;
	const struct text *want = &finished[*next % LINES_KEPT];

	if ((*next)++ >= count)
		return; /* unfinished ones */
	CHECK(len == want->len && !memcmp(line, want->bytes, len));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input input = {data, data + size};
	u64 next, unfinished = 0;
	char last[LINES_MAX_BYTES + 1];

	while (input.at < input.end) {
		unsigned int source = (unsigned int)fuzz_take(&input, 1) % (SOURCE_RESET + 1);
		size_t len = fuzz_take(&input, 1);

		len = MIN(len, (size_t)(input.end - input.at));
		if (source == SOURCE_RESET)
			reset();
		else
			feed(source, input.at, len);
		input.at += len;
	}
	for (unsigned int i = 0; i < LINES_SOURCES; i++)
		unfinished += begun[i].len != 0;
	next = count - MIN(count, (u64)LINES_KEPT);
	lines_for_each(compare_kept, &next);
	CHECK(next == count + unfinished);
	lines_last(last, sizeof(last));
	/* The next input does not depend on this one. */
	reset();
	return 0;
}
