// SPDX-License-Identifier: GPL-2.0-only
/*
 * The result file: what a script reads when the exit status alone is not enough.
 *
 * From the moment the option is parsed the file says {"reason":"running"}: an
 * older result can never be taken for this run's, even if lkvm is killed with
 * SIGKILL. At the end it says how the run ended, when it passed which phase, how
 * often the vCPUs left the guest and why, the console's last lines and the line a
 * panic announced itself with.
 *
 * How it is written, and that it is valid JSON whatever the guest wrote:
 * util/json-file.c.
 *
 * All on the main thread, except result_set_panic(). Built without jansson, the
 * option is refused by name.
 */
#include <kvm/config.h>
#include <kvm/json-file.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm-exit.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/result.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t panic_lock = PTHREAD_MUTEX_INITIALIZER;
static char panic_line[LINES_MAX_BYTES];

void result_set_panic(const char *line)
{
	pthread_mutex_lock(&panic_lock);
	if (!panic_line[0])
		snprintf(panic_line, sizeof(panic_line), "%s", line);
	pthread_mutex_unlock(&panic_lock);
}

#ifdef HAVE_JANSSON
static json_t *result_phases(void)
{
	json_t *phases = json_object();
	u64 start = phase_ns(PHASE_EXEC);

	for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
		u64 at = phase_ns(phase);
		json_t *ms = at ? json_real((double)(at - start) / NSEC_PER_MSEC) : json_null();

		json_object_set_new(phases, phase_name(phase), ms);
	}
	return phases;
}

static json_t *result_exits(const struct kvm *kvm)
{
	u64 counts[KVM_CPU_EXIT_KINDS];
	json_t *exits = json_object();

	kvm_cpu_sum_exits(kvm, counts);
	for (u32 kind = 0; kind < KVM_CPU_EXIT_KINDS; kind++) {
		if (counts[kind])
			json_object_set_new(exits, kvm_exit_name(kind),
					    json_integer((json_int_t)counts[kind]));
	}
	return exits;
}

static void result_add_line(const char *line, size_t len, void *arg)
{
	json_array_append_new(arg, json_file_string(line, len));
}

/* The line, or that there was none to see. */
static json_t *result_panic(const char *reason)
{
	if (panic_line[0])
		return json_file_string(panic_line, strlen(panic_line));
	if (!strcmp(reason, kvm_end_name(END_PANIC)))
		return json_string("reported through pvpanic");
	return json_null();
}

int result_finish(const struct kvm *kvm, const char *reason, int status)
{
	json_t *object, *console;
	int err;

	if (!config.result)
		return 0;
	phase_mark(PHASE_END);
	object = json_object();
	console = json_array();
	lines_for_each(result_add_line, console);
	json_object_set_new(object, "reason", json_string(reason));
	json_object_set_new(object, "status", json_integer(status));
	json_object_set_new(object, "name",
			    config.name ? json_file_string(config.name, strlen(config.name))
					: json_null());
	json_object_set_new(object, "phases_ms", result_phases());
	json_object_set_new(object, "exits", kvm ? result_exits(kvm) : json_object());
	json_object_set_new(object, "console", console);
	json_object_set_new(object, "panic", result_panic(reason));
	err = json_file_write("result", config.result, object);
	json_decref(object);
	return err;
}

static int result_start(const struct option *option, const char *arg)
{
	return json_file_start(option->name, &config.result, arg,
			       json_pack("{s:s}", "reason", "running"));
}
#else
int result_finish(const struct kvm *kvm, const char *reason, int status)
{
	(void)kvm;
	(void)reason;
	(void)status;
	return 0;
}

static int result_start(const struct option *option, const char *arg)
{
	(void)option;
	(void)arg;
	return log_fail(-ENOTSUP, "--result: this lkvm was built without jansson");
}
#endif

static const struct option result_options[] = {
	{.name = "result",
	 .type = OPTION_CALLBACK,
	 .parse = result_start,
	 .arg = "FILE",
	 .help = "write how the run ended to FILE, as JSON"},
};
OPTION_GROUP(result, "run", "Endings", 40, result_options);
