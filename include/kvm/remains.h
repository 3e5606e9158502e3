/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files that a detached machine leaves in the runtime directory: NAME.json, NAME.log.
 * control/remains.c. Any thread; keeps no state.
 */
#ifndef KVM_REMAINS_H
#define KVM_REMAINS_H

#include <kvm/runtime-dir.h>
#include <kvm/types.h>
#include <sys/types.h>

#define REMAINS_LOG_MAX MIB
#define REMAINS_LOG_NEW ".log.new" /* the log's next version, until it replaces the log */

/* Write the file name NAME and suffix (".json", ".log") into file. */
void remains_file(char file[RUNTIME_FILE_MAX], const char *name, const char *suffix);

/* Remove all these files. Only while the caller holds the name. 0, or -ENOENT if there was none. */
int remains_remove(int dir, const char *name);

/*
 * The offset in a full log at which its next version starts. It does not change when text is
 * appended to the file.
 */
off_t remains_log_cut(int fd);

#include <jansson.h>

/*
 * The result of the last machine of that name: the object of NAME.json. Its "reason" is a string;
 * its "status" is a number, unless the reason is "running". A new reference, or NULL if there is no
 * result.
 */
json_t *remains_result(int dir, const char *name);

/* Call fn for each name that has a result, in order. 0, or -errno after log_error(). */
int remains_for_each(int dir, void (*fn)(int dir, const char *name, void *arg), void *arg);

#endif
