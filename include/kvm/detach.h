/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * run --detach: a machine that goes on when its starter has returned. detach.c.
 */
#ifndef KVM_DETACH_H
#define KVM_DETACH_H

/*
 * Make the process in which the machine will run. 0 in that one. In the starter 1, when the start
 * is over: *status is what to return. -errno after log_error() when there is no second process.
 * Main thread, before there is any other and before anything of a machine is open.
 */
int detach_fork(int *status);

#endif
