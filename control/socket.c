// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket of a running machine.
 *
 * NAME.sock lies beside the name's lock in the runtime directory, for the owner alone. Clients send
 * one JSON object on each line and get one line as the answer. docs/control.md describes the
 * commands; each module adds its own with ipc_add_command(). This file has the rules of the
 * connection:
 *
 * - the client's uid is ours or root's, by SO_PEERCRED; others get an error and are dropped;
 * - a line is complete within 5 s after its first byte, and no longer than 64 KiB;
 * - a client reads its output within 5 s, and at most 1 MiB of output waits for it. A client that
 *   breaks these rules is dropped. No call here blocks, so no other client is delayed;
 * - one turn of the loop reads only a small piece from each client, so one client cannot keep the
 *   loop busy; when descriptors run out, the next client waits until one is free.
 *
 * A command may take the connection over, and defines its bytes from then on (console/view.c).
 *
 * A request refers to its client by number, so it may be answered after the client is gone. A
 * client has at most 64 unanswered requests. Events come from any thread: they are noted in a list
 * under a mutex, and a bell tells the loop.
 *
 * A machine that was killed leaves its socket. The next machine of that name holds the lock, so it
 * may remove the socket.
 *
 * Spec: RFC 8259; unix(7).
 */
#include <kvm/control-socket.h>

#include <kvm/config.h>
#include <kvm/control-name.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/json-file.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/runtime-dir.h>
#include <kvm/util.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_NS (5 * NSEC_PER_SEC)
#define RETRY_NS    (100 * NSEC_PER_MSEC)
#define BACKLOG	    128
#define EVENTS_MAX  64
#define PENDING_MAX 64	   /* unanswered requests of one client */
#define READ_BYTES  512ULL /* in one turn of the loop: some requests, not hundreds */

struct ipc_client {
	struct loop_fd source;
	struct loop_timer deadline;
	u64 number;
	bool subscribed;
	bool closed;	      /* it sends no more, but waits for answers */
	unsigned int pending; /* requests that are not answered */
	bool ends;	      /* an error was sent; further input is discarded until it closes */
	char *in;	      /* the line so far; IPC_LINE_MAX bytes once it is needed */
	size_t in_len;
	size_t in_taken; /* bytes of it up to the end of the current line */
	char *out;
	size_t out_len, out_room;
	struct ipc_client *next;
};

struct ipc_event {
	const char *name, *device; /* device NULL: an event of the machine itself */
};

static struct {
	struct kvm *kvm;
	struct loop_fd listener;
	struct loop_timer retry; /* accept() again */
	struct ipc_client *clients;
	struct ipc_command *commands;
	u64 last_number;
	char file[RUNTIME_NAME_MAX + sizeof(".sock")];

	pthread_mutex_t lock; /* for the fields below */
	bool listening;
	struct ipc_event events[EVENTS_MAX];
	unsigned int event_count;
	struct loop_bell bell;
} ipc = {.listener = {.fd = -1}, .lock = PTHREAD_MUTEX_INITIALIZER};

/* --- a client's life --- */

/* Remove and free the client. Its descriptor stays open and belongs to the caller. */
static void ipc_forget(struct ipc_client *client)
{
	struct ipc_client **at = &ipc.clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	loop_unwatch(ipc.kvm->loop, &client->source);
	loop_disarm(ipc.kvm->loop, &client->deadline);
	free(client->in);
	free(client->out);
	free(client);
}

static void ipc_drop(struct ipc_client *client)
{
	int fd = client->source.fd;

	ipc_forget(client);
	close(fd);
}

static void ipc_overdue(void *arg)
{
	ipc_drop(arg);
}

/* Arm the deadline while the client has to complete a line, to read its output, or to close. */
static void ipc_set_deadline(struct ipc_client *client)
{
	bool owes = client->in_len || client->out_len || client->ends;

	if (!owes)
		loop_disarm(ipc.kvm->loop, &client->deadline);
	else if (!client->deadline.deadline_ns)
		loop_arm(ipc.kvm->loop, &client->deadline, now_ns() + DEADLINE_NS);
}

static void ipc_watch(struct ipc_client *client)
{
	/*
	 * EPOLLPRI never comes. With no event at all the loop would not report that the client
	 * hangs up.
	 */
	u32 events = EPOLLPRI | (client->closed ? 0 : EPOLLIN) | (client->out_len ? EPOLLOUT : 0);

	loop_watch(ipc.kvm->loop, &client->source, events);
	ipc_set_deadline(client);
}

