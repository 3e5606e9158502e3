// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm console: use the console of a running machine, and leave it again.
 *
 * The control socket's command "console" turns a connection into the console (console/view.c). This
 * file connects it with standard input and output. A terminal is in raw mode meanwhile (term.c):
 * Ctrl-A d leaves the console, and the machine goes on. Only one user can type at a time; another
 * one gets a message that says so, and sees the output only.
 *
 * One event loop serves all. Only a break blocks, for at most 400 ms. While a terminal takes no
 * output (Ctrl-S), the socket is not read: this does not stop the machine, and Ctrl-A d still
 * works. At most 4 KiB of input from a terminal wait for the guest, the rest is dropped. A pipe is
 * read as fast as the guest takes the input; after its end the console still shows the output.
 *
 * Main thread.
 *
 * Spec: docs/control.md.
 */
#include <kvm/builtin.h>

#include <kvm/client-select.h>
#include <kvm/connection.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/loop.h>
#include <kvm/term.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_BYTES	 (64 * KIB)
#define TYPE_BYTES	 4096

#define BREAK_TIMEOUT_NS (200 * NSEC_PER_MSEC)

static const char key_help[] = "\r\nCtrl-A d  leave this console; the machine goes on\r\n"
			       "Ctrl-A b  send a break (SysRq)\r\n"
			       "Ctrl-A Ctrl-A  send Ctrl-A\r\n"
			       "Ctrl-A h  this list\r\n";

static bool watch, help;

static const struct option builtin_console_options[] = {
	{.name = "watch",
	 .type = OPTION_FLAG,
	 .value = &watch,
	 .help = "show the console, type nothing"},
	SELECT_HELP_OPTION(help),
};
OPTION_GROUP(builtin_console, console, "Console", 10, builtin_console_options);

static struct {
	const char *name;
	struct loop *loop;
	struct loop_fd sock, in, out, signals;
	bool in_tty, out_shared;
	bool types;   /* our input is sent to the guest */
	bool in_open; /* standard input has not ended */
	bool left;    /* the user left with Ctrl-A d */
	int status;
	u8 typed[TYPE_BYTES], text[OUT_BYTES];
	size_t typed_len, text_len;
} at;

/*
 * Watch what can be served now. The socket is read only after all its earlier data was written to
 * the output; input from a pipe is read only while there is room for it.
 */
static void at_watch(void)
{
	bool reads =
		at.in_open && (at.in_tty ? term_is_raw() : !at.types || at.typed_len < TYPE_BYTES);

	loop_watch(at.loop, &at.sock, (at.text_len ? 0 : EPOLLIN) | (at.typed_len ? EPOLLOUT : 0));
	loop_watch(at.loop, &at.in, reads ? EPOLLIN : 0);
	loop_watch(at.loop, &at.out, at.text_len ? EPOLLOUT : 0);
}

static void at_fail(const char *what, int error)
{
	at.status = log_fail(STATUS_ERROR, "%s: %s: %s", at.name, what, strerror(error));
	loop_stop(at.loop);
}

/* --- the machine's side --- */

static void at_show(void)
{
	while (at.text_len) {
		ssize_t done = term_write(at.out.fd, at.out_shared, at.text, at.text_len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			if (errno != EAGAIN)
				at_fail("standard output cannot be written", errno);
			return;
		}
		at.text_len -= (size_t)done;
		memmove(at.text, at.text + done, at.text_len);
	}
}

static void at_send(void)
{
	ssize_t sent = 0;

	while (at.typed_len && sent >= 0) {
		sent = send(at.sock.fd, at.typed, at.typed_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			at.typed_len -= (size_t)sent;
			memmove(at.typed, at.typed + sent, at.typed_len);
		}
	}
	/* An error of the socket ends the loop in at_sock_ready(), when recv() fails as well. */
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		at.typed_len = 0;
	if (!at.typed_len && !at.in_open)
		shutdown(at.sock.fd, SHUT_WR);
}

static void at_sock_ready(void *arg, u32 events)
{
	ssize_t len;

	if (events & EPOLLOUT)
		at_send();
	if (events & ~EPOLLOUT && !at.text_len) {
		len = recv(at.sock.fd, at.text, sizeof(at.text), MSG_DONTWAIT);
		if (!len || (len < 0 && errno != EAGAIN && errno != EINTR)) {
			loop_stop(at.loop);
			return;
		}
		at.text_len = (size_t)MAX(len, (ssize_t)0);
		at_show();
	}
	at_watch();
}

