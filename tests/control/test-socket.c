// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins control/socket.c: the control socket's wire, as docs/control.md has it.
 *
 * The loop runs on a thread of its own, the test is the clients. A command of the test's own keeps
 * its requests until it is told to answer.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <kvm/config.h>
#include <kvm/control-name.h>
#include <kvm/control-socket.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/runtime-dir.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define PENDING	   64

static char top[] = "/tmp/lkvm-test-kvm-ipc-XXXXXX";
static int top_fd;
static struct kvm machine;
static pthread_t loop_thread;
static unsigned int fds_before;

/* Requests of "keep", and the bell that has them answered. Loop. */
static struct ipc_request *kept;
static struct loop_bell answer_bell;

int instance_dir_fd(void)
{
	return top_fd;
}

static void keep(struct ipc_request *request, const json_t *params, void *arg)
{
	request->next = kept;
	kept = request;
}

static void refuse(struct ipc_request *request, const json_t *params, void *arg)
{
	ipc_refuse(request, "no %s", "\xff");
}

static void answer_all(void *arg)
{
	while (kept) {
		struct ipc_request *request = kept;

		kept = request->next;
		ipc_answer(request, json_pack("{s:i}", "n", 7));
	}
}

static struct ipc_command keep_command = {.name = "keep", .handle = keep};
static struct ipc_command refuse_command = {.name = "refuse", .handle = refuse};

