/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a detached machine leaves in the runtime directory: NAME.json, NAME.log. control/remains.c.
 * Any thread; nothing here keeps state.
 */
#ifndef KVM_REMAINS_H
#define KVM_REMAINS_H

#include <kvm/runtime-dir.h>
#include <kvm/types.h>
#include <sys/types.h>

#define REMAINS_LOG_MAX MIB
#define REMAINS_LOG_NEW ".log.new" /* the log's next version, for a moment */

/* Write NAME and suffix (".json", ".log") into file. */
void remains_file(char file[RUNTIME_FILE_MAX], const char *name, const char *suffix);

/* Remove all of it. Who holds the name may. 0, or -ENOENT when there was nothing. */
int remains_remove(int dir, const char *name);

/*
 * Where the part of a full log begins that its next version starts with: a place in the file
 * open as fd that does not depend on what is written to its end.
 */
off_t remains_log_cut(int fd);

#include <jansson.h>

/*
 * How the last machine of that name ended: the object of NAME.json, whose "reason" is a string
 * and whose "status" is a number, unless the reason is "running". A new reference, or NULL when
 * there is none.
 */
json_t *remains_result(int dir, const char *name);

/* fn for each name that has a result, in order. 0, or -errno after log_error(). */
int remains_for_each(int dir, void (*fn)(int dir, const char *name, void *arg), void *arg);

#endif
