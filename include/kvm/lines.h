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

/* Who wrote a line, as far as that is known. Each source has an unfinished line of its own. */
enum lines_source {
	LINES_PROGRAM, /* a program of the guest: never a line of the kernel, whatever the text */
	LINES_KERNEL,
	LINES_UNKNOWN, /* hvc0: may be the kernel or a program */
	LINES_SOURCES,
};

/*
 * Take console output up to the end of a line, or all of it. Returns how many bytes were taken.
 * *kernels is true if a line has ended that the kernel may have written; then copy gets that line.
 * The caller serialises (console.c, under its lock).
 */
size_t lines_take(enum lines_source source, const u8 *data, size_t len,
		  char copy[LINES_MAX_BYTES + 1], bool *kernels);

/*
 * The machine was reset: end the unfinished line of the source. True if the kernel may have written
 * that line; then copy gets it. Serialised like lines_take().
 */
bool lines_cut(enum lines_source source, char copy[LINES_MAX_BYTES + 1]);

/* The kept lines, oldest first, then the unfinished ones, if any; not terminated by \n. */
void lines_for_each(void (*fn)(const char *line, size_t len, void *arg), void *arg);

/* Copy the last line that has a visible character, also an unfinished one; "" if there is none. */
void lines_last(char *line, size_t size);

#endif
