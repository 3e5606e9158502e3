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

struct kvm;

/* Who wrote it, as far as can be told. Each has a line of its own that is not finished. */
enum lines_source {
	LINES_PROGRAM, /* a program of the guest: no line of the kernel, whatever it says */
	LINES_KERNEL,
	LINES_UNKNOWN, /* hvc0: may be the kernel */
	LINES_SOURCES,
};

/* More console output. Whoever calls serialises (console.c, under its lock). */
void lines_feed(struct kvm *kvm, enum lines_source source, const u8 *data, size_t len);

/* Unfinished lines, if any, are lines: the machine was reset. Serialised like lines_feed(). */
void lines_reset(struct kvm *kvm);

/* The kept lines, oldest first, then the unfinished ones, if any; not terminated by \n. */
void lines_for_each(void (*fn)(const char *line, size_t len, void *arg), void *arg);

/* Copy the last line that has a visible character, also an unfinished one; "" if there is none. */
void lines_last(char *line, size_t size);

#endif
