// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened to the machine, for whoever listens.
 *
 * Those to whom something happens (a pause, a disk that is resized) post it here; the control
 * socket listens and passes it on to its clients. So neither knows the other, and a machine without
 * a control socket posts to nobody.
 *
 * Threads: events come from all. The listener is called at once, possibly under locks of the
 * poster's, so it must only take a note.
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
