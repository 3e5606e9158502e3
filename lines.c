// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's console, seen as lines.
 *
 * Two readers want lines rather than bytes: the result file, which ends with the
 * last 200 of them, and the watch for a panic. Bytes are collected into the
 * current line; at a newline the line is looked at and becomes history. Carriage
 * returns are dropped; a line longer than LINES_MAX_BYTES keeps its beginning.
 *
 * A panic is a line that starts, after printk's time stamp and caller, with
 * "Kernel panic - not syncing"; its trace is over at "---[ end Kernel panic".
 * Only the start of a line counts, so that a user who prints the words in the
 * middle of a line ends nothing. A guest can of course lie about its own panic,
 * as it can about its exit status.
 *
 * Likewise "Run /init as init process" says that init begins, where the kernel's log
 * is shown and the chip has not told it already (console_opened()).
 *
 * Called under the console's lock on vCPU threads: no system call here, but for the
 * kicks of kvm_end() when a panic's trace is over. History
 * is read by the main thread after the vCPUs have stopped.
 */
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/phase.h>

#include <string.h>

#define SLOTS (LINES_KEPT + 1) /* and the line that is being written */

struct kept_line {
	u16 len;
	char text[LINES_MAX_BYTES + 1];
};

static struct {
	struct kept_line kept[SLOTS];
	unsigned int next; /* where the current line is being written */
	unsigned int full; /* finished lines, at most LINES_KEPT */
} lines;

/* Past "[    1.234567] " or "[    1.234567][    T1] ": one blank behind the last. */
static const char *lines_skip_stamps(const char *text)
{
	while (*text == '[') {
		const char *close = strchr(text, ']');

		if (!close || (close[1] != ' ' && close[1] != '['))
			break;
		text = close + (close[1] == ' ' ? 2 : 1);
	}
	return text;
}

static bool lines_starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* "Run PATH as init process" */
static bool lines_says_init(const char *text)
{
	static const char tail[] = " as init process";
	size_t len = strlen(text);

	return lines_starts_with(text, "Run /") && len > strlen(tail) &&
	       !strcmp(text + len - strlen(tail), tail);
}

static void lines_finish(struct kvm *kvm)
{
	struct kept_line *line = &lines.kept[lines.next];
	const char *text;

	line->text[line->len] = '\0';
	text = lines_skip_stamps(line->text);
	lines.next = (lines.next + 1) % SLOTS;
	lines.full = MIN(lines.full + 1, (unsigned int)LINES_KEPT);
	lines.kept[lines.next].len = 0;

	if (lines_starts_with(text, "Kernel panic - not syncing"))
		kvm_panic(kvm, text);
	else if (lines_says_init(text))
		phase_mark(PHASE_INIT);
	else if (lines_starts_with(text, "---[ end Kernel panic"))
		kvm_panic_done(kvm);
}

void lines_feed(struct kvm *kvm, const u8 *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct kept_line *line = &lines.kept[lines.next];

		if (data[i] == '\n')
			lines_finish(kvm);
		else if (data[i] != '\r' && line->len < LINES_MAX_BYTES)
			line->text[line->len++] = (char)data[i];
	}
}

void lines_finish_partial(struct kvm *kvm)
{
	if (lines.kept[lines.next].len)
		lines_finish(kvm);
}

void lines_for_each(void (*fn)(const char *line, size_t len, void *arg), void *arg)
{
	unsigned int first = (lines.next + SLOTS - lines.full) % SLOTS;

	for (unsigned int i = 0; i < lines.full; i++) {
		const struct kept_line *line = &lines.kept[(first + i) % SLOTS];

		fn(line->text, line->len, arg);
	}
	if (lines.kept[lines.next].len)
		fn(lines.kept[lines.next].text, lines.kept[lines.next].len, arg);
}
