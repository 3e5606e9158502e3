// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm wait and lkvm rm: wait for the end of a machine, and remove the files that it left.
 *
 * wait returns the status of the run when the run is over. A running machine is asked by its
 * socket, and answers just before it ends. A detached machine that has ended has left its result in
 * a file. If a process holds the name but does not answer, the machine is starting or ending: then
 * wait tries again. If the result says "running" but no process holds the name, the machine was
 * killed: its status is unknown, and an error message says so.
 *
 * rm locks the name, as a machine does when it starts, so that it never removes the files of a
 * running machine.
 *
 * Main thread.
 */
#include <kvm/builtin.h>

#include <kvm/client-select.h>
#include <kvm/connection.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/remains.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LOOK_US	     50000
#define FOREVER_NS   (UINT64_MAX / 4)

#define NOTHING_LEFT "%s: there is nothing left of a machine of that name"

static bool help;

static const struct option wait_options[] = {SELECT_HELP_OPTION(help)};
OPTION_GROUP(wait, wait, "Wait", 10, wait_options);
OPTION_GROUP(rm, rm, "Remove", 10, wait_options);

/*
 * Warn the user, once, and keep waiting: a machine that is stopped in a debugger may go on later.
 */
static void wait_say_unreachable(const char *name, int err)
{
	static bool said;

	if (!said)
		log_warn("%s: %s; lkvm goes on waiting", name, connection_why(err));
	said = true;
}

/* Check that a process can exit with this status: 256 must not become 0. */
static int wait_status(const char *name, const json_t *status)
{
	json_int_t value = json_integer_value(status);

	if (value >= 0 && value <= 255)
		return (int)value;
	return log_fail(STATUS_ERROR, "%s: its status %lld is not an exit status (0 to 255)", name,
			(long long)value);
}

/* Ask the machine itself. -EAGAIN: it gave no answer. */
static int wait_running(const char *name)
{
	int status = -EAGAIN, fd = connection_open(name, CONNECTION_TIMEOUT_NS);
	json_t *answer;

	if (fd == -ETIMEDOUT)
		wait_say_unreachable(name, fd);
	if (fd == -EPERM)
		select_say_unreachable(name, fd);
	if (fd < 0)
		return fd == -EPERM ? STATUS_ERROR : -EAGAIN;
	answer = connection_call(fd, "wait", NULL, FOREVER_NS);
	if (json_is_integer(json_object_get(answer, "status")))
		status = wait_status(name, json_object_get(answer, "status"));
	else if (answer)
		status = log_fail(STATUS_ERROR,
				  "%s: cannot be waited for: its lkvm may be older "
				  "than this one",
				  name);
	json_decref(answer);
	close(fd);
	if (status != -EAGAIN)
		connection_wait_gone(name);
	return status;
}

static int wait_ended(int dir, const char *name)
{
	json_t *result = remains_result(dir, name);
	const json_t *status = json_object_get(result, "status");
	int ret = STATUS_ERROR;

	if (!result)
		log_error("%s: no machine of that name runs, and no detached one has left its "
			  "result",
			  name);
	else if (!status)
		log_error("%s: was killed, so its status is not known; lkvm logs shows what it "
			  "said",
			  name);
	else
		ret = wait_status(name, status);
	json_decref(result);
	return ret;
}

int builtin_wait(int argc, char **argv)
{
	int dir, status;
	const char *name = select_name("wait", &help, argc, argv, &status);
	bool held;

	if (!name)
		return status;
	dir = runtime_dir_open(false);
	if (dir < 0 && dir != -ENOENT)
		return STATUS_ERROR;
	do {
		/*
		 * Look at the lock first. If it is held and the machine does not answer, the
		 * machine may have ended in between: then try again.
		 */
		held = runtime_dir_is_locked(dir, name);
		status = wait_running(name);
		if (status == -EAGAIN && held)
			usleep(LOOK_US);
	} while (status == -EAGAIN && held);
	if (status == -EAGAIN)
		status = wait_ended(dir, name);
	if (dir >= 0)
		close(dir);
	return status;
}

static int rm_remains(int dir, const char *name)
{
	int lock, err, fd = connection_open(name, CONNECTION_TIMEOUT_NS);

	/*
	 * connection_open() has removed the socket and the lock file of a machine that was killed.
	 */
	if (fd >= 0)
		close(fd);
	lock = fd >= 0 ? -EEXIST : runtime_dir_lock(dir, name);
	if (lock == -EEXIST)
		return log_fail(lock, "%s: still runs; lkvm stop ends it", name);
	if (lock < 0)
		return log_fail(lock, "%s: its name cannot be locked: %s", name, strerror(-lock));
	err = remains_remove(dir, name);
	runtime_dir_unlock(dir, name, lock);
	return err ? log_fail(err, NOTHING_LEFT, name) : 0;
}

int builtin_rm(int argc, char **argv)
{
	int dir, status;
	const char *name = select_name("rm", &help, argc, argv, &status);

	if (!name)
		return status;
	dir = runtime_dir_open(false);
	if (dir == -ENOENT)
		log_error(NOTHING_LEFT, name);
	if (dir < 0)
		return STATUS_ERROR;
	status = rm_remains(dir, name) ? STATUS_ERROR : 0;
	close(dir);
	return status;
}