static struct ipc_client *ipc_find(u64 number)
{
	struct ipc_client *client = ipc.clients;

	while (client && client->number != number)
		client = client->next;
	return client;
}

/* The client sends no more, and all its requests are answered. */
static bool ipc_is_over(const struct ipc_client *client)
{
	return client->closed && !client->pending;
}

/* --- output --- */

/* False: the client is gone. */
static bool ipc_flush(struct ipc_client *client)
{
	ssize_t sent = 0;

	while (client->out_len) {
		sent = send(client->source.fd, client->out, client->out_len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			break;
		client->out_len -= (size_t)sent;
		memmove(client->out, client->out + sent, client->out_len);
		/* The client reads: ipc_watch() starts its time again. */
		loop_disarm(ipc.kvm->loop, &client->deadline);
	}
	if ((sent < 0 && errno != EAGAIN) || (!client->out_len && ipc_is_over(client))) {
		ipc_drop(client);
		return false;
	}
	ipc_watch(client);
	return true;
}

/* Send one line; the reference of object is taken. The client may be freed after that. */
static void ipc_send(struct ipc_client *client, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;

	json_decref(object);
	if (!text || len >= IPC_OUTPUT_MAX - client->out_len) {
		free(text);
		ipc_drop(client);
		return;
	}
	if (client->out_room < client->out_len + len + 1) {
		size_t room = MAX(client->out_len + len + 1, 2 * client->out_room);
		char *out = realloc(client->out, room);

		if (!out) {
			free(text);
			ipc_drop(client);
			return;
		}
		client->out = out;
		client->out_room = room;
	}
	memcpy(client->out + client->out_len, text, len);
	client->out[client->out_len + len] = '\n';
	client->out_len += len + 1;
	free(text);
	ipc_flush(client);
}

static void ipc_finish(struct ipc_request *request, json_t *body)
{
	struct ipc_client *client = ipc_find(request->client);

	if (body && request->id)
		json_object_set(body, "id", request->id);
	if (client) {
		client->pending--;
		ipc_send(client, body);
	} else {
		json_decref(body);
	}
	json_decref(request->id);
	free(request);
}

bool ipc_is_awaited(const struct ipc_request *request)
{
	return ipc_find(request->client);
}

void ipc_answer(struct ipc_request *request, json_t *body)
{
	body = body ?: json_object();
	json_object_set_new(body, "ok", json_true());
	ipc_finish(request, body);
}

void ipc_refuse(struct ipc_request *request, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ipc_finish(request,
		   json_pack("{s:b, s:o}", "ok", 0, "error", json_file_string(text, strlen(text))));
}

int ipc_take_over(struct ipc_request *request, json_t *body, u8 **early, size_t *early_len)
{
	struct ipc_client *client = ipc_find(request->client);
	u64 number = request->client;
	int fd;

	if (client->pending != 1 || client->out_len || client->subscribed) {
		json_decref(body);
		ipc_refuse(request, "this needs a connection of its own");
		return -EBUSY;
	}
	ipc_answer(request, body);
	if (ipc_find(number) != client)
		return -EPIPE;
	*early_len = client->in_len - client->in_taken;
	*early = *early_len ? malloc(*early_len) : NULL;
	if (client->out_len || (*early_len && !*early)) {
		free(*early);
		ipc_drop(client);
		return -ENOBUFS;
	}
	if (*early_len)
		memcpy(*early, client->in + client->in_taken, *early_len);
	fd = client->source.fd;
	ipc_forget(client);
	return fd;
}

/* --- input --- */

void ipc_add_command(struct ipc_command *command)
{
	command->next = ipc.commands;
	ipc.commands = command;
}

static void ipc_take_line(struct ipc_client *client, const char *line, size_t len)
{
	struct ipc_request *request = calloc(1, sizeof(*request));
	json_t *params = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(params, "command"));
	const struct ipc_command *command = ipc.commands;

	if (!request) {
		json_decref(params);
		ipc_drop(client);
		return;
	}
	client->pending++;
	request->client = client->number;
	request->id = json_incref(json_object_get(params, "id"));
	while (name && command && strcmp(command->name, name) != 0)
		command = command->next;
	if (!json_is_object(params))
		ipc_refuse(request, "a request is one JSON object a line");
	else if (!name)
		ipc_refuse(request, "a request has a \"command\", a string");
	else if (client->pending > PENDING_MAX)
		ipc_refuse(request, "64 requests wait for their answer already");
	else if (!command)
		ipc_refuse(request, "there is no command of that name; \"hello\" lists them");
	else
		command->handle(request, params, command->arg);
	json_decref(params);
}

