// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio/lend.c: a queue in the hands of a borrower. The test plays it with a virtq of its own, as
 * vhost has one in the kernel. core-fixture.h has the device.
 */
#include "core-fixture.h"

#include <poll.h>
#include <sys/eventfd.h>

static struct {
	struct virtio_ring ring;
	struct virtq *vq;
	unsigned int queue;
	int err;
	u16 next;
} loan;

static void do_lend(void *arg)
{
	loan.err = virtio_queue_lend(&device, loan.queue, &loan.ring);
}

static int lend(unsigned int queue)
{
	loan.queue = queue;
	fake_on_loop(do_lend, NULL);
	return loan.err;
}

static void do_take_back(void *arg)
{
	loan.err = virtio_queue_take_back(&device, loan.queue, loan.next);
}

static int take_back(u16 next)
{
	loan.next = next;
	fake_on_loop(do_take_back, NULL);
	return loan.err;
}

static void borrower_interrupt(void *arg)
{
	assert_int_equal(eventfd_write(loan.ring.call, 1), 0);
}

static void borrower_broken(void *arg, const char *why)
{
	fail_msg("%s", why);
}

/* Begin where the ring says. */
static void borrower_start(bool event_idx)
{
	const struct virtq_config form = {
		.mem = &fake.kvm.mem,
		.max = 16,
		.size = loan.ring.size,
		.desc = loan.ring.desc,
		.driver = loan.ring.driver,
		.device = loan.ring.device,
		.event_idx = event_idx,
		.interrupt = borrower_interrupt,
		.broken = borrower_broken,
	};
	const char *why = "";

	loan.vq = virtq_new();
	assert_non_null(loan.vq);
	assert_int_equal(virtq_start(loan.vq, &form, &why), 0);
	virtq_set_position(loan.vq, loan.ring.next);
}

/* Serve what is there: how many chains. */
static unsigned int borrower_serve(void)
{
	struct virtq_chain *chain;
	unsigned int count = 0;

	while (virtq_pop(loan.vq, &chain) == 1) {
		virtq_push(loan.vq, chain, 77);
		count++;
	}
	virtq_flush(loan.vq);
	return count;
}

static u16 borrower_stop(void)
{
	u16 next = virtq_position(loan.vq);

	virtq_free(loan.vq);
	return next;
}

static bool is_rung(void)
{
	struct pollfd fd = {.fd = loan.ring.kick, .events = POLLIN};

	return poll(&fd, 1, 1000) == 1;
}

static void add_chain(unsigned int queue)
{
	const struct drvq_buf buf = {fake_virtio_alloc(4096), 4096, true};

	drvq_add(&fake_virtio_queues[queue], &buf, 1);
	fake_virtio_kick(queue);
}

static void nothing(void *arg)
{
}

/* The loop, the borrower, the loop again: no chain is lost or served twice. */
static void serve_in_turn(u64 features)
{
	u32 head, written;
	unsigned int notifies, interrupts;
	eventfd_t rung;

	fake_virtio_up(features);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(echo_bytes(100), 100);
	assert_int_equal(lend(0), 0);
	assert_int_equal(loan.ring.size, 16);
	assert_int_equal(loan.ring.next, 20);
	assert_int_equal(loan.ring.desc, drvq_desc_gpa(&fake_virtio_queues[0]));
	assert_int_equal(loan.ring.driver, drvq_avail_gpa(&fake_virtio_queues[0]));
	assert_int_equal(loan.ring.device, drvq_used_gpa(&fake_virtio_queues[0]));
	borrower_start(features);
	eventfd_read(loan.ring.kick, &rung);
	borrower_serve(); /* nothing is there: the driver is asked to ring */

	notifies = atomic_load(&echo.notifies[0]);
	for (unsigned int i = 0; i < 20; i++) {
		interrupts = fake_virtio_interrupts(0);
		add_chain(0);
		assert_true(is_rung());
		assert_int_equal(eventfd_read(loan.ring.kick, &rung), 0);
		assert_int_equal(borrower_serve(), 1);
		assert_true(fake_virtio_wait_interrupts(0, interrupts + 1));
		assert_true(fake_virtio_wait_used(0, &head, &written));
		assert_int_equal(written, 77);
	}
	assert_int_equal(atomic_load(&echo.notifies[0]), notifies);

	/* One more that the borrower does not see: the device does. */
	add_chain(0);
	assert_int_equal(take_back(borrower_stop()), 0);
	assert_true(fake_virtio_wait_used(0, &head, &written));
	assert_int_equal(written, 0);
	assert_int_equal(echo_bytes(100), 100);
}

static void test_in_turn(void **state)
{
	serve_in_turn(0);
}

static void test_in_turn_with_event_index(void **state)
{
	serve_in_turn(EVENT_IDX);
}

static void test_refused(void **state)
{
	fake_virtio_begin(0);
	assert_int_equal(lend(0), -EINVAL);
	fake_virtio_up(0);
	fake_on_loop(nothing, NULL);
	assert_int_equal(take_back(0), -EINVAL);
	keep(1);
	assert_int_equal(lend(KEEPS), -EBUSY);
	assert_int_equal(lend(0), 0);
	assert_int_equal(lend(0), -EBUSY);
	assert_int_equal(take_back(0), 0);
}

/* A resume looks into each queue, but not into one that is lent. */
static void pause_and_resume(void *arg)
{
	device_pause_all();
	device_resume_all();
}

static void test_resume_leaves_it_alone(void **state)
{
	unsigned int notifies;

	fake_virtio_up(0);
	assert_int_equal(lend(0), 0);
	notifies = atomic_load(&echo.notifies[0]);
	add_chain(0);
	fake_on_loop(pause_and_resume, NULL);
	assert_int_equal(atomic_load(&echo.notifies[0]), notifies);
	assert_int_equal(drvq_used_idx(&fake_virtio_queues[0]), 0);
}

/* The driver's reset ends the loan: the next driver finds the device as ever. */
static void test_reset_ends_it(void **state)
{
	fake_virtio_up(0);
	assert_int_equal(lend(0), 0);
	fake_virtio_reset();
	fake_virtio_up(0);
	assert_int_equal(echo_bytes(10), 10);
	assert_int_equal(take_back(0), -EINVAL);
}

/* What the borrower signals as it lets go is still an interrupt. */
static void signal_and_take_back(void *arg)
{
	eventfd_write(loan.ring.call, 1);
	do_take_back(NULL);
}

static void test_last_signal(void **state)
{
	fake_virtio_up(0);
	assert_int_equal(lend(0), 0);
	loan.next = loan.ring.next;
	fake_on_loop(signal_and_take_back, NULL);
	assert_int_equal(loan.err, 0);
	assert_int_equal(fake_virtio_interrupts(0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_turn),	  TEST(test_in_turn_with_event_index),
		TEST(test_refused),	  TEST(test_resume_leaves_it_alone),
		TEST(test_reset_ends_it), TEST(test_last_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
