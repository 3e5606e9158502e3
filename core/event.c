// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened to the machine, for a listener.
 *
 * A module posts here what happened to it (the machine was paused, a disk was resized). The control
 * socket listens, and tells its clients. So neither knows the other, and without a control socket
 * an event is dropped.
 *
 * Threads: events come from any thread. The listener is called at once, while the module that posts
 * may hold locks, so it must only make a note.
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
