// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lkvm's init has to do with its console and with lkvm itself.
 *
 * Descriptors. A kernel whose console driver is a module had no console to give to its first
 * program. Then the serial port is used until the module is loaded, and /dev/console afterwards:
 * descriptors 0 to 2 are never closed, so that no open() gets one of them by chance.
 *
 * Standard input, when lkvm's own is no terminal ("input pipe TTY" in /lkvm/config), is a pipe here
 * as well. What comes on the tty is read raw by a child of its own and written into the pipe. On
 * the wire DLE (0x10) stands before a byte that some driver would take for itself (Ctrl-O is SysRq
 * on hvc0) and is itself one of those: that byte is sent xor 0x40. DLE and `.` are the end of the
 * input. own-init.c makes this, and begins when it was told that somebody reads.
 *
 * The line. lkvm and its init tell each other little things by the modem lines of ttyS0, which
 * every kernel has, whatever its console: no ACPI and no network is needed for it. RTS is high
 * when OUT1 rises, for without it a driver of Linux may be looking for the port's interrupt.
 *
 *	OUT1 rises, DTR is high	the init reads its input and hears what it is asked
 *	OUT1 rises, DTR is low	it has made way for another: input is sent as it is
 *	DSR is low		please end: the grace time has begun
 *	DSR is high again	end now
 *	RI falls		look at DSR; again and again while something is asked
 *
 * A child waits for RI, and process 1 gets a signal: INIT_ASKED, then INIT_HURRIED.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#define DLE	  0x10
#define DLE_XOR	  0x40
#define DLE_END	  '.'
#define LINE	  "/dev/ttyS0"
#define LINE_MAKE "/lkvm/line"

static bool borrowed;
static int line = -1;

/* --- descriptors 0 to 2 --- */

/* The first of 0 to 2 that is not open, or 3. */
static int first_closed(void)
{
	int fd = 0;

	while (fd < 3 && fcntl(fd, F_GETFD) >= 0)
		fd++;
	return fd;
}

void console_open_early(void)
{
	static const char *const paths[] = {"/dev/console", LINE, "/dev/null"};

	/* open() gives the lowest number that is free. */
	for (size_t i = 0; i < 3 && first_closed() < 3;) {
		if (open(paths[i], O_RDWR | O_NOCTTY) < 0)
			i++;
		else
			borrowed = true;
	}
}

void console_open(void)
{
	int fd;

	if (!borrowed)
		return;
	fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* --- the terminal --- */

int console_open_terminal(void)
{
	char active[128], path[160], *last;
	ssize_t len = init_slurp("/sys/class/tty/console/active", active, sizeof(active));

	if (len <= 0)
		return -1;
	active[strcspn(active, "\n")] = 0;
	last = strrchr(active, ' ');
	snprintf(path, sizeof(path), "/dev/%s", last ? last + 1 : active);
	return open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

void console_set_size(const char *text)
{
	unsigned int rows, columns;
	int fd;

	if (!text || sscanf(text, "%u %u", &rows, &columns) != 2)
		return;
	fd = console_open_terminal();
	if (fd < 0)
		return;
	ioctl(fd, TIOCSWINSZ,
	      &(struct winsize){.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns});
	close(fd);
}

void console_set_plain(int fd)
{
	struct termios tty;

	if (tcgetattr(fd, &tty) < 0)
		return;
	tty.c_oflag &= ~(tcflag_t)OPOST;
	tcsetattr(fd, TCSANOW, &tty);
}

/* --- standard input --- */

/* Unpack len bytes in place. How many are left of them; *end: the end was among them. */
static size_t unpack(unsigned char *bytes, size_t len, bool *escaped, bool *end)
{
	size_t kept = 0;

	for (size_t i = 0; i < len && !*end; i++) {
		unsigned char byte = bytes[i];

		if (*escaped) {
			*escaped = false;
			*end = byte == DLE_END;
			if (!*end)
				bytes[kept++] = byte ^ DLE_XOR;
		} else if (byte == DLE) {
			*escaped = true;
		} else {
			bytes[kept++] = byte;
		}
	}
	return kept;
}

/* In a child. It is over when the input is, or when nobody reads it any more. */
static void pass_input(int tty, int pipe_end)
{
	unsigned char bytes[4096];
	bool escaped = false, end = false;

	while (!end) {
		ssize_t n = read(tty, bytes, sizeof(bytes));
		size_t len, at = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		len = unpack(bytes, (size_t)n, &escaped, &end);
		while (at < len) {
			n = write(pipe_end, bytes + at, len - at);
			if (n < 0)
				return;
			at += (size_t)n;
		}
	}
}

/* Every byte as it comes, and RTS while there is room. */
static int make_raw(int tty)
{
	struct termios raw;

	if (tcgetattr(tty, &raw) < 0)
		return -1;
	cfmakeraw(&raw);
	raw.c_iflag |= IGNBRK;
	raw.c_cflag |= CRTSCTS | CREAD | CLOCAL;
	tcflush(tty, TCIFLUSH);
	return tcsetattr(tty, TCSANOW, &raw);
}

int console_pipe_input(const char *name)
{
	char path[64];
	int ends[2], tty;
	pid_t child;

	snprintf(path, sizeof(path), "/dev/%s", name);
	tty = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0 || make_raw(tty) || pipe2(ends, O_CLOEXEC))
		return -1;
	child = fork();
	if (!child) {
		close(ends[0]);
		pass_input(tty, ends[1]);
		_exit(0);
	}
	close(tty);
	close(ends[1]);
	if (child > 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

/* --- the line --- */

/* In a child. */
static void hear(void)
{
	bool asked = false, rung = false;
	int lines;

	while (!ioctl(line, TIOCMGET, &lines)) {
		if (!(lines & TIOCM_DSR)) {
			if (!asked)
				kill(1, INIT_ASKED);
			asked = true;
		} else if (asked || rung) {
			kill(1, INIT_HURRIED);
			return;
		}
		/* A ring between the look and the wait is not heard, but the next one is. */
		rung = !ioctl(line, TIOCMIWAIT, TIOCM_RNG);
		if (!rung && errno != EINTR)
			return;
	}
}

bool console_open_line(void)
{
	/* It stays open: the last to close it would drop the lines. */
	line = open(LINE, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return line >= 0;
}

void console_listen(void)
{
	if (line < 0)
		return;
	if (!fork()) {
		hear();
		_exit(0);
	}
	ioctl(line, TIOCMBIS, &(int){TIOCM_OUT1});
}

void console_make_way(void)
{
	int fd;

	/* There is no /dev yet. */
	mknod(LINE_MAKE, S_IFCHR | 0600, makedev(4, 64));
	fd = open(LINE_MAKE, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	unlink(LINE_MAKE);
	if (fd < 0)
		return;
	/* All lines in one write; OUT2 lets the port interrupt. */
	ioctl(fd, TIOCMSET, &(int){TIOCM_RTS | TIOCM_OUT1 | TIOCM_OUT2});
	ioctl(fd, TIOCMBIS, &(int){TIOCM_DTR});
	close(fd);
}
