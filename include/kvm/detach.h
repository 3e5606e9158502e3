/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * run --detach: a machine that runs on after the command that started it has returned.
 * control/detach.c.
 */
#ifndef KVM_DETACH_H
#define KVM_DETACH_H

/*
 * Fork the process in which the machine will run. Returns 0 in that process. Returns 1 in the
 * starter, after the start: *status is the exit status. -errno after log_error(): there is no
 * second process. Main thread, before any other thread exists and before anything of a machine is
 * open.
 */
int detach_fork(int *status);

#endif
