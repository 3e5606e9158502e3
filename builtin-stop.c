// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm stop: end a machine, gently or not.
 *
 * The machine presses the power button of its guest and waits for the grace time; after that it
 * ends the guest by force. The machine does all this itself (core/power.c): this command only waits
 * for the result, a little longer than the grace time. Exit status: 0 if the guest powered off or
 * ended in another way by itself, 120 if it was ended by force, 125 if there is no such machine.
 *
 * Main thread.
 */
#include <kvm/builtin.h>

#include <kvm/client-select.h>
#include <kvm/connection.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <string.h>

#define MARGIN_NS (10 * NSEC_PER_SEC)

static struct selection selection;
static u64 grace_ns = 10 * NSEC_PER_SEC;
static bool force;

static const struct option stop_options[] = {
	SELECTION_OPTIONS(selection),
	{.name = "grace",
	 .type = OPTION_DURATION,
	 .value = &grace_ns,
	 .arg = "DURATION",
	 .max = 1000000 * NSEC_PER_SEC,
	 .help = "how long the guest may take to power off (10s)"},
	{.name = "force",
	 .type = OPTION_FLAG,
	 .value = &force,
	 .help = "do not ask the guest: end it at once"},
};
OPTION_GROUP(stop, stop, "Stop", 10, stop_options);

static int stop_one(const char *name, int fd)
{
	json_t *params = json_pack("{s:b, s:I}", "force", force, "grace_ms",
				   (json_int_t)(grace_ns / NSEC_PER_MSEC));
	json_t *answer = select_call(name, fd, "stop", params, grace_ns + MARGIN_NS);
	const char *reason = json_string_value(json_object_get(answer, "reason"));
	int status = STATUS_ERROR;

	if (reason && !strcmp(reason, "stopped")) {
		status = STATUS_STOPPED;
		if (!force)
			log_warn("%s: did not power off in its grace time and was stopped", name);
	} else if (reason) {
		status = 0;
		/* "exit": the guest reported an exit status, as lkvm's own init does. */
		if (strcmp(reason, "poweroff") != 0 && strcmp(reason, "exit") != 0)
			log_warn("%s: ended by itself: %s", name, reason);
	}
	json_decref(answer);
	/* Wait until the name is free, so that the user can start the machine again at once. */
	if (reason)
		connection_wait_gone(name);
	return status;
}

int builtin_stop(int argc, char **argv)
{
	return select_machines("stop", &selection, argc, argv, stop_one);
}
