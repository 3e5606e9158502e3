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
 * Where that directory is, util/runtime-dir.c knows; the control socket of kvm-ipc.c
 * lies beside the lock.
 *
 * Main thread.
 */
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/instance.h>
#include <kvm/log.h>
#include <kvm/runtime-dir.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TRIES 10

static const struct option instance_options[] = {
	{.name = "name",
	 .type = OPTION_STRING,
	 .value = &config.name,
	 .arg = "NAME",
	 .help = "name of this machine (guest-PID)"},
};
OPTION_GROUP(instance, "run", "Machine", 10, instance_options);

static int instance_dir = -1, instance_lock = -1;
static char instance_file[RUNTIME_NAME_MAX + sizeof(".lock")];

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

int instance_dir_fd(void)
{
	return instance_dir;
}

static int instance_init(struct kvm *kvm)
{
	int err = runtime_dir_check_name(config.name);

	(void)kvm;
	if (err)
		return err;
	instance_dir = runtime_dir_open(true);
	if (instance_dir < 0)
		return instance_dir;
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
