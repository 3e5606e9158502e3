/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks on one file, for the raw format and for others that keep data in a file. disk/raw.c.
 * Loop's thread.
 */
#ifndef DISK_RAW_H
#define DISK_RAW_H

#include "request.h"

/* Carry out a task on this file, at the request's own offset, then call task->end(). */
void raw_submit(struct disk_task *task, struct disk_file *file);

/* Carry out a task by one call on a worker, which returns 0 or -errno. */
void raw_submit_call(struct disk_task *task, struct disk_file *file,
		     s64 (*call)(struct disk_job *job));

#endif
