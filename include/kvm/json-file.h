/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file that is one JSON object, replaced as a whole. util/json-file.c. Main thread.
 */
#ifndef KVM_JSON_FILE_H
#define KVM_JSON_FILE_H

#include <jansson.h>
#include <stddef.h>

/* Any bytes as a JSON string; bytes that are not UTF-8 become U+FFFD. A new reference, or NULL. */
json_t *json_file_string(const char *text, size_t len);

/*
 * The object as text, with no control character except newlines. The caller frees it. NULL: failed.
 */
char *json_file_text(const json_t *object);

/* Print the same text and a newline to standard output, buffered. 0 or -ENOMEM. */
int json_file_print(const json_t *object);

/*
 * Replace the file at path by object, which stays the caller's. If object is NULL: -ENOMEM. 0 or
 * -errno; prints nothing.
 */
int json_file_put(const char *path, const json_t *object);

/* Like json_file_put(), but a failure prints a log_error() that names --option and path. */
int json_file_write(const char *option, const char *path, const json_t *object);

/*
 * Handle an option --NAME FILE (arg NULL: --no-NAME). *path is the file of an earlier such option,
 * which is removed, or NULL. The new file is written with first, whose reference is taken, and
 * becomes *path; *path is NULL on failure. 0 or -errno after log_error().
 */
int json_file_start(const char *option, const char **path, const char *arg, json_t *first);

#endif
