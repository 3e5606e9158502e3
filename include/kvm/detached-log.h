/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NAME.log and NAME.json of a detached machine. control/detached-log.c. Used only with --detach.
 */
#ifndef KVM_INSTANCE_LOG_H
#define KVM_INSTANCE_LOG_H

/*
 * Make the log standard error as well: the start is over and no one looks at the terminal. The
 * loop's thread.
 */
void instance_log_take_stderr(void);

#endif
