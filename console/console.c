// SPDX-License-Identifier: GPL-2.0-only
/*
 * The console: a chip of the guest on one side, standard input and output on the other.
 *
 * Output. The chip calls console_write_from(): the serial port on a vCPU thread, a byte at a time,
 * hvc0 on the loop's thread. The bytes go into the ring and into the current line (report/lines.c).
 * The first byte into an idle ring rings a bell; the loop then waits 2 ms (or until 16 KiB are
 * there) and writes everything, so that a burst costs one write(2) instead of one for each byte. A
 * slow reader lets the ring fill up. Then console_full() makes the chip withhold its
 * transmitter-empty interrupt, and a program that writes to the tty sleeps. printk does not use
 * interrupts: its bytes overwrite the oldest ones, and one line at the end says how many were lost.
 * When there is room again, the port's writable() is called. A reader that has gone (EPIPE, EIO) is
 * reported once, and output is dropped from then on. Viewers (console/view.c) read the same ring,
 * each from its own place. They delay nothing: they lose the bytes that are overwritten before they
 * read them. A detached machine has no standard output: the writer of its log takes its place, as a
 * sink (control/detached-log.c).
 *
 * Input. Standard input is read into a small buffer, through the Ctrl-A filter when it is a
 * terminal, and handed to the chip when the chip has room; room 0 means that the guest holds RTS
 * back or has not opened its port. A pipe or file is not read while the buffer is full: its writer
 * waits, and nothing is lost. A terminal is always read, because Ctrl-A x must work when the guest
 * is dead; bytes that do not fit are dropped, as a terminal does. When standard input is at its end
 * or not open, a viewer may type. When lkvm's own init runs a command, a pipe or file is framed for
 * it, with its end (own-init.c).
 *
 * The end. When the vCPUs have stopped, console_drain() waits for the reader until it has read
 * everything or has gone, a signal comes, or the run's time is over; after 2 s one line says that
 * lkvm waits. If a signal came before, or the run was ended by force, the reader has 2 s.
 *
 * Threads. One mutex protects ring, lines and counters, and is held for copies only. A line of the
 * kernel may decide that the run ends (report/kernel-lines.c), which takes other locks: so lines
 * are judged after the mutex is released, one by one in order. All system calls are made on the
 * loop, except the ring of a bell; after the loop has stopped, console_drain() runs on the main
 * thread.
 */
#include <kvm/config.h>
#include <kvm/console-log.h>
#include <kvm/console.h>
#include <kvm/device.h>
#include <kvm/heard.h>
#include <kvm/init.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/log.h>
#include <kvm/own-init.h>
#include <kvm/phase.h>
#include <kvm/ring.h>
#include <kvm/term.h>
#include <kvm/util.h>
#include <kvm/writer.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RING_BYTES  (256 * KIB) /* a power of two */
#define FULL_MARGIN 64		/* more than a transmit FIFO */
#define BURST_NS    (2 * NSEC_PER_MSEC)
#define BURST_BYTES (16 * KIB)
#define INPUT_BYTES 4096
#define NOTICE_NS   (2 * NSEC_PER_SEC)

static const char key_help[] = "\r\nCtrl-A x  end the virtual machine\r\n"
			       "Ctrl-A b  send a break (SysRq)\r\n"
			       "Ctrl-A Ctrl-A  send Ctrl-A\r\n"
			       "Ctrl-A h  this list\r\n";

static u8 ring_bytes[RING_BYTES];

static struct {
	struct kvm *kvm;
	pthread_mutex_t lock;
	/* Under the lock: */
	struct ring ring;
	u64 dropped;
	u64 turns, turn; /* lines for report_line(): how many so far, which one is next */
	pthread_cond_t turn_over;
	bool refused; /* console_full() was true since the last writable() */
	bool busy;    /* the loop knows that there is output */
	bool gone;    /* no one reads any more */
	void (*watcher)(void);
	bool watcher_told; /* was told of output, and has not read all of it since */
	/* The loop's: */
	struct console_port ports[2]; /* the last one gets the input */
	unsigned int port_count;
	struct loop_fd out, in;
	const struct sink *sink; /* NULL: out is standard output */
	bool out_shared;
	bool in_tty;
	struct loop_bell output, room, view;
	struct loop_timer burst, view_burst;
	u8 input[INPUT_BYTES];
	size_t input_len;
	bool input_open;
	bool input_typed; /* a viewer typed some of it */
} con = {.lock = PTHREAD_MUTEX_INITIALIZER,
	 .turn_over = PTHREAD_COND_INITIALIZER,
	 .ring = RING_OVER(ring_bytes)};

