// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins notify.c: what a service manager hears, when, at which kind of address.
 *
 * The test is the manager: it has a datagram socket, and sets the moments of the run itself.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/notify.h>
#include <kvm/phase.h>
#include <kvm/util.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/test-notify.XXXXXX";
static char path[64];
static struct kvm kvm;
static int manager;
static u64 stamps[PHASE_COUNT];

u64 phase_ns(enum phase phase)
{
	return stamps[phase];
}

static void listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = 0;
	manager = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

/* The next message, or "" when there is none. */
static const char *heard(void)
{
	static char text[64];
	ssize_t len = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[MAX(len, (ssize_t)0)] = 0;
	return text;
}

static int set_up(void **state)
{
	memset(stamps, 0, sizeof(stamps));
	logged.last[0] = 0;
	unlink(path);
	listen_at(path);
	kvm.loop = loop_new();
	return !kvm.loop;
}

static int tear_down(void **state)
{
	close(manager);
	loop_free(kvm.loop);
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

/* The loop is stopped for good by this: a test has one run of it. */
static void run_for(u64 ns)
{
	struct loop_timer timer = {.fn = stop_loop, .arg = kvm.loop};

	loop_arm(kvm.loop, &timer, now_ns() + patient_ns(ns));
	assert_int_equal(loop_run(kvm.loop), 0);
}

static void test_ready_with_the_first_byte(void **state)
{
	assert_int_equal(init_run(&kvm), 0);
	stamps[PHASE_FIRST_RUN] = now_ns();
	stamps[PHASE_FIRST_CONSOLE] = now_ns();
	run_for(300 * NSEC_PER_MSEC);
	assert_string_equal(heard(), "READY=1");
	assert_string_equal(heard(), "");
	init_exit(&kvm);
	assert_string_equal(heard(), "STOPPING=1");
	assert_string_equal(heard(), "");
}

static void test_ready_with_init(void **state)
{
	assert_int_equal(init_run(&kvm), 0);
	stamps[PHASE_INIT] = now_ns();
	run_for(300 * NSEC_PER_MSEC);
	assert_string_equal(heard(), "READY=1");
	init_exit(&kvm);
}

static void test_a_silent_guest_is_ready_in_time(void **state)
{
	assert_int_equal(init_run(&kvm), 0);
	stamps[PHASE_FIRST_RUN] = now_ns() - 11 * NSEC_PER_SEC;
	run_for(300 * NSEC_PER_MSEC);
	assert_string_equal(heard(), "READY=1");
	init_exit(&kvm);
}

static void test_not_ready_before(void **state)
{
	assert_int_equal(init_run(&kvm), 0);
	stamps[PHASE_FIRST_RUN] = now_ns();
	run_for(300 * NSEC_PER_MSEC);
	assert_string_equal(heard(), "");
	init_exit(&kvm);
	assert_string_equal(heard(), "STOPPING=1");
}

/* It was up, if only for a moment: the start did not fail. */
static void test_a_guest_quicker_than_the_timer(void **state)
{
	assert_int_equal(init_run(&kvm), 0);
	stamps[PHASE_FIRST_CONSOLE] = now_ns();
	init_exit(&kvm);
	assert_string_equal(heard(), "READY=1");
	assert_string_equal(heard(), "STOPPING=1");
}

static void test_nobody_is_told(void **state)
{
	stamps[PHASE_FIRST_CONSOLE] = now_ns();
	config.dry_run = true;
	assert_int_equal(init_run(&kvm), 0);
	init_exit(&kvm);
	config.dry_run = false;
	config.detach = true;
	assert_int_equal(init_run(&kvm), 0);
	init_exit(&kvm);
	config.detach = false;
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(init_run(&kvm), 0);
	init_exit(&kvm);
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(init_run(&kvm), 0);
	init_exit(&kvm);
	assert_string_equal(heard(), "");
	assert_string_equal(logged.last, "");
}

static void test_addresses(void **state)
{
	char name[120];

	close(manager);
	snprintf(name, sizeof(name), "@lkvm-test-notify-%d", (int)getpid());
	listen_at(name);
	assert_int_equal(notify_send("READY=1"), 0);
	assert_string_equal(heard(), "READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	name[0] = '/';
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	assert_int_equal(notify_send("READY=1"), -ENOENT);
}

/* The machine goes on without a manager that can be told. */
static void test_a_manager_that_is_gone(void **state)
{
	stamps[PHASE_FIRST_CONSOLE] = now_ns();
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	assert_int_equal(init_run(&kvm), 0);
	run_for(300 * NSEC_PER_MSEC);
	assert_non_null(strstr(logged.last, "NOTIFY_SOCKET: READY=1 cannot be sent: No such file"));
	init_exit(&kvm);
}

static int group_setup(void **state)
{
	log_record();
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/manager", folder);
	return 0;
}

static int group_teardown(void **state)
{
	unlink(path);
	return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ready_with_the_first_byte),
		TEST(test_ready_with_init),
		TEST(test_a_silent_guest_is_ready_in_time),
		TEST(test_not_ready_before),
		TEST(test_a_guest_quicker_than_the_timer),
		TEST(test_nobody_is_told),
		TEST(test_addresses),
		TEST(test_a_manager_that_is_gone),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
