// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of the control socket: stop, wait, pause, resume, stat.
 *
 * control/socket.c calls the handlers, on the loop. pause is answered when the machine is paused.
 * stop is answered just before the machine is gone, with the reason and the status of the run, so
 * that `lkvm stop` can report them. wait gets the same answer as stop, but does not end the
 * machine. No handler blocks: core/power.c and core/pause.c do the work that takes time. A guest
 * that ignores the power button delays the answers of stop and wait, but no other answer.
 *
 * stat reads the counters of vCPUs, devices and threads and stops nothing for that.
 *
 * Spec: docs/control.md; proc(5) for /proc/self/task.
 */
#include <kvm/control-socket.h>

#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/exit.h>
#include <kvm/init.h>
#include <kvm/json-file.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/pause.h>
#include <kvm/phase.h>
#include <kvm/util.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kvm *control_kvm;
static struct ipc_request *control_waits; /* answered at the end of the run */

/* --- stop, wait --- */

/* Free the requests of clients that are gone: many clients may come and go before the run ends. */
static void control_forget_waits(void)
{
	struct ipc_request **at = &control_waits;

	while (*at) {
		struct ipc_request *request = *at;

		if (ipc_is_awaited(request)) {
			at = &request->next;
			continue;
		}
		*at = request->next;
		ipc_answer(request, NULL);
	}
}

static void control_wait_end(struct ipc_request *request)
{
	control_forget_waits();
	request->next = control_waits;
	control_waits = request;
}

static void control_wait(struct ipc_request *request, const json_t *params, void *arg)
{
	control_wait_end(request);
}

static void control_stop(struct ipc_request *request, const json_t *params, void *arg)
{
	const json_t *grace = json_object_get(params, "grace_ms");
	u64 grace_ns = config.grace_ns;

	if (grace && (!json_is_integer(grace) || json_integer_value(grace) < 0 ||
		      json_integer_value(grace) > INT32_MAX)) {
		ipc_refuse(request, "grace_ms is a number of milliseconds");
		return;
	}
	if (grace)
		grace_ns = (u64)json_integer_value(grace) * NSEC_PER_MSEC;
	control_wait_end(request);
	if (json_is_true(json_object_get(params, "force"))) {
		kvm_end(control_kvm, END_STOPPED, STATUS_STOPPED);
		return;
	}
	kvm_press_power_button(grace_ns);
}

static void control_answer_waits(void)
{
	int status;
	const char *reason = kvm_end_name(kvm_end_reason(&status));

	while (control_waits) {
		struct ipc_request *request = control_waits;

		control_waits = request->next;
		ipc_answer(request, json_pack("{s:s, s:i}", "reason", reason, "status", status));
	}
}

/* --- pause, resume --- */

struct control_pause {
	struct pause_wait wait;
	struct ipc_request *request;
};

static void control_paused(void *arg, int err)
{
	struct control_pause *pause = arg;

	if (err)
		ipc_refuse(pause->request, "cannot be paused: %s", kvm_pause_error(err));
	else
		ipc_answer(pause->request, NULL);
	free(pause);
}

static void control_pause(struct ipc_request *request, const json_t *params, void *arg)
{
	struct control_pause *pause = malloc(sizeof(*pause));

	if (!pause) {
		ipc_refuse(request, "no memory");
		return;
	}
	*pause = (struct control_pause){
		.request = request,
		.wait = {.what = "pause", .done = control_paused, .arg = pause}};
	kvm_pause(control_kvm, &pause->wait);
}

static void control_resume(struct ipc_request *request, const json_t *params, void *arg)
{
	int err = kvm_resume(control_kvm);

	if (err)
		ipc_refuse(request, "cannot be resumed: %s", kvm_pause_error(err));
	else
		ipc_answer(request, NULL);
}

/* --- stat --- */

static json_t *control_cpus(const struct kvm *kvm)
{
	json_t *cpus = json_array();

	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		json_t *exits = json_object();

		for (u32 kind = 0; kind < KVM_CPU_EXIT_KINDS; kind++) {
			u64 count = atomic_load_explicit(&kvm->cpus[i].exits[kind],
							 memory_order_relaxed);

			if (count)
				json_object_set_new(exits, kvm_exit_name(kind),
						    json_integer((json_int_t)count));
		}
		json_array_append_new(cpus, json_pack("{s:o}", "exits", exits));
	}
	return cpus;
}

static void control_counter(void *arg, const char *counter, u64 value)
{
	json_object_set_new(arg, counter, json_integer((json_int_t)value));
}

static void control_device(struct device *dev, void *arg)
{
	json_t *counters;

	if (!dev->stats)
		return;
	counters = json_object();
	dev->stats(dev, control_counter, counters);
	json_object_set_new(arg, dev->name, counters);
}

/* Add name and CPU time of one of our threads, from /proc/self/task/TID/stat. */
static void control_thread(json_t *threads, const char *tid)
{
	char path[64], text[512], *name, *end, *at;
	unsigned long long user, system;
	long ticks = sysconf(_SC_CLK_TCK);
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = 0;
	name = strchr(text, '(');
	end = strrchr(text, ')');
	if (!name || !end || ticks <= 0)
		return;
	/* Skip the eleven fields between the name and utime. */
	at = end + 1;
	for (int i = 0; i < 11 && *at; i++)
		at += 1 + strcspn(at + 1, " ");
	user = strtoull(at, &at, 10);
	system = strtoull(at, NULL, 10);
	json_array_append_new(
		threads, json_pack("{s:o, s:I, s:I}", "name",
				   json_file_string(name + 1, (size_t)(end - name - 1)), "user_ms",
				   (json_int_t)(user * 1000 / (unsigned long)ticks), "system_ms",
				   (json_int_t)(system * 1000 / (unsigned long)ticks)));
}

static json_t *control_threads(void)
{
	json_t *threads = json_array();
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			control_thread(threads, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return threads;
}

static const char *control_state(void)
{
	if (kvm_is_paused())
		return "paused";
	return kvm_is_ending() ? "ending" : "running";
}

static void control_stat(struct ipc_request *request, const json_t *params, void *arg)
{
	const struct kvm *kvm = control_kvm;
	json_t *devices = json_object();

	device_for_each(control_device, devices);
	ipc_answer(request,
		   json_pack("{s:o, s:i, s:s, s:I, s:I, s:o, s:o, s:o}", "name",
			     json_file_string(config.name, strlen(config.name)), "pid",
			     (int)getpid(), "state", control_state(), "uptime_ms",
			     (json_int_t)((now_ns() - phase_ns(PHASE_EXEC)) / NSEC_PER_MSEC),
			     "memory_bytes", (json_int_t)gmem_total(&kvm->mem), "cpus",
			     control_cpus(kvm), "devices", devices, "threads", control_threads()));
}

static struct ipc_command control_commands[] = {
	{.name = "stop", .handle = control_stop},   {.name = "wait", .handle = control_wait},
	{.name = "pause", .handle = control_pause}, {.name = "resume", .handle = control_resume},
	{.name = "stat", .handle = control_stat},
};

static int control_init(struct kvm *kvm)
{
	control_kvm = kvm;
	for (size_t i = 0; i < ARRAY_SIZE(control_commands); i++)
		ipc_add_command(&control_commands[i]);
	return 0;
}

static void control_exit(struct kvm *kvm)
{
	/* Answer the clients that wait for the end before the socket closes. */
	ipc_tell(kvm_end_name(kvm_end_reason(NULL)));
	control_answer_waits();
}

/* Level late: its exit runs before that of the socket. */
INIT_MODULE(ipc_control, .level = INIT_LATE, .init = control_init, .exit = control_exit);
