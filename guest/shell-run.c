// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the shell of lkvm's init runs a tree that shell-parse.c made.
 *
 * A command of the shell itself (shell.c) runs in this process, so it can change the shell's state;
 * its redirections and assignments are undone after it. All other commands are programs, and each
 * runs in a child. A part of a longer pipeline, a subshell, or a chain with & also gets a child,
 * which runs its part of the tree and ends with the status of that part.
 *
 * The command exit sets shell.ends: every loop here checks it, and the callers end the process.
 *
 * Descriptors that the shell keeps (saved ones, pipes) are close-on-exec, and saved ones are above
 * 9, where no redirection can name them.
 *
 * Spec: POSIX.1-2017, XCU 2.7 (redirection), 2.8.2 (exit status), 2.9 (commands).
 */
#include "shell-run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_SAVED 10
#define FD_MAX	    10 /* redirections use descriptors 0 to 9 */

static int run_node(const struct shell_node *node, bool in_child);

int shell_error(const char *command, const char *object)
{
	fprintf(stderr, "%s: %s: %s\n", command, object, strerror(errno));
	return 1;
}

int shell_cannot_run(const char *name)
{
	int status = errno == ENOENT ? 127 : 126;

	if (errno == ENOENT && !strchr(name, '/'))
		fprintf(stderr,
			"lkvm: %s: not found; help lists this shell's commands, and a static "
			"busybox on the host makes a complete shell\n",
			name);
	else
		shell_error("lkvm", name);
	return status;
}

int shell_wait(pid_t child)
{
	int status;
	pid_t pid;

	do {
		pid = waitpid(child, &status, 0);
	} while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return 127;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Make a child for a part of the tree. Returns 0 in the child, -1 after a message. */
static pid_t run_fork(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		shell_error("lkvm", "fork");
	if (!child) {
		signal(SIGINT, SIG_DFL);
		shell.interactive = false;
	}
	return child;
}

/* --- redirections --- */

/* Copies of the old descriptors; -1: was closed; -2: was not changed. */
struct saved {
	int fds[FD_MAX];
};

static void save_nothing(struct saved *saved)
{
	for (int fd = 0; fd < FD_MAX; fd++)
		saved->fds[fd] = -2;
}

static void save_fd(struct saved *saved, int fd)
{
	if (saved && saved->fds[fd] == -2)
		saved->fds[fd] = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_SAVED);
}

static void restore_fds(struct saved *saved)
{
	for (int fd = 0; fd < FD_MAX; fd++) {
		if (saved->fds[fd] == -1)
			close(fd);
		if (saved->fds[fd] < 0)
			continue;
		dup2(saved->fds[fd], fd);
		close(saved->fds[fd]);
	}
}

/* Make fd what from is, and close from. */
static int move_fd(int from, int fd)
{
	if (from == fd)
		return fcntl(fd, F_SETFD, 0);
	if (dup2(from, fd) < 0)
		return -1;
	close(from);
	return 0;
}

static int duplicate_fd(int fd, const char *target)
{
	if (!strcmp(target, "-")) {
		close(fd);
		return 0;
	}
	if (target[0] < '0' || target[0] > '9' || target[1]) {
		errno = EBADF;
		return -1;
	}
	/* Called also if both are the same: it fails if the descriptor is not open. */
	return dup2(target[0] - '0', fd) < 0 ? -1 : 0;
}

static int redirect_one(const struct shell_redirect *redirect, const char *target)
{
	static const int flags[] = {
		[SHELL_IN] = O_RDONLY,
		[SHELL_OUT] = O_WRONLY | O_CREAT | O_TRUNC,
		[SHELL_APPEND] = O_WRONLY | O_CREAT | O_APPEND,
		[SHELL_BOTH] = O_RDWR | O_CREAT,
	};
	int fd;

	if (redirect->direction == SHELL_DUP)
		return duplicate_fd(redirect->fd, target);
	fd = open(target, flags[redirect->direction] | O_CLOEXEC, 0666);
	return fd < 0 ? -1 : move_fd(fd, redirect->fd);
}

