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
 * Every wait has a bound: a machine may be stopped in a debugger.
 *
 * Main thread.
 *
 * Spec: docs/control.md; unix(7).
 */
#include <kvm/ipc-client.h>

#ifdef HAVE_JANSSON
#include <kvm/runtime-dir.h>
#include <kvm/util.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX   (4 * MIB)
#define GONE_LOOK_US 2000
#define SUFFIX	     ".sock"

/* Nobody answers: if nobody holds the name either, what is left of it goes. */
static void ipc_client_clean(int dir, const char *name)
{
	int lock = runtime_dir_is_locked(dir, name) ? -EEXIST : runtime_dir_lock(dir, name);
	char socket[RUNTIME_FILE_MAX];

	if (lock < 0)
		return;
	snprintf(socket, sizeof(socket), "%s" SUFFIX, name);
	unlinkat(dir, socket, 0);
	runtime_dir_unlock(dir, name, lock);
}

static int ipc_client_connect(int dir, const char *name)
{
	char file[RUNTIME_NAME_MAX + sizeof(SUFFIX)];
	struct sockaddr_un address;
	int fd, err;

	if (!runtime_dir_is_name(name))
		return -ESRCH;
	snprintf(file, sizeof(file), "%s" SUFFIX, name);
	runtime_dir_address(dir, file, &address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = -errno;
	close(fd);
	if (err == -ECONNREFUSED)
		ipc_client_clean(dir, name);
	return err == -ECONNREFUSED || err == -ENOENT ? -ESRCH : err;
}

int ipc_client_open(const char *name)
{
	int fd, dir = runtime_dir_open(false);

	if (dir < 0)
		return dir == -ENOENT ? -ESRCH : -ENXIO;
	fd = ipc_client_connect(dir, name);
	close(dir);
	return fd;
}

void ipc_client_wait_gone(const char *name)
{
	u64 until_ns = now_ns() + IPC_CLIENT_TIMEOUT_NS;
	int dir = runtime_dir_open(false);

	if (dir < 0)
		return;
	while (runtime_dir_is_locked(dir, name) && now_ns() < until_ns)
		usleep(GONE_LOOK_US);
	close(dir);
}

/* Until fd is ready for this, or the time is over: 0 or -ETIMEDOUT. */
static int ipc_client_wait(int fd, short events, u64 until_ns)
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

static int ipc_client_send(int fd, const json_t *object, u64 until_ns)
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
			err = ipc_client_wait(fd, POLLOUT, until_ns);
		else if (errno != EINTR)
			err = -errno;
	}
	free(text);
	return err;
}

/* A line, as JSON; not a byte of what comes behind it. Events are not asked for here. */
static int ipc_client_receive(int fd, u64 until_ns, json_t **answer)
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
			err = ipc_client_wait(fd, POLLIN, until_ns);
		} else if (errno != EINTR) {
			err = -errno;
		}
	}
	*answer = end ? json_loadb(text, (size_t)(end - text), 0, NULL) : NULL;
	free(text);
	return err ? err : json_is_object(*answer) ? 0 : -EBADMSG;
}

json_t *ipc_client_call(int fd, const char *command, json_t *params, u64 timeout_ns)
{
	u64 until_ns = now_ns() + timeout_ns;
	json_t *answer = NULL;
	int err;

	params = params ? params : json_object();
	json_object_set_new(params, "command", json_string(command));
	err = ipc_client_send(fd, params, until_ns);
	json_decref(params);
	err = err ? err : ipc_client_receive(fd, until_ns, &answer);
	if (!err)
		return answer;
	json_decref(answer);
	errno = -err;
	return NULL;
}

struct ipc_client_visit {
	void (*fn)(const char *name, int fd, void *arg);
	void *arg;
};

static void ipc_client_visit(int dir, const char *name, void *arg)
{
	const struct ipc_client_visit *visit = arg;
	int fd = ipc_client_connect(dir, name);

	if (fd < 0)
		return;
	visit->fn(name, fd, visit->arg);
	close(fd);
}

int ipc_client_for_each(void (*fn)(const char *name, int fd, void *arg), void *arg)
{
	struct ipc_client_visit visit = {.fn = fn, .arg = arg};
	int err, dir = runtime_dir_open(false);

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	err = runtime_dir_for_each(dir, SUFFIX, ipc_client_visit, &visit);
	close(dir);
	return err;
}
#endif
