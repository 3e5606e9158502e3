// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins client/connection.c: machines that answer, that do not, and what dead ones leave behind.
 *
 * A machine is a socket in a folder of the test's own, and a child that says what it is told to.
 */
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/connection.h>
#include <kvm/runtime-dir.h>
#include <kvm/util.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static char top[] = "/tmp/lkvm-test-ipc-client-XXXXXX";
static int top_fd;

/* What the machine does with the one client that it takes. */
static struct server {
	int listener;
	const char *says;
	bool in_pieces, endless, silent;
	char heard[256];
	pthread_t thread;
} server;

static int set_up(void **state)
{
	alarm(patient_s(60));
	if (!mkdtemp(top) || setenv("LKVM_RUNTIME_DIR", top, 1))
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top_fd < 0;
}

static int tear_down(void **state)
{
	alarm(0);
	close(top_fd);
	if (rmdir(top))
		return -1;
	strcpy(top + strlen(top) - 6, "XXXXXX");
	return 0;
}

static bool exists(const char *name)
{
	return !faccessat(top_fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static int listen_as(const char *file)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	runtime_dir_address(top_fd, file, &address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void *serve(void *arg)
{
	int fd = accept(server.listener, NULL, NULL);
	size_t len = 0;
	char byte, piece[4096];

	while (len + 1 < sizeof(server.heard) && recv(fd, &byte, 1, 0) == 1 && byte != '\n')
		server.heard[len++] = byte;
	for (const char *at = server.says; at && *at; at++) {
		size_t count = server.in_pieces ? 1 : strlen(at);

		send(fd, at, count, MSG_NOSIGNAL);
		at += count - 1;
		usleep(500);
	}
	/* Large pieces: with small ones, both sides wait for the CPU thousands of times. */
	memset(piece, 'x', sizeof(piece));
	while (server.endless && send(fd, piece, sizeof(piece), MSG_NOSIGNAL) > 0)
		;
	/* Until the other side is gone. */
	while (server.silent && recv(fd, &byte, 1, 0) == 1)
		;
	close(fd);
	return NULL;
}

/* One call of a machine that behaves so; the answer, or NULL with errno. */
static json_t *call(struct server how, u64 timeout_ns)
{
	json_t *answer;
	int fd, err;

	server = how;
	server.listener = listen_as("box.sock");
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
	fd = connection_open("box", patient_ns(NSEC_PER_SEC));
	assert_true(fd >= 0);
	answer = connection_call(fd, "stat", json_pack("{s:i}", "x", 5), timeout_ns);
	err = errno;
	close(fd);
	pthread_join(server.thread, NULL);
	close(server.listener);
	unlinkat(top_fd, "box.sock", 0);
	errno = err;
	return answer;
}

static void test_an_answer(void **state)
{
	json_t *answer =
		call((struct server){.says = "{\"ok\":true,\"n\":3}\n"}, patient_ns(NSEC_PER_SEC));

	assert_int_equal(json_integer_value(json_object_get(answer, "n")), 3);
	assert_non_null(strstr(server.heard, "\"command\":\"stat\""));
	assert_non_null(strstr(server.heard, "\"x\":5"));
	json_decref(answer);
	answer = call((struct server){.says = "{\"n\":4}\n", .in_pieces = true},
		      patient_ns(NSEC_PER_SEC));
	assert_int_equal(json_integer_value(json_object_get(answer, "n")), 4);
	json_decref(answer);
}

static void test_what_is_no_answer(void **state)
{
	static const char *const texts[] = {"x\n", "[1]\n", "\n", "{\"a\":1\n"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_null(call((struct server){.says = texts[i]}, patient_ns(NSEC_PER_SEC)));
		assert_int_equal(errno, EBADMSG);
	}
	assert_null(call((struct server){.endless = true}, patient_ns(20 * NSEC_PER_SEC)));
	assert_int_equal(errno, EBADMSG);
	assert_null(call((struct server){.says = "{\"ok\""}, patient_ns(NSEC_PER_SEC)));
	assert_int_equal(errno, ECONNRESET);
}

static void test_a_silent_machine(void **state)
{
	u64 begin = now_ns();

	assert_null(call((struct server){.silent = true}, 50 * NSEC_PER_MSEC));
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(now_ns() - begin >= 50 * NSEC_PER_MSEC);
	assert_true(now_ns() - begin < patient_ns(5 * NSEC_PER_SEC));
}

/* --- names --- */

static void test_nobody(void **state)
{
	static char longer[300];

	memset(longer, 'x', sizeof(longer) - 1);
	assert_int_equal(connection_open("nobody", NSEC_PER_SEC), -ESRCH);
	assert_int_equal(connection_open(longer, NSEC_PER_SEC), -ESRCH);
	assert_int_equal(connection_open("../nobody", NSEC_PER_SEC), -ESRCH);
	setenv("LKVM_RUNTIME_DIR", "/nowhere/at/all", 1);
	assert_int_equal(connection_open("nobody", NSEC_PER_SEC), -ESRCH);
}

/* Socket and lock of a machine that was killed go; those of one that is starting stay. */
static void test_what_the_dead_leave(void **state)
{
	int lock;

	close(listen_as("box.sock"));
	lock = openat(top_fd, "box.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(connection_open("box", patient_ns(NSEC_PER_SEC)), -ESRCH);
	assert_true(exists("box.sock") && exists("box.lock"));
	close(lock);
	assert_int_equal(connection_open("box", patient_ns(NSEC_PER_SEC)), -ESRCH);
	assert_false(exists("box.sock") || exists("box.lock"));
}

/* --- a backlog that is full --- */

/* A socket that nobody accepts at, and connections until one more would have to wait. */
static int fill_backlog(int fds[16], unsigned int *count)
{
	int listener = listen_as("box.sock");
	struct sockaddr_un address;

	runtime_dir_address(top_fd, "box.sock", &address);
	for (*count = 0; *count < 16; (*count)++) {
		fds[*count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(fds[*count], (struct sockaddr *)&address, sizeof(address)))
			break;
	}
	assert_int_equal(errno, EAGAIN);
	close(fds[*count]);
	return listener;
}

static void empty_backlog(int listener, const int fds[16], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		close(fds[i]);
	close(listener);
	unlinkat(top_fd, "box.sock", 0);
}

static void test_a_full_backlog(void **state)
{
	unsigned int count;
	u64 begin;
	int fds[16], listener = fill_backlog(fds, &count);

	begin = now_ns();
	assert_int_equal(connection_open("box", 100 * NSEC_PER_MSEC), -ETIMEDOUT);
	assert_in_range(now_ns() - begin, 100 * NSEC_PER_MSEC, patient_ns(5 * NSEC_PER_SEC));
	assert_true(exists("box.sock"));
	assert_non_null(strstr(connection_why(-ETIMEDOUT), "takes no connections"));
	empty_backlog(listener, fds, count);
}

static void *accept_one_later(void *arg)
{
	usleep(50000);
	close(accept(*(int *)arg, NULL, NULL));
	return NULL;
}

/* It is waited for, as long as the time allows. */
static void test_a_backlog_that_gets_room(void **state)
{
	unsigned int count;
	pthread_t thread;
	int fd, fds[16], listener = fill_backlog(fds, &count);

	assert_int_equal(pthread_create(&thread, NULL, accept_one_later, &listener), 0);
	fd = connection_open("box", patient_ns(10 * NSEC_PER_SEC));
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	pthread_join(thread, NULL);
	close(fd);
	empty_backlog(listener, fds, count);
}

/* A socket that another user has put there is no machine of ours. */
static void test_another_users_socket(void **state)
{
	int fd;

	if (geteuid() != 0)
		skip();
	assert_int_equal(fchmod(top_fd, 0777), 0);
	assert_int_equal(seteuid(65534), 0);
	fd = listen_as("box.sock");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(connection_open("box", patient_ns(NSEC_PER_SEC)), -EPERM);
	assert_true(exists("box.sock"));
	/* Root may look after the machines of a user in that user's folder. */
	assert_int_equal(fchown(top_fd, 65534, 65534), 0);
	close(connection_open("box", patient_ns(NSEC_PER_SEC)));
	/* Root's own is trusted by everybody. */
	close(fd);
	unlinkat(top_fd, "box.sock", 0);
	fd = listen_as("box.sock");
	assert_int_equal(fchmodat(top_fd, "box.sock", 0666, 0), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(close(connection_open("box", patient_ns(NSEC_PER_SEC))), 0);
	assert_int_equal(seteuid(0), 0);
	close(fd);
	unlinkat(top_fd, "box.sock", 0);
}

/* --- all --- */

static int ask(const char *name, int fd)
{
	printf("%s is %s\n", name, fd >= 0 ? "there" : connection_why(fd));
	if (!strcmp(name, "killed"))
		raise(SIGKILL);
	usleep(200000);
	return fd >= 0 ? name[0] : 125;
}

static void note(const char *name, int status, const char *text, void *arg)
{
	char *all = arg;

	sprintf(all + strlen(all), "%s %d %s", name, status, text);
}

/* At the same time, with what each says in order; nothing goes to our own standard output. */
static void test_all(void **state)
{
	static const char *const names[] = {"b", "c", "a", "d", "killed", "e", "f", "g", "h"};
	int fds[ARRAY_SIZE(names)];
	char all[4096] = "", file[32];
	u64 begin = now_ns();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(file, sizeof(file), "%s.sock", names[i]);
		fds[i] = listen_as(file);
	}
	close(listen_as("dead.sock"));
	close(openat(top_fd, "other.file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(connection_for_each(ask, note, all), 0);
	assert_true(now_ns() - begin < patient_ns(1500 * NSEC_PER_MSEC));
	assert_string_equal(all, "a 97 a is there\nb 98 b is there\nc 99 c is there\n"
				 "d 100 d is there\ne 101 e is there\nf 102 f is there\n"
				 "g 103 g is there\nh 104 h is there\nkilled 137 ");
	assert_false(exists("dead.sock") || exists("dead.lock"));
	assert_true(exists("other.file"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(file, sizeof(file), "%s.sock", names[i]);
		close(fds[i]);
		unlinkat(top_fd, file, 0);
	}
	unlinkat(top_fd, "other.file", 0);
	assert_int_equal(connection_for_each(ask, note, all), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_answer),
		TEST(test_what_is_no_answer),
		TEST(test_a_silent_machine),
		TEST(test_nobody),
		TEST(test_what_the_dead_leave),
		TEST(test_all),
		TEST(test_a_full_backlog),
		TEST(test_a_backlog_that_gets_room),
		TEST(test_another_users_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
