// SPDX-License-Identifier: GPL-2.0-only
/*
 * How lkvm's init uses its console, and how it talks with lkvm.
 *
 * Descriptors. If the kernel's console driver is a module, the first program starts without a
 * console. Then the serial port is used until the module is loaded, and /dev/console after that.
 * Descriptors 0 to 2 are never closed, so that no open() gets one of them by chance.
 *
 * Standard input. When lkvm's own standard input is not a terminal ("input pipe TTY" in
 * /lkvm/config), the command gets a pipe here as well. A child process reads the tty in raw mode
 * and writes the bytes into the pipe. lkvm (own-init.c) escapes the bytes that a driver would not
 * pass on (Ctrl-O is SysRq on hvc0), and DLE (0x10) itself: it sends DLE and then the byte xor
 * 0x40. DLE and `.` mean the end of the input. lkvm begins to send when the init has said that it
 * reads.
 *
 * The line. lkvm and its init signal each other by the modem lines of ttyS0, which every kernel
 * has, whatever its console: this needs no ACPI and no network. RTS must be high when OUT1 rises:
 * with RTS low, the rise may come from a driver of Linux that probes the port's interrupt.
 *
 *	OUT1 rises, DTR is high	the init reads its input and listens for requests
 *	OUT1 rises, DTR is low	another init takes its place: input is sent as it is
 *	DSR is low		please end: the grace time has begun
 *	DSR is high again	end now
 *	RI falls		look at DSR; repeated while a request lasts
 *
 * A child process waits for RI and sends signals to process 1: INIT_ASKED, then INIT_HURRIED.
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

/* The lowest of descriptors 0 to 2 that is not open, or 3. */
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

	/* open() returns the lowest free descriptor. */
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

/*
 * Remove the escapes from len bytes in place. Returns how many bytes are left; *end is set if they
 * have the end of the input.
 */
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

/* In a child. Returns at the end of the input, or when no one reads the pipe any more. */
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

/* Pass every byte on unchanged, and hold RTS up while there is room. */
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

/* In a child: wait for rings, and pass on what DSR says. */
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
		/* A ring that comes before the wait begins is missed; lkvm rings again. */
		rung = !ioctl(line, TIOCMIWAIT, TIOCM_RNG);
		if (!rung && errno != EINTR)
			return;
	}
}

bool console_open_line(void)
{
	/* The descriptor stays open: the last close() of the port would drop the modem lines. */
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

	/* /dev is not mounted yet. */
	mknod(LINE_MAKE, S_IFCHR | 0600, makedev(4, 64));
	fd = open(LINE_MAKE, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	unlink(LINE_MAKE);
	if (fd < 0)
		return;
	/* Set all lines with one write; OUT2 enables the port's interrupt. */
	ioctl(fd, TIOCMSET, &(int){TIOCM_RTS | TIOCM_OUT1 | TIOCM_OUT2});
	ioctl(fd, TIOCMBIS, &(int){TIOCM_DTR});
	close(fd);
}
