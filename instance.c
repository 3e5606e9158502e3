// SPDX-License-Identifier: GPL-2.0-only
/*
 * The name of a running machine, held by a lock.
 *
 * A name is taken by locking NAME.lock in the runtime directory. The lock goes
 * with the process, so a crash leaves a file behind but blocks nobody; the file
 * itself is removed at the end. Between opening the file and locking it another
 * instance may have ended and removed it: then the lock is on a file without a
 * name, which the link count shows, and we start over.
 *
 * The directory is $LKVM_RUNTIME_DIR, else $XDG_RUNTIME_DIR/lkvm, else
 * ~/.lkvm/run; it is made when missing, for its owner alone. Files are reached
 * through a descriptor of the directory, so that no path has to fit anywhere.
 *
 * Main thread. The control socket of an instance will live here too.
 */
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/log.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64
#define LOCK_TRIES     10

static const struct option instance_options[] = {
	{.name = "name",
	 .type = OPTION_STRING,
	 .value = &config.name,
	 .arg = "NAME",
	 .help = "name of this machine (guest-PID)"},
};
OPTION_GROUP(instance, "run", "Machine", 10, instance_options);

static int instance_dir = -1, instance_lock = -1;
static char instance_file[NAME_MAX_BYTES + sizeof(".lock")];

static int instance_runtime_path(char *path, size_t size)
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
		return log_fail(-ENOENT, "no runtime directory: set LKVM_RUNTIME_DIR");
	return len < (int)size ? 0 : log_fail(-ENAMETOOLONG, "runtime directory %s: too long", dir);
}

/* mkdir -p, each new part 0700. */
static int instance_make_path(char *path)
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

static int instance_open_dir(void)
{
	char path[PATH_MAX];
	int err = instance_runtime_path(path, sizeof(path));

	if (err)
		return err;
	err = instance_make_path(path);
	if (!err) {
		instance_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = instance_dir < 0 ? -errno : 0;
	}
	if (err)
		log_error("runtime directory %s: %s; LKVM_RUNTIME_DIR names another", path,
			  strerror(-err));
	return err;
}

static int instance_check_name(const char *name)
{
	if (!name[0] || name[0] == '.' || strlen(name) > NAME_MAX_BYTES)
		return log_fail(-EINVAL,
				"--name takes 1 to %d characters, the first not a dot; "
				"got '%s'",
				NAME_MAX_BYTES, name);
	for (const char *at = name; *at; at++) {
		if (*at == '/' || (u8)*at <= ' ' || *at == 0x7f)
			return log_fail(-EINVAL,
					"--name takes no slashes, spaces or control "
					"characters; got '%s'",
					name);
	}
	return 0;
}

/* 0, -EEXIST when another holds it, -EAGAIN when it vanished under us, or -errno. */
static int instance_try_lock(void)
{
	struct stat st;
	int err = 0;

	instance_lock = openat(instance_dir, instance_file,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (instance_lock < 0)
		return -errno;
	if (flock(instance_lock, LOCK_EX | LOCK_NB) < 0)
		err = errno == EWOULDBLOCK ? -EEXIST : -errno;
	else if (fstat(instance_lock, &st) < 0 || !st.st_nlink)
		err = -EAGAIN;
	if (err) {
		close(instance_lock);
		instance_lock = -1;
	}
	return err;
}

static int instance_init(struct kvm *kvm)
{
	int err = instance_check_name(config.name);

	(void)kvm;
	err = err ? err : instance_open_dir();
	if (err)
		return err;
	snprintf(instance_file, sizeof(instance_file), "%s.lock", config.name);
	for (int i = 0; i < LOCK_TRIES; i++) {
		err = instance_try_lock();
		if (err != -EAGAIN)
			break;
	}
	if (err) {
		close(instance_dir);
		instance_dir = -1;
	}
	if (err == -EEXIST)
		log_error("--name %s: is in use by a running machine; choose another", config.name);
	else if (err)
		log_error("--name %s: %s cannot be locked: %s", config.name, instance_file,
			  strerror(-err));
	return err;
}

static void instance_exit(struct kvm *kvm)
{
	(void)kvm;
	unlinkat(instance_dir, instance_file, 0);
	close(instance_lock);
	close(instance_dir);
}

/* First of all: whoever may not have the name gets no machine either. */
INIT_MODULE(instance, .level = INIT_CORE, .init = instance_init, .exit = instance_exit);
