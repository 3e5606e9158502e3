/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Standard output of a command. util/output.c. Main thread.
 */
#ifndef KVM_OUTPUT_H
#define KVM_OUTPUT_H

/* Write out all that the command printed. 0, or -errno after a log_error() that names command. */
int output_end(const char *command);

#endif
