// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's end of a control socket.
 *
 * Each machine has a socket in the runtime directory, NAME.sock. A machine that was killed leaves
 * its socket and lock file: no process accepts connections, and no process holds the lock. Then
 * both files are removed, while we hold the lock, so that a machine that starts under this name at
 * the same moment keeps its own files. If the socket refuses but the lock is held, the machine is
 * starting or ending, and its files are not touched.
 *
 * Every wait has a time limit: a debugger may have stopped the machine, and then connect() blocks
 * as soon as the backlog of the socket is full.
 *
 * The machine must run with the uid of this process or as root, by SO_PEERCRED. Root also trusts
 * the owner of the folder. Any other socket was put there by someone else.
 *
 * To ask all machines, a child process is made for each. So a machine that does not answer does not
 * delay the others, and the code for one machine can simply wait and print. Standard output of a
 * child is a file in memory; the parent prints these files in the order of the names.
 *
 * Main thread, and no other thread exists where connection_for_each() is called.
 *
 * Spec: docs/control.md; unix(7).
 */
#include <kvm/connection.h>

#include <kvm/log.h>
#include <kvm/runtime-dir.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX   (4 * MIB)
#define GONE_LOOK_US 2000
#define SUFFIX	     ".sock"
#define CHILDREN_MAX 128
#define STATUS_GONE  255 /* exit status of a child: its machine has ended */

/* No process accepts connections: if no process holds the name, remove its socket and lock file. */
static void connection_clean(int dir, const char *name)
{
	int lock = runtime_dir_is_locked(dir, name) ? -EEXIST : runtime_dir_lock(dir, name);
	char socket[RUNTIME_FILE_MAX];

	if (lock < 0)
		return;
	snprintf(socket, sizeof(socket), "%s" SUFFIX, name);
	unlinkat(dir, socket, 0);
	runtime_dir_unlock(dir, name, lock);
}

/*
 * Connect; while the backlog is full, wait until the time is over. connect(2) blocks for at most
 * SO_SNDTIMEO, so set that to the time that is left.
 */
static int connection_enter(int fd, const struct sockaddr_un *address, u64 until_ns)
{
	for (;;) {
		u64 now = now_ns(), left = now < until_ns ? until_ns - now : 0;
		struct timeval limit = {.tv_sec = (time_t)(left / NSEC_PER_SEC),
					.tv_usec = (suseconds_t)(left % NSEC_PER_SEC / 1000)};

		/* 0 would mean no limit. */
		if (!limit.tv_sec && !limit.tv_usec)
			limit.tv_usec = 1;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
		if (!left)
			return -ETIMEDOUT;
	}
}

static bool connection_may_trust(int dir, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	if (peer.uid == geteuid() || peer.uid == 0)
		return true;
	return geteuid() == 0 && !fstat(dir, &st) && st.st_uid == peer.uid;
}

