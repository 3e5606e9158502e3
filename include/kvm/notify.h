/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tell a service manager that the machine is up or ends. control/notify.c. Main thread; keeps no
 * state.
 */
#ifndef KVM_NOTIFY_H
#define KVM_NOTIFY_H

/*
 * Send text to the socket that $NOTIFY_SOCKET names. 0, also if that is not set; -EINVAL for a name
 * of another form, or -errno. Never blocks, does not log.
 */
int notify_send(const char *text);

#endif
