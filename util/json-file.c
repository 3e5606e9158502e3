// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that is one JSON object, replaced as a whole.
 *
 * A run writes its files for scripts (--result, --boot-trace) twice. The first time is when the
 * option is parsed: a path that cannot be written is found before any machine exists, and the file
 * of an older run is never taken for this run's. The second time is at the end. Each version is
 * written to a temporary file in the same folder, which is then renamed: a reader sees one complete
 * object, the old one or the new one.
 *
 * Strings may come from a guest and hold any bytes. Bytes that are not UTF-8 become U+FFFD, so that
 * the file is always valid JSON. All control characters in strings are escaped, so that a terminal
 * which shows the file does not obey them.
 *
 * A path that is "-" is refused: standard output is the guest's console.
 *
 * Main thread.
 *
 * Spec: RFC 8259 (JSON), RFC 3629 (UTF-8).
 */
#include <kvm/json-file.h>

#include <kvm/log.h>
#include <kvm/printable.h>
#include <kvm/types.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

json_t *json_file_string(const char *text, size_t len)
{
	char *clean = malloc(3 * len + 1);
	size_t used = 0;
	json_t *string;

	if (!clean)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t bytes = printable_sequence(text + i, len - i);

		memcpy(clean + used, bytes ? text + i : "\xef\xbf\xbd", bytes ?: 3);
		used += bytes ?: 3;
		i += bytes ?: 1;
	}
	string = json_stringn(clean, used);
	free(clean);
	return string;
}

/*
 * Escape DEL and the C1 controls: JSON allows them in a string, but terminals obey them. Replacing
 * them in the whole text is safe: each has only one form in UTF-8, and none is part of JSON outside
 * a string.
 */
static void json_file_escape(char *to, const char *text)
{
	while (*text) {
		const u8 *at = (const u8 *)text;
		bool c1 = at[0] == 0xc2 && at[1] < 0xa0;

		if (c1 || at[0] == 0x7f) {
			to += sprintf(to, "\\u00%02x", c1 ? at[1] : at[0]);
			text += c1 ? 2 : 1;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

char *json_file_text(const json_t *object)
{
	char *dump = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	char *text = dump ? malloc(strlen("\\uNNNN") * strlen(dump) + 1) : NULL;

	if (text)
		json_file_escape(text, dump);
	free(dump);
	return text;
}

int json_file_print(const json_t *object)
{
	char *text = json_file_text(object);
	int err = text ? 0 : -ENOMEM;

	if (!err)
		puts(text);
	free(text);
	return err;
}

static int json_file_create(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
}

static int json_file_replace(const char *path, const char *text)
{
	char temporary[PATH_MAX];
	int fd, err;

	if (snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid()) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = json_file_create(temporary);
	/* Left by a killed run with the same process ID, or a link, which must not be followed. */
	if (fd < 0 && errno == EEXIST && !unlink(temporary))
		fd = json_file_create(temporary);
	if (fd < 0)
		return -errno;
	err = write_full(fd, text, strlen(text));
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && rename(temporary, path) < 0)
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

int json_file_put(const char *path, const json_t *object)
{
	char *text = json_file_text(object);
	int err = text ? json_file_replace(path, text) : -ENOMEM;

	free(text);
	return err;
}

int json_file_write(const char *option, const char *path, const json_t *object)
{
	int err = json_file_put(path, object);

	if (err)
		log_error("--%s %s: cannot be written: %s", option, path, strerror(-err));
	return err;
}

/*
 * True if the file may be replaced: it begins as JSON does, is empty, or cannot be opened. Else the
 * user may have typed the name of a kernel or a disk.
 */
static bool json_file_may_go(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char first = '{';
	bool may = fd < 0 || read(fd, &first, 1) < 1 || first == '{' || first == '[';

	if (fd >= 0)
		close(fd);
	return may;
}

int json_file_start(const char *option, const char **path, const char *arg, json_t *first)
{
	struct stat st;
	int err = 0;

	/* The last option counts. Remove the file of an earlier one: no one would complete it. */
	if (*path)
		unlink(*path);
	*path = NULL;
	if (arg && !strcmp(arg, "-"))
		err = log_fail(
			-EINVAL,
			"--%s -: standard output is the guest's console; name a file (./- for "
			"one of this name)",
			option);
	else if (arg && !stat(arg, &st) && !S_ISREG(st.st_mode))
		err = log_fail(-ENOTSUP, "--%s %s: is not a regular file", option, arg);
	else if (arg && !json_file_may_go(arg))
		err = log_fail(
			-EEXIST,
			"--%s %s: exists and is not a JSON file; remove it or choose another",
			option, arg);
	else if (arg)
		err = json_file_write(option, arg, first);
	/* After a failure, which was reported above, *path stays NULL: no second try at the end. */
	if (!err)
		*path = arg;
	json_decref(first);
	return err;
}
