// SPDX-License-Identifier: GPL-2.0-only
/*
 * Viewers: clients of the control socket that see the machine's console, as lkvm console does.
 *
 * The command "console" turns its connection into the console itself: after the answer line come
 * the last 64 KiB of output, and then all new output, byte for byte. One viewer has the keyboard,
 * and the guest gets what this viewer sends. It is the first viewer that wants the keyboard while
 * standard input is not open. All others only watch, and their input is not read. The command
 * "break" sends a break, which is not a byte.
 *
 * Each viewer reads the ring of console.c from its own place. So a viewer that does not read costs
 * 16 KiB and delays neither the guest nor another viewer: after 256 KiB it misses the oldest bytes,
 * and a line in its stream says how many. It is not disconnected: a user may stop a terminal for
 * longer than any deadline. A viewer's input is read only when the guest takes it, so a flood of
 * input waits in the socket.
 *
 * A viewer that closes its side for writing gives the keyboard back and still sees the output.
 *
 * At the end the rest of the output is sent, for at most END_NS in all.
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
#define TURN_BYTES   (256 * KIB) /* sent to one viewer before the others have their turn */
#define TYPE_BYTES   4096
#define END_NS	     NSEC_PER_SEC

struct viewer {
	struct loop_fd source;
	bool types;   /* it has the keyboard */
	bool blocked; /* its socket is full */
	u64 at;	      /* its place in the output: all before it was fetched */
	u64 lost;     /* bytes missed and not reported yet */
	u8 *typed;    /* input that came with the request and is not typed yet */
	size_t typed_len;
	size_t from, to; /* the part of piece that is not sent yet */
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

/* Fetch the next piece of the viewer's stream. False: there is none. */
static bool view_fetch(struct viewer *viewer)
{
	size_t len = console_view(&viewer->at, viewer->piece, sizeof(viewer->piece), &viewer->lost);

	viewer->from = 0;
	viewer->to = len;
	if (!viewer->lost)
		return len;
	/* The line about lost bytes comes first: step back, so that the piece is fetched again. */
	viewer->at -= len;
	viewer->to = (size_t)snprintf((char *)viewer->piece, sizeof(viewer->piece),
				      "\r\n[lkvm: %llu bytes were lost, as they were not read]\r\n",
				      viewer->lost);
	viewer->lost = 0;
	return true;
}

/* Send all output. 0: all is sent; -EAGAIN: there is more; another -errno: the viewer is gone. */
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

/* Type input that came with the request. True: all is typed, and there is room for more. */
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

/*
 * Watch for what can be served now. EPOLLPRI is only there to keep the watch: without any
 * event, a hang-up would not be seen.
 */
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

	/* recv() with a length of 0 would return 0, as at the end of the stream. */
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

/* Called when there is new output, or room for input. */
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

/* Send the rest to each viewer, until END_NS is over. */
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