/* --- output, the guest's side --- */

/*
 * Lines are passed to report_line(), which may decide that the run ends, while no lock is held: one
 * at a time, in the order in which they were finished. The thread that wrote the line waits until
 * then. So the guest cannot do anything more, such as a reset after a panic, before its line has
 * had its effect.
 */
static void console_begin_turn(u64 turn)
{
	pthread_mutex_lock(&con.lock);
	while (con.turn != turn)
		pthread_cond_wait(&con.turn_over, &con.lock);
	pthread_mutex_unlock(&con.lock);
}

static void console_end_turn(void)
{
	pthread_mutex_lock(&con.lock);
	con.turn++;
	pthread_cond_broadcast(&con.turn_over);
	pthread_mutex_unlock(&con.lock);
}

/* Write up to the end of a line, or all bytes. Returns how many were written. */
static size_t console_write_line(enum lines_source source, const u8 *data, size_t len)
{
	char line[LINES_MAX_BYTES + 1];
	bool kernels, ring, tell;
	u64 before, turn;

	pthread_mutex_lock(&con.lock);
	before = ring_used(&con.ring);
	len = lines_take(source, data, len, line, &kernels);
	turn = kernels ? con.turns++ : 0;
	con.dropped += ring_push(&con.ring, data, len);
	heard_output(con.ring.head);
	if (con.gone)
		ring_take(&con.ring, con.ring.head);
	tell = con.watcher && !con.watcher_told;
	con.watcher_told |= tell;
	ring = !con.busy || (before < BURST_BYTES && ring_used(&con.ring) >= BURST_BYTES);
	con.busy = true;
	pthread_mutex_unlock(&con.lock);
	if (ring)
		loop_ring(con.kvm->loop, &con.output);
	if (tell)
		loop_ring(con.kvm->loop, &con.view);
	if (kernels) {
		console_begin_turn(turn);
		report_line(con.kvm, line);
		console_end_turn();
	}
	return len;
}

void console_write_from(enum lines_source source, const u8 *data, size_t len)
{
	phase_mark(PHASE_FIRST_CONSOLE);
	console_log_write(data, len);
	for (size_t at = 0; at < len;)
		at += console_write_line(source, data + at, len - at);
}

void console_write(const u8 *data, size_t len)
{
	console_write_from(LINES_UNKNOWN, data, len);
}

void console_opened(void)
{
	phase_mark(PHASE_INIT);
}

bool console_full(void)
{
	bool full;

	pthread_mutex_lock(&con.lock);
	full = ring_room(&con.ring) < FULL_MARGIN;
	con.refused |= full;
	pthread_mutex_unlock(&con.lock);
	return full;
}

/* --- output, the host's side --- */

static void console_lost_reader(int error)
{
	pthread_mutex_lock(&con.lock);
	con.gone = true;
	ring_take(&con.ring, con.ring.head);
	pthread_mutex_unlock(&con.lock);
	log_warn("standard output: %s; the guest's console output is dropped from here on",
		 strerror(error));
}

static ssize_t console_write_out(const u8 *data, size_t len)
{
	ssize_t done;

	if (con.sink)
		return (ssize_t)con.sink->write(con.sink->arg, data, len) ?: -EAGAIN;
	done = term_write(con.out.fd, con.out_shared, data, len);
	return done < 0 ? -errno : done;
}

/* The event of con.out that means room for output. */
static u32 console_out_event(void)
{
	return con.sink ? EPOLLIN : EPOLLOUT;
}

/* Write a piece of the ring. Returns the number of bytes, 0 if the ring is empty, or -errno. */
static ssize_t console_flush_piece(void)
{
	u8 piece[BURST_BYTES];
	ssize_t done;
	size_t len;
	u64 tail;

	/* A copy, because the guest may overwrite the oldest bytes during our write. */
	pthread_mutex_lock(&con.lock);
	tail = con.ring.tail;
	len = ring_copy(&con.ring, tail, piece, sizeof(piece));
	pthread_mutex_unlock(&con.lock);
	if (!len)
		return 0;

	done = console_write_out(piece, len);
	if (done < 0)
		return done;
	pthread_mutex_lock(&con.lock);
	/* Bytes overwritten during our write did reach the reader: they do not count as dropped. */
	con.dropped -= MIN(con.ring.tail - tail, (u64)done);
	ring_take(&con.ring, tail + (u64)done);
	pthread_mutex_unlock(&con.lock);
	return done;
}

