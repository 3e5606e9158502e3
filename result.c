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
 * Each version is written to a temporary file beside it and renamed, so a reader
 * sees one whole object or the other. Strings that come from the guest are bytes;
 * what is not UTF-8 becomes U+FFFD, so that the file is always valid JSON.
 *
 * All on the main thread, except result_set_panic(). Built without jansson, the
 * option is refused by name.
 *
 * Spec: RFC 8259 (JSON), RFC 3629 (UTF-8).
 */
#include <kvm/config.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm-exit.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/result.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
#include <jansson.h>

/* Bytes of the sequence that starts at text[0], 1..4; 0 when it is not UTF-8. */
static size_t utf8_sequence(const u8 *text, size_t len)
{
	u8 first = text[0];
	size_t need = first < 0x80   ? 1
		      : first < 0xc2 ? 0
		      : first < 0xe0 ? 2
		      : first < 0xf0 ? 3
		      : first < 0xf5 ? 4
				     : 0;

	if (!need || need > len)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Overlong forms, surrogates, and beyond U+10FFFF. */
	if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
	    (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
		return 0;
	return need;
}

/* Any bytes as a JSON string. */
static json_t *result_string(const char *text, size_t len)
{
	char clean[3 * LINES_MAX_BYTES + PATH_MAX];
	size_t used = 0;

	for (size_t i = 0; i < len && used + 4 <= sizeof(clean);) {
		size_t bytes = utf8_sequence((const u8 *)text + i, len - i);

		memcpy(clean + used, bytes ? text + i : "\xef\xbf\xbd", bytes ? bytes : 3);
		used += bytes ? bytes : 3;
		i += bytes ? bytes : 1;
	}
	return json_stringn(clean, used);
}

static int result_replace(const char *path, const char *text)
{
	char temporary[PATH_MAX];
	int fd, err;

	if (snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid()) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	err = write_full(fd, text, strlen(text));
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && rename(temporary, path) < 0)
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

static int result_write(json_t *object)
{
	char *text = json_dumps(object, JSON_INDENT(2));
	int err = text ? 0 : -ENOMEM;

	if (!err)
		err = result_replace(config.result, text);
	free(text);
	if (err)
		log_error("--result %s: cannot be written: %s", config.result, strerror(-err));
	return err;
}

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
	json_array_append_new(arg, result_string(line, len));
}

/* The line, or that there was none to see. */
static json_t *result_panic(const char *reason)
{
	if (panic_line[0])
		return result_string(panic_line, strlen(panic_line));
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
			    config.name ? result_string(config.name, strlen(config.name))
					: json_null());
	json_object_set_new(object, "phases_ms", result_phases());
	json_object_set_new(object, "exits", kvm ? result_exits(kvm) : json_object());
	json_object_set_new(object, "console", console);
	json_object_set_new(object, "panic", result_panic(reason));
	err = result_write(object);
	json_decref(object);
	return err;
}

static int result_start(const struct option *option, const char *arg)
{
	struct stat st;
	json_t *object;
	int err;

	(void)option;
	/* The last one counts; an earlier file would say "running" for ever. */
	if (config.result)
		unlink(config.result);
	config.result = NULL;
	if (!arg)
		return 0;
	if (!stat(arg, &st) && !S_ISREG(st.st_mode))
		return log_fail(-ENOTSUP, "--result %s: is not a regular file", arg);
	config.result = arg;
	object = json_pack("{s:s}", "reason", "running");
	err = result_write(object);
	json_decref(object);
	if (err)
		config.result = NULL; /* the one line is said; do not try again at the end */
	return err;
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
