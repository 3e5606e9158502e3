// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records what lkvm logs. Linked into each unit test; until log_record() is called, lines go to
 * standard error.
 */
#include "tests/lib/log-record.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct logged logged;

static pthread_mutex_t log_record_mutex = PTHREAD_MUTEX_INITIALIZER;

/* A thread that sees the new number of lines also sees their text: the number changes last. */
static void log_record_line(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	pthread_mutex_lock(&log_record_mutex);
	snprintf(logged.last, sizeof(logged.last), "%s", line);
	if (!logged.lines)
		memcpy(logged.first, logged.last, sizeof(logged.first));
	logged.lines++;
	pthread_mutex_unlock(&log_record_mutex);
}

void log_record(void)
{
	pthread_mutex_lock(&log_record_mutex);
	logged.lines = 0;
	logged.first[0] = '\0';
	logged.last[0] = '\0';
	pthread_mutex_unlock(&log_record_mutex);
	log_set_sink(log_record_line, NULL);
}

bool log_recorded(const char *text)
{
	bool found;

	pthread_mutex_lock(&log_record_mutex);
	found = strstr(logged.last, text);
	pthread_mutex_unlock(&log_record_mutex);
	return found;
}

void log_record_end(void)
{
	log_set_sink(NULL, NULL);
}
