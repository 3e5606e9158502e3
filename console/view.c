// SPDX-License-Identifier: GPL-2.0-only
/*
 * Viewers: the machine's console for whoever asks by the control socket, as lkvm console does.
 *
 * The command "console" turns its connection into the console itself: behind the answer line comes
 * the output of before, 64 KiB of it, and then all that is written, byte for byte. What a viewer
 * sends is typed, if it has the keyboard: the first one that wants it, as long as standard input is
 * not open, for then that is the keyboard. All others look on, and what they send is not read.
 * "break" sends a break, which has no byte.
 *
 * Each viewer reads the ring of console.c from a place of its own. So one that does not read costs
 * 16 KiB and keeps nobody waiting, neither the guest nor another viewer: after 256 KiB it misses
 * the oldest, and a line in its stream says how much. It is not dropped for that: a terminal may be
 * held for longer than any deadline. The keyboard takes no more than the guest does, so a flood of
 * input waits in the socket.
 *
 * A side that is closed for writing gives the keyboard back and still sees the output.
 *
 * At the end what is left is sent, for at most END_NS in all.
 *
 * The loop's thread, then the main thread.
 *
 * Spec: docs/control.md.
 */
#include <kvm/control-socket.h>

#include <kvm/console.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/util.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLAY_BYTES (64 * KIB)
#define VIEWERS_MAX  32
#define PIECE_BYTES  (16 * KIB)
#define TURN_BYTES   (256 * KIB) /* for one viewer, before the others have their turn */
#define TYPE_BYTES   4096
#define END_NS	     NSEC_PER_SEC

struct viewer {
	struct loop_fd source;
	bool types;   /* it has the keyboard */
	bool blocked; /* its socket is full */
	u64 at;	      /* what it has of the output, up to here */
	u64 lost;     /* not told yet */
	u8 *typed;    /* sent behind the request; rest of it */
	size_t typed_len;
	size_t from, to; /* what is left of piece */
	u8 piece[PIECE_BYTES];
	struct viewer *next;
};

static struct {
	struct kvm *kvm;
	struct viewer *viewers;
	unsigned int count;
} view;

static void view_drop(struct viewer *viewer)
{
	struct viewer **at = &view.viewers;

	while (*at != viewer)
		at = &(*at)->next;
	*at = viewer->next;
	loop_unwatch(view.kvm->loop, &viewer->source);
	close(viewer->source.fd);
	free(viewer->typed);
	free(viewer);
	view.count--;
}

/* --- out --- */

/* The next piece of its stream. False: there is none. */
static bool view_fetch(struct viewer *viewer)
{
	size_t len = console_view(&viewer->at, viewer->piece, sizeof(viewer->piece), &viewer->lost);

	viewer->from = 0;
	viewer->to = len;
	if (!viewer->lost)
		return len;
	/* The line first: what was just copied is fetched again. */
	viewer->at -= len;
	viewer->to = (size_t)snprintf((char *)viewer->piece, sizeof(viewer->piece),
				      "\r\n[lkvm: %llu bytes were lost, as they were not read]\r\n",
				      viewer->lost);
	viewer->lost = 0;
	return true;
}

/* Send what there is. 0: all of it, or -EAGAIN, or another -errno when the viewer is gone. */
static int view_send(struct viewer *viewer)
{
	size_t budget = TURN_BYTES;

	while (viewer->from < viewer->to || view_fetch(viewer)) {
		ssize_t sent = budget ? send(viewer->source.fd, viewer->piece + viewer->from,
					     viewer->to - viewer->from, MSG_NOSIGNAL | MSG_DONTWAIT)
				      : -1;

		if (!budget)
			return -EAGAIN;
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		viewer->from += (size_t)sent;
		budget -= MIN(budget, (size_t)sent);
	}
	return 0;
}

/* --- in --- */

/* Type what was sent ahead. True: all of it, and there is room for more. */
static bool view_type_ahead(struct viewer *viewer)
{
	size_t len = MIN(viewer->typed_len, console_type_room());

	if (len) {
		console_type(viewer->typed, len);
		viewer->typed_len -= len;
		memmove(viewer->typed, viewer->typed + len, viewer->typed_len);
	}
	return !viewer->typed_len && console_type_room();
}

