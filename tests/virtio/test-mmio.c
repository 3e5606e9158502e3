// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/mmio.c: the registers of a window as virtio 1.2, 4.2.2 has them, doorbells that KVM
 * knows and those it does not, the interrupt line, windows that run out.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "transport-fixture.h"

#include <kvm/log.h>

#define WINDOW		0xfebf8000ULL
#define MAGIC		0x000
#define VERSION		0x004
#define DEVICE_ID	0x008
#define FEATURES_R	0x010
#define FEATURES_SEL	0x014
#define DRIVER_FEATURES 0x020
#define DRIVER_SEL	0x024
#define QUEUE_SEL	0x030
#define QUEUE_MAX	0x034
#define QUEUE_NUM	0x038
#define QUEUE_READY	0x044
#define NOTIFY		0x050
#define IRQ_STATUS	0x060
#define IRQ_ACK		0x064
#define STATUS		0x070
#define DESC		0x080
#define AVAIL		0x090
#define USED		0x0a0
#define SHM_LEN		0x0b0
#define QUEUE_RESET	0x0c0
#define GENERATION	0x0fc
#define CONFIG		0x100

#define LINE		16

static u32 get(u64 reg)
{
	return (u32)mmio_in(WINDOW + reg, 4);
}

static void put(u64 reg, u32 value)
{
	mmio_out(WINDOW + reg, 4, value);
}

static u8 get_status(void)
{
	return (u8)get(STATUS);
}

static void set_status(u8 status)
{
	put(STATUS, status);
}

static u32 get_features(u32 select)
{
	put(FEATURES_SEL, select);
	return get(FEATURES_R);
}

static void set_features(u32 select, u32 value)
{
	put(DRIVER_SEL, select);
	put(DRIVER_FEATURES, value);
}

static void set_address(u64 reg, u64 value)
{
	put(reg, (u32)value);
	put(reg + 4, (u32)(value >> 32));
}

static void set_queue(u32 queue, u16 size, u64 desc, u64 avail, u64 used)
{
	put(QUEUE_SEL, queue);
	put(QUEUE_NUM, size);
	set_address(DESC, desc);
	set_address(AVAIL, avail);
	set_address(USED, used);
	put(QUEUE_READY, 1);
	assert_int_equal(get(QUEUE_READY), 1);
}

static void notify(u32 queue)
{
	if (!kvm_notifies(false, WINDOW + NOTIFY, 4, queue))
		put(NOTIFY, queue);
}

static const struct driver_access registers = {
	.get_status = get_status,
	.set_status = set_status,
	.get_features = get_features,
	.set_features = set_features,
	.set_queue = set_queue,
	.notify = notify,
};

/* The loop's thread is the main thread of a machine. */
static void add_echo(void *arg)
{
	*(int *)arg = virtio_mmio_add(&fake.kvm, &echo);
}

static int set_up(void **state)
{
	int err = -1;

	fixture_start(&registers);
	fake_on_loop(add_echo, &err);
	assert_int_equal(err, 0);
	reset_machine();
	return 0;
}

static void remove_echo(void *arg)
{
	virtio_mmio_remove(&echo);
}

static int tear_down(void **state)
{
	fake_on_loop(remove_echo, NULL);
	assert_int_equal(bell_count, 0);
	assert_false(fake_irq(LINE));
	fixture_stop();
	return 0;
}

static void test_identity(void **state)
{
	assert_int_equal(get(MAGIC), 0x74726976);
	assert_int_equal(get(VERSION), 2);
	assert_int_equal(get(DEVICE_ID), ID);
	assert_int_equal(get(SHM_LEN), 0xffffffff);
	assert_int_equal(get(SHM_LEN + 4), 0xffffffff);
	assert_int_equal(get(0x0f8), 0);
}

static void test_requests(void **state)
{
	for (u32 queue = 0; queue < QUEUES; queue++) {
		driver_up(queue);
		for (u32 bytes = 1; bytes < 20; bytes++)
			driver_request(queue, bytes);
		settle();
		assert_int_equal(get(IRQ_STATUS), 1);
		assert_true(fake_irq(LINE));
		put(IRQ_ACK, 2); /* another one */
		assert_true(fake_irq(LINE));
		put(IRQ_ACK, 1);
		assert_false(fake_irq(LINE));
		assert_int_equal(get(IRQ_STATUS), 0);
	}
}

static void test_doorbells_are_registered_once(void **state)
{
	assert_int_equal(bell_calls, 0);
	driver_begin();
	assert_int_equal(bell_calls, 0);
	driver_up(0);
	assert_int_equal(bell_count, QUEUES);
	driver_up(0);
	reset_machine();
	driver_up(1);
	assert_int_equal(bell_calls, QUEUES);
	for (unsigned int i = 0; i < QUEUES; i++) {
		assert_int_equal(bells[i].addr, WINDOW + NOTIFY);
		assert_int_equal(bells[i].datamatch, i);
		assert_int_equal(bells[i].len, 4);
	}
	bell_count = 0; /* a KVM that took none */
	driver_request(1, 5);
	put(NOTIFY, QUEUES);
	put(NOTIFY, 0xffffffff);
	driver_request(1, 5);
	for (unsigned int i = 0; i < QUEUES; i++)
		bells[bell_count++] = (struct kvm_ioeventfd){.addr = WINDOW + NOTIFY,
							     .datamatch = i,
							     .fd = virtio_doorbell_fd(&echo, i)};
}

