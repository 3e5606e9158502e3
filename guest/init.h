/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of lkvm's init share. It is a program of its own, for the guest: static, with
 * musl, and without anything of lkvm's.
 */
#ifndef GUEST_GUEST_INIT_H
#define GUEST_GUEST_INIT_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define INIT_ROOT   "/lkvm/root" /* where the root is mounted */
#define STATUS_OURS 125		 /* of a mistake that is not the command's */

/* What process 1 is told by a signal: to end, and to end now. */
#define INIT_ASKED   SIGTERM
#define INIT_HURRIED SIGPROF

/* One line on the console, with "lkvm-init: " before it. */
void init_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The status of a child as a shell says it, 128 + n for a signal; other children that end meanwhile
 * are buried.
 */
int init_wait(pid_t child);

/* --- init-status.c --- */

/* /lkvm/config's "PORT NUMBER"; it is wiped there. Later: forget it, in a child. */
void status_take(char *value);
void status_forget(void);

/* Tell lkvm the status, which ends the machine. When it returns, a line said why. */
void status_tell(int status);

/* --- init.c --- */

/* A small file, NUL-terminated; its length, or -1. */
ssize_t init_slurp(const char *path, char *to, size_t room);

/* --- init-root.c --- */

struct root_plan {
	const char *device;	/* "/dev/vda1" or "254:1" */
	const char *types;	/* "ext3,ext4", in this order; NULL: any */
	const char *by;		/* who named it: "--root", "root=" or "--disk" */
	const char *no_modules; /* the kernel's version, when the host has no modules of it */
	const char *cmdline;	/* the kernel's */
	bool overlay;		/* over it, what is written goes to memory */
};

/* Wait for the root's device and mount it at INIT_ROOT. False after a line that says why not. */
bool root_mount(const struct root_plan *plan);

/* What was mounted: "/dev/vda1". */
const char *root_device(void);
/* --- init-console.c --- */

/*
 * See that descriptors 0 to 2 are open: before any other file is opened but /dev is there; and
 * again when the modules are loaded, one of which may be the console's.
 */
void console_open_early(void);
void console_open(void);

/* The terminal that /dev/console stands for, or -1. */
int console_open_terminal(void);

/* "ROWS COLUMNS", or NULL. */
void console_set_size(const char *text);

/* What is written comes out as it is, without carriage returns. */
void console_set_plain(int fd);

/* A pipe with what comes on this tty of /dev, or -1. The end of lkvm's input is its end. */
int console_pipe_input(const char *name);

/* The line to lkvm. False: there is none, and lkvm will not send input. */
bool console_open_line(void);

/* Say that input is read, and hear: INIT_ASKED and INIT_HURRIED come from now on. */
void console_listen(void);

/* Say that another program takes the place of this one. */
void console_make_way(void);

/* --- init-exec.c --- */

struct exec_plan {
	const char *command; /* NULL: a shell */
	const char *user;    /* NULL: root */
	const char *root;    /* where it is mounted, or NULL */
	const char *input;   /* "pipe TTY", "none", or NULL: the terminal */
	bool plain;	     /* standard output is no terminal */
};

/* Run it to its end, or to an end that was asked for. The status, when all its output is out. */
int exec_run(const struct exec_plan *plan);

/* --- shell.c --- */

/*
 * The shell for a host without a static busybox: reads standard input line by line. Returns the
 * status of the last command, or what exit said.
 */
int shell_main(void);

/* Run one line of it; its status. */
int shell_line(char *line);

#endif
