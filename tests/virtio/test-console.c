// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/console.c: output in order, a reader that is behind and one that has gone, input into
 * the guest's buffers, resets, size and resize, emergency writes.
 *
 * The test is the driver; the console of the machine is the fake one, whose functions are called on
 * the loop.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/fake-virtio.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/util.h>
#include <linux/virtio_console.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define QUEUE_IN  0
#define QUEUE_OUT 1

static void setup(void)
{
	config.console = CONSOLE_VIRTIO;
	fake_start();
	fake_virtio_ram_start();
}

static void teardown(void)
{
	fake_virtio_ram_stop();
	fake_stop();
}

static int each_setup(void **state)
{
	setup();
	fake_virtio_up(~0ULL);
	return 0;
}

static int each_teardown(void **state)
{
	fake_virtio_reset();
	teardown();
	return 0;
}

static u64 text_at(const char *text)
{
	u64 at = fake_virtio_alloc(4096);

	memcpy(fake_virtio_host(at), text, strlen(text));
	return at;
}

/* --- on the loop --- */

static size_t room;
static const char *typed;

static void get_room(void *arg)
{
	room = fake.console.room(fake.console.dev);
}

static void type(void *arg)
{
	fake.console.input(fake.console.dev, (const u8 *)typed, strlen(typed));
}

static void be_writable(void *arg)
{
	fake.console_full = false;
	fake.console.writable(fake.console.dev);
}

static void finish(void *arg)
{
	fake.console.finish(fake.console.dev);
}

static void be_full(void *arg)
{
	fake.console_full = true;
}

/* --- out --- */

static void test_output(void **state)
{
	const struct drvq_buf bufs[] = {
		{text_at("Hello, "), 7, false},
		{text_at("world\n"), 6, false},
	};

	assert_int_equal(fake_virtio_request(QUEUE_OUT, bufs, 2), 0);
	assert_int_equal(fake.output_len, 13);
	assert_memory_equal(fake.output, "Hello, world\n", 13);
}

static void test_output_longer_than_a_piece(void **state)
{
	struct drvq_buf buf = {fake_virtio_alloc(4096), 3000, false};
	u8 *bytes = fake_virtio_host(buf.addr);

	for (unsigned int i = 0; i < buf.len; i++)
		bytes[i] = (u8)i;
	fake_virtio_request(QUEUE_OUT, &buf, 1);
	assert_int_equal(fake.output_len, 3000);
	assert_memory_equal(fake.output, bytes, 3000);
}

/* The guest ended before anybody looked. What it left is written, but not without end. */
static void test_what_is_left_at_the_end(void **state)
{
	struct drvq_buf buf = {text_at("last words"), 10, false}, bufs[4];
	u64 at = fake_virtio_alloc(1 * MIB);

	drvq_add(&fake_virtio_queues[QUEUE_OUT], &buf, 1);
	drvq_publish(&fake_virtio_queues[QUEUE_OUT]);
	assert_int_equal(fake.output_len, 0);
	fake_on_loop(finish, NULL);
	assert_int_equal(fake.output_len, 10);
	assert_memory_equal(fake.output, "last words", 10);

	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i] = (struct drvq_buf){at, 1 * MIB, false};
	drvq_add(&fake_virtio_queues[QUEUE_OUT], bufs, ARRAY_SIZE(bufs));
	drvq_publish(&fake_virtio_queues[QUEUE_OUT]);
	fake_on_loop(finish, NULL);
	assert_int_equal(fake.output_bytes, 10 + 256 * KIB);
}

/* It is written in turns, and is the driver's again at its end. */
static void test_output_longer_than_a_turn(void **state)
{
	struct drvq_buf bufs[40];
	u64 at = fake_virtio_alloc(1 * MIB);

	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i] = (struct drvq_buf){at, 1 * MIB, false};
	fake_virtio_request(QUEUE_OUT, bufs, ARRAY_SIZE(bufs));
	assert_int_equal(fake.output_bytes, 40 * MIB);

	/* A reset forgets how far it came. */
	drvq_add(&fake_virtio_queues[QUEUE_OUT], bufs, ARRAY_SIZE(bufs));
	fake_virtio_kick(QUEUE_OUT);
	while (fake.output_bytes == 40 * MIB)
		usleep(10);
	fake_virtio_up(~0ULL);
	fake.output_len = 0;
	bufs[0] = (struct drvq_buf){text_at("x"), 1, false};
	fake_virtio_request(QUEUE_OUT, bufs, 1);
	assert_int_equal(fake.output_len, 1);
}

/* Buffers that the device may only write carry no output. */
static void test_output_into_a_writable_buffer(void **state)
{
	const struct drvq_buf buf = {fake_virtio_alloc(4096), 64, true};

	assert_int_equal(fake_virtio_request(QUEUE_OUT, &buf, 1), 0);
	assert_int_equal(fake.output_len, 0);
}