/* Watch what can be served. EPOLLPRI is nothing we wait for: a hang-up is seen even so. */
static void view_watch(struct viewer *viewer)
{
	bool reads = viewer->types && view_type_ahead(viewer);

	loop_watch(view.kvm->loop, &viewer->source,
		   EPOLLPRI | (reads ? EPOLLIN : 0) | (viewer->blocked ? EPOLLOUT : 0));
}

static void view_receive(struct viewer *viewer)
{
	u8 data[TYPE_BYTES];
	ssize_t len = -1;

	/* A read of nothing would look like its end. */
	if (console_type_room())
		len = recv(viewer->source.fd, data, MIN(console_type_room(), sizeof(data)),
			   MSG_DONTWAIT);
	if (len > 0)
		console_type(data, (size_t)len);
	if (!len)
		viewer->types = false;
}

/* --- the loop --- */

static void view_serve(struct viewer *viewer)
{
	int err = view_send(viewer);

	viewer->blocked = err == -EAGAIN;
	if (err && !viewer->blocked)
		view_drop(viewer);
	else
		view_watch(viewer);
}

static void view_ready(void *arg, u32 events)
{
	struct viewer *viewer = arg;

	if (events & EPOLLIN && viewer->types)
		view_receive(viewer);
	if (events & (EPOLLHUP | EPOLLERR))
		view_drop(viewer);
	else
		view_serve(viewer);
}

/* New output, or room for input. */
static void view_news(void)
{
	struct viewer *viewer, *next;

	for (viewer = view.viewers; viewer; viewer = next) {
		next = viewer->next;
		if (viewer->blocked)
			view_watch(viewer);
		else
			view_serve(viewer);
	}
}

/* --- commands --- */

static bool view_keyboard_is_free(void)
{
	for (const struct viewer *viewer = view.viewers; viewer; viewer = viewer->next) {
		if (viewer->types)
			return false;
	}
	return console_may_type();
}

static void view_console(struct ipc_request *request, const json_t *params, void *arg)
{
	bool types = !json_is_true(json_object_get(params, "watch")) && view_keyboard_is_free();
	struct viewer *viewer = view.count < VIEWERS_MAX ? calloc(1, sizeof(*viewer)) : NULL;
	int fd;

	if (!viewer) {
		ipc_refuse(request, "there are too many viewers of this console");
		return;
	}
	fd = ipc_take_over(request, json_pack("{s:b}", "types", types), &viewer->typed,
			   &viewer->typed_len);
	if (fd < 0) {
		free(viewer);
		return;
	}
	viewer->source = (struct loop_fd){.fd = fd, .fn = view_ready, .arg = viewer};
	viewer->types = types;
	viewer->at = console_history(REPLAY_BYTES);
	viewer->next = view.viewers;
	view.viewers = viewer;
	view.count++;
	view_serve(viewer);
}

static void view_break(struct ipc_request *request, const json_t *params, void *arg)
{
	console_send_break();
	ipc_answer(request, NULL);
}

static struct ipc_command view_commands[] = {
	{.name = "console", .handle = view_console},
	{.name = "break", .handle = view_break},
};

static int view_init(struct kvm *kvm)
{
	view.kvm = kvm;
	for (size_t i = 0; i < ARRAY_SIZE(view_commands); i++)
		ipc_add_command(&view_commands[i]);
	console_set_watcher(view_news);
	return 0;
}

/* The rest for each, as far as they read it in time. */
static void view_exit(struct kvm *kvm)
{
	u64 deadline = now_ns() + END_NS;

	console_set_watcher(NULL);
	while (view.viewers) {
		struct viewer *viewer = view.viewers;
		struct pollfd ready = {.fd = viewer->source.fd, .events = POLLOUT};
		u64 now;

		while (view_send(viewer) == -EAGAIN && (now = now_ns()) < deadline)
			poll(&ready, 1, (int)((deadline - now) / NSEC_PER_MSEC + 1));
		view_drop(viewer);
	}
}

INIT_MODULE(console_view, .level = INIT_LATE, .init = view_init, .exit = view_exit);
