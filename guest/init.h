/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of lkvm's init share. The init is a separate program for the guest: linked
 * statically with musl, and without the code of lkvm itself.
 */
#ifndef GUEST_GUEST_INIT_H
#define GUEST_GUEST_INIT_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define INIT_ROOT   "/lkvm/root" /* where the root is mounted */
#define STATUS_OURS 125		 /* the status of an error that is not the command's */

/* Signals to process 1: the machine must end; it must end now. */
#define INIT_ASKED   SIGTERM
#define INIT_HURRIED SIGPROF

/* Print one line on the console, with "lkvm-init: " before it. */
void init_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Wait for a child. Returns its status as a shell does, 128 + n for a signal. Other children that
 * end meanwhile are reaped.
 */
int init_wait(pid_t child);

/* --- init-status.c --- */

/*
 * Take the "PORT NUMBER" of /lkvm/config, and wipe it there. status_forget(), in a child: wipe it.
 */
void status_take(char *value);
void status_forget(void);

/* Tell lkvm the status, which ends the machine. If this returns, it failed, and a line said why. */
void status_tell(int status);

/* --- init.c --- */

/* Read a small file and end it with a NUL. Returns its length, or -1. */
ssize_t init_slurp(const char *path, char *to, size_t room);

/* --- init-root.c --- */

struct root_plan {
	const char *device;	/* "/dev/vda1", or "254:1" */
	const char *types;	/* "ext3,ext4": tried in this order; NULL: any */
	const char *by;		/* the option that named it: "--root", "root=" or "--disk" */
	const char *no_modules; /* the kernel's version, if the host has no modules for it */
	const char *cmdline;	/* the kernel's command line */
	bool overlay;		/* mount an overlay over it: changes go to memory */
};

/* Wait for the root's device and mount it at INIT_ROOT. On failure false, and a line said why. */
bool root_mount(const struct root_plan *plan);

/* The device that was mounted: "/dev/vda1". */
const char *root_device(void);
/* --- init-console.c --- */

/*
 * Make sure that descriptors 0 to 2 are open. console_open_early() is called when /dev is there,
 * before any other file is opened; console_open() when the modules are loaded, because one of them
 * may be the console's driver.
 */
void console_open_early(void);
void console_open(void);

/* Open the terminal that /dev/console stands for. A descriptor, or -1. */
int console_open_terminal(void);

/* text is "ROWS COLUMNS", or NULL. */
void console_set_size(const char *text);

/* Send output as it is written, without adding carriage returns. */
void console_set_plain(int fd);

/*
 * A pipe with the bytes that come on this tty of /dev, or -1. The pipe ends where lkvm's input
 * ends.
 */
int console_pipe_input(const char *name);

/* Open the line to lkvm. False: there is none, and lkvm will not send input. */
bool console_open_line(void);

/* Tell lkvm that input is read. From now on INIT_ASKED and INIT_HURRIED may come. */
void console_listen(void);

/* Tell lkvm that another program takes the place of this one. */
void console_make_way(void);

/* --- init-exec.c --- */

struct exec_plan {
	const char *command; /* NULL: a shell */
	const char *user;    /* NULL: root */
	const char *root;    /* where the root is mounted, or NULL */
	const char *input;   /* "pipe TTY", "none", or NULL: the terminal */
	bool plain;	     /* standard output is not a terminal */
};

/*
 * Run the command until it ends, by itself or because lkvm asked. Returns its status when all its
 * output is sent.
 */
int exec_run(const struct exec_plan *plan);

/* --- shell.c --- */

/*
 * The shell, for a host without a static busybox: it reads standard input line by line. Returns the
 * status of the last command, or that of exit.
 */
int shell_main(void);

/* Run one line of the shell. Returns its status. */
int shell_line(char *line);

#endif
