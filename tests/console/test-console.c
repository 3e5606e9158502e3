// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins console.c, with term.c's way to a descriptor of its own, between real pipes.
 *
 * A test is the guest and both readers: it writes with console_write(), reads what comes out
 * of a pipe that is standard output, and types into one that is standard input. The loop runs on
 * a thread, as in a machine. A socket of packets counts write calls: one packet each.
 *
 * The console's counters live as long as the process. So each test empties the ring, and
 * that of the reader who goes away is the last.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/console.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/own-init.h>
#include <kvm/util.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "console-calls.h"
#include "loop-thread.h"

#define RING_BYTES  (256 * KIB) /* console.h's */
#define INPUT_BYTES 4096	/* what the console may take ahead of the chip */
#define PATIENCE_MS 5000

static int saved_in, saved_out;
static int reader, writer;     /* the far ends */
static int inherited_flags[2]; /* of descriptors 0 and 1 */

/* What a test has done on the loop. */
static struct loop_bell errand;
static atomic_uint errands;

/* --- the chip --- */

static atomic_size_t chip_room, chip_len;
static atomic_uint chip_inputs, chip_writables;
static u8 chip_bytes[64 * KIB];

static size_t get_room(void *dev)
{
	return atomic_load(&chip_room);
}

static void take_input(void *dev, const u8 *data, size_t len)
{
	size_t at = atomic_load(&chip_len);

	if (len > atomic_load(&chip_room) || at + len > sizeof(chip_bytes))
		abort();
	memcpy(chip_bytes + at, data, len);
	atomic_fetch_add(&chip_inputs, 1);
	atomic_store(&chip_len, at + len);
}

static void be_writable(void *dev)
{
	atomic_fetch_add(&chip_writables, 1);
}

static const struct console_port chip = {
	.room = get_room, .input = take_input, .writable = be_writable};

/* A break is shown as this byte. */
static void take_break(void *dev)
{
	take_input(dev, (const u8[]){0xbb}, 1);
}

static int take_sysrq(void *dev, u8 key)
{
	if (get_room(dev) < 2)
		return -EBUSY;
	take_input(dev, (const u8[]){0xbb, key}, 2);
	return 0;
}

static const struct console_port breaking = {.room = get_room,
					     .input = take_input,
					     .writable = be_writable,
					     .send_break = take_break,
					     .send_sysrq = take_sysrq};

/* --- set-up --- */

/* in and out become descriptors 0 and 1, as a shell would have it. */
static void start(int in, int out)
{
	fflush(stdout);
	saved_in = dup(STDIN_FILENO);
	saved_out = dup(STDOUT_FILENO);
	inherited_flags[0] = fcntl(in, F_GETFL);
	inherited_flags[1] = fcntl(out, F_GETFL);
	assert_int_equal(dup2(in, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	close(in);
	close(out);
	kvm.loop = loop_new();
	assert_non_null(kvm.loop);
	errand = (struct loop_bell){0};
	loop_add_bell(kvm.loop, &errand);
	assert_int_equal(init_run(&kvm), 0);
	console_attach(&chip);
	start_loop();
}

/* out: the reader's end, and what standard output is to be. */
static int set_up(const int out[2])
{
	int in[2];

	atomic_store(&chip_room, 0);
	atomic_store(&chip_len, 0);
	atomic_store(&chip_inputs, 0);
	atomic_store(&chip_writables, 0);
	log_record();
	if (pipe(in))
		return -1;
	writer = in[1];
	reader = out[0];
	start(in[0], out[1]);
	return 0;
}

static int set_up_pipes(void **state)
{
	int out[2];

	return pipe(out) ? -1 : set_up(out);
}

static int set_up_packets(void **state)
{
	int out[2];

	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, out) ? -1 : set_up(out);
}

static int tear_down(void **state)
{
	int flags[2];

	stop_loop();
	flags[0] = fcntl(STDIN_FILENO, F_GETFL);
	flags[1] = fcntl(STDOUT_FILENO, F_GETFL);
	console_detach();
	init_exit(&kvm);
	loop_remove_bell(kvm.loop, &errand);
	loop_free(kvm.loop);
	dup2(saved_in, STDIN_FILENO);
	dup2(saved_out, STDOUT_FILENO);
	close(saved_in);
	close(saved_out);
	if (reader >= 0)
		close(reader);
	if (writer >= 0)
		close(writer);
	log_record_end();
	/* Whoever shares them with us must not find them changed, after any test. */
	return flags[0] == inherited_flags[0] && flags[1] == inherited_flags[1] ? 0 : -1;
}

/* --- helpers --- */

/* Byte n of a stream; its period is no divisor of anything. */
static u8 stream(size_t n)
{
	return (u8)(n % 251 + n / 251 % 256);
}

static void write_stream(size_t from, size_t len, size_t chunk)
{
	u8 bytes[1024];

	for (size_t at = from; at < from + len;) {
		size_t n = MIN(MIN(chunk, sizeof(bytes)), from + len - at);

		for (size_t i = 0; i < n; i++)
			bytes[i] = stream(at + i);
		console_write(bytes, n);
		at += n;
	}
}

/* One read, or -1 when nothing comes for so long. */
static ssize_t read_within(void *buf, size_t len, int ms)
{
	struct pollfd ready = {.fd = reader, .events = POLLIN};

	return poll(&ready, 1, ms) == 1 ? read(reader, buf, len) : -1;
}

/* Read until len bytes are there. */
static void read_all(u8 *buf, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = read_within(buf + got, len - got, patient_ms(PATIENCE_MS));

		assert_true(n > 0);
		got += (size_t)n;
	}
}

