/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of the machine, for a listener: core/event.c.
 */
#ifndef KVM_EVENT_H
#define KVM_EVENT_H

#include <kvm/types.h>

/*
 * Post an event, such as that the machine was paused or a device was resized. The names are those
 * of docs/control.md. The strings stay as long as the machine. Any thread, under any lock.
 */
void event_post(const char *name);
void event_post_device(const char *device, const char *name);

/*
 * fn is called for each event, on the thread that posts it; device NULL: an event of the machine
 * itself. There is only one listener; fn NULL: none. Main thread.
 */
void event_set_listener(void (*fn)(const char *device, const char *name));

#endif
