// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a command's standard output.
 *
 * printf(3) only fills a buffer, and a full disk or a closed pipe shows when the buffer is written.
 * So a command whose output is its result ends by this call, and fails if the output was lost.
 */
#include <kvm/output.h>

#include <kvm/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

int output_end(const char *command)
{
	int err;

	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	err = -errno ?: -EIO; /* an earlier write failed, and its errno is lost */
	return log_fail(err, "%s: standard output cannot be written: %s", command, strerror(-err));
}