static void test_slow_reader_is_waited_for(void **state)
{
	const struct drvq_buf buf = {text_at("x"), 1, false};
	u32 head, written;

	fake_on_loop(be_full, NULL);
	drvq_add(&fake_virtio_queues[QUEUE_OUT], &buf, 1);
	fake_virtio_kick(QUEUE_OUT);
	fake_on_loop(be_writable, NULL);
	assert_true(fake_virtio_wait_used(QUEUE_OUT, &head, &written));
	assert_int_equal(fake.output_len, 1);
}

static void test_reader_that_stopped_does_not_stop_the_guest(void **state)
{
	const struct drvq_buf buf = {text_at("x"), 1, false};

	fake_on_loop(be_full, NULL);
	fake_virtio_request(QUEUE_OUT, &buf, 1);
	fake_virtio_request(QUEUE_OUT, &buf, 1);
	assert_int_equal(fake.output_len, 2);
}

/* --- in --- */

static void offer_input(u32 len)
{
	const struct drvq_buf buf = {fake_virtio_alloc(4096), len, true};

	drvq_add(&fake_virtio_queues[QUEUE_IN], &buf, 1);
	fake_virtio_kick(QUEUE_IN);
}

static void test_no_buffer_no_room(void **state)
{
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 0);
}

static void test_input(void **state)
{
	const struct drvq_buf bufs[] = {
		{fake_virtio_alloc(4096), 3, true},
		{fake_virtio_alloc(4096), 10, true},
	};
	u32 head, written;

	drvq_add(&fake_virtio_queues[QUEUE_IN], bufs, 2);
	fake_virtio_kick(QUEUE_IN);
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 13);
	typed = "ls -l";
	fake_on_loop(type, NULL);
	assert_true(fake_virtio_wait_used(QUEUE_IN, &head, &written));
	assert_int_equal(written, 5);
	assert_memory_equal(fake_virtio_host(bufs[0].addr), "ls ", 3);
	assert_memory_equal(fake_virtio_host(bufs[1].addr), "-l", 3);
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 0);
}

/* A buffer that the device cannot write to goes back, the next one is taken. */
static void test_input_buffer_without_room(void **state)
{
	const struct drvq_buf buf = {fake_virtio_alloc(4096), 8, false};
	u32 head, written;

	drvq_add(&fake_virtio_queues[QUEUE_IN], &buf, 1);
	offer_input(16);
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 16);
	assert_true(fake_virtio_wait_used(QUEUE_IN, &head, &written));
	assert_int_equal(written, 0);
}

static void test_new_buffers_are_room(void **state)
{
	unsigned int before = fake.room_changes;

	offer_input(16);
	/* The loop may be asked before it hears the doorbell, but not a hundred times. */
	for (int i = 0; i < 100 && fake.room_changes == before; i++)
		fake_on_loop(get_room, NULL);
	assert_true(fake.room_changes > before);
}

static void test_reset_forgets_the_buffer(void **state)
{
	offer_input(16);
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 16);
	fake_virtio_reset();
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 0);
	fake_virtio_up(~0ULL);
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 0);
	offer_input(5);
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 5);
}

static void test_queue_reset_forgets_its_buffer(void **state)
{
	offer_input(16);
	fake_on_loop(get_room, NULL);
	virtio_queue_write(fake_virtio_dev, QUEUE_OUT, VIRTIO_QUEUE_RESET, 1);
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 16);
	virtio_queue_write(fake_virtio_dev, QUEUE_IN, VIRTIO_QUEUE_RESET, 1);
	fake_on_loop(get_room, NULL);
	fake_on_loop(get_room, NULL); /* the reset may have come after the first */
	assert_int_equal(room, 0);
}

/* A device that could not be started has no queues, whatever the driver put there. */
static void test_no_room_without_a_start(void **state)
{
	const struct drvq_buf buf = {fake_virtio_alloc(4096), 16, true};

	fake_virtio_begin(~0ULL);
	fake_virtio_set_up_queue(QUEUE_IN, 16);
	drvq_add(&fake_virtio_queues[QUEUE_IN], &buf, 1);
	drvq_publish(&fake_virtio_queues[QUEUE_IN]);
	virtio_queue_write(fake_virtio_dev, QUEUE_OUT, VIRTIO_QUEUE_SIZE, 3);
	virtio_queue_write(fake_virtio_dev, QUEUE_OUT, VIRTIO_QUEUE_ENABLE, 1);
	fake_virtio_driver_ok();
	assert_true(fake_virtio_wait_config_interrupts(1));
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 0);
	fake_virtio_reset();
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 0);
}