static bool wait_for_count(atomic_uint *count, unsigned int want)
{
	u64 deadline = now_ns() + patient_ns(PATIENCE_MS * NSEC_PER_MSEC);

	while (atomic_load(count) < want) {
		if (now_ns() > deadline)
			return false;
		usleep(500);
	}
	return true;
}

static int queued(int fd)
{
	int bytes;

	assert_int_equal(ioctl(fd, FIONREAD, &bytes), 0);
	return bytes;
}

/* --- output --- */

static void test_a_burst_is_few_writes(void **state)
{
	u8 packet[32 * KIB];
	u64 start = now_ns();
	size_t got = 0;
	unsigned int packets = 0;

	/* As a guest does it: a byte, and something else. */
	for (size_t i = 0; i < 400; i++) {
		for (u64 end = now_ns() + 50000; now_ns() < end;)
			;
		write_stream(i, 1, 1);
	}
	while (got < 400) {
		ssize_t n = read_within(packet, sizeof(packet), patient_ms(PATIENCE_MS));

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(packet[i], stream(got + (size_t)i));
		got += (size_t)n;
		packets++;
	}
	assert_int_equal(got, 400);
	/* However the threads are held up, a burst is waited for 2 ms. */
	assert_in_range(packets, 1, (now_ns() - start) / (2 * NSEC_PER_MSEC) + 1);
}

static void test_a_single_byte_does_not_wait_long(void **state)
{
	u64 before = now_ns();
	u8 byte;

	console_write((const u8 *)"x", 1);
	read_all(&byte, 1);
	assert_int_equal(byte, 'x');
	assert_true(now_ns() - before < patient_ns(NSEC_PER_SEC));
}

static void test_all_arrives_in_order(void **state)
{
	static u8 got[200 * KIB];

	write_stream(0, sizeof(got), 1000);
	read_all(got, sizeof(got));
	for (size_t i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], stream(i));
	assert_int_equal(read_within(got, 1, 20), -1);
	assert_false(console_full());
	assert_int_equal(chip_writables, 0); /* nobody was refused */
}

/* From here on the loop waits for the reader, and each byte stays in the ring. */
static void wait_for_full_pipe(void)
{
	int before = -1, now = 0;

	while (now == 0 || now != before) {
		before = now;
		usleep(50000);
		now = queued(reader);
	}
}

/* The guest goes on when nobody reads; the oldest give way and are counted. */
static void test_a_full_ring_drops_the_oldest(void **state)
{
	static u8 got[1024 * KIB];
	size_t written = 0, len = 0, gap;
	char line[128];

	/* First fill the pipe, then the ring up to the mark, then go far beyond it. */
	write_stream(0, 128 * KIB, 1000);
	written = 128 * KIB;
	wait_for_full_pipe();
	while (!console_full()) {
		write_stream(written, 64, 1);
		written += 64;
		assert_true(written < sizeof(got));
	}
	assert_true(written >= RING_BYTES);
	write_stream(written, 300 * KIB, 1000);
	written += 300 * KIB;
	assert_true(console_full());
	assert_int_equal(chip_writables, 0);

	for (ssize_t n; (n = read_within(got + len, sizeof(got) - len, 200)) > 0;)
		len += (size_t)n;
	assert_true(len < written);
	gap = written - len;
	/* What comes is a beginning and an end of the stream. */
	for (size_t i = 0, skipped = 0; i < len; i++) {
		if (!skipped && (got[i] != stream(i) || i == len - RING_BYTES))
			skipped = gap;
		assert_int_equal(got[i], stream(i + skipped));
	}
	/* As much as fits was kept. */
	assert_true(len >= RING_BYTES);

	assert_true(wait_for_count(&chip_writables, 1));
	assert_int_equal(chip_writables, 1);
	assert_false(console_full());
	stop_loop();
	assert_int_equal(console_drain(-1, 0), 0);
	assert_int_equal(logged.lines, 1);
	snprintf(line, sizeof(line), "console: %zu bytes of output were lost", gap);
	assert_non_null(strstr(logged.last, line));
}

