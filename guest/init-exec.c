// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command of --exec, or the shell: its start, its end, and requests to end it.
 *
 * The command runs in a child, in a process group of its own. Process 1 leads the terminal's
 * session and does not end while there is output: when a session leader exits, the kernel hangs the
 * terminal up and drops the output that was not sent. So process 1 waits until all output is sent
 * (tcdrain), and only then does the machine end.
 *
 * If lkvm's standard input is a terminal, the console is the controlling terminal and Ctrl-C works.
 * Otherwise standard input is a pipe or /dev/null, and there is no controlling terminal.
 *
 * lkvm can ask the init to end (init-console.c); SIGTERM, SIGUSR1, SIGUSR2 and SIGPWR mean the
 * same, as for other inits. Then the init sends SIGTERM to the process group, and also SIGHUP to a
 * shell, which ignores SIGTERM. When lkvm asks to end at once, the init sends SIGKILL, and no
 * longer waits without a limit for a program, a reader or a disk.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define BUSYBOX	  "/lkvm/busybox"
#define HURRY_MS  300 /* how long each single wait may last after INIT_HURRIED */
#define KILLED_MS 500 /* how long a process may take to end after SIGKILL */

static bool asked, hurried;

/* --- in the child --- */

/* Become the user, given by name or number. */
static void become_user(const char *name)
{
	struct passwd *entry = getpwnam(name);
	char *end;
	unsigned long uid = strtoul(name, &end, 10);
	/*
	 * An id has 32 bits, and the last value means "none". If 4294967296 were cut to 32 bits, it
	 * would be root.
	 */
	bool is_id = *name >= '0' && *name <= '9' && !*end && uid < UINT32_MAX;

	if (!entry && is_id)
		entry = getpwuid((uid_t)uid);
	if (!entry && !is_id) {
		init_say("user %s: is not in the guest's /etc/passwd", name);
		_exit(STATUS_OURS);
	}
	if (entry ? initgroups(entry->pw_name, entry->pw_gid) || setgid(entry->pw_gid) ||
			    setuid(entry->pw_uid)
		  : setgroups(0, NULL) || setgid((gid_t)uid) || setuid((uid_t)uid)) {
		init_say("user %s: %s", name, strerror(errno));
		_exit(STATUS_OURS);
	}
	if (entry) {
		setenv("HOME", entry->pw_dir, 1);
		setenv("USER", entry->pw_name, 1);
		setenv("LOGNAME", entry->pw_name, 1);
		if (chdir(entry->pw_dir) < 0 && chdir("/") < 0)
			_exit(STATUS_OURS);
	}
}

static void set_environment(void)
{
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	if (!getenv("TERM"))
		setenv("TERM", "linux", 1);
}

static bool have_busybox(void)
{
	return !access(BUSYBOX, X_OK);
}

/* Run in the root or, without one, in the initramfs. Does not return. */
static void run_command(const struct exec_plan *plan)
{
	if (plan->root && (chroot(plan->root) || chdir("/"))) {
		init_say("root: cannot be entered: %s: %s", plan->root, strerror(errno));
		_exit(STATUS_OURS);
	}
	set_environment();
	if (plan->user)
		become_user(plan->user);
	if (!plan->root && !have_busybox())
		_exit(shell_line(strdup(plan->command)));
	execl("/bin/sh", "sh", "-c", plan->command, (char *)NULL);
	init_say("/bin/sh: %s", strerror(errno));
	_exit(127);
}

/* Does not return. */
static void run_shell(bool on_terminal)
{
	char version[256];

	if (on_terminal) {
		if (init_slurp("/proc/version", version, sizeof(version)) > 0)
			printf("%.*s\n", (int)strcspn(version, "#\n"), version);
		printf("lkvm: no root was given; this is a shell in memory, exit ends the "
		       "machine\n");
		fflush(stdout);
	}
	set_environment();
	if (have_busybox()) {
		setenv("PS1", "\\w # ", 1);
		execl("/bin/sh", "sh", (char *)NULL);
	}
	_exit(shell_main());
}

/* Install busybox's commands, each under its name. */
static void install_busybox(void)
{
	pid_t child;

	mkdir("/bin", 0755);
	mkdir("/root", 0700);
	mkdir("/tmp", 01777);
	if (!have_busybox())
		return;
	child = vfork();
	if (!child) {
		execl(BUSYBOX, "busybox", "--install", "-s", "/bin", (char *)NULL);
		_exit(127);
	}
	if (child > 0)
		init_wait(child);
}