static unsigned int open_fds(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int group_set_up(void **state)
{
	config.name = "box";
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	log_record();
	return top_fd < 0;
}

static int group_tear_down(void **state)
{
	close(top_fd);
	return rmdir(top);
}

static void *run_loop(void *arg)
{
	loop_run(machine.loop);
	return NULL;
}

static int start_machine(void)
{
	machine.loop = loop_new();
	answer_bell = (struct loop_bell){.fn = answer_all};
	loop_add_bell(machine.loop, &answer_bell);
	if (init_run(&machine))
		return -1;
	ipc_add_command(&keep_command);
	ipc_add_command(&refuse_command);
	return pthread_create(&loop_thread, NULL, run_loop, NULL);
}

static void stop_machine(void)
{
	loop_stop(machine.loop);
	pthread_join(loop_thread, NULL);
	answer_all(NULL);
	init_exit(&machine);
	loop_remove_bell(machine.loop, &answer_bell);
	loop_free(machine.loop);
}

static int set_up(void **state)
{
	alarm(patient_s(60));
	fds_before = open_fds();
	return start_machine();
}

static int tear_down(void **state)
{
	stop_machine();
	alarm(0);
	assert_int_equal(open_fds(), fds_before);
	assert_int_equal(faccessat(top_fd, "box.sock", F_OK, 0), -1);
	return 0;
}

/* --- clients --- */

static int connect_client(void)
{
	struct timeval limit = {.tv_sec = 10};
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	runtime_dir_address(top_fd, "box.sock", &address);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The next line, whole, without its end; "" when there is none any more. */
static const char *hear(int fd)
{
	static char line[8192];
	size_t len = 0;

	while (len + 1 < sizeof(line) && recv(fd, line + len, 1, 0) == 1 && line[len] != '\n')
		len++;
	line[len] = 0;
	return line;
}

static void expect(int fd, const char *what)
{
	const char *line = hear(fd);

	if (!strstr(line, what))
		fail_msg("'%s' is not in '%s'", what, line);
}

/* --- the wire --- */

static void test_hello(void **state)
{
	int fd = connect_client();
	struct stat st;
	json_t *answer;

	say(fd, "{\"command\":\"hello\",\"id\":{\"a\":[1,null]}}\n");
	answer = json_loads(hear(fd), 0, NULL);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	assert_int_equal(json_integer_value(json_object_get(answer, "protocol")), IPC_PROTOCOL);
	assert_string_equal(json_string_value(json_object_get(answer, "name")), "box");
	assert_int_equal(json_integer_value(json_object_get(answer, "pid")), getpid());
	assert_int_equal(json_array_size(json_object_get(answer, "commands")), 4);
	assert_int_equal(json_array_size(json_object_get(json_object_get(answer, "id"), "a")), 2);
	json_decref(answer);
	close(fd);
	assert_int_equal(fstatat(top_fd, "box.sock", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_bad_requests(void **state)
{
	static const char *const bad[][2] = {
		{"\n", "one JSON object a line"},
		{"[]\n", "one JSON object a line"},
		{"{\"command\":\"hello\"\n", "one JSON object a line"},
		{"{\"command\":\"hello\",\"command\":\"hello\"}\n", "one JSON object a line"},
		{"{}\n", "has a \\\"command\\\""},
		{"{\"command\":7}\n", "has a \\\"command\\\""},
		{"{\"command\":\"helloo\"}\n", "no command of that name"},
		{"{\"command\":\"refuse\"}\n", "no \xef\xbf\xbd"},
	};
	int fd = connect_client();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *line;

		say(fd, bad[i][0]);
		line = hear(fd);
		if (!strstr(line, "\"ok\":false") || !strstr(line, bad[i][1]))
			fail_msg("%s is answered with %s", bad[i][0], line);
	}
	close(fd);
}

static void test_pieces(void **state)
{
	int fd = connect_client();

	for (const char *at = "{\"command\":\"hello\"}\n"; *at; at++) {
		assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
		usleep(500);
	}
	expect(fd, "\"ok\":true");
	say(fd, "{\"command\":\"hello\",\"id\":1}\n{\"command\":\"hello\",\"id\":2}\n{\"comm");
	expect(fd, "\"id\":1");
	expect(fd, "\"id\":2");
	say(fd, "and\":\"hello\",\"id\":3}\n");
	expect(fd, "\"id\":3");
	close(fd);
}

static void test_a_line_too_long(void **state)
{
	static char much[IPC_LINE_MAX + 4096];
	int fd = connect_client(), other = connect_client();

	say(fd, "{\"command\":\"subscribe\"}\n");
	expect(fd, "\"ok\":true");
	memset(much, 'x', sizeof(much));
	assert_true(send(fd, much, sizeof(much), MSG_NOSIGNAL) > 0);
	expect(fd, "longer than 64 KiB");
	/* That was its last line: it hears of no event any more. */
	say(other, "{\"command\":\"subscribe\"}\n");
	expect(other, "\"ok\":true");
	event_post("paused");
	expect(other, "paused");
	say(other, "{\"command\":\"hello\"}\n");
	expect(other, "\"ok\":true");
	assert_true(recv(fd, much, sizeof(much), MSG_DONTWAIT) <= 0);
	close(fd);
	close(other);
}

/* --- late answers --- */

/*
 * Sockets of this process, but the listener, are the clients', and the machine's ends of them. The
 * folder is read, no descriptor is touched: the loop's thread opens and closes some meanwhile.
 */
static unsigned int count_fds_of_clients(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned int count = 0;
	struct dirent *entry;

	assert_non_null(fds);
	while ((entry = readdir(fds))) {
		char target[32] = "";

		if (readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1) > 0)
			count += !strncmp(target, "socket:", 7);
	}
	closedir(fds);
	return (count - 1) / 2;
}

static void test_late_answers(void **state)
{
	int fd = connect_client(), gone = connect_client(), half = connect_client();

	say(fd,
	    "{\"command\":\"keep\",\"id\":\"late\"}\n{\"command\":\"hello\",\"id\":\"early\"}\n");
	expect(fd, "\"id\":\"early\"");
	say(gone, "{\"command\":\"keep\"}\n{\"command\":\"hello\"}\n");
	expect(gone, "\"ok\":true");
	close(gone);
	say(half, "{\"command\":\"keep\",\"id\":9}\n");
	shutdown(half, SHUT_WR);
	/* By this answer the loop has seen what the others did. */
	say(fd, "{\"command\":\"hello\"}\n");
	expect(fd, "\"ok\":true");
	assert_int_equal(count_fds_of_clients(), 2);
	loop_ring(machine.loop, &answer_bell);
	expect(fd, "\"n\":7");
	expect(half, "\"id\":9");
	assert_string_equal(hear(half), "");
	close(fd);
	close(half);
}

static void test_waiting_requests_have_a_bound(void **state)
{
	int fd = connect_client(), other = connect_client();

	for (unsigned int i = 0; i < PENDING; i++)
		say(fd, "{\"command\":\"keep\"}\n");
	say(fd, "{\"command\":\"keep\",\"id\":\"more\"}\n");
	expect(fd, "64 requests wait");
	say(other, "{\"command\":\"hello\"}\n");
	expect(other, "\"ok\":true");
	loop_ring(machine.loop, &answer_bell);
	for (unsigned int i = 0; i < PENDING; i++)
		expect(fd, "\"n\":7");
	say(fd, "{\"command\":\"hello\"}\n");
	expect(fd, "\"ok\":true");
	close(fd);
	close(other);
}

/* --- events --- */

static void test_events(void **state)
{
	int fd = connect_client(), deaf = connect_client();

	say(fd, "{\"command\":\"subscribe\"}\n");
	expect(fd, "\"ok\":true");
	event_post("paused");
	event_post_device("virtio-blk0", "resized");
	assert_string_equal(hear(fd), "{\"event\":\"paused\"}");
	assert_string_equal(hear(fd), "{\"event\":\"resized\",\"device\":\"virtio-blk0\"}");
	say(deaf, "{\"command\":\"hello\"}\n");
	expect(deaf, "\"protocol\"");
	close(fd);
	close(deaf);
}

static void tell_much(void *arg)
{
	for (unsigned int i = 0; i < 100000; i++)
		ipc_tell("resumed");
}

/* Who does not read what is sent is dropped, and others notice nothing. */
static void test_a_subscriber_that_does_not_read(void **state)
{
	struct loop_bell bell = {.fn = tell_much};
	int fd = connect_client(), other = connect_client();
	char bytes[4096];
	ssize_t got;

	say(fd, "{\"command\":\"subscribe\"}\n");
	expect(fd, "\"ok\":true");
	loop_add_bell(machine.loop, &bell);
	loop_ring(machine.loop, &bell);
	say(other, "{\"command\":\"hello\"}\n");
	expect(other, "\"ok\":true");
	do
		got = recv(fd, bytes, sizeof(bytes), 0);
	while (got > 0);
	assert_int_equal(got, 0);
	loop_remove_bell(machine.loop, &bell);
	close(fd);
	close(other);
}

/* --- the socket --- */

static void test_a_dead_machines_socket_is_replaced(void **state)
{
	int fd;

	stop_machine();
	fd = openat(top_fd, "box.sock", O_CREAT | O_WRONLY, 0666);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(start_machine(), 0);
	fd = connect_client();
	say(fd, "{\"command\":\"hello\"}\n");
	expect(fd, "\"ok\":true");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hello),
		TEST(test_bad_requests),
		TEST(test_pieces),
		TEST(test_a_line_too_long),
		TEST(test_late_answers),
		TEST(test_waiting_requests_have_a_bound),
		TEST(test_events),
		TEST(test_a_subscriber_that_does_not_read),
		TEST(test_a_dead_machines_socket_is_replaced),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
