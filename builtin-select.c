// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which machines a command is for, and how it talks to them.
 *
 * lkvm stop, pause, resume, stat, balloon and debug take a machine by NAME, by -n NAME, or all of
 * them by -a. A name of none that runs is an error; with -a there may be none. Each machine gets a
 * connection of its own, and one that does not answer in time is named and does not keep the others
 * waiting. Commands that make no sense for several take one NAME, which may have ended.
 *
 * Main thread.
 */
#include <kvm/builtin-select.h>

#ifdef HAVE_JANSSON
#include <kvm/builtin.h>
#include <kvm/ipc-client.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/remains.h>
#include <kvm/runtime-dir.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct visit {
	int (*fn)(const char *name, int fd);
	int status;
};

static void select_visit(const char *name, int fd, void *arg)
{
	struct visit *visit = arg;
	int status = visit->fn(name, fd);

	visit->status = MAX(visit->status, status);
}

/* One that has ended is listed, too. */
static void select_say_nobody(const char *name)
{
	int dir = runtime_dir_is_name(name) ? runtime_dir_open(false) : -ENOENT;
	json_t *result = dir < 0 ? NULL : remains_result(dir, name);
	const json_t *status = json_object_get(result, "status");

	if (status)
		log_error("%s: has ended: %s, status %lld; lkvm logs and rm are for what it left",
			  name, json_string_value(json_object_get(result, "reason")),
			  json_integer_value(status));
	else
		log_error("%s: there is no running machine of that name; lkvm list shows them",
			  name);
	json_decref(result);
	if (dir >= 0)
		close(dir);
}

int select_open(const char *name)
{
	int fd = ipc_client_open(name);

	if (fd == -ESRCH)
		select_say_nobody(name);
	else if (fd < 0 && fd != -ENXIO)
		log_error("%s: its control socket cannot be reached: %s", name, strerror(-fd));
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

int select_machines(const char *command, struct selection *selection, int argc, char **argv,
		    int (*fn)(const char *name, int fd))
{
	struct visit visit = {.fn = fn};
	int positional;

	if (options_parse(command, argc, argv, &positional))
		return STATUS_ERROR;
	if (selection->help)
		return builtin_help(2, (char *[]){"help", (char *)command, NULL});
	if (positional + !!selection->name + selection->all != 1) {
		log_error("%s: takes one machine, by NAME or -n NAME, or all of them by -a",
			  command);
		return STATUS_ERROR;
	}
	if (selection->check && selection->check())
		return STATUS_ERROR;
	if (!selection->all)
		return select_one(positional ? argv[1] : selection->name, fn);
	if (ipc_client_for_each(select_visit, &visit))
		return STATUS_ERROR;
	return visit.status;
}

const char *select_name(const char *command, const bool *help, int argc, char **argv, int *status)
{
	int positional;

	*status = STATUS_ERROR;
	if (options_parse(command, argc, argv, &positional))
		return NULL;
	if (*help) {
		*status = builtin_help(2, (char *[]){"help", (char *)command, NULL});
		return NULL;
	}
	if (positional != 1) {
		log_error("%s: takes the NAME of one machine", command);
		return NULL;
	}
	if (runtime_dir_is_name(argv[1]))
		return argv[1];
	log_error("%s: '%s' is no name of a machine; lkvm list shows them", command, argv[1]);
	return NULL;
}

json_t *select_call(const char *name, int fd, const char *command, json_t *params, u64 timeout_ns)
{
	json_t *answer = ipc_client_call(fd, command, params, timeout_ns);
	const char *why;

	if (!answer) {
		log_error("%s: %s: %s", name, command,
			  errno == ETIMEDOUT	? "it does not answer"
			  : errno == ECONNRESET ? "it has ended meanwhile"
						: strerror(errno));
		return NULL;
	}
	if (json_is_true(json_object_get(answer, "ok")))
		return answer;
	why = json_string_value(json_object_get(answer, "error"));
	log_error("%s: %s: %s", name, command, why ? why : "it was refused");
	json_decref(answer);
	return NULL;
}
#endif