static int connection_connect(int dir, const char *name, u64 timeout_ns)
{
	char file[RUNTIME_NAME_MAX + sizeof(SUFFIX)];
	struct sockaddr_un address;
	int fd, err;

	if (!runtime_dir_is_name(name))
		return -ESRCH;
	snprintf(file, sizeof(file), "%s" SUFFIX, name);
	runtime_dir_address(dir, file, &address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = connection_enter(fd, &address, now_ns() + timeout_ns);
	if (!err && !connection_may_trust(dir, fd))
		err = -EPERM;
	if (!err && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	if (err == -ECONNREFUSED)
		connection_clean(dir, name);
	return err == -ECONNREFUSED || err == -ENOENT ? -ESRCH : err;
}

int connection_open(const char *name, u64 timeout_ns)
{
	int fd, dir = runtime_dir_open(false);

	if (dir < 0)
		return dir == -ENOENT ? -ESRCH : -ENXIO;
	fd = connection_connect(dir, name, timeout_ns);
	close(dir);
	return fd;
}

const char *connection_why(int err)
{
	if (err == -ETIMEDOUT)
		return "its process takes no connections; it may be stopped, or in a debugger";
	if (err == -EPERM)
		return "the process at its socket is another user's";
	return strerror(-err);
}

void connection_wait_gone(const char *name)
{
	u64 until_ns = now_ns() + CONNECTION_TIMEOUT_NS;
	int dir = runtime_dir_open(false);

	if (dir < 0)
		return;
	while (runtime_dir_is_locked(dir, name) && now_ns() < until_ns)
		usleep(GONE_LOOK_US);
	close(dir);
}

/* Wait until fd is ready, or the time is over: 0, -ETIMEDOUT or another -errno. */
static int connection_wait(int fd, short events, u64 until_ns)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	for (;;) {
		u64 now = now_ns();
		int ms = now < until_ns
				 ? (int)MIN((until_ns - now) / NSEC_PER_MSEC + 1, (u64)INT32_MAX)
				 : 0;
		int ready = poll(&poll_fd, 1, ms);

		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (!ready && !ms)
			return -ETIMEDOUT;
	}
}

static int connection_send(int fd, const json_t *object, u64 until_ns)
{
	char *text = json_dumps(object, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0, at = 0;
	int err = text ? 0 : -ENOMEM;

	if (text)
		text[len++] = '\n'; /* replaces the NUL */
	while (!err && at < len) {
		ssize_t sent = send(fd, text + at, len - at, MSG_NOSIGNAL);

		if (sent >= 0)
			at += (size_t)sent;
		else if (errno == EAGAIN)
			err = connection_wait(fd, POLLOUT, until_ns);
		else if (errno != EINTR)
			err = -errno;
	}
	free(text);
	return err;
}

/*
 * Receive exactly one line, as JSON: no byte after the line is read. The line is never an event,
 * because we did not subscribe.
 */
static int connection_receive(int fd, u64 until_ns, json_t **answer)
{
	size_t room = 4096, len = 0;
	char *text = malloc(room), *end = NULL;
	int err = text ? 0 : -ENOMEM;

	while (!err && !end) {
		ssize_t got;

		if (len == room) {
			char *more = room < ANSWER_MAX ? realloc(text, room * 2) : NULL;

			if (!more) {
				err = -EBADMSG;
				break;
			}
			text = more;
			room *= 2;
		}
		got = recv(fd, text + len, room - len, MSG_PEEK);
		if (got > 0) {
			end = memchr(text + len, '\n', (size_t)got);
			got = recv(fd, text + len,
				   end ? (size_t)(end + 1 - text) - len : (size_t)got, 0);
			len += (size_t)MAX(got, (ssize_t)0);
		} else if (!got) {
			err = -ECONNRESET;
		} else if (errno == EAGAIN) {
			err = connection_wait(fd, POLLIN, until_ns);
		} else if (errno != EINTR) {
			err = -errno;
		}
	}
	*answer = end ? json_loadb(text, (size_t)(end - text), 0, NULL) : NULL;
	free(text);
	if (!err && !json_is_object(*answer))
		err = -EBADMSG;
	return err;
}

json_t *connection_call(int fd, const char *command, json_t *params, u64 timeout_ns)
{
	u64 until_ns = now_ns() + timeout_ns;
	json_t *answer = NULL;
	int err;

	params = params ?: json_object();
	json_object_set_new(params, "command", json_string(command));
	err = connection_send(fd, params, until_ns);
	json_decref(params);
	err = err ?: connection_receive(fd, until_ns, &answer);
	if (!err)
		return answer;
	json_decref(answer);
	errno = -err;
	return NULL;
}

/* --- all machines --- */

struct child {
	char name[RUNTIME_NAME_MAX + 1];
	pid_t pid; /* 0: not started */
	int out;   /* its standard output; -1: not started */
};

struct visit {
	int dir;
	int (*fn)(const char *name, int fd);
	void (*done)(const char *name, int status, const char *text, void *arg);
	void *arg;
	struct child *children;
	size_t count;
	int err;
};

static void visit_note(int dir, const char *name, void *arg)
{
	struct visit *visit = arg;
	struct child *more =
		reallocarray(visit->children, visit->count + 1, sizeof(*visit->children));

	if (!more) {
		visit->err = -ENOMEM;
		return;
	}
	visit->children = more;
	more[visit->count] = (struct child){.out = -1};
	snprintf(more[visit->count++].name, sizeof(more->name), "%s", name);
}

/* The child process: connect, call fn, exit with its status. */
static void visit_be_child(const struct visit *visit, const struct child *child, pid_t parent)
{
	int fd, status;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || dup2(child->out, STDOUT_FILENO) < 0)
		_exit(1);
	fd = connection_connect(visit->dir, child->name, CONNECTION_TIMEOUT_NS);
	if (fd == -ESRCH)
		_exit(STATUS_GONE);
	status = visit->fn(child->name, fd);
	fflush(stdout);
	_exit(status);
}

static int visit_begin(const struct visit *visit, struct child *child)
{
	pid_t parent = getpid();
	int err;

	child->out = memfd_create("lkvm-output", MFD_CLOEXEC);
	if (child->out < 0)
		return -errno;
	fflush(NULL);
	child->pid = fork();
	if (!child->pid)
		visit_be_child(visit, child, parent);
	if (child->pid > 0)
		return 0;
	err = -errno;
	child->pid = 0;
	close(child->out);
	child->out = -1;
	return err;
}

/* The child's output, ended by a NUL; the caller frees it. */
static char *visit_output(const struct child *child)
{
	struct stat st;
	size_t bytes = fstat(child->out, &st) ? 0 : (size_t)st.st_size;
	char *text = calloc(1, bytes + 1);

	if (text && pread(child->out, text, bytes, 0) < 0)
		text[0] = '\0';
	return text;
}

static void visit_end(struct visit *visit, struct child *child)
{
	char *text;
	int status;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	text = visit_output(child);
	close(child->out);
	if (!text)
		visit->err = -ENOMEM;
	else if (WIFSIGNALED(status))
		visit->done(child->name, 128 + WTERMSIG(status), "", visit->arg);
	else if (WEXITSTATUS(status) != STATUS_GONE)
		visit->done(child->name, WEXITSTATUS(status), text, visit->arg);
	free(text);
}

/*
 * Start the children and wait for them in the order of the names, at most CHILDREN_MAX at a time.
 */
static void visit_all(struct visit *visit)
{
	size_t begun = 0, ended = 0;

	while (ended < visit->count && !(visit->err && ended == begun)) {
		bool more = begun < visit->count && begun - ended < CHILDREN_MAX && !visit->err;
		int err = more ? visit_begin(visit, &visit->children[begun]) : -EAGAIN;

		if (!err)
			begun++;
		else if (begun > ended)
			visit_end(visit, &visit->children[ended++]);
		else
			visit->err = err;
	}
}

int connection_for_each(int (*fn)(const char *name, int fd),
			void (*done)(const char *name, int status, const char *text, void *arg),
			void *arg)
{
	struct visit visit = {.fn = fn, .done = done, .arg = arg};
	int err;

	visit.dir = runtime_dir_open(false);
	if (visit.dir < 0)
		return visit.dir == -ENOENT ? 0 : visit.dir;
	/* If SIGCHLD were ignored, waitpid() would get no status. */
	signal(SIGCHLD, SIG_DFL);
	err = runtime_dir_for_each(visit.dir, SUFFIX, visit_note, &visit);
	if (!err) {
		visit_all(&visit);
		err = visit.err;
		if (err)
			log_error("machines: not all could be asked: %s", strerror(-err));
	}
	free(visit.children);
	close(visit.dir);
	return err;
}
