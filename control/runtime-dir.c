// SPDX-License-Identifier: GPL-2.0-only
/*
 * The folder of running machines: locks, control sockets, and the files of detached machines.
 *
 * The folder is $LKVM_RUNTIME_DIR, else $XDG_RUNTIME_DIR/lkvm, else ~/.lkvm/run. The start of a
 * machine makes it if it is missing, with access for its owner alone; other commands do not make
 * it. lkvm never makes the session's own directory: if XDG_RUNTIME_DIR does not exist, the folder
 * in the home directory is used, and a warning says so. Files in the folder are opened relative to
 * its descriptor. So the length of its path does not matter: a Unix socket's address has room for
 * 108 bytes only, and /proc/self/fd/N/NAME.sock always fits.
 *
 * A name is held by a lock (flock) on NAME.lock. The kernel drops the lock when its process ends: a
 * crash leaves the file, but the name is free. Between our open() and flock() another process may
 * end and remove the file: then our lock is on a file without a name, the link count is 0, and we
 * start over. A process that only asks whether a name is held takes a shared lock for an instant,
 * so a name counts as taken only if its lock is still held after some tries.
 *
 * Any thread. The only state is whether the warning was logged.
 */
#include <kvm/log.h>
#include <kvm/printable.h>
#include <kvm/runtime-dir.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TRIES   10
#define LOCK_WAIT_US 2000

static bool runtime_dir_is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* XDG_RUNTIME_DIR may name a directory that does not exist (su, cron). lkvm must not create it. */
static void runtime_dir_say_missing(const char *dir, const char *path)
{
	static atomic_bool said;

	if (!atomic_exchange(&said, true))
		log_warn("XDG_RUNTIME_DIR %s is not there; the runtime directory is %s instead",
			 dir, path);
}

static int runtime_dir_path(char *path, size_t size)
{
	const char *dir = getenv("LKVM_RUNTIME_DIR"), *session = getenv("XDG_RUNTIME_DIR");
	int len;

	if (dir && dir[0]) {
		len = snprintf(path, size, "%s", dir);
	} else if ((dir = session) && dir[0] && runtime_dir_is_there(dir)) {
		len = snprintf(path, size, "%s/lkvm", dir);
	} else if ((dir = getenv("HOME")) && dir[0]) {
		len = snprintf(path, size, "%s/.lkvm/run", dir);
		if (session && session[0])
			runtime_dir_say_missing(session, path);
	} else {
		return log_fail(-EINVAL, "no runtime directory%s: set LKVM_RUNTIME_DIR",
				session && session[0] ? " (XDG_RUNTIME_DIR is not there)" : "");
	}
	return len < (int)size ? 0 : log_fail(-ENAMETOOLONG, "runtime directory %s: too long", dir);
}

/* As mkdir -p, with mode 0700 for each new part. */
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
	return err ?: fd;
}

bool runtime_dir_is_name(const char *name)
{
	if (!name[0] || name[0] == '.' || strlen(name) > RUNTIME_NAME_MAX)
		return false;
	while (*name) {
		size_t bytes = printable_length(name);

		if (!bytes || *name == '/' || *name == ' ')
			return false;
		name += bytes;
	}
	return true;
}

void runtime_dir_address(int dir, const char *file, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", dir, file);
}

static void runtime_dir_lock_file(char file[RUNTIME_FILE_MAX], const char *name)
{
	snprintf(file, RUNTIME_FILE_MAX, "%s.lock", name);
}

/*
 * A descriptor; -EEXIST: another process holds the lock; -EAGAIN: the file was removed before we
 * had the lock; or another -errno.
 */
static int runtime_dir_try_lock(int dir, const char *file)
{
	int err = 0, fd = openat(dir, file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		err = errno == EWOULDBLOCK ? -EEXIST : -errno;
	else if (fstat(fd, &st) < 0 || !st.st_nlink)
		err = -EAGAIN;
	if (err)
		close(fd);
	return err ?: fd;
}

int runtime_dir_lock(int dir, const char *name)
{
	char file[RUNTIME_FILE_MAX];
	int fd = -EAGAIN;

	runtime_dir_lock_file(file, name);
	for (int i = 0; i < LOCK_TRIES && (fd == -EAGAIN || fd == -EEXIST); i++) {
		if (fd == -EEXIST)
			usleep(LOCK_WAIT_US);
		fd = runtime_dir_try_lock(dir, file);
	}
	return fd;
}

void runtime_dir_unlock(int dir, const char *name, int lock)
{
	char file[RUNTIME_FILE_MAX];

	runtime_dir_lock_file(file, name);
	unlinkat(dir, file, 0);
	close(lock);
}

bool runtime_dir_is_locked(int dir, const char *name)
{
	char file[RUNTIME_FILE_MAX];
	bool locked;
	int fd;

	runtime_dir_lock_file(file, name);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	locked = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return locked;
}

int runtime_dir_for_each(int dir, const char *suffix,
			 void (*fn)(int dir, const char *name, void *arg), void *arg)
{
	struct dirent **entries;
	int count = scandirat(dir, ".", &entries, NULL, alphasort);

	if (count < 0)
		return log_fail(-errno, "runtime directory: cannot be read: %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		char *name = entries[i]->d_name, *end = name + strlen(name);
		size_t len = MIN(strlen(suffix), strlen(name));

		if (!strcmp(end - len, suffix)) {
			end[-(ssize_t)len] = '\0';
			if (runtime_dir_is_name(name))
				fn(dir, name, arg);
		}
		free(entries[i]);
	}
	free(entries);
	return 0;
}
