/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file that is one JSON object, replaced as a whole. util/json-file.c. Main thread.
 */
#ifndef KVM_JSON_FILE_H
#define KVM_JSON_FILE_H

#include <jansson.h>
#include <stddef.h>

/* Any bytes as a JSON string: what is not UTF-8 becomes U+FFFD. A new reference, or NULL. */
json_t *json_file_string(const char *text, size_t len);

/* The object as text, without a control character but newlines. Freed by the caller; or NULL. */
char *json_file_text(const json_t *object);

/* The same on standard output, as it is buffered, and a newline. 0 or -ENOMEM. */
int json_file_print(const json_t *object);

/* Replace path by object, which stays the caller's; NULL is -ENOMEM. 0 or -errno, no word. */
int json_file_put(const char *path, const json_t *object);

/* The same, with a log_error() that names --option and path. */
int json_file_write(const char *option, const char *path, const json_t *object);

/*
 * An option --NAME FILE was given (arg NULL: --no-NAME). *path is what an earlier one left; that
 * file is removed. The new one is written with first, whose reference is taken, and becomes *path;
 * NULL if it cannot be. 0 or -errno after log_error().
 */
int json_file_start(const char *option, const char **path, const char *arg, json_t *first);

#endif
