// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm list: the machines that run, and what is left of detached ones.
 *
 * Each control socket in the runtime directory is asked, all at the same time. The socket and lock
 * file of a machine that was killed are removed. A machine that does not answer is listed as
 * "silent", and one that takes no connections as "unreachable": a debugger may have stopped it. At
 * the end of the list come detached machines that are gone: as "ended", or as "killed" if they left
 * no complete result.
 *
 * Main thread.
 */
#include <kvm/builtin.h>

#include <kvm/connection.h>
#include <kvm/json-file.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/output.h>
#include <kvm/printable.h>
#include <kvm/remains.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool as_json, help;

static const struct option list_options[] = {
	{.name = "json", .type = OPTION_FLAG, .value = &as_json, .help = "as one JSON array"},
	{.name = "help",
	 .short_name = 'h',
	 .type = OPTION_FLAG,
	 .value = &help,
	 .help = "list these options"},
};
OPTION_GROUP(list, list, "List", 10, list_options);

static json_t *list_name(const char *name)
{
	return json_file_string(name, strlen(name));
}

/* Print the entry of one machine as JSON text: the caller is another process and parses it. */
static int list_one(const char *name, int fd)
{
	json_t *stat, *machine;
	const char *state;

	if (fd < 0) {
		machine = json_pack("{s:o, s:s, s:s}", "name", list_name(name), "state",
				    "unreachable", "why", connection_why(fd));
		return json_dumpf(machine, stdout, JSON_COMPACT);
	}
	stat = connection_call(fd, "stat", NULL, CONNECTION_TIMEOUT_NS);
	state = json_string_value(json_object_get(stat, "state"));
	machine = json_pack(
		"{s:o, s:I, s:s, s:I, s:I, s:I}", "name", list_name(name), "pid",
		json_integer_value(json_object_get(stat, "pid")), "state", state ?: "silent",
		"cpus", (json_int_t)json_array_size(json_object_get(stat, "cpus")), "memory_bytes",
		json_integer_value(json_object_get(stat, "memory_bytes")), "uptime_ms",
		json_integer_value(json_object_get(stat, "uptime_ms")));
	return json_dumpf(machine, stdout, JSON_COMPACT);
}

static void list_take(const char *name, int status, const char *text, void *arg)
{
	json_t *machine = status ? NULL : json_loads(text, 0, NULL);

	if (!machine)
		machine = json_pack("{s:o, s:s}", "name", list_name(name), "state", "silent");
	json_array_append_new(arg, machine);
}

static void list_ended(int dir, const char *name, void *arg)
{
	json_t *result = runtime_dir_is_locked(dir, name) ? NULL : remains_result(dir, name);
	const json_t *status = json_object_get(result, "status");

	if (result && status)
		json_array_append_new(
			arg,
			json_pack("{s:o, s:s, s:s, s:I}", "name", list_name(name), "state", "ended",
				  "reason", json_string_value(json_object_get(result, "reason")),
				  "status", json_integer_value(status)));
	else if (result)
		json_array_append_new(
			arg, json_pack("{s:o, s:s}", "name", list_name(name), "state", "killed"));
	json_decref(result);
}

static int list_all(json_t *machines)
{
	int dir, err = connection_for_each(list_one, list_take, machines);

	if (err)
		return err;
	dir = runtime_dir_open(false);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	err = remains_for_each(dir, list_ended, machines);
	close(dir);
	return err;
}

static void list_print_one(const json_t *machine)
{
	const char *name = json_string_value(json_object_get(machine, "name"));
	const char *state = json_string_value(json_object_get(machine, "state"));
	const char *reason = json_string_value(json_object_get(machine, "reason"));
	const char *why = json_string_value(json_object_get(machine, "why"));

	if (!json_object_get(machine, "pid")) {
		printf("%-24s %8s %-11s", name, "-", state);
		if (reason)
			printf(" %s, status %lld", reason,
			       json_integer_value(json_object_get(machine, "status")));
		else if (why)
			printf(" %s", why);
		printf("\n");
		return;
	}
	printf("%-24s %8lld %-11s %4lld %6lld MiB %8.1f s\n", name,
	       json_integer_value(json_object_get(machine, "pid")), state,
	       json_integer_value(json_object_get(machine, "cpus")),
	       json_integer_value(json_object_get(machine, "memory_bytes")) / (long long)MIB,
	       (double)json_integer_value(json_object_get(machine, "uptime_ms")) / 1000);
}

/* The strings come from the machines: make them printable before they reach the terminal. */
static void list_print(const json_t *machines)
{
	json_t *printable = printable_json(machines);

	if (json_array_size(printable))
		printf("%-24s %8s %-11s %4s %10s %10s\n", "NAME", "PID", "STATE", "CPUS", "MEMORY",
		       "UP");
	for (size_t i = 0; i < json_array_size(printable); i++)
		list_print_one(json_array_get(printable, i));
	json_decref(printable);
}

int builtin_list(int argc, char **argv)
{
	json_t *machines;
	int positional;

	if (options_parse("list", argc, argv, &positional))
		return STATUS_ERROR;
	if (help)
		return STATUS_HELP;
	if (positional) {
		log_error("list: takes no argument; got '%s'", argv[1]);
		return STATUS_ERROR;
	}
	machines = json_array();
	if (list_all(machines)) {
		json_decref(machines);
		return STATUS_ERROR;
	}
	if (as_json) {
		json_file_print(machines);
	} else {
		list_print(machines);
	}
	json_decref(machines);
	return output_end("list") ? STATUS_ERROR : 0;
}