static void pause_machine(void *arg)
{
	assert_int_equal(device_pause_all(), 0);
}

static void resume_machine(void *arg)
{
	device_resume_all();
}

static void test_nothing_while_paused(void **state)
{
	const struct drvq_buf buf = {text_at("x"), 1, false};
	u32 head, written;

	fake_on_loop(be_full, NULL);
	offer_input(16);
	drvq_add(&fake_virtio_queues[QUEUE_OUT], &buf, 1);
	fake_on_loop(pause_machine, NULL);
	fake_virtio_kick(QUEUE_OUT);
	fake_on_loop(be_writable, NULL);
	fake_on_loop(get_room, NULL);
	assert_int_equal(fake.output_len, 0);
	assert_int_equal(room, 0);
	fake_on_loop(resume_machine, NULL);
	assert_true(fake_virtio_wait_used(QUEUE_OUT, &head, &written));
	fake_on_loop(get_room, NULL);
	assert_int_equal(room, 16);
}

/* --- configuration --- */

static void test_emergency_write(void **state)
{
	const u32 value = 'E';

	virtio_config_access_write(fake_virtio_dev,
				   offsetof(struct virtio_console_config, emerg_wr), &value,
				   sizeof(value));
	assert_int_equal(fake.output_len, 1);
	assert_int_equal(fake.output[0], 'E');
	/* Rows are not the driver's to write. */
	virtio_config_access_write(fake_virtio_dev, 0, &value, sizeof(value));
	assert_int_equal(fake.output_len, 1);
}

static void read_size(u16 *cols, u16 *rows)
{
	virtio_config_access_read(fake_virtio_dev, 0, cols, 2);
	virtio_config_access_read(fake_virtio_dev, 2, rows, 2);
}

static void test_size_follows_the_terminal(void **state)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	int saved = dup(STDIN_FILENO), master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	u16 cols, rows;

	grantpt(master);
	unlockpt(master);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	ioctl(master, TIOCSWINSZ, &size);
	dup2(slave, STDIN_FILENO);

	setup();
	assert_true(fake_virtio_dev->offered >> VIRTIO_CONSOLE_F_SIZE & 1);
	fake_virtio_up(~0ULL);
	read_size(&cols, &rows);
	assert_int_equal(cols, 80);
	assert_int_equal(rows, 24);
	size.ws_col = 132;
	size.ws_row = 50;
	ioctl(master, TIOCSWINSZ, &size);
	raise(SIGWINCH);
	assert_true(fake_virtio_wait_config_interrupts(1));
	read_size(&cols, &rows);
	assert_int_equal(cols, 132);
	assert_int_equal(rows, 50);

	/* A machine that stands still is told when it goes on. */
	fake_on_loop(pause_machine, NULL);
	size.ws_col = 40;
	ioctl(master, TIOCSWINSZ, &size);
	raise(SIGWINCH);
	usleep(20000);
	read_size(&cols, &rows);
	assert_int_equal(cols, 132);
	assert_int_equal(fake_virtio_config_interrupts(), 1);
	fake_on_loop(resume_machine, NULL);
	read_size(&cols, &rows);
	assert_int_equal(cols, 40);
	assert_int_equal(fake_virtio_config_interrupts(), 2);
	each_teardown(state);

	dup2(saved, STDIN_FILENO);
	close(saved);
	close(slave);
	close(master);
}

static void test_no_terminal_no_size(void **state)
{
	assert_false(fake_virtio_dev->offered >> VIRTIO_CONSOLE_F_SIZE & 1);
}

static void test_serial_console_has_no_device(void **state)
{
	config.console = CONSOLE_SERIAL;
	fake_start();
	assert_null(fake_virtio_dev);
	assert_null(fake.console.room);
	fake_stop();
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_output),
		EACH(test_output_longer_than_a_piece),
		EACH(test_output_longer_than_a_turn),
		EACH(test_what_is_left_at_the_end),
		EACH(test_output_into_a_writable_buffer),
		EACH(test_slow_reader_is_waited_for),
		EACH(test_reader_that_stopped_does_not_stop_the_guest),
		EACH(test_no_buffer_no_room),
		EACH(test_input),
		EACH(test_input_buffer_without_room),
		EACH(test_new_buffers_are_room),
		EACH(test_reset_forgets_the_buffer),
		EACH(test_queue_reset_forgets_its_buffer),
		EACH(test_no_room_without_a_start),
		EACH(test_nothing_while_paused),
		EACH(test_emergency_write),
		EACH(test_no_terminal_no_size),
		cmocka_unit_test(test_size_follows_the_terminal),
		cmocka_unit_test(test_serial_console_has_no_device),
	};
	int null = open("/dev/null", O_RDONLY);

	dup2(null, STDIN_FILENO);
	close(null);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