static void console_tell_writable(void)
{
	bool tell;

	pthread_mutex_lock(&con.lock);
	tell = con.refused && ring_used(&con.ring) <= RING_BYTES / 2;
	if (tell)
		con.refused = false;
	pthread_mutex_unlock(&con.lock);
	for (unsigned int i = 0; tell && i < con.port_count; i++)
		con.ports[i].writable(con.ports[i].dev);
}

/* How many bytes there are to write. 0: the next byte of the guest rings the bell again. */
static u64 console_left(void)
{
	u64 left;

	pthread_mutex_lock(&con.lock);
	left = ring_used(&con.ring);
	con.busy = left || con.gone;
	pthread_mutex_unlock(&con.lock);
	return left;
}

static void console_flush(void)
{
	u64 left = console_left();
	ssize_t done;

	/* Write only what is there now: a guest that keeps writing must not keep the loop busy. */
	loop_disarm(con.kvm->loop, &con.burst);
	do {
		done = console_flush_piece();
		left -= MIN(left, (u64)MAX(done, (ssize_t)0));
	} while (left && (done > 0 || done == -EINTR));
	if (done < 0 && done != -EAGAIN)
		console_lost_reader((int)-done);
	left = console_left();
	if (done == -EAGAIN || left >= BURST_BYTES)
		loop_watch(con.kvm->loop, &con.out, console_out_event());
	else
		loop_unwatch(con.kvm->loop, &con.out);
	if (left && !con.out.added)
		loop_arm(con.kvm->loop, &con.burst, now_ns() + BURST_NS);
	console_tell_writable();
}

static void console_burst_over(void *arg)
{
	console_flush();
}

static void console_output_rung(void *arg)
{
	bool large;

	if (con.out.added)
		return; /* the reader is slow; epoll tells when there is room */
	pthread_mutex_lock(&con.lock);
	large = ring_used(&con.ring) >= BURST_BYTES;
	pthread_mutex_unlock(&con.lock);
	if (large)
		console_flush();
	else if (!con.burst.deadline_ns)
		loop_arm(con.kvm->loop, &con.burst, now_ns() + BURST_NS);
}

static void console_out_ready(void *arg, u32 events)
{
	console_flush();
}

/* Wait for the reader. False: its time is over, or enough_fd is readable. */
static bool console_wait_reader(int enough_fd, u64 deadline_ns, u64 *notice_ns)
{
	struct pollfd ready[] = {{.fd = con.out.fd, .events = con.sink ? POLLIN : POLLOUT},
				 {.fd = enough_fd, .events = POLLIN}};
	u64 now = now_ns();
	u64 until = MIN(deadline_ns, *notice_ns);

	if (now >= deadline_ns)
		return false;
	if (now >= *notice_ns) {
		*notice_ns = UINT64_MAX;
		log_warn("the guest has ended; lkvm waits for %s to take the last %zu bytes; a "
			 "signal ends this wait",
			 con.sink ? con.sink->name : "the reader of standard output",
			 ring_used(&con.ring));
		return true;
	}
	until = MIN(until - now, NOTICE_NS);
	poll(ready, ARRAY_SIZE(ready), (int)(until / NSEC_PER_MSEC + 1));
	return !ready[1].revents;
}

/* Write the ring out and wait for the reader if needed. Returns the result of the last write. */
static ssize_t console_drain_ring(int enough_fd, u64 deadline_ns, u64 *notice_ns)
{
	ssize_t done;

	while ((done = console_flush_piece()) != 0) {
		if (done > 0 || done == -EINTR)
			continue;
		if (done != -EAGAIN || !console_wait_reader(enough_fd, deadline_ns, notice_ns))
			break;
	}
	return done;
}

size_t console_drain(int enough_fd, u64 deadline_ns)
{
	u64 notice_ns = now_ns() + NOTICE_NS;
	ssize_t done;
	u64 lost;

	if (!con.kvm)
		return 0;
	done = console_drain_ring(enough_fd, deadline_ns, &notice_ns);
	if (!done) {
		/* The ring is empty: it has room for the bytes that are still in a chip. */
		for (unsigned int i = 0; i < con.port_count; i++) {
			if (con.ports[i].finish)
				con.ports[i].finish(con.ports[i].dev);
		}
		done = console_drain_ring(enough_fd, deadline_ns, &notice_ns);
	}
	lost = con.dropped + ring_used(&con.ring);
	if (lost && done < 0 && done != -EAGAIN)
		log_warn("console: %llu bytes of output were lost: standard output: %s", lost,
			 strerror((int)-done));
	else if (lost)
		log_warn("console: %llu bytes of output were lost because %s", lost,
			 con.sink ? "they were not written in time"
				  : "standard output was not read");
	return console_left();
}

