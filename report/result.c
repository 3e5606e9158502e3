// SPDX-License-Identifier: GPL-2.0-only
/*
 * The result file: what a script reads when the exit status alone is not enough.
 *
 * From the moment the option is parsed the file says {"reason":"running"}: an older result can
 * never be taken for this run's, even if lkvm is killed with SIGKILL. At the end it says how the
 * run ended, when each phase was reached, how often the vCPUs left the guest and why, the console's
 * last lines, the first line of a panic, the other reports of the kernel, and lkvm's own first
 * error line.
 *
 * A detached machine keeps the same object as its NAME.json. If the disk has no room for the
 * object, a short form overwrites the "running" in place, which needs no room: lkvm wait still gets
 * its answer.
 *
 * util/json-file.c writes the file and makes sure that it is valid JSON, whatever the guest wrote.
 *
 * All on the main thread.
 */
#include <kvm/config.h>
#include <kvm/exit.h>
#include <kvm/heard.h>
#include <kvm/json-file.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/result.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *kept; /* NAME.json, or NULL */

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

/* The panic's first line, or a text that says that no line was seen; null without a panic. */
static json_t *result_panic(const char *reason)
{
	char line[HEARD_LINE_MAX];

	if (kvm_panic_line(line, sizeof(line)))
		return json_file_string(line, strlen(line));
	if (!strcmp(reason, kvm_end_name(END_PANIC)))
		return json_string("reported through pvpanic");
	return json_null();
}

static json_t *result_error(void)
{
	char text[LOG_TEXT_MAX];

	log_get_first_error(text, sizeof(text));
	return text[0] ? json_file_string(text, strlen(text)) : json_null();
}

/* How many reports of each kind there were; a kind without a report is left out. */
static json_t *result_reports(void)
{
	json_t *reports = json_object();

	for (enum report_kind kind = 0; kind < REPORT_KINDS; kind++) {
		if (report_count(kind))
			json_object_set_new(reports, report_name(kind),
					    json_integer((json_int_t)report_count(kind)));
	}
	return reports;
}

static json_t *result_first_report(void)
{
	json_t *report;
	const char *line;

	if (!report_first(0))
		return json_null();
	report = json_array();
	for (unsigned int i = 0; (line = report_first(i)); i++)
		json_array_append_new(report, json_file_string(line, strlen(line)));
	return report;
}

static json_t *result_guest_end(void)
{
	int status;
	enum end_reason reason = kvm_end_of_guest(&status);

	if (reason == END_RUNNING)
		return json_null();
	return json_pack("{s:s, s:i}", "reason", kvm_end_name(reason), "status", status);
}

static json_t *result_object(const struct kvm *kvm, const char *reason, int status)
{
	json_t *object = json_object(), *console = json_array();

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
	json_object_set_new(object, "error", result_error());
	json_object_set_new(object, "reports", result_reports());
	json_object_set_new(object, "first_report", result_first_report());
	json_object_set_new(object, "guest", result_guest_end());
	return object;
}

static void result_shorten(const char *reason, int status)
{
	char text[128];
	int err, fd = open(kept, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	int len = snprintf(text, sizeof(text), "{\n  \"reason\": \"%s\",\n  \"status\": %d\n}",
			   reason, status);

	err = fd < 0 ? -errno : pwrite_full(fd, text, (size_t)len, 0);
	if (!err && ftruncate(fd, len) < 0)
		err = -errno;
	if (err)
		log_error("%s.json: cannot be written: %s", config.name, strerror(-err));
	if (fd >= 0)
		close(fd);
}

/* Async-signal-safe, so the text is built without printf. */
static void result_put_short(const char *path, const char *reason, int status)
{
	const char digits[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
				(char)('0' + status % 10)};
	size_t zeros = status < 10 ? 2 : status < 100;
	const struct iovec text[] = {
		{"{\n  \"reason\": \"", 15},
		{(void *)(uintptr_t)reason, strlen(reason)},
		{"\",\n  \"status\": ", 15},
		{(void *)(uintptr_t)(digits + zeros), sizeof(digits) - zeros},
		{"\n}\n", 3},
	};
	int fd = path ? open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd < 0)
		return;
	(void)!writev(fd, text, ARRAY_SIZE(text));
	close(fd);
}

void result_finish_short(const char *reason, int status)
{
	result_put_short(config.result, reason, status);
	result_put_short(kept, reason, status);
}

int result_finish(const struct kvm *kvm, const char *reason, int status)
{
	json_t *object;
	int err = 0;

	if (!config.result && !kept)
		return 0;
	phase_mark(PHASE_END);
	object = result_object(kvm, reason, status);
	if (config.result)
		err = json_file_write("result", config.result, object);
	if (kept && json_file_put(kept, object))
		result_shorten(reason, status);
	json_decref(object);
	return err;
}

static json_t *result_running(void)
{
	return json_pack("{s:s}", "reason", "running");
}

int result_keep(const char *path)
{
	json_t *running = path ? result_running() : NULL;
	int err = path ? json_file_put(path, running) : 0;

	json_decref(running);
	kept = err ? NULL : path;
	return err;
}

static int result_start(const struct option *option, const char *arg)
{
	return json_file_start(option->name, &config.result, arg, result_running());
}

static const struct option result_options[] = {
	{.name = "result",
	 .type = OPTION_CALLBACK,
	 .parse = result_start,
	 .early = true,
	 .arg = "FILE",
	 .help = "write how the run ended to FILE, as JSON"},
};
OPTION_GROUP(result, run, "Endings", 44, result_options);
