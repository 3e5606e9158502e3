// SPDX-License-Identifier: GPL-2.0-only
/*
 * pty: run a command on a terminal of its own, type, listen, and tell what became of the terminal.
 *
 *   pty [-o FILE] [-O FILE] [-e FILE] [-t SECONDS] STEP... -- COMMAND [ARG...]
 *
 * The command is the leader of a session whose controlling terminal is a new pty; its descriptors
 * 0, 1 and 2 are one open file, which we keep open too: so its flags can be looked at. -O and -e
 * send standard output and standard error to files instead; -o keeps what came out of the
 * terminal. The terminal starts with settings that are nobody's default (Ctrl-H erases, Ctrl-G
 * interrupts, no echo of controls), so that "restored" cannot be confused with "made sane".
 *
 * Steps, in order; output is read all the time but during `hold`:
 *
 *   wait=TEXT    until TEXT has come out since the last wait
 *   appears=FILE until FILE has content
 *   sleep=MS
 *   send=TEXT    type it; C escapes \n \r \\ \xNN
 *   signal=NAME  to the command: TERM INT HUP TSTP CONT SEGV KILL ...
 *   stopped      until the command is stopped
 *   raw          until the terminal is raw
 *   hold=MS      do not read for so long
 *   size=RxC     the terminal's rows and columns from now on
 *   hangup       close the terminal's other end
 *   state=LABEL  print "LABEL: raw|cooked|the flags, blocking|nonblocking"
 *
 * At the end, or when the command has ended before: "after: same|changed" (termios, compared with
 * the start), "flags: blocking|nonblocking", "status: N" or "signal: NAME". Exit status 0; 1 if a
 * step could not be done in time (-t, 30 s; more on a busy machine), which one line on standard
 * error says; the command is killed then.
 *
 * Spec: termios(3), pty(7).
 */
#include "tests/lib/patience.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static struct {
	int master, slave;
	pid_t child;
	bool ended; /* wait status is known */
	int wait_status;
	struct termios before;
	char *text;		  /* all that came out */
	size_t len, size, waited; /* waited: where the next wait starts to look */
	FILE *copy;
	long deadline_ms;
	const char *step;
} pty;