/* --- standard input, output, and the terminal --- */

/* A descriptor for standard input; -1: use the terminal. */
static int open_input(const char *input, bool has_line)
{
	static const char pipe_word[] = "pipe ";
	int fd = -1;

	if (!input)
		return -1;
	/* Without the line lkvm does not learn that the init reads, and sends nothing. */
	if (!strncmp(input, pipe_word, sizeof(pipe_word) - 1)) {
		fd = has_line ? console_pipe_input(input + sizeof(pipe_word) - 1) : -1;
		if (fd < 0)
			init_say("standard input cannot be passed on, and is empty: %s",
				 strerror(errno));
	}
	return fd < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : fd;
}

/* Make this process the leader of a session that has the terminal. */
static void lead_session(int terminal)
{
	setsid();
	ioctl(terminal, TIOCSCTTY, 1);
}

static void place(int from, int to)
{
	/* dup2() of a descriptor onto itself leaves it close-on-exec. */
	if (from == to)
		fcntl(to, F_SETFD, 0);
	else if (from >= 0)
		dup2(from, to);
}

/* --- the wait --- */

static void in_a_hurry(int sig)
{
	const struct itimerval again = {.it_interval.tv_usec = HURRY_MS * 1000L,
					.it_value.tv_usec = HURRY_MS * 1000L};

	/* The timer interrupts any wait that follows, again and again. */
	if (sig == INIT_HURRIED)
		setitimer(ITIMER_REAL, &again, NULL);
	hurried = true;
}

static void block_signals(sigset_t *set)
{
	static const int signals[] = {SIGCHLD, INIT_ASKED, INIT_HURRIED, SIGUSR1,
				      SIGUSR2, SIGPWR,	   SIGTTOU,	 SIGALRM};
	const struct sigaction hurry = {.sa_handler = in_a_hurry};

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
	sigprocmask(SIG_BLOCK, set, NULL);
	sigdelset(set, SIGTTOU);
	sigdelset(set, SIGALRM);
	sigaction(SIGALRM, &hurry, NULL);
	sigaction(INIT_HURRIED, &hurry, NULL);
}

static void release_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Reap all children that have ended. True if the command is one of them. */
static bool collect(pid_t command, int *status)
{
	bool over = false;
	int how;
	pid_t pid;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
		if (pid != command)
			continue;
		over = true;
		*status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
	}
	return over;
}

static int wait_for_command(pid_t command, const sigset_t *set, bool is_shell)
{
	const struct timespec for_ever = {.tv_sec = 1000000},
			      killed = {.tv_nsec = KILLED_MS * 1000000L};
	int status = 128 + SIGKILL;

	while (!collect(command, &status)) {
		int sig = sigtimedwait(set, NULL, hurried ? &killed : &for_ever);

		if (sig == INIT_HURRIED) {
			in_a_hurry(sig);
			kill(-command, SIGKILL);
		} else if (sig > 0 && sig != SIGCHLD && !asked) {
			asked = true;
			kill(-command, SIGTERM);
			if (is_shell)
				kill(-command, SIGHUP);
			kill(-command, SIGCONT);
		} else if (sig < 0 && errno == EAGAIN && hurried) {
			break;
		}
	}
	return status;
}

int exec_run(const struct exec_plan *plan)
{
	int terminal = console_open_terminal(), input, status;
	pid_t command;
	sigset_t set;

	if (!plan->root)
		install_busybox();
	if (plan->plain)
		console_set_plain(terminal);
	block_signals(&set);
	input = open_input(plan->input, console_open_line());
	if (input < 0 && terminal >= 0)
		lead_session(terminal);
	console_listen();
	command = fork();
	if (!command) {
		status_forget();
		setpgid(0, 0);
		if (input < 0)
			tcsetpgrp(terminal, getpid());
		place(input < 0 ? terminal : input, 0);
		place(terminal, 1);
		place(terminal, 2);
		release_signals();
		if (plan->command)
			run_command(plan);
		run_shell(input < 0);
	}
	close(input);
	if (command < 0) {
		init_say("fork: %s", strerror(errno));
		return STATUS_OURS;
	}
	setpgid(command, command);
	status = wait_for_command(command, &set, !plan->command);
	/* If SIGTTOU is ignored, tcdrain() works from the background, too. */
	signal(SIGTTOU, SIG_IGN);
	release_signals();
	tcdrain(terminal);
	/* A shell that was asked to end has ended as it should: status 0. */
	return asked && !plan->command ? 0 : status;
}
