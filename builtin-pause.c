// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm pause and lkvm resume: freeze a machine, and let it go on.
 *
 * pause returns when the machine stands still, with no request in flight; resume returns when it
 * runs. A machine that is already paused, or already runs, stays as it is: that is not an error.
 *
 * Main thread.
 */
#include <kvm/builtin.h>

#include <kvm/client-select.h>
#include <kvm/kvm.h>

#define ANSWER_NS (30 * NSEC_PER_SEC) /* disks may take a while to drain */

static struct selection selection;

static const struct option pause_options[] = {SELECTION_OPTIONS(selection)};
OPTION_GROUP(pause, pause, "Pause", 10, pause_options);
OPTION_GROUP(resume, resume, "Resume", 10, pause_options);

static int pause_call(const char *name, int fd, const char *command)
{
	json_t *answer = select_call(name, fd, command, NULL, ANSWER_NS);
	int status = answer ? 0 : STATUS_ERROR;

	json_decref(answer);
	return status;
}

static int pause_one(const char *name, int fd)
{
	return pause_call(name, fd, "pause");
}

static int resume_one(const char *name, int fd)
{
	return pause_call(name, fd, "resume");
}

int builtin_pause(int argc, char **argv)
{
	return select_machines("pause", &selection, argc, argv, pause_one);
}

int builtin_resume(int argc, char **argv)
{
	return select_machines("resume", &selection, argc, argv, resume_one);
}