static void test_queue_registers(void **state)
{
	driver_begin();
	put(QUEUE_SEL, 2);
	assert_int_equal(get(QUEUE_MAX), 8);
	put(QUEUE_SEL, 3);
	assert_int_equal(get(QUEUE_MAX), 0);
	put(QUEUE_READY, 1);
	assert_int_equal(get(QUEUE_READY), 0);
	put(QUEUE_SEL, 0xffffffff);
	assert_int_equal(get(QUEUE_MAX), 0);

	driver_up(0);
	put(QUEUE_READY, 0); /* lets go of the queue before it returns */
	assert_int_equal(get(QUEUE_READY), 0);
	drvq_init(&driver, fake.kvm.mem.banks[0].host + RINGS, RINGS, 4, false);
	set_queue(0, 4, drvq_desc_gpa(&driver), drvq_avail_gpa(&driver), drvq_used_gpa(&driver));
	driver_request(0, 9);
}

static void test_queue_reset(void **state)
{
	u64 deadline_ns = now_ns() + patient_ns(2 * NSEC_PER_SEC);

	driver_begin();
	set_status(0);
	set_status(ACK_DRIVER);
	set_features(1, 0x101); /* VERSION_1, RING_RESET */
	set_status(ACK_DRIVER | FEATURES_OK);
	drvq_init(&driver, fake.kvm.mem.banks[0].host + RINGS, RINGS, 8, false);
	set_queue(1, 8, drvq_desc_gpa(&driver), drvq_avail_gpa(&driver), drvq_used_gpa(&driver));
	set_status(ACK_DRIVER | FEATURES_OK | DRIVER_OK);
	driver_request(1, 9);
	put(QUEUE_RESET, 1);
	while (get(QUEUE_RESET))
		assert_true(now_ns() < deadline_ns);
	assert_int_equal(get(QUEUE_READY), 0);
}

/* 4.2.2.2: registers are accessed by 32 bits, aligned; configuration by any width. */
static void test_other_widths(void **state)
{
	assert_int_equal(mmio_in(WINDOW + MAGIC, 1), 0);
	assert_int_equal(mmio_in(WINDOW + MAGIC, 2), 0);
	assert_int_equal(mmio_in(WINDOW + MAGIC + 2, 4), 0);
	assert_int_equal(mmio_in(WINDOW + MAGIC, 8), 0x200000000 | 0x74726976);
	mmio_out(WINDOW + STATUS, 1, 0xff);
	mmio_out(WINDOW + STATUS + 1, 4, 0xffffffff);
	assert_int_equal(get_status(), 0);
	assert_int_equal(mmio_in(WINDOW + CONFIG, 1), 1);
	assert_int_equal(mmio_in(WINDOW + CONFIG + 1, 2), 0x0302);
	assert_int_equal(mmio_in(WINDOW + CONFIG + 2, 4), 0x06050403);
	assert_int_equal(mmio_in(WINDOW + CONFIG + 4, 4), 0x0605);
	assert_int_equal(mmio_in(WINDOW + CONFIG + 0xfc, 4), 0);
}

static void test_config_change(void **state)
{
	u32 generation = get(GENERATION);

	driver_up(0);
	virtio_config_write(&echo, 0, "\1", 1);
	virtio_config_changed(&echo);
	assert_int_equal(get(IRQ_STATUS), 2);
	assert_true(fake_irq(LINE));
	assert_int_not_equal(get(GENERATION), generation);
	set_status(0); /* takes the interrupt away */
	assert_false(fake_irq(LINE));
	assert_int_equal(get(IRQ_STATUS), 0);
}

/* --- windows --- */

static const char *record_hid, *record_param;
static struct device_record seen;

static void see_record(void *arg, const struct device_record *record)
{
	seen = *record;
	record_hid = record->hid;
	record_param = record->param;
}

static void see_device(struct device *dev, void *arg)
{
	if (dev->describe && !strncmp(dev->name, "virtio", 6))
		dev->describe(dev, see_record, NULL);
}

static void test_described(void **state)
{
	device_for_each(see_device, NULL);
	assert_string_equal(record_hid, "LNRO0005");
	assert_int_equal(seen.resources[0].base, WINDOW);
	assert_int_equal(seen.resources[0].len, 512);
	assert_int_equal(seen.resources[1].base, LINE);
	assert_true(seen.resources[1].level_low);
	assert_string_equal(record_param, "virtio_mmio.device=512@0xfebf8000:16");
}

static struct virtio_device many[LAYOUT_VIRTIO_COUNT];

static void fill_windows(void *arg)
{
	for (unsigned int i = 1; i < LAYOUT_VIRTIO_COUNT; i++) {
		many[i] = echo;
		assert_int_equal(virtio_mmio_add(&fake.kvm, &many[i]), 0);
		assert_int_equal(mmio_in(WINDOW + 512 * i + DEVICE_ID, 4), ID);
	}
	many[0] = echo;
	assert_int_equal(virtio_mmio_add(&fake.kvm, &many[0]), -ENOSPC);
	/* One that went makes room. */
	virtio_mmio_remove(&many[5]);
	assert_int_equal(mmio_in(WINDOW + 512 * 5 + DEVICE_ID, 4), 0xffffffff);
	assert_int_equal(virtio_mmio_add(&fake.kvm, &many[5]), 0);
	for (unsigned int i = 1; i < LAYOUT_VIRTIO_COUNT; i++)
		virtio_mmio_remove(&many[i]);
}

static void test_windows_run_out(void **state)
{
	log_record();
	fake_on_loop(fill_windows, NULL);
	log_record_end();
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "only 64 devices fit"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_requests),
		TEST(test_doorbells_are_registered_once),
		TEST(test_queue_registers),
		TEST(test_queue_reset),
		TEST(test_other_widths),
		TEST(test_config_change),
		TEST(test_described),
		TEST(test_windows_run_out),
	};

	return cmocka_run_group_tests_name("virtio/mmio", tests, NULL, NULL);
}