static void at_out_ready(void *arg, u32 events)
{
	at_show();
	at_watch();
}

/* --- the user's side --- */

/* The command needs a connection of its own: ours carries only the bytes of the console. */
static void at_break(void)
{
	int fd = connection_open(at.name, BREAK_TIMEOUT_NS);

	if (fd < 0)
		return;
	json_decref(select_call(at.name, fd, "break", NULL, BREAK_TIMEOUT_NS));
	close(fd);
}

static void at_do_keys(unsigned int keys)
{
	if (keys & TERM_KEY_BREAK && at.types)
		at_break();
	/*
	 * Ctrl-A x would end a machine that runs in the foreground. Here it only prints the help,
	 * so that no one ends a detached machine by mistake.
	 */
	if (keys & (TERM_KEY_HELP | TERM_KEY_QUIT))
		(void)!write(STDERR_FILENO, key_help, sizeof(key_help) - 1);
	if (keys & TERM_KEY_DETACH) {
		at.left = true;
		loop_stop(at.loop);
	}
}

static void at_in_ready(void *arg, u32 events)
{
	size_t space = TYPE_BYTES - at.typed_len;
	u8 typed[TYPE_BYTES];
	ssize_t len;

	len = read(at.in.fd, typed, at.in_tty || !at.types ? sizeof(typed) : space);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		at.in_open = false;
		/* The terminal was closed: leave the console. */
		if (at.in_tty)
			loop_stop(at.loop);
	}
	if (len > 0 && at.in_tty) {
		unsigned int keys = 0;

		len = (ssize_t)term_filter(typed, (size_t)len, &keys);
		at_do_keys(keys);
	}
	if (len > 0 && at.types) {
		memcpy(at.typed + at.typed_len, typed, MIN((size_t)len, space));
		at.typed_len += MIN((size_t)len, space);
	}
	at_send();
	at_watch();
}

static void at_signal(void *arg, u32 events)
{
	struct signalfd_siginfo info;

	if (read(at.signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	at.left = true;
	at.status = 128 + (int)info.ssi_signo;
	loop_stop(at.loop);
}

/* --- from attaching to leaving --- */

static int at_attach(void)
{
	json_t *answer;
	int fd = select_open(at.name);

	if (fd < 0)
		return fd;
	answer = select_call(at.name, fd, "console", json_pack("{s:b}", "watch", watch),
			     CONNECTION_TIMEOUT_NS);
	if (!answer) {
		close(fd);
		return -EIO;
	}
	at.types = json_is_true(json_object_get(answer, "types"));
	json_decref(answer);
	if (!at.types && !watch)
		log_warn("%s: another viewer types at this console; this one only shows the output",
			 at.name);
	return fd;
}

static void at_raw_changed(void)
{
	at_watch();
}

static int at_start_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	at.signals = (struct loop_fd){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				      .fn = at_signal};
	if (at.signals.fd < 0)
		return log_fail(-errno, "signals: signalfd: %s", strerror(errno));
	return loop_watch(at.loop, &at.signals, EPOLLIN);
}

static int at_run(void)
{
	bool in_shared;
	int err;

	at.loop = loop_new();
	if (!at.loop)
		return log_fail(-errno, "console: %s", strerror(errno));
	at.sock.fn = at_sock_ready;
	at.in = (struct loop_fd){.fd = term_reopen(STDIN_FILENO, O_RDONLY, &in_shared),
				 .fn = at_in_ready};
	at.out = (struct loop_fd){.fd = term_reopen(STDOUT_FILENO, O_WRONLY, &at.out_shared),
				  .fn = at_out_ready};
	at.in_tty = isatty(STDIN_FILENO);
	at.in_open = true;
	err = at_start_signals();
	if (!err)
		err = term_start(at.loop, at_raw_changed);
	if (!err) {
		term_take();
		at_watch();
		err = loop_run(at.loop);
		if (err)
			log_error("console: event loop: %s", strerror(-err));
	}
	term_stop();
	loop_free(at.loop);
	return err;
}

int builtin_console(int argc, char **argv)
{
	int status;

	at.name = select_name("console", &help, argc, argv, &status);
	if (!at.name)
		return status;
	at.sock.fd = at_attach();
	if (at.sock.fd < 0)
		return STATUS_ERROR;
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "lkvm: %s: Ctrl-A d leaves its console\n", at.name);
	if (at_run())
		at.status = STATUS_ERROR;
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "\nlkvm: %s: %s\n", at.name,
			at.left ? "left its console" : "its console is closed");
	close(at.sock.fd);
	return at.status;
}
