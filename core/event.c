// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the machine, for a listener.
 *
 * A module posts an event here (the machine was paused, a disk was resized). The control socket is
 * the listener, and tells its clients. So the module and the socket do not depend on each other.
 * Without a control socket an event is dropped.
 *
 * Threads: events come from any thread. The listener is called at once, while the module that posts
 * may hold locks, so it must only note the event and return.
 */
#include <kvm/event.h>

static void (*_Atomic event_listener)(const char *device, const char *name);

void event_post_device(const char *device, const char *name)
{
	void (*listener)(const char *at, const char *what) = event_listener;

	if (listener)
		listener(device, name);
}

void event_post(const char *name)
{
	event_post_device(NULL, name);
}

void event_set_listener(void (*fn)(const char *device, const char *name))
{
	event_listener = fn;
}