/*
 * Do all redirections in order. saved: keeps what they change; NULL: they are permanent. False
 * after a message.
 */
static bool redirect_all(const struct shell_redirect *redirect, struct saved *saved)
{
	fflush(stdout);
	for (; redirect; redirect = redirect->next) {
		char *target = shell_expand_one(redirect->target);
		int err;

		save_fd(saved, redirect->fd);
		err = redirect_one(redirect, target);
		if (err)
			shell_error("lkvm", target);
		free(target);
		if (err)
			return false;
	}
	return true;
}

/* --- simple commands --- */

/* The old value of a variable, while a command has another value of it. */
struct kept {
	struct kept *next;
	char *name, *value; /* value NULL: was not set */
	bool exported;
};

/*
 * Do all assignments. export: into the environment, for a command. kept: gets the old values; NULL:
 * the assignments are permanent.
 */
static void assign_all(const struct shell_word *word, bool export, struct kept **kept)
{
	for (; word; word = word->next) {
		char *name = strndup(word->name, word->name_len);
		char *value = shell_expand_one(word);
		const char *old = name ? shell_get(name) : NULL;
		struct kept *keep;

		if (name && kept) {
			keep = shell_alloc(NULL, sizeof(*keep));
			*keep = (struct kept){.next = *kept,
					      .name = strdup(name),
					      .value = old ? strdup(old) : NULL,
					      .exported = getenv(name) != NULL};
			*kept = keep;
		}
		if (name)
			shell_set(name, value, export);
		free(name);
		free(value);
	}
}

static void restore_variables(struct kept *kept)
{
	while (kept) {
		struct kept *next = kept->next;

		shell_unset(kept->name);
		if (kept->value)
			shell_set(kept->name, kept->value, kept->exported);
		free(kept->name);
		free(kept->value);
		free(kept);
		kept = next;
	}
}

/* Run a command of the shell in this process. The redirections of exec are permanent. */
static int run_own(shell_command *command, char **words, const struct shell_node *node)
{
	bool for_good = !strcmp(words[0], "exec");
	struct kept *kept = NULL;
	struct saved saved;
	int status = 1;

	save_nothing(&saved);
	if (redirect_all(node->redirects, for_good ? NULL : &saved)) {
		assign_all(node->assignments, true, for_good ? NULL : &kept);
		status = command(words);
		if (fflush(stdout)) {
			status = status ?: shell_error(words[0], "standard output");
			__fpurge(stdout); /* the next command must not print the rest */
			clearerr(stdout);
		}
		restore_variables(kept);
	}
	restore_fds(&saved);
	return status;
}

/* Replace this process by the program. Does not return. */
static void become_program(char **words, const struct shell_node *node)
{
	if (!redirect_all(node->redirects, NULL))
		_exit(1);
	assign_all(node->assignments, true, NULL);
	execvp(words[0], words);
	_exit(shell_cannot_run(words[0]));
}

static int run_program(char **words, const struct shell_node *node, bool in_child)
{
	pid_t child = in_child ? 0 : run_fork();

	if (child < 0)
		return 126;
	if (!child)
		become_program(words, node);
	return shell_wait(child);
}

/* A command without words: its redirections make files, its assignments set variables. */
static int run_nothing(const struct shell_node *node)
{
	struct saved saved;
	bool good;

	save_nothing(&saved);
	good = redirect_all(node->redirects, &saved);
	restore_fds(&saved);
	assign_all(node->assignments, false, NULL);
	return good ? 0 : 1;
}

static int run_simple(const struct shell_node *node, bool in_child)
{
	char **words = shell_expand_words(node->words);
	shell_command *command = words[0] ? shell.find_command(words[0]) : NULL;
	int status;

	if (!words[0])
		status = run_nothing(node);
	else if (command)
		status = run_own(command, words, node);
	else
		status = run_program(words, node, in_child);
	shell_free_words(words);
	return status;
}

/* --- the rest of the tree --- */

