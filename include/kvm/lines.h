/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The console as lines: the last 200 of them, and what the kernel says of a panic. lines.c.
 */
#ifndef KVM_LINES_H
#define KVM_LINES_H

#include <kvm/types.h>

#define LINES_KEPT	200
#define LINES_MAX_BYTES 512 /* a longer line is kept up to here */

struct kvm;

/* More console output. Whoever calls serialises (console.c, under its lock). */
void lines_feed(struct kvm *kvm, const u8 *data, size_t len);

/* The unfinished line, if any, is a line: the machine was reset. Serialised like lines_feed(). */
void lines_finish_partial(struct kvm *kvm);

/* The kept lines, oldest first, then the unfinished one, if any; not terminated by \n. */
void lines_for_each(void (*fn)(const char *line, size_t len, void *arg), void *arg);

#endif
