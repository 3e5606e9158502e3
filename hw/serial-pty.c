// SPDX-License-Identifier: GPL-2.0-only
/*
 * --tty N: connect the guest's serial port ttySN to a pseudo-terminal of the host.
 *
 * A log line names the terminal; then `screen /dev/pts/7` talks to the guest. Out: a vCPU thread
 * puts each byte into a ring and rings a bell; the loop writes as many bytes as the terminal takes.
 * When no one reads the terminal, new bytes overwrite the oldest in the ring, as on a wire that is
 * not plugged in: the guest never waits. In: the loop reads only as many bytes as the port has room
 * for. So a user who types faster than the guest reads has to wait, and no input is lost.
 *
 * We keep a descriptor of the terminal's side (the slave) open, so that the terminal and its raw
 * settings stay when a program closes it.
 *
 * Threads: the ring under its mutex, the rest on the loop.
 */
#include <kvm/chips.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/ring.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include "hw/serial.h"

#define PORTS	    4
#define RING_BYTES  (16 * KIB) /* a power of two */
#define INPUT_BYTES 64	       /* more than a FIFO takes */

struct pty {
	struct kvm *kvm;
	bool wanted;
	void *port;
	struct serial_wire wire;
	struct loop_fd master; /* fd -1: not open */
	int slave;
	struct loop_bell output, room;
	u32 events; /* for which the loop watches the master */

	pthread_mutex_t lock;
	struct ring ring;
	u8 bytes[RING_BYTES];
};

static struct pty ptys[PORTS];

static int pty_option(const struct option *option, const char *arg)
{
	u64 n;

	for (unsigned int i = 0; !arg && i < PORTS; i++)
		ptys[i].wanted = false;
	if (!arg)
		return 0;
	if (parse_u64(arg, &n) || n < 1 || n >= PORTS)
		return -EINVAL;
	ptys[n].wanted = true;
	return 0;
}

static const struct option pty_options[] = {
	{.name = "tty",
	 .type = OPTION_CALLBACK,
	 .parse = pty_option,
	 .arg = "1|2|3",
	 .help = "put the guest's ttyS1, 2 or 3 at a pseudo-terminal; repeatable"},
};
OPTION_GROUP(serial_pty, run, "Devices", 31, pty_options);

/* --- out --- */

static void pty_write(void *arg, u8 byte, bool by_program)
{
	struct pty *pty = arg;

	pthread_mutex_lock(&pty->lock);
	ring_push(&pty->ring, &byte, 1);
	pthread_mutex_unlock(&pty->lock);
	loop_ring(pty->kvm->loop, &pty->output);
}

/* Write one piece of the ring. True: the whole piece was written, and there may be more. */
static bool pty_flush_piece(struct pty *pty, size_t *left)
{
	u8 piece[1024];
	size_t len;
	ssize_t done;
	u64 tail;

	/* A copy, because the guest may overwrite the oldest bytes during our write. */
	pthread_mutex_lock(&pty->lock);
	tail = pty->ring.tail;
	len = ring_copy(&pty->ring, tail, piece, sizeof(piece));
	pthread_mutex_unlock(&pty->lock);

	done = len ? write(pty->master.fd, piece, len) : 0;
	pthread_mutex_lock(&pty->lock);
	ring_take(&pty->ring, tail + (u64)MAX(done, (ssize_t)0));
	*left = ring_used(&pty->ring);
	pthread_mutex_unlock(&pty->lock);
	return done > 0 && (size_t)done == len;
}

/* --- in --- */

static void pty_read(struct pty *pty)
{
	u8 data[INPUT_BYTES];
	size_t room = serial_room(pty->port);
	ssize_t len;

	if (!room)
		return;
	len = read(pty->master.fd, data, MIN(room, sizeof(data)));
	if (len > 0)
		serial_input(pty->port, data, (size_t)len);
}

static void pty_turn(struct pty *pty)
{
	size_t left, pieces = RING_BYTES / 1024;
	u32 events = serial_room(pty->port) ? EPOLLIN : 0;

	/* Bounded, because the guest may write as fast as we do. */
	while (pty_flush_piece(pty, &left) && left && --pieces)
		;
	if (left)
		events |= EPOLLOUT;
	if (events != pty->events)
		loop_watch(pty->kvm->loop, &pty->master, events);
	pty->events = events;
}

static void pty_rung(void *arg)
{
	pty_turn(arg);
}

static void pty_ready(void *arg, u32 events)
{
	if (events & EPOLLIN)
		pty_read(arg);
	pty_turn(arg);
}

static void pty_room_changed(void *arg)
{
	struct pty *pty = arg;

	loop_ring(pty->kvm->loop, &pty->room);
}

/* --- set-up --- */

static void pty_close(struct pty *pty)
{
	if (pty->slave >= 0)
		close(pty->slave);
	if (pty->master.fd >= 0)
		close(pty->master.fd);
}

static int pty_open(struct pty *pty, unsigned int n)
{
	struct termios raw;
	char name[64];

	pty->slave = -1;
	pty->master.fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (pty->master.fd >= 0 && !grantpt(pty->master.fd) && !unlockpt(pty->master.fd) &&
	    !ptsname_r(pty->master.fd, name, sizeof(name)))
		pty->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (pty->slave < 0 || tcgetattr(pty->slave, &raw) < 0)
		return log_fail(-errno, "--tty %u: no pseudo-terminal: %s", n, strerror(errno));
	cfmakeraw(&raw);
	tcsetattr(pty->slave, TCSANOW, &raw);
	log_warn("ttyS%u of the guest is %s", n, name);
	return 0;
}

static int pty_start(struct kvm *kvm, unsigned int n)
{
	struct pty *pty = &ptys[n];
	int err;

	*pty = (struct pty){
		.kvm = kvm,
		.wanted = true,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ring = RING_OVER(pty->bytes),
		.wire = {.write = pty_write, .room_changed = pty_room_changed, .arg = pty},
		.master = {.fn = pty_ready, .arg = pty},
		.output = {.fn = pty_rung, .arg = pty},
		.room = {.fn = pty_rung, .arg = pty},
	};
	err = pty_open(pty, n);
	if (err) {
		pty_close(pty);
		return err;
	}
	loop_add_bell(kvm->loop, &pty->output);
	loop_add_bell(kvm->loop, &pty->room);
	pty->port = serial_connect(n + 1, &pty->wire);
	return 0;
}

static void pty_stop(struct kvm *kvm, struct pty *pty, unsigned int n)
{
	serial_connect(n + 1, NULL);
	loop_unwatch(kvm->loop, &pty->master);
	loop_remove_bell(kvm->loop, &pty->output);
	loop_remove_bell(kvm->loop, &pty->room);
	pty_close(pty);
}

void serial_pty_destroy(struct kvm *kvm, const struct chip_place *place)
{
	for (unsigned int n = 0; n < PORTS; n++)
		if (ptys[n].port) {
			pty_stop(kvm, &ptys[n], n);
			ptys[n].port = NULL;
		}
}

int serial_pty_create(struct kvm *kvm, const struct chip_place *place)
{
	for (unsigned int n = 1; n < PORTS; n++) {
		int err = ptys[n].wanted ? pty_start(kvm, n) : 0;

		if (err) {
			serial_pty_destroy(kvm, place);
			return err;
		}
	}
	return 0;
}