static int run_group(const struct shell_node *node)
{
	struct saved saved;
	int status = 1;

	save_nothing(&saved);
	if (redirect_all(node->redirects, &saved))
		status = shell_run_list(node->children);
	fflush(stdout);
	restore_fds(&saved);
	return status;
}

/* Run a child's part of the tree and end the child. Does not return. */
static void run_and_exit(const struct shell_node *node)
{
	int status = run_node(node, true);

	fflush(stdout);
	_exit(status);
}

static int run_subshell(const struct shell_node *node, bool in_child)
{
	pid_t child = in_child ? 0 : run_fork();

	if (child < 0)
		return 126;
	if (child)
		return shell_wait(child);
	_exit(run_group(node));
}

static int run_node(const struct shell_node *node, bool in_child)
{
	switch (node->kind) {
	case SHELL_COMMAND:
		return run_simple(node, in_child);
	case SHELL_GROUP:
		return run_group(node);
	default:
		return run_subshell(node, in_child);
	}
}

/*
 * Start one part of a pipeline in a child, which reads from in and writes to out. The child, or -1.
 */
static pid_t start_part(const struct shell_node *part, int in, const int out[2])
{
	pid_t child = run_fork();

	if (child)
		return child;
	if (out[0] >= 0)
		close(out[0]);
	if ((in >= 0 && move_fd(in, STDIN_FILENO)) ||
	    (out[1] >= 0 && move_fd(out[1], STDOUT_FILENO)))
		_exit(shell_error("lkvm", "pipe"));
	run_and_exit(part);
	return -1;
}

static size_t count_parts(const struct shell_node *part)
{
	size_t count = 0;

	for (; part; part = part->next)
		count++;
	return count;
}

/* Start all parts and wait for each of them. The status is that of the last part. */
static int run_parts(const struct shell_node *part)
{
	pid_t *pids = shell_alloc(NULL, count_parts(part) * sizeof(*pids));
	int in = -1, status = 126;
	size_t count = 0;

	for (; part; part = part->next) {
		int out[2] = {-1, -1};
		pid_t child = -1;

		if (part->next && pipe2(out, O_CLOEXEC) < 0)
			shell_error("lkvm", "pipe");
		else
			child = start_part(part, in, out);
		if (in >= 0)
			close(in);
		if (out[1] >= 0)
			close(out[1]);
		in = out[0];
		if (child < 0)
			break;
		pids[count++] = child;
	}
	if (in >= 0)
		close(in);
	for (size_t i = 0; i < count; i++) {
		int ended = shell_wait(pids[i]);

		if (i == count - 1 && !part)
			status = ended;
	}
	free(pids);
	return status;
}

static int run_pipeline(const struct shell_node *node)
{
	int status =
		node->children->next ? run_parts(node->children) : run_node(node->children, false);

	/* The status of "! exit 3" is 3. */
	if (node->negated && !shell.ends)
		status = !status;
	shell.status = status;
	return status;
}

static int run_chain(const struct shell_node *node)
{
	int status = 0;

	for (const struct shell_node *part = node->children; part && !shell.ends;
	     part = part->next) {
		if ((part->join == SHELL_IF_TRUE && status) ||
		    (part->join == SHELL_IF_FALSE && !status))
			continue;
		status = run_pipeline(part);
	}
	return status;
}

/* Run a chain in the background, without input. It ignores Ctrl-C, which is for the foreground. */
static int run_background(const struct shell_node *node)
{
	pid_t child = run_fork();
	int fd, status;

	if (child < 0)
		return 126;
	if (child) {
		shell.background = child;
		return 0;
	}
	signal(SIGINT, SIG_IGN);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		move_fd(fd, STDIN_FILENO);
	else
		close(STDIN_FILENO);
	status = run_chain(node);
	fflush(stdout);
	_exit(status);
}

int shell_run_list(const struct shell_node *list)
{
	int status = 0;

	for (const struct shell_node *chain = list->children; chain && !shell.ends;
	     chain = chain->next) {
		status = chain->background ? run_background(chain) : run_chain(chain);
		shell.status = status;
	}
	return status;
}