/* --- viewers --- */

static void console_tell_watcher(void *arg)
{
	if (con.watcher)
		con.watcher();
}

static void console_view_rung(void *arg)
{
	if (!con.view_burst.deadline_ns)
		loop_arm(con.kvm->loop, &con.view_burst, now_ns() + BURST_NS);
}

void console_set_watcher(void (*fn)(void))
{
	pthread_mutex_lock(&con.lock);
	con.watcher = fn;
	con.watcher_told = false;
	pthread_mutex_unlock(&con.lock);
}

u64 console_history(size_t bytes)
{
	u64 at;

	pthread_mutex_lock(&con.lock);
	at = MAX(con.ring.head - MIN(con.ring.head, (u64)bytes), ring_oldest(&con.ring));
	pthread_mutex_unlock(&con.lock);
	return at;
}

size_t console_view(u64 *at, u8 *data, size_t size, u64 *lost)
{
	size_t len;
	u64 oldest;

	pthread_mutex_lock(&con.lock);
	oldest = ring_oldest(&con.ring);
	*lost += *at < oldest ? oldest - *at : 0;
	*at = MAX(*at, oldest);
	len = ring_copy(&con.ring, *at, data, size);
	*at += len;
	if (!len)
		con.watcher_told = false;
	pthread_mutex_unlock(&con.lock);
	return len;
}

/* --- input --- */

static void console_feed_port(void)
{
	const struct console_port *port;
	u8 framed[INPUT_BYTES];
	const u8 *data = con.input;
	size_t len, taken = con.input_len;

	if (!con.port_count)
		return;
	port = &con.ports[con.port_count - 1];
	len = port->room(port->dev);
	if (own_init_frames()) {
		len = MIN(len, sizeof(framed));
		len = own_init_frame(con.input, &taken, !con.input_open, framed, len);
		data = framed;
	} else {
		len = taken = MIN(len, con.input_len);
	}
	if (!len)
		return;
	port->input(port->dev, data, len);
	con.input_len -= taken;
	memmove(con.input, con.input + taken, con.input_len);
}

static void console_watch_input(void)
{
	/* A terminal that is not raw belongs to another job: reading it would stop us. */
	bool wanted = con.in_tty ? term_is_raw() : con.input_len < INPUT_BYTES;

	if (con.input_open && wanted)
		loop_watch(con.kvm->loop, &con.in, EPOLLIN);
	else
		loop_unwatch(con.kvm->loop, &con.in);
}

static void console_room_rung(void *arg)
{
	console_feed_port();
	console_watch_input();
	console_tell_watcher(NULL);
}

bool console_may_type(void)
{
	/* Input for a command of lkvm's own init ends with standard input: no viewer adds to it. */
	return !con.input_open && !own_init_frames();
}

size_t console_type_room(void)
{
	return INPUT_BYTES - con.input_len;
}

void console_type(const u8 *data, size_t len)
{
	assert(len <= console_type_room());
	memcpy(con.input + con.input_len, data, len);
	con.input_len += len;
	con.input_typed = true;
	console_feed_port();
}

void console_send_break(void)
{
	for (unsigned int i = 0; i < con.port_count; i++) {
		if (con.ports[i].send_break)
			con.ports[i].send_break(con.ports[i].dev);
	}
}

int console_send_sysrq(u8 key)
{
	for (unsigned int i = 0; i < con.port_count; i++) {
		const struct console_port *port = &con.ports[i];

		/* Input that waits in the buffer comes after both. */
		if (port->send_sysrq)
			return port->send_sysrq(port->dev, key);
	}
	return -ENODEV;
}

static void console_do_keys(unsigned int keys)
{
	if (keys & TERM_KEY_BREAK)
		console_send_break();
	if (keys & TERM_KEY_HELP)
		(void)!write(STDERR_FILENO, key_help, sizeof(key_help) - 1);
	if (keys & TERM_KEY_QUIT)
		kvm_end(con.kvm, END_STOPPED, STATUS_STOPPED);
}

