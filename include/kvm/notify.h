/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Telling a service manager how far the machine is. notify.c. Main thread; nothing keeps state.
 */
#ifndef KVM_NOTIFY_H
#define KVM_NOTIFY_H

/*
 * Send text to the socket that $NOTIFY_SOCKET names. 0, also when nothing is named; -EINVAL for a
 * name of another form, or -errno. Never blocks, says nothing.
 */
int notify_send(const char *text);

#endif