/* Handle all complete lines of the input. False: the client is gone. */
static bool ipc_take_lines(struct ipc_client *client)
{
	u64 number = client->number;
	size_t from = 0;
	const char *end;

	while ((end = memchr(client->in + from, '\n', client->in_len - from))) {
		size_t len = (size_t)(end - client->in) - from;

		client->in_taken = from + len + 1;
		ipc_take_line(client, client->in + from, len);
		if (ipc_find(number) != client)
			return false;
		from += len + 1;
	}
	client->in_len -= from;
	memmove(client->in, client->in + from, client->in_len);
	/* A line was completed: the next one gets its own time. */
	if (from)
		loop_disarm(ipc.kvm->loop, &client->deadline);
	return true;
}

/* Send the error; the client has 5 s to read it and close. */
static void ipc_end(struct ipc_client *client, const char *why)
{
	client->ends = true;
	client->in_len = 0;
	ipc_send(client, json_pack("{s:b, s:s}", "ok", 0, "error", why));
}

static void ipc_readable(struct ipc_client *client)
{
	size_t room = MIN(IPC_LINE_MAX - client->in_len, READ_BYTES);
	ssize_t got;

	if (!client->in)
		client->in = malloc(IPC_LINE_MAX);
	got = client->in ? recv(client->source.fd, client->in + client->in_len, room, MSG_DONTWAIT)
			 : 0;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/*
	 * Discard this input: close() with unread input would also throw away our last line to the
	 * client.
	 */
	if (got > 0 && client->ends)
		return;
	if (!got && client->in && !client->subscribed) {
		/* As in "echo ... | socat": its requests are still answered. */
		client->closed = true;
		client->in_len = 0;
		ipc_flush(client);
		return;
	}
	if (got <= 0) {
		ipc_drop(client);
		return;
	}
	client->in_len += (size_t)got;
	if (!ipc_take_lines(client))
		return;
	if (client->in_len == IPC_LINE_MAX)
		ipc_end(client, "a line is longer than 64 KiB");
	else
		ipc_watch(client);
}

static void ipc_client_ready(void *arg, u32 events)
{
	struct ipc_client *client = arg;

	if (events & EPOLLOUT && !ipc_flush(client))
		return;
	/* Read first: input from before the hang-up still counts. */
	if (events & EPOLLIN && !client->closed)
		ipc_readable(client);
	else if (events & (EPOLLHUP | EPOLLERR))
		ipc_drop(client);
}

/* --- new clients --- */

static void ipc_accept_later(void)
{
	loop_watch(ipc.kvm->loop, &ipc.listener, 0);
	loop_arm(ipc.kvm->loop, &ipc.retry, now_ns() + RETRY_NS);
}

static void ipc_accept_again(void *arg)
{
	loop_watch(ipc.kvm->loop, &ipc.listener, EPOLLIN);
}

