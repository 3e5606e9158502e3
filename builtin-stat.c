// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm stat: print the counters of a machine.
 *
 * The machine answers with its counters as they are at this moment (control/commands.c). It stops
 * nothing for that, and answers also when the guest hangs. The command prints one counter on each
 * line, "NAME: value", which grep and awk can read; --json prints the answer itself.
 *
 * Main thread.
 */
#include <kvm/builtin.h>

#include <kvm/client-select.h>
#include <kvm/connection.h>
#include <kvm/json-file.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/output.h>
#include <kvm/printable.h>

#include <stdio.h>

static struct selection selection;
static bool as_json;

static const struct option stat_options[] = {
	SELECTION_OPTIONS(selection),
	{.name = "json", .type = OPTION_FLAG, .value = &as_json, .help = "as one JSON object"},
};
OPTION_GROUP(stat, stat, "Stat", 10, stat_options);

/* A dot separates the levels of the name: "cpu0.exits.io: 617". */
static void stat_print(const char *prefix, const char *key, json_t *value)
{
	char name[192];

	snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
	if (json_is_object(value)) {
		for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at))
			stat_print(name, json_object_iter_key(at), json_object_iter_value(at));
	} else if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			char index[32];

			snprintf(index, sizeof(index), "%zu", i);
			stat_print(name, index, json_array_get(value, i));
		}
	} else if (json_is_string(value)) {
		printf("%s: %s\n", name, json_string_value(value));
	} else {
		printf("%s: %lld\n", name, (long long)json_integer_value(value));
	}
}

static int stat_one(const char *name, int fd)
{
	json_t *answer = select_call(name, fd, "stat", NULL, CONNECTION_TIMEOUT_NS), *printable;

	if (!answer)
		return STATUS_ERROR;
	json_object_del(answer, "ok");
	if (as_json) {
		json_file_print(answer);
	} else {
		printable = printable_json(answer);
		for (void *at = json_object_iter(printable); at;
		     at = json_object_iter_next(printable, at))
			stat_print("", json_object_iter_key(at), json_object_iter_value(at));
		json_decref(printable);
	}
	json_decref(answer);
	return output_end("stat") ? STATUS_ERROR : 0;
}

int builtin_stat(int argc, char **argv)
{
	return select_machines("stat", &selection, argc, argv, stat_one);
}
