/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lkvm logged: one recorder for all unit tests. log-record.c.
 */
#ifndef TESTS_LOG_RECORD_H
#define TESTS_LOG_RECORD_H

#include <kvm/log.h>

#include <stdatomic.h>

/* Since log_record(). A test may set the members itself, for example lines to 0. */
extern struct logged {
	atomic_uint lines;
	char first[LOG_TEXT_MAX]; /* with its prefix, without the newline */
	char last[LOG_TEXT_MAX];
} logged;

/* Forget what was recorded; from now on lines are recorded and not printed. Any thread may log. */
void log_record(void);

/* Is text in the last line? For while another thread may log. */
bool log_recorded(const char *text);

/* Lines go to standard error again. What was recorded stays. */
void log_record_end(void);

#endif