static void test_writable_comes_with_half_the_ring_free(void **state)
{
	static u8 got[1024 * KIB];
	size_t written = 128 * KIB, left;

	write_stream(0, written, 1000);
	wait_for_full_pipe();
	while (!console_full()) {
		write_stream(written, 16, 1);
		written += 16;
	}
	/* A little room is not worth an interrupt. */
	read_all(got, 4096);
	usleep(20000);
	assert_int_equal(chip_writables, 0);
	left = written - 4096;
	read_all(got, left);
	assert_true(wait_for_count(&chip_writables, 1));
	assert_int_equal(chip_writables, 1);
}

static void test_drain(void **state)
{
	static u8 got[1024 * KIB];
	size_t written = 0, left;
	u64 before;

	stop_loop();
	write_stream(0, 200 * KIB, 1000);
	written = 200 * KIB;
	before = now_ns();
	/* The pipe takes 64 KiB. */
	left = console_drain(-1, now_ns() + 50 * NSEC_PER_MSEC);
	assert_true(now_ns() - before >= 40 * NSEC_PER_MSEC);
	assert_true(now_ns() - before < patient_ns(NSEC_PER_SEC));
	assert_true(left > 0 && left < written);
	read_all(got, written - left);
	for (ssize_t n = written - left; left || n < (ssize_t)written;) {
		left = console_drain(-1, 0);
		n += read_within(got + n, sizeof(got) - n, patient_ms(PATIENCE_MS));
	}
	for (size_t i = 0; i < written; i++)
		assert_int_equal(got[i], stream(i));
}

/* --- input --- */

static void type(size_t from, size_t len)
{
	u8 bytes[256];

	for (size_t at = from; at < from + len;) {
		size_t n = MIN(sizeof(bytes), from + len - at);

		for (size_t i = 0; i < n; i++)
			bytes[i] = stream(at + i);
		assert_int_equal(write(writer, bytes, n), n);
		at += n;
	}
}

static void wait_for_input(size_t len)
{
	u64 deadline = now_ns() + patient_ns(PATIENCE_MS * NSEC_PER_MSEC);

	while (atomic_load(&chip_len) < len) {
		assert_true(now_ns() < deadline);
		console_room_changed();
		usleep(100);
	}
	assert_int_equal(atomic_load(&chip_len), len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(chip_bytes[i], stream(i));
}

static void test_input_is_held_while_there_is_no_room(void **state)
{
	type(0, 10000);
	usleep(50000);
	assert_int_equal(chip_inputs, 0);
	/* The rest is where its writer put it, and its writer could be made to wait. */
	assert_true(queued(writer) >= 10000 - INPUT_BYTES);

	atomic_store(&chip_room, 16);
	wait_for_input(10000);
	assert_true(chip_inputs >= 10000 / 16);
	assert_int_equal(queued(writer), 0);
	atomic_store(&chip_room, 0);
	type(10000, 10);
	usleep(20000);
	assert_int_equal(chip_len, 10000);
	atomic_store(&chip_room, 64);
	wait_for_input(10010);
}

/* Both or nothing, to the port that has breaks. */
static void test_sysrq(void **state)
{
	stop_loop();
	atomic_store(&chip_room, 16);
	assert_int_equal(console_send_sysrq('h'), -ENODEV);
	console_attach(&breaking);
	atomic_store(&chip_room, 1);
	assert_int_equal(console_send_sysrq('h'), -EBUSY);
	assert_int_equal(chip_len, 0);
	atomic_store(&chip_room, 2);
	assert_int_equal(console_send_sysrq('h'), 0);
	assert_int_equal(chip_len, 2);
	assert_memory_equal(chip_bytes, "\xbbh", 2);
	console_detach();
}

static void test_input_that_fits_comes_at_once(void **state)
{
	u64 deadline = now_ns() + patient_ns(PATIENCE_MS * NSEC_PER_MSEC);

	atomic_store(&chip_room, 64);
	type(0, 5);
	while (atomic_load(&chip_len) < 5 && now_ns() < deadline)
		usleep(100);
	assert_int_equal(chip_len, 5);
	assert_int_equal(chip_inputs, 1);
}

static u64 cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (u64)used.tv_sec * NSEC_PER_SEC + (u64)used.tv_nsec;
}

