// SPDX-License-Identifier: GPL-2.0-only
/*
 * How lkvm's init tells its exit status to lkvm.
 *
 * The first way is one byte to the exit port. A kernel that is locked down (lockdown=), or built
 * without CONFIG_X86_IOPL_IOPERM, lets no program use a port. Then the init uses the status port:
 * it writes a line of text to a serial port that lkvm named in /lkvm/config, with the random number
 * from there (hw/status-port.c of lkvm is the other end). Both ways end the machine at once: if the
 * code continues, the way did not work.
 *
 * Only the init knows the number: the file is removed before any other program runs, and each child
 * forgets the number before it runs another program.
 */
#include "init.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>
#include <unistd.h>

#define EXIT_PORT 0xf4
#define TRIES	  3
#define ANSWER_S  1

static char port[32], number[64]; /* of the status port: "ttyS1", "5f3a..."; empty: there is none */

void status_take(char *value)
{
	if (sscanf(value, "%31s %63s", port, number) != 2)
		status_forget();
	explicit_bzero(value, strlen(value));
}

void status_forget(void)
{
	explicit_bzero(number, sizeof(number));
	port[0] = 0;
}

/*
 * Write the line to the status port. No wait may be endless, as the port's interrupt may never
 * come: so there is no tcdrain(), and the descriptor stays open, because close() waits for the
 * port, too. The first byte ends a line that another program has begun.
 */
static bool tell_by_line(int status)
{
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", port);
	fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && dprintf(fd, "\nlkvm-status %s %d\n", number, status) > 0;
}

void status_tell(int status)
{
	status &= 0xff;
	if (!ioperm(EXIT_PORT, 1, 1))
		outb((unsigned char)status, EXIT_PORT);
	/* Another program may have written into the middle of the line: try again. */
	for (int i = 0; port[0] && i < TRIES; i++) {
		if (!tell_by_line(status))
			break;
		nanosleep(&(struct timespec){.tv_sec = ANSWER_S}, NULL);
	}
	if (port[0])
		init_say("status %d: cannot be told to lkvm: not by the exit port, and not by %s",
			 status, port);
	else
		init_say("status %d: cannot be told to lkvm: the kernel lets no program use the "
			 "exit port, and each of COM2 to COM4 is in use",
			 status);
}
