/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NAME.log and NAME.json of a detached machine. control/detached-log.c. Nothing without --detach.
 */
#ifndef KVM_INSTANCE_LOG_H
#define KVM_INSTANCE_LOG_H

/*
 * From now on standard error is the log, too: the start is over and nobody is at the terminal.
 * The loop's thread.
 */
void instance_log_take_stderr(void);

#endif