static void console_in_ready(void *arg, u32 events)
{
	u8 typed[INPUT_BYTES];
	size_t space = INPUT_BYTES - con.input_len;
	ssize_t len;

	len = read(con.in.fd, typed, con.in_tty ? sizeof(typed) : space);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		/* The end of a pipe or file is not the guest's end: it only gets no more input. */
		con.input_open = false;
		console_feed_port();
		console_watch_input();
		return;
	}
	if (con.in_tty) {
		unsigned int keys = 0;

		len = (ssize_t)term_filter(typed, (size_t)len, &keys);
		console_do_keys(keys);
	}
	memcpy(con.input + con.input_len, typed, MIN((size_t)len, space));
	con.input_len += MIN((size_t)len, space);
	console_feed_port();
	console_watch_input();
}

void console_room_changed(void)
{
	loop_ring(con.kvm->loop, &con.room);
}

void console_attach(const struct console_port *port)
{
	assert(con.port_count < ARRAY_SIZE(con.ports));
	con.ports[con.port_count++] = *port;
}

void console_detach(void)
{
	con.port_count--;
}

/* --- set-up --- */

/* Finish the old guest's lines, and drop input that was typed for the old guest. */
static int console_reset(struct device *dev)
{
	char line[LINES_MAX_BYTES + 1];
	u64 turn;

	pthread_mutex_lock(&con.lock);
	turn = con.turns++;
	pthread_mutex_unlock(&con.lock);
	console_begin_turn(turn);
	for (enum lines_source source = 0; source < LINES_SOURCES; source++) {
		bool kernels;

		pthread_mutex_lock(&con.lock);
		kernels = lines_cut(source, line);
		pthread_mutex_unlock(&con.lock);
		if (kernels)
			report_line(con.kvm, line);
	}
	report_reset();
	console_end_turn();
	if (con.in_tty || con.input_typed)
		con.input_len = 0;
	con.input_typed = false;
	return 0;
}

static struct device console_device = {.name = "console", .reset = console_reset};

static int console_init(struct kvm *kvm)
{
	bool in_shared;

	con.kvm = kvm;
	con.sink = kvm->output;
	con.output = (struct loop_bell){.fn = console_output_rung};
	con.room = (struct loop_bell){.fn = console_room_rung};
	con.view = (struct loop_bell){.fn = console_view_rung};
	con.burst = (struct loop_timer){.fn = console_burst_over};
	con.view_burst = (struct loop_timer){.fn = console_tell_watcher};
	con.out = (struct loop_fd){.fn = console_out_ready};
	con.in = (struct loop_fd){.fn = console_in_ready};
	con.out.fd = con.sink ? con.sink->room_fd
			      : term_reopen(STDOUT_FILENO, O_WRONLY, &con.out_shared);
	con.in.fd = term_reopen(STDIN_FILENO, O_RDONLY, &in_shared);
	con.in_tty = isatty(STDIN_FILENO);
	loop_add_bell(kvm->loop, &con.output);
	loop_add_bell(kvm->loop, &con.room);
	loop_add_bell(kvm->loop, &con.view);
	device_register(&console_device);
	heard_set_last_line(lines_last);
	return 0;
}

static void console_exit(struct kvm *kvm)
{
	device_unregister(&console_device);
	loop_unwatch(kvm->loop, &con.out);
	loop_unwatch(kvm->loop, &con.in);
	loop_disarm(kvm->loop, &con.burst);
	loop_disarm(kvm->loop, &con.view_burst);
	loop_remove_bell(kvm->loop, &con.output);
	loop_remove_bell(kvm->loop, &con.room);
	loop_remove_bell(kvm->loop, &con.view);
	if (!con.sink && con.out.fd != STDOUT_FILENO)
		close(con.out.fd);
	if (con.in.fd != STDIN_FILENO)
		close(con.in.fd);
	con.kvm = NULL;
}

/* Input is read only after all of the set-up: a start that fails takes none of it. */
static int console_open_input(struct kvm *kvm)
{
	con.input_open = true;
	console_watch_input();
	return 0;
}

static int console_start_term(struct kvm *kvm)
{
	return config.dry_run ? 0 : term_start(kvm->loop, console_room_changed);
}

static void console_stop_term(struct kvm *kvm)
{
	term_stop();
}

INIT_MODULE(console, .level = INIT_DEV_BASE, .init = console_init, .exit = console_exit);
INIT_MODULE(console_input, .level = INIT_LATE, .init = console_open_input);

/* Late: while the set-up may still fail, the terminal is not changed. */
INIT_MODULE(term, .level = INIT_LATE, .init = console_start_term, .exit = console_stop_term);
