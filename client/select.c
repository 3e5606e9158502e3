// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find the machines that a command is for, and send them requests.
 *
 * lkvm stop, pause, resume, stat, balloon and debug take one machine by NAME or -n NAME, or all of
 * them by -a. If no machine of that name runs, that is an error; with -a there may be no machine.
 * Each machine gets a connection of its own, and all are asked at the same time, so that one that
 * does not answer does not delay the others: an error message names it, and the command fails.
 * Commands that make no sense for several machines take one NAME, of a machine that runs or has
 * ended.
 *
 * Main thread.
 */
#include <kvm/client-select.h>

#include <kvm/connection.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/output.h>
#include <kvm/remains.h>
#include <kvm/runtime-dir.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Log that no machine of that name runs; if it has ended, log how. */
static void select_say_nobody(const char *name)
{
	int dir = runtime_dir_is_name(name) ? runtime_dir_open(false) : -ENOENT;
	json_t *result = dir < 0 ? NULL : remains_result(dir, name);
	const json_t *status = json_object_get(result, "status");

	if (status)
		log_error("%s: has ended: %s, status %lld; lkvm logs shows its log, lkvm rm "
			  "deletes its log and its result",
			  name, json_string_value(json_object_get(result, "reason")),
			  json_integer_value(status));
	else
		log_error("%s: there is no running machine of that name; lkvm list shows them",
			  name);
	json_decref(result);
	if (dir >= 0)
		close(dir);
}

void select_say_unreachable(const char *name, int err)
{
	log_error("%s: cannot be reached: %s", name, connection_why(err));
}

int select_open(const char *name)
{
	int fd = connection_open(name, CONNECTION_TIMEOUT_NS);

	if (fd == -ESRCH)
		select_say_nobody(name);
	else if (fd < 0 && fd != -ENXIO)
		select_say_unreachable(name, fd);
	return fd;
}

static int select_one(const char *name, int (*fn)(const char *name, int fd))
{
	int status, fd = select_open(name);

	if (fd < 0)
		return STATUS_ERROR;
	status = fn(name, fd);
	close(fd);
	return status;
}

static int (*select_fn)(const char *name, int fd);

static int select_ask(const char *name, int fd)
{
	if (fd >= 0)
		return select_fn(name, fd);
	select_say_unreachable(name, fd);
	return STATUS_ERROR;
}

static void select_done(const char *name, int status, const char *text, void *arg)
{
	int *worst = arg;

	if (status > 128)
		status = log_fail(STATUS_ERROR, "%s: was not asked: SIG%s", name,
				  sigabbrev_np(status - 128));
	fputs(text, stdout);
	*worst = MAX(*worst, status);
}

static int select_all(const char *command, int (*fn)(const char *name, int fd))
{
	int status = 0;

	select_fn = fn;
	if (connection_for_each(select_ask, select_done, &status))
		status = STATUS_ERROR;
	return output_end(command) ? STATUS_ERROR : status;
}

int select_machines(const char *command, struct selection *selection, int argc, char **argv,
		    int (*fn)(const char *name, int fd))
{
	int positional;

	if (options_parse(command, argc, argv, &positional))
		return STATUS_ERROR;
	if (selection->help)
		return STATUS_HELP;
	if (positional + !!selection->name + selection->all != 1) {
		log_error("%s: takes one machine, by NAME or -n NAME, or all of them by -a",
			  command);
		return STATUS_ERROR;
	}
	if (selection->check && selection->check())
		return STATUS_ERROR;
	if (!selection->all)
		return select_one(positional ? argv[1] : selection->name, fn);
	return select_all(command, fn);
}

const char *select_name(const char *command, const bool *help, int argc, char **argv, int *status)
{
	int positional;

	*status = STATUS_ERROR;
	if (options_parse(command, argc, argv, &positional))
		return NULL;
	if (*help) {
		*status = STATUS_HELP;
		return NULL;
	}
	if (positional != 1) {
		log_error("%s: takes the NAME of one machine", command);
		return NULL;
	}
	if (runtime_dir_is_name(argv[1]))
		return argv[1];
	log_error("%s: '%s' is not a valid machine name; lkvm list shows the names", command,
		  argv[1]);
	return NULL;
}

json_t *select_call(const char *name, int fd, const char *command, json_t *params, u64 timeout_ns)
{
	json_t *answer = connection_call(fd, command, params, timeout_ns);
	const char *why;

	if (!answer) {
		why = strerror(errno);
		if (errno == ETIMEDOUT)
			why = "it does not answer";
		else if (errno == ECONNRESET)
			why = "it has ended meanwhile";
		log_error("%s: %s: %s", name, command, why);
		return NULL;
	}
	if (json_is_true(json_object_get(answer, "ok")))
		return answer;
	why = json_string_value(json_object_get(answer, "error"));
	log_error("%s: %s: %s", name, command, why ?: "it was refused");
	json_decref(answer);
	return NULL;
}
