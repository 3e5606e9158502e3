// SPDX-License-Identifier: GPL-2.0-only
/*
 * The folder of running machines: locks and control sockets.
 *
 * It is $LKVM_RUNTIME_DIR, else $XDG_RUNTIME_DIR/lkvm, else ~/.lkvm/run. Whoever starts a machine
 * makes it when it is missing, for its owner alone; whoever looks for machines does not. Files in
 * it are reached through a descriptor, so that no path has to fit anywhere: a Unix socket's
 * address has room for 108 bytes, and /proc/self/fd/N/NAME.sock always fits.
 *
 * Any thread; nothing here keeps state.
 */
#include <kvm/log.h>
#include <kvm/runtime-dir.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int runtime_dir_path(char *path, size_t size)
{
	const char *dir = getenv("LKVM_RUNTIME_DIR");
	int len;

	if (dir && dir[0])
		len = snprintf(path, size, "%s", dir);
	else if ((dir = getenv("XDG_RUNTIME_DIR")) && dir[0])
		len = snprintf(path, size, "%s/lkvm", dir);
	else if ((dir = getenv("HOME")) && dir[0])
		len = snprintf(path, size, "%s/.lkvm/run", dir);
	else
		return log_fail(-EINVAL, "no runtime directory: set LKVM_RUNTIME_DIR");
	return len < (int)size ? 0 : log_fail(-ENAMETOOLONG, "runtime directory %s: too long", dir);
}

/* mkdir -p, each new part 0700. */
static int runtime_dir_make(char *path)
{
	for (char *slash = path + 1;; slash++) {
		char at = *slash;
		int ret;

		if (at && at != '/')
			continue;
		*slash = '\0';
		ret = mkdir(path, 0700);
		*slash = at;
		if (ret < 0 && errno != EEXIST)
			return -errno;
		if (!at)
			return 0;
	}
}

int runtime_dir_open(bool make)
{
	char path[PATH_MAX];
	int fd = -1, err = runtime_dir_path(path, sizeof(path));

	if (err)
		return err;
	if (make)
		err = runtime_dir_make(path);
	if (!err) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = fd < 0 ? -errno : 0;
	}
	if (err && (make || err != -ENOENT))
		log_error("runtime directory %s: %s; LKVM_RUNTIME_DIR names another", path,
			  strerror(-err));
	return err ? err : fd;
}

int runtime_dir_check_name(const char *name)
{
	if (!name[0] || name[0] == '.' || strlen(name) > RUNTIME_NAME_MAX)
		return log_fail(-EINVAL,
				"--name takes 1 to %d characters, the first not a dot; "
				"got '%s'",
				RUNTIME_NAME_MAX, name);
	for (const char *at = name; *at; at++) {
		if (*at == '/' || (u8)*at <= ' ' || *at == 0x7f)
			return log_fail(-EINVAL,
					"--name takes no slashes, spaces or control "
					"characters; got '%s'",
					name);
	}
	return 0;
}

void runtime_dir_address(int dir, const char *file, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", dir, file);
}