static void test_end_of_input(void **state)
{
	u64 before;
	u8 byte;

	type(0, 100);
	close(writer);
	writer = -1;
	usleep(20000);
	before = cpu_ns();
	usleep(100000);
	assert_true(cpu_ns() - before < 50 * NSEC_PER_MSEC); /* the loop does not spin */
	/* What was typed before the end still comes, and output goes on. */
	atomic_store(&chip_room, 16);
	wait_for_input(100);
	console_write((const u8 *)"x", 1);
	read_all(&byte, 1);
	assert_int_equal(byte, 'x');
}

/* --- the two together --- */

static void test_inherited_descriptors_stay_blocking(void **state)
{
	u8 buf[300];

	assert_false(inherited_flags[0] & O_NONBLOCK);
	assert_false(inherited_flags[1] & O_NONBLOCK);
	atomic_store(&chip_room, 16);
	for (unsigned int i = 0; i < 3; i++) {
		write_stream(0, sizeof(buf), 1);
		type(i * 10, 10);
		read_all(buf, sizeof(buf));
		wait_for_input((i + 1) * 10);
		assert_int_equal(fcntl(STDIN_FILENO, F_GETFL), inherited_flags[0]);
		assert_int_equal(fcntl(STDOUT_FILENO, F_GETFL), inherited_flags[1]);
	}
}

static void detach(void *arg)
{
	console_detach();
	atomic_fetch_add(&errands, 1);
}

static void attach(void *arg)
{
	console_attach(&chip);
	atomic_fetch_add(&errands, 1);
}

static void on_loop(void (*fn)(void *arg))
{
	unsigned int before = atomic_load(&errands);

	errand.fn = fn;
	loop_ring(kvm.loop, &errand);
	assert_true(wait_for_count(&errands, before + 1));
}

static void test_detached(void **state)
{
	u8 byte;

	atomic_store(&chip_room, 16);
	on_loop(detach);
	type(0, 10);
	console_write((const u8 *)"x", 1);
	read_all(&byte, 1);
	assert_int_equal(chip_inputs, 0);
	on_loop(attach);
	wait_for_input(10);
}

/* --- viewers --- */

static struct {
	u64 at, lost;
	u8 bytes[RING_BYTES];
	size_t len;
	bool may_type;
	atomic_uint told;
} viewer;

static void be_told(void)
{
	atomic_fetch_add(&viewer.told, 1);
}

static void begin_to_view(void *arg)
{
	atomic_store(&viewer.told, 0);
	console_set_watcher(be_told);
	viewer.at = console_history(0);
	viewer.lost = 0;
	atomic_fetch_add(&errands, 1);
}

/* In pieces that are no divisor of the ring. */
static void view_all(void *arg)
{
	size_t len;

	viewer.len = 0;
	while ((len = console_view(&viewer.at, viewer.bytes + viewer.len,
				   MIN(sizeof(viewer.bytes) - viewer.len, (size_t)1000),
				   &viewer.lost)))
		viewer.len += len;
	atomic_fetch_add(&errands, 1);
}

static void view_last_ten(void *arg)
{
	viewer.at = console_history(10);
	view_all(arg);
}

static void end_to_view(void *arg)
{
	console_set_watcher(NULL);
	atomic_fetch_add(&errands, 1);
}

