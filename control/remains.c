// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that a detached machine leaves in the runtime directory, for lkvm wait, logs and rm.
 *
 * NAME.json is the run's result, the object of --result. From the start on its "reason" is
 * "running"; if it still is when no process holds the name, the machine was killed. NAME.log has
 * the guest's console and lkvm's messages. Both stay until the next machine of that name starts, or
 * until lkvm rm.
 *
 * The log is at most 1 MiB. When it is full, its next version starts with the newer part of it and
 * replaces it by rename(). A process that still has the old file open reads it to its end; then it
 * calculates the same place in the new file from remains_log_cut(). The cut is at the first line
 * that begins after the first half.
 *
 * Any thread; nothing here keeps state.
 */
#include <kvm/remains.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX	       ".json"
#define LINE_MAX_BYTES 4096 /* a longer line is cut in the middle */

void remains_file(char file[RUNTIME_FILE_MAX], const char *name, const char *suffix)
{
	snprintf(file, RUNTIME_FILE_MAX, "%.*s%s", RUNTIME_NAME_MAX, name, suffix);
}

int remains_remove(int dir, const char *name)
{
	static const char *const suffixes[] = {SUFFIX, ".log", REMAINS_LOG_NEW};
	char file[RUNTIME_FILE_MAX];
	int err = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		remains_file(file, name, suffixes[i]);
		if (!unlinkat(dir, file, 0))
			err = 0;
	}
	return err;
}

off_t remains_log_cut(int fd)
{
	char text[LINE_MAX_BYTES];
	ssize_t len = pread(fd, text, sizeof(text), REMAINS_LOG_MAX / 2);
	const char *end = len > 0 ? memchr(text, '\n', (size_t)len) : NULL;

	return (off_t)(REMAINS_LOG_MAX / 2) + (end ? end + 1 - text : 0);
}

json_t *remains_result(int dir, const char *name)
{
	char file[RUNTIME_FILE_MAX];
	json_t *result;
	const char *reason;
	int fd;

	remains_file(file, name, SUFFIX);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	result = json_loadfd(fd, JSON_DISABLE_EOF_CHECK, NULL);
	close(fd);
	reason = json_string_value(json_object_get(result, "reason"));
	if (reason &&
	    (!strcmp(reason, "running") || json_is_integer(json_object_get(result, "status"))))
		return result;
	json_decref(result);
	return NULL;
}

int remains_for_each(int dir, void (*fn)(int dir, const char *name, void *arg), void *arg)
{
	return runtime_dir_for_each(dir, SUFFIX, fn, arg);
}