static void die(const char *what)
{
	fprintf(stderr, "pty: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void overdue(void)
{
	fprintf(stderr, "pty: not done in time: %s; seen so far: ...%s\n", pty.step,
		pty.len > 400 ? pty.text + pty.len - 400
		: pty.len     ? pty.text
			      : "");
	kill(pty.child, SIGKILL);
	exit(1);
}

static void keep(const char *data, size_t len)
{
	if (pty.len + len + 1 > pty.size) {
		pty.size = 2 * pty.size + len + 1;
		pty.text = realloc(pty.text, pty.size);
		if (!pty.text)
			die("realloc");
	}
	memcpy(pty.text + pty.len, data, len);
	pty.len += len;
	pty.text[pty.len] = '\0';
	if (pty.copy)
		fwrite(data, 1, len, pty.copy);
}

/* Read what comes within ms; false: nothing did. */
static bool listen_for(long ms)
{
	struct pollfd ready = {.fd = pty.master, .events = POLLIN};
	char data[65536];
	ssize_t len;

	if (pty.master < 0) {
		usleep((unsigned int)ms * 1000);
		return false;
	}
	if (poll(&ready, 1, (int)ms) <= 0)
		return false;
	len = read(pty.master, data, sizeof(data));
	if (len <= 0)
		return false;
	keep(data, (size_t)len);
	return true;
}

/* Has the command changed its state? options as for waitpid(). */
static bool child_changed(int options)
{
	int status;

	if (pty.ended || waitpid(pty.child, &status, WNOHANG | options) != pty.child)
		return false;
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		pty.ended = true;
		pty.wait_status = status;
	}
	return true;
}

/* --- steps --- */

static void step_wait(const char *text)
{
	for (;;) {
		const char *found = pty.len ? strstr(pty.text + pty.waited, text) : NULL;

		if (found) {
			pty.waited = (size_t)(found - pty.text) + strlen(text);
			return;
		}
		child_changed(0);
		if (now_ms() > pty.deadline_ms || (pty.ended && !listen_for(0)))
			overdue();
		listen_for(20);
	}
}

static void step_sleep(const char *ms)
{
	long end = now_ms() + atol(ms);

	for (long now = now_ms(); now < end; now = now_ms())
		listen_for(end - now);
}

static void step_send(const char *text)
{
	char out[1024];
	size_t len = 0;

	for (; *text && len < sizeof(out); text++) {
		unsigned int byte = (unsigned char)*text;
		int used = 0;

		if (*text == '\\') {
			text++;
			if (*text == 'n')
				byte = '\n';
			else if (*text == 'r')
				byte = '\r';
			else if (*text == 'x' && sscanf(text + 1, "%2x%n", &byte, &used) == 1)
				text += used;
			else
				byte = (unsigned char)*text;
		}
		out[len++] = (char)byte;
	}
	if (write(pty.master, out, len) != (ssize_t)len)
		die("write");
}

static const struct {
	const char *name;
	int number;
} signals[] = {
	{"TERM", SIGTERM}, {"INT", SIGINT},   {"HUP", SIGHUP},	 {"TSTP", SIGTSTP},
	{"CONT", SIGCONT}, {"SEGV", SIGSEGV}, {"ABRT", SIGABRT}, {"KILL", SIGKILL},
	{"BUS", SIGBUS},   {"QUIT", SIGQUIT}, {"USR1", SIGUSR1}, {"ALRM", SIGALRM},
	{"XFSZ", SIGXFSZ},
};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static void step_signal(const char *name)
{
	for (size_t i = 0; i < SIGNALS; i++) {
		if (!strcmp(signals[i].name, name)) {
			kill(pty.child, signals[i].number);
			return;
		}
	}
	errno = EINVAL;
	die(name);
}

static void step_stopped(const char *unused)
{
	while (!child_changed(WUNTRACED) && !pty.ended) {
		if (now_ms() > pty.deadline_ms)
			overdue();
		listen_for(10);
	}
}

static void step_hold(const char *ms)
{
	usleep((unsigned int)atol(ms) * 1000);
}

static void step_size(const char *text)
{
	struct winsize size = {};

	if (sscanf(text, "%hux%hu", &size.ws_row, &size.ws_col) != 2 ||
	    ioctl(pty.master, TIOCSWINSZ, &size) < 0)
		die("size");
}

static void step_hangup(const char *unused)
{
	close(pty.master);
	pty.master = -1;
}

static const char *blocking(void)
{
	return fcntl(pty.slave, F_GETFL) & O_NONBLOCK ? "nonblocking" : "blocking";
}

static bool is_raw(const struct termios *now)
{
	const tcflag_t input = ICANON | ECHO | ISIG | IEXTEN;

	return !(now->c_lflag & input) && !(now->c_iflag & (ICRNL | IXON));
}

static void step_raw(const char *unused)
{
	struct termios now;

	(void)unused;
	while (tcgetattr(pty.slave, &now) < 0 || !is_raw(&now)) {
		if (now_ms() > pty.deadline_ms)
			overdue();
		listen_for(10);
	}
}

static void step_state(const char *label)
{
	struct termios now;

	memset(&now, 0, sizeof(now)); /* its padding, too: it is compared as bytes */
	tcgetattr(pty.slave, &now);
	printf("%s: ", label);
	if (is_raw(&now))
		printf("raw%s",
		       (now.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR) ? "" : "-output");
	else if (!memcmp(&now, &pty.before, sizeof(now)))
		printf("cooked");
	else
		printf("lflag %#x iflag %#x oflag %#x", now.c_lflag, now.c_iflag, now.c_oflag);
	printf(", %s\n", blocking());
	fflush(stdout);
}

static void step_appears(const char *path)
{
	struct stat st;

	while (stat(path, &st) < 0 || !st.st_size) {
		if (now_ms() > pty.deadline_ms)
			overdue();
		listen_for(20);
	}
}

static const struct {
	const char *name;
	void (*run)(const char *arg);
} steps[] = {
	{"wait", step_wait},	 {"sleep", step_sleep}, {"send", step_send},
	{"signal", step_signal}, {"hold", step_hold},	{"stopped", step_stopped},
	{"hangup", step_hangup}, {"state", step_state}, {"appears", step_appears},
	{"size", step_size},	 {"raw", step_raw},
};

static void run_step(const char *text)
{
	size_t len = strcspn(text, "=");

	pty.step = text;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strlen(steps[i].name) == len && !strncmp(steps[i].name, text, len)) {
			steps[i].run(text[len] ? text + len + 1 : "");
			return;
		}
	}
	errno = EINVAL;
	die(text);
}

