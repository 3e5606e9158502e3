// SPDX-License-Identifier: GPL-2.0-only
/*
 * The name of a running machine, held by a lock.
 *
 * The machine locks its name before it creates anything else, and unlocks it after everything else
 * is gone. The kernel drops the lock when the process ends, so after a crash the name is free.
 * control/runtime-dir.c takes the lock; the control socket (control/socket.c) lies beside it.
 *
 * Main thread.
 */
#include <kvm/config.h>
#include <kvm/control-name.h>
#include <kvm/init.h>
#include <kvm/log.h>
#include <kvm/runtime-dir.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct option instance_options[] = {
	{.name = "name",
	 .type = OPTION_STRING,
	 .value = &config.name,
	 .arg = "NAME",
	 .help = "name of this machine (guest-PID)"},
};
OPTION_GROUP(instance, run, "Machine", 12, instance_options);

static int instance_dir = -1, instance_lock = -1;

int instance_dir_fd(void)
{
	return instance_dir;
}

static int instance_init(struct kvm *kvm)
{
	int err;

	if (!runtime_dir_is_name(config.name))
		return log_fail(-EINVAL,
				"--name takes 1 to %d characters of UTF-8, no slashes, spaces or "
				"control characters, the first not a dot; got '%s'",
				RUNTIME_NAME_MAX, config.name);
	instance_dir = runtime_dir_open(true);
	if (instance_dir < 0)
		return instance_dir;
	instance_lock = runtime_dir_lock(instance_dir, config.name);
	if (instance_lock >= 0)
		return 0;
	err = instance_lock;
	close(instance_dir);
	instance_dir = -1;
	if (err == -EEXIST)
		return log_fail(err, "--name %s: is in use by a running machine; choose another",
				config.name);
	return log_fail(err,
			"--name %s: %s.lock in the runtime directory cannot be locked: %s; "
			"LKVM_RUNTIME_DIR names another",
			config.name, config.name, strerror(-err));
}

static void instance_exit(struct kvm *kvm)
{
	runtime_dir_unlock(instance_dir, config.name, instance_lock);
	close(instance_dir);
}

/* First level: if the name is taken, no machine is built. */
INIT_MODULE(instance, .level = INIT_NAME, .init = instance_init, .exit = instance_exit);
