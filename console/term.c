// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm's own terminal: raw while the guest runs, and restored at every end of lkvm.
 *
 * When standard input is a terminal and we are in its foreground, it goes to raw
 * mode, so that Ctrl-C and Ctrl-Z reach the guest. Output processing (ONLCR)
 * stays on: our own messages share the screen, and a guest's CR LF shows the same.
 *
 * One tcsetattr() with the saved settings restores the terminal: at the normal end (init list), at
 * exit(), before a stop by SIGTSTP, and in the handler of every signal that would end lkvm;
 * tcsetattr() is async-signal-safe. SIGCONT makes the terminal raw again. Only SIGKILL leaves the
 * terminal raw. A job in the background gets no signal when `fg` brings it to the foreground (it
 * was running already), so a timer checks for that.
 *
 * Two commands use the terminal: for "run", console.c starts and stops this file's work; the
 * command "console" does so itself.
 *
 * Keys: Ctrl-A x ends the machine, Ctrl-A d leaves its console, Ctrl-A Ctrl-A sends
 * Ctrl-A, Ctrl-A b sends a break, Ctrl-A h lists what there is; any other key after
 * Ctrl-A is dropped. The filter keeps one bit of state, so a sequence may be split
 * over two reads.
 *
 * O_NONBLOCK belongs to the open file, which we share with the parent shell, so it is never set on
 * an inherited descriptor: term_reopen() opens the same file again through /proc/self/fd. Sockets
 * and files of another user cannot be opened again; then the caller polls first and transfers
 * little.
 */
#include <kvm/log.h>
#include <kvm/loop.h>
#include <kvm/term.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define KEY_PREFIX 0x01 /* Ctrl-A */
#define RETRY_NS   (500 * NSEC_PER_MSEC)
#define TTY_CHUNK  256 /* how many bytes a terminal that is ready takes without blocking */

static struct {
	struct termios saved;
	volatile sig_atomic_t raw;
	bool prefix; /* the last byte was Ctrl-A */
	struct loop *loop;
	void (*changed)(void);
	struct loop_fd signals;
	struct loop_timer retry; /* armed while we are in the background */
} term = {.signals = {.fd = -1}};

/*
 * Signals that end a process and that no signalfd reads: a crash of lkvm, or a kill by somebody.
 * Not SIGXFSZ, which main.c ignores: a file that may not grow is an error of the write.
 */
static const int fatal_signals[] = {
	SIGSEGV, SIGBUS,  SIGILL,    SIGFPE,  SIGABRT, SIGTRAP, SIGSYS, SIGQUIT,   SIGUSR1,
	SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGPOLL, SIGPWR, SIGSTKFLT,
};

bool term_is_raw(void)
{
	return term.raw;
}

void term_restore(void)
{
	if (!term.raw)
		return;
	term.raw = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
}

/* True in the background. A terminal that controls no session (a spare serial line) has none. */
static bool term_in_background(void)
{
	pid_t foreground = tcgetpgrp(STDIN_FILENO);

	return foreground >= 0 && foreground != getpgrp();
}

static void term_make_raw(void)
{
	struct termios raw;

	/* In the background tcsetattr() would stop us: check again later. */
	if (term_in_background()) {
		loop_arm(term.loop, &term.retry, now_ns() + RETRY_NS);
		return;
	}
	/*
	 * If it should be raw already, set it again: a stop that we could not catch may have
	 * changed it.
	 */
	if (!term.raw && tcgetattr(STDIN_FILENO, &term.saved) < 0)
		return;
	raw = term.saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST | ONLCR;
	term.raw = 1;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	term.changed(); /* what the user types may be read now */
}

/* Restore the terminal, then die of the same signal (SA_RESETHAND). */
static void term_killed(int sig)
{
	term_restore();
	raise(sig);
}

static void term_signal(void *arg, u32 events)
{
	struct signalfd_siginfo info;

	if (read(term.signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTSTP) {
		term_restore();
		raise(SIGSTOP);
	}
	/*
	 * We run again, after SIGCONT or after the stop above: we may be in the foreground or not.
	 */
	term_make_raw();
	term.changed();
}

static void term_look_again(void *arg)
{
	term_make_raw();
}

size_t term_filter(u8 *data, size_t len, unsigned int *keys)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		u8 byte = data[i];

		if (!term.prefix) {
			if (byte == KEY_PREFIX)
				term.prefix = true;
			else
				data[kept++] = byte;
			continue;
		}
		term.prefix = false;
		if (byte == KEY_PREFIX)
			data[kept++] = byte;
		else if (byte == 'x')
			*keys |= TERM_KEY_QUIT;
		else if (byte == 'd')
			*keys |= TERM_KEY_DETACH;
		else if (byte == 'b')
			*keys |= TERM_KEY_BREAK;
		else if (byte == 'h' || byte == '?')
			*keys |= TERM_KEY_HELP;
	}
	return kept;
}

int term_reopen(int fd, int flags, bool *shared)
{
	char path[32];
	struct stat st;
	int own;

	*shared = false;
	/* A regular file never blocks for long, and opened again it would start at offset 0. */
	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0)
		return own;
	*shared = true;
	return fd;
}

/* A write to a shared descriptor may block for long: poll first, and write little. */
ssize_t term_write(int fd, bool shared, const void *data, size_t len)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};

	if (shared) {
		if (poll(&ready, 1, 0) != 1) {
			errno = EAGAIN;
			return -1;
		}
		len = MIN(len, (size_t)(isatty(fd) ? TTY_CHUNK : PIPE_BUF));
	}
	return write(fd, data, len);
}

static int term_watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	term.signals = (struct loop_fd){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
					.fn = term_signal};
	if (term.signals.fd < 0)
		return log_fail(-errno, "terminal: signalfd: %s", strerror(errno));
	return loop_watch(term.loop, &term.signals, EPOLLIN);
}

int term_start(struct loop *loop, void (*changed)(void))
{
	struct sigaction fatal = {.sa_handler = term_killed,
				  .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK)};
	static char stack[16 * KIB];
	const stack_t handler_stack = {.ss_sp = stack, .ss_size = sizeof(stack)};
	int err;

	term.signals.fd = -1;
	if (!isatty(STDIN_FILENO))
		return 0;
	sigaltstack(&handler_stack, NULL);
	term.loop = loop;
	term.changed = changed;
	term.retry = (struct loop_timer){.fn = term_look_again};
	err = term_watch_signals();
	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		sigaction(fatal_signals[i], &fatal, NULL);
	atexit(term_restore);
	return 0;
}

void term_take(void)
{
	if (term.signals.fd >= 0)
		term_make_raw();
}

void term_stop(void)
{
	sigset_t set;

	term_restore();
	if (term.signals.fd < 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	loop_disarm(term.loop, &term.retry);
	loop_unwatch(term.loop, &term.signals);
	close(term.signals.fd);
	term.signals.fd = -1;
}
