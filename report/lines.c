// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's console, seen as lines.
 *
 * Two readers want lines rather than bytes: the result file, which ends with the last 200 of them,
 * and kernel-lines.c, which looks for reports of the kernel. Bytes are collected into the current
 * line; at a newline it becomes history. Carriage returns are dropped; a line longer than
 * LINES_MAX_BYTES keeps its beginning.
 *
 * Nothing is decided here: the caller gets a copy of each line that the kernel may have written,
 * and passes it to report_line() when it holds no lock (console.c).
 *
 * Each source has a current line of its own, because the kernel may print in the middle of a line
 * that a program has begun. A program may also print an old report, so report/kernel-lines.c gets
 * only whole lines of the kernel. The serial port can tell the kernel from a program, hvc0 cannot
 * (hw/serial.c). History has all lines in the order in which they were finished.
 *
 * Called under the console's lock on vCPU threads and the loop: these calls only copy memory.
 * History is read while no vCPU runs: by the main thread after the end, or by the loop while they
 * are parked.
 */
#include <kvm/lines.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct kept_line {
	u16 len;
	char text[LINES_MAX_BYTES + 1];
};

static struct {
	struct kept_line current[LINES_SOURCES];
	enum lines_source last; /* the source that wrote last */
	struct kept_line kept[LINES_KEPT];
	unsigned int next; /* where the next finished line goes */
	unsigned int full; /* finished lines, at most LINES_KEPT */
} lines;

/* End the current line. True if the kernel may have written it; then copy gets the line. */
static bool lines_finish(enum lines_source source, char *copy)
{
	struct kept_line *line = &lines.current[source], *kept = &lines.kept[lines.next];

	line->text[line->len] = '\0';
	kept->len = line->len;
	memcpy(kept->text, line->text, line->len + 1U);
	lines.next = (lines.next + 1) % LINES_KEPT;
	lines.full = MIN(lines.full + 1, (unsigned int)LINES_KEPT);
	line->len = 0;
	if (source == LINES_PROGRAM)
		return false;
	memcpy(copy, kept->text, kept->len + 1U);
	return true;
}

size_t lines_take(enum lines_source source, const u8 *data, size_t len,
		  char copy[LINES_MAX_BYTES + 1], bool *kernels)
{
	struct kept_line *line = &lines.current[source];
	size_t taken = 0;

	lines.last = source;
	*kernels = false;
	while (taken < len) {
		u8 byte = data[taken++];

		if (byte == '\n') {
			*kernels = lines_finish(source, copy);
			break;
		}
		if (byte != '\r' && line->len < LINES_MAX_BYTES)
			line->text[line->len++] = (char)byte;
	}
	return taken;
}

bool lines_cut(enum lines_source source, char copy[LINES_MAX_BYTES + 1])
{
	return lines.current[source].len && lines_finish(source, copy);
}

void lines_for_each(void (*fn)(const char *line, size_t len, void *arg), void *arg)
{
	unsigned int first = (lines.next + LINES_KEPT - lines.full) % LINES_KEPT;

	for (unsigned int i = 0; i < lines.full; i++) {
		const struct kept_line *line = &lines.kept[(first + i) % LINES_KEPT];

		fn(line->text, line->len, arg);
	}
	/* The unfinished lines follow, last the one that was written to last. */
	for (unsigned int i = 1; i <= LINES_SOURCES; i++) {
		const struct kept_line *line = &lines.current[(lines.last + i) % LINES_SOURCES];

		if (line->len)
			fn(line->text, line->len, arg);
	}
}

struct lines_found {
	const char *text;
	size_t len;
};

static void lines_find_last(const char *line, size_t len, void *arg)
{
	struct lines_found *found = arg;

	for (size_t i = 0; i < len; i++) {
		if (isgraph((unsigned char)line[i])) {
			*found = (struct lines_found){line, len};
			return;
		}
	}
}

void lines_last(char *line, size_t size)
{
	struct lines_found found = {"", 0};

	lines_for_each(lines_find_last, &found);
	snprintf(line, size, "%.*s", (int)found.len, found.text);
}
