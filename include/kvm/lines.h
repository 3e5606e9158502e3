/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The console as lines: the last 200 of them, and which are the kernel's. lines.c.
 */
#ifndef KVM_LINES_H
#define KVM_LINES_H

#include <kvm/heard.h>
#include <kvm/types.h>

#define LINES_KEPT	200
#define LINES_MAX_BYTES HEARD_LINE_MAX

/* Who wrote it, as far as can be told. Each has a line of its own that is not finished. */
enum lines_source {
	LINES_PROGRAM, /* a program of the guest: no line of the kernel, whatever it says */
	LINES_KERNEL,
	LINES_UNKNOWN, /* hvc0: may be the kernel */
	LINES_SOURCES,
};

/*
 * Take console output up to the end of a line, or all of it. Returns how many bytes. *kernels: it
 * was the end of a line that the kernel may have written, and copy is that line. The caller
 * serialises (console.c, under its lock).
 */
size_t lines_take(enum lines_source source, const u8 *data, size_t len,
		  char copy[LINES_MAX_BYTES + 1], bool *kernels);

/*
 * The machine was reset: what a source has begun is a line now. True: the kernel may have written
 * it, and copy is that line. Serialised like lines_take().
 */
bool lines_cut(enum lines_source source, char copy[LINES_MAX_BYTES + 1]);

/* The kept lines, oldest first, then the unfinished ones, if any; not terminated by \n. */
void lines_for_each(void (*fn)(const char *line, size_t len, void *arg), void *arg);

/* Copy the last line that has a visible character, also an unfinished one; "" if there is none. */
void lines_last(char *line, size_t size);

#endif
