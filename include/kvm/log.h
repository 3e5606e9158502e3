/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lkvm's own messages on standard error, one line each: "lkvm: object: what is wrong; what would be
 * right". Any thread; a line is written with one write(2), so lines of two threads never mix.
 * util/log.c.
 */
#ifndef KVM_LOG_H
#define KVM_LOG_H

#include <errno.h>
#include <kvm/types.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are dropped. LOG_WARN at the start. */
extern enum log_level log_threshold;

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/*
 * log_error() and return err, so that "return log_fail(-EINVAL, ...)" is one statement. Prints
 * nothing for -ECANCELED (cancel.h): the code that cancelled the work prints one line.
 */
#define log_fail(err, ...) ((err) == -ECANCELED ? (void)0 : log_error(__VA_ARGS__), (err))

/* How many LOG_ERROR lines were written so far. */
unsigned long log_error_count(void);

/* Copy the first LOG_ERROR line so far, without its prefix, to text[size]; "": there is none. */
#define LOG_TEXT_MAX 1024
void log_get_first_error(char *text, size_t size);

/*
 * Tests: lines go to fn instead of standard error, with their prefix and without
 * the newline. NULL restores it.
 */
void log_set_sink(void (*fn)(enum log_level level, const char *line, void *arg), void *arg);

/*
 * For messages that a guest can trigger: at most LOG_BURST lines in 5 s for each state. The rest is
 * dropped, and the first line after the 5 s says how many were suppressed. Zero-initialise the
 * state (static); any thread.
 */
#define LOG_BURST 5
struct log_limit {
	u64 window_start_ns;
	u32 printed;
	u32 suppressed;
};

void log_line_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define log_warn_limited(limit, ...) log_line_limited(limit, LOG_WARN, __VA_ARGS__)

#endif
