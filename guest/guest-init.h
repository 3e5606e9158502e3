/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of lkvm's init share. It is a program of its own, for the guest: static, with
 * musl, and without anything of lkvm's.
 */
#ifndef GUEST_GUEST_INIT_H
#define GUEST_GUEST_INIT_H

#include <sys/types.h>

/* One line on the console, with "lkvm-init: " before it. */
void init_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The status of a child as a shell says it, 128 + n for a signal; other children that end meanwhile
 * are buried.
 */
int init_wait(pid_t child);

/* /lkvm/config's "PORT NUMBER"; it is wiped there. Later: forget it, in a child. */
void status_take(char *value);
void status_forget(void);

/* Tell lkvm the status, which ends the machine. When it returns, a line said why. */
void status_tell(int status);

/*
 * The shell for a host without a static busybox: reads standard input line by line. Returns the
 * status of the last command, or what exit said.
 */
int shell_main(void);

/* Run one line of it; its status. */
int shell_line(char *line);

#endif
