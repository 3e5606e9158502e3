// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other end of a control socket.
 *
 * A machine is its socket in the runtime directory, NAME.sock. One that was killed leaves socket
 * and lock file behind: nobody accepts there, and nobody holds the lock. Then both are removed,
 * under the lock, so that a machine that starts under this name at the same instant keeps its
 * own. A socket that does not answer but whose lock is held is a machine that is starting or
 * ending: it is left alone.
 *
 * Every wait has a bound: a machine may be stopped in a debugger, and then its socket takes as many
 * connections as fit into its backlog, and no more.
 *
 * The other side must be ours: its uid, by SO_PEERCRED, is that of this process or root's. Root
 * also trusts the owner of the folder. Anything else is a socket that somebody has put there.
 *
 * To ask all machines a child process is made for each. So a silent one keeps nobody waiting, and
 * what a command does for one machine is plain code that waits and prints. Standard output of a
 * child is a file in memory, which the parent shows in the order of the names.
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
#define STATUS_GONE  255 /* of a child: its machine has ended meanwhile */

/* Nobody answers: if nobody holds the name either, what is left of it goes. */
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

/* Until the backlog has room, or the time is over. connect(2) waits, for it is told so in turn. */
static int connection_enter(int fd, const struct sockaddr_un *address, u64 until_ns)
{
	for (;;) {
		u64 now = now_ns(), left = now < until_ns ? until_ns - now : 0;
		struct timeval limit = {.tv_sec = (time_t)(left / NSEC_PER_SEC),
					.tv_usec = (suseconds_t)(left % NSEC_PER_SEC / 1000)};

		/* 0 would be for ever. */
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

/* Until fd is ready for this, or the time is over: 0 or -ETIMEDOUT. */
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
		text[len++] = '\n'; /* in the place of the NUL */
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

/* A line, as JSON; not a byte of what comes behind it. Events are not asked for here. */
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
	pid_t pid; /* 0: not begun */
	int out;   /* what it writes; -1: not begun */
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

/* The child's process. */
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

/* What it wrote, with a NUL; freed by the caller. */
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

/* Begin them in order, end them in order; of those that run there is a bound. */
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
	/* Ignored, it would take the children's status away. */
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