static void assert_viewed(size_t from, size_t len)
{
	assert_int_equal(viewer.len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(viewer.bytes[i], stream(from + i));
}

static void test_viewer_sees_what_is_written(void **state)
{
	u8 bytes[1000];

	on_loop(begin_to_view);
	write_stream(0, sizeof(bytes), 7);
	read_all(bytes, sizeof(bytes));
	assert_true(wait_for_count(&viewer.told, 1));
	on_loop(view_all);
	assert_viewed(0, sizeof(bytes));
	assert_int_equal(viewer.lost, 0);
	/* Told once for what it has not read, and again for what comes then. */
	write_stream(1000, 1, 1);
	read_all(bytes, 1);
	assert_true(wait_for_count(&viewer.told, 2));
	on_loop(view_last_ten);
	assert_viewed(991, 10);
	on_loop(end_to_view);
}

/* Five quarters of the ring, which standard output reads and the viewer does not. */
static void test_viewer_that_is_behind_misses_the_oldest(void **state)
{
	static u8 bytes[64 * KIB];

	on_loop(begin_to_view);
	for (size_t i = 0; i < 5; i++) {
		write_stream(i * sizeof(bytes), sizeof(bytes), 1000);
		read_all(bytes, sizeof(bytes));
	}
	assert_false(console_full());
	on_loop(view_all);
	assert_int_equal(viewer.lost, sizeof(bytes));
	assert_viewed(sizeof(bytes), RING_BYTES);
	on_loop(end_to_view);
}

static void type_some(void *arg)
{
	viewer.may_type = console_may_type();
	if (viewer.may_type)
		console_type((const u8 *)"typed", 5);
	atomic_fetch_add(&errands, 1);
}

/* For lkvm's own init: not before it reads, and with an end, however little room there is. */
static void test_input_is_framed(void **state)
{
	static const u8 framed[] = {'a', 0x10, 0x50, 0x10, 0x4f, 'b', 0x10, '.'};
	u64 deadline = now_ns() + patient_ns(PATIENCE_MS * NSEC_PER_MSEC);

	own_init_expect(true);
	atomic_store(&chip_room, 3);
	assert_int_equal(write(writer,
			       "a\x10\x0f"
			       "b",
			       4),
			 4);
	close(writer);
	writer = -1;
	usleep(50000);
	assert_int_equal(chip_len, 0);
	own_init_called(true);
	while (atomic_load(&chip_len) < sizeof(framed) && now_ns() < deadline) {
		console_room_changed();
		usleep(100);
	}
	usleep(1000);
	assert_int_equal(chip_len, sizeof(framed));
	assert_memory_equal(chip_bytes, framed, sizeof(framed));
	/* Nobody may type behind the end. */
	on_loop(type_some);
	assert_false(viewer.may_type);
}

static void test_viewer_types_when_standard_input_has_ended(void **state)
{
	u64 deadline = now_ns() + patient_ns(PATIENCE_MS * NSEC_PER_MSEC);

	atomic_store(&chip_room, 100);
	on_loop(type_some);
	assert_false(viewer.may_type);
	close(writer);
	writer = -1;
	while (!viewer.may_type && now_ns() < deadline)
		on_loop(type_some);
	assert_true(viewer.may_type);
	assert_int_equal(chip_len, 5);
	assert_memory_equal(chip_bytes, "typed", 5);
}

/* A shell that gets no answer would find its pipe full one day, and must not wait then. */
static void test_reader_gone(void **state)
{
	close(reader);
	reader = -1;
	write_stream(0, 100, 1);
	assert_true(wait_for_count(&logged.lines, 1));
	assert_non_null(strstr(logged.last, "standard output: "));
	write_stream(0, 2 * RING_BYTES, 1000);
	usleep(20000);
	assert_false(console_full());
	assert_int_equal(logged.lines, 1); /* once */
	/* A viewer still sees it. */
	on_loop(begin_to_view);
	write_stream(0, 100, 1);
	assert_true(wait_for_count(&viewer.told, 1));
	on_loop(view_all);
	assert_viewed(0, 100);
	on_loop(end_to_view);
	stop_loop();
	assert_int_equal(console_drain(-1, UINT64_MAX), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_pipes, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_burst_is_few_writes, set_up_packets,
						tear_down),
		TEST(test_a_single_byte_does_not_wait_long),
		TEST(test_all_arrives_in_order),
		TEST(test_a_full_ring_drops_the_oldest),
		TEST(test_writable_comes_with_half_the_ring_free),
		TEST(test_drain),
		TEST(test_input_is_held_while_there_is_no_room),
		TEST(test_sysrq),
		TEST(test_input_that_fits_comes_at_once),
		TEST(test_end_of_input),
		TEST(test_input_is_framed),
		TEST(test_inherited_descriptors_stay_blocking),
		TEST(test_detached),
		TEST(test_viewer_sees_what_is_written),
		TEST(test_viewer_that_is_behind_misses_the_oldest),
		TEST(test_viewer_types_when_standard_input_has_ended),
		TEST(test_reader_gone),
	};

	signal(SIGPIPE, SIG_IGN); /* as builtin-run.c does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