/* --- start and end --- */

static void unusual_settings(void)
{
	tcgetattr(pty.slave, &pty.before);
	pty.before.c_cc[VERASE] = 'H' & 0x1f;
	pty.before.c_cc[VINTR] = 'G' & 0x1f;
	pty.before.c_lflag &= ~(tcflag_t)ECHOCTL;
	if (tcsetattr(pty.slave, TCSANOW, &pty.before) < 0 || tcgetattr(pty.slave, &pty.before) < 0)
		die("tcsetattr");
}

static void redirect(const char *path, int fd)
{
	int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0666) : pty.slave;

	if (file < 0 || dup2(file, fd) < 0)
		die(path ?: "dup2");
}

static void start(char **command, const char *out, const char *err)
{
	pty.child = fork();
	if (pty.child < 0)
		die("fork");
	if (pty.child)
		return;
	setsid();
	ioctl(pty.slave, TIOCSCTTY, 0);
	redirect(NULL, STDIN_FILENO);
	redirect(out, STDOUT_FILENO);
	redirect(err, STDERR_FILENO);
	close(pty.slave);
	close(pty.master);
	execvp(command[0], command);
	die(command[0]);
}

static const char *signal_name(int number)
{
	for (size_t i = 0; i < SIGNALS; i++) {
		if (signals[i].number == number)
			return signals[i].name;
	}
	return "another";
}

static void finish(void)
{
	struct termios after;

	pty.step = "the command's end";
	while (!child_changed(0) && !pty.ended) {
		if (now_ms() > pty.deadline_ms)
			overdue();
		listen_for(10);
	}
	while (listen_for(0))
		;
	if (pty.master >= 0) { /* a terminal that was hung up has no settings */
		tcgetattr(pty.slave, &after);
		printf("after: %s\n",
		       memcmp(&after, &pty.before, sizeof(after)) ? "changed" : "same");
	}
	printf("flags: %s\n", blocking());
	if (WIFEXITED(pty.wait_status))
		printf("status: %d\n", WEXITSTATUS(pty.wait_status));
	else
		printf("signal: %s\n", signal_name(WTERMSIG(pty.wait_status)));
	if (pty.copy)
		fclose(pty.copy);
}

int main(int argc, char **argv)
{
	const char *copy = NULL, *out = NULL, *err = NULL;
	int option, first, last;
	long seconds = 30;

	while ((option = getopt(argc, argv, "+o:O:e:t:")) != -1) {
		if (option == 'o')
			copy = optarg;
		else if (option == 'O')
			out = optarg;
		else if (option == 'e')
			err = optarg;
		else if (option == 't')
			seconds = atol(optarg);
		else
			return 2;
	}
	for (first = last = optind; last < argc && strcmp(argv[last], "--"); last++)
		;
	/* getopt() swallows the "--" when there is no step before it. */
	if (last == argc)
		last = first - 1;
	pty.deadline_ms = now_ms() + patient_ms((int)seconds * 1000);
	if (openpty(&pty.master, &pty.slave, NULL, NULL, NULL) < 0)
		die("openpty");
	fcntl(pty.master, F_SETFD, FD_CLOEXEC);
	unusual_settings();
	if (copy && !(pty.copy = fopen(copy, "w")))
		die(copy);
	start(argv + last + 1, out, err);
	for (int i = first; i < last; i++)
		run_step(argv[i]);
	finish();
	return 0;
}