static bool ipc_may(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void ipc_accept(void *arg, u32 events)
{
	struct ipc_client *client;
	int fd = accept4(ipc.listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			ipc_accept_later();
		return;
	}
	client = calloc(1, sizeof(*client));
	if (!client) {
		close(fd);
		return;
	}
	client->source = (struct loop_fd){.fd = fd, .fn = ipc_client_ready, .arg = client};
	client->deadline = (struct loop_timer){.fn = ipc_overdue, .arg = client};
	client->number = ++ipc.last_number;
	client->next = ipc.clients;
	ipc.clients = client;
	if (loop_watch(ipc.kvm->loop, &client->source, EPOLLIN))
		ipc_drop(client);
	else if (!ipc_may(fd))
		ipc_end(client, "this machine is another user's");
}

/* --- events --- */

static void ipc_heard(const char *device, const char *name)
{
	pthread_mutex_lock(&ipc.lock);
	if (ipc.listening && ipc.event_count < EVENTS_MAX) {
		ipc.events[ipc.event_count++] = (struct ipc_event){name, device};
		loop_ring(ipc.kvm->loop, &ipc.bell);
	}
	pthread_mutex_unlock(&ipc.lock);
}

static void ipc_tell_event(struct ipc_event event)
{
	struct ipc_client *client, *next;

	for (client = ipc.clients; client; client = next) {
		next = client->next;
		if (client->subscribed && !client->ends)
			ipc_send(client, json_pack("{s:s, s:s*}", "event", event.name, "device",
						   event.device));
	}
}

void ipc_tell(const char *name)
{
	ipc_tell_event((struct ipc_event){name, NULL});
}

static void ipc_tell_events(void *arg)
{
	struct ipc_event events[EVENTS_MAX];
	unsigned int count;

	pthread_mutex_lock(&ipc.lock);
	count = ipc.event_count;
	memcpy(events, ipc.events, sizeof(events));
	ipc.event_count = 0;
	pthread_mutex_unlock(&ipc.lock);
	for (unsigned int i = 0; i < count; i++)
		ipc_tell_event(events[i]);
}

/* --- commands of this file --- */

static void ipc_hello(struct ipc_request *request, const json_t *params, void *arg)
{
	json_t *names = json_array();

	for (const struct ipc_command *command = ipc.commands; command; command = command->next)
		json_array_append_new(names, json_string(command->name));
	ipc_answer(request, json_pack("{s:i, s:s, s:o, s:i, s:o}", "protocol", IPC_PROTOCOL, "lkvm",
				      LKVM_VERSION, "name",
				      json_file_string(config.name, strlen(config.name)), "pid",
				      (int)getpid(), "commands", names));
}

static void ipc_subscribe(struct ipc_request *request, const json_t *params, void *arg)
{
	ipc_find(request->client)->subscribed = true;
	ipc_answer(request, NULL);
}

static struct ipc_command hello_command = {.name = "hello", .handle = ipc_hello};
static struct ipc_command subscribe_command = {.name = "subscribe", .handle = ipc_subscribe};

/* --- the socket --- */

static int ipc_bind(int fd)
{
	struct sockaddr_un address;
	mode_t mask = umask(0177);
	int err;

	runtime_dir_address(instance_dir_fd(), ipc.file, &address);
	unlinkat(instance_dir_fd(), ipc.file, 0);
	err = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	return err;
}

static void ipc_exit(struct kvm *kvm)
{
	pthread_mutex_lock(&ipc.lock);
	ipc.listening = false;
	pthread_mutex_unlock(&ipc.lock);
	event_set_listener(NULL);
	unlinkat(instance_dir_fd(), ipc.file, 0);
	while (ipc.clients)
		ipc_drop(ipc.clients);
	loop_disarm(kvm->loop, &ipc.retry);
	loop_unwatch(kvm->loop, &ipc.listener);
	close(ipc.listener.fd);
	loop_remove_bell(kvm->loop, &ipc.bell);
	ipc.commands = NULL;
}

static int ipc_init(struct kvm *kvm)
{
	int err, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ipc.kvm = kvm;
	snprintf(ipc.file, sizeof(ipc.file), "%s.sock", config.name);
	err = fd < 0 ? -errno : ipc_bind(fd);
	if (!err && listen(fd, BACKLOG) < 0)
		err = -errno;
	if (err) {
		if (fd >= 0)
			close(fd);
		return log_fail(err, "control socket %s: %s; LKVM_RUNTIME_DIR names another folder",
				ipc.file, strerror(-err));
	}
	ipc.listener = (struct loop_fd){.fd = fd, .fn = ipc_accept};
	ipc.retry = (struct loop_timer){.fn = ipc_accept_again};
	ipc.bell = (struct loop_bell){.fn = ipc_tell_events};
	loop_add_bell(kvm->loop, &ipc.bell);
	ipc_add_command(&hello_command);
	ipc_add_command(&subscribe_command);
	err = loop_watch(kvm->loop, &ipc.listener, EPOLLIN);
	if (err) {
		ipc_exit(kvm);
		return log_fail(err, "control socket %s: %s", ipc.file, strerror(-err));
	}
	pthread_mutex_lock(&ipc.lock);
	ipc.listening = true;
	pthread_mutex_unlock(&ipc.lock);
	event_set_listener(ipc_heard);
	return 0;
}

/* After all devices, so a client that connects finds a complete machine. */
INIT_MODULE(ipc, .level = INIT_SOCKET, .init = ipc_init, .exit = ipc_exit);
