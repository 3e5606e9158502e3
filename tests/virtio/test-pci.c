// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins virtio/pci.c: the capabilities as a driver finds them (virtio 1.2, 4.1.4), registers,
 * doorbells that follow their BAR, MSI-X vectors, the interrupt pin, and the way around BARs.
 *
 * pci/pci.c and pci/msix.c are the real ones. Nothing here knows pci.c's offsets: all of them are
 * read from the capabilities.
 */
#include "transport-fixture.h"

#define DEVFN	    PCI_DEVFN_OTHER /* no slot is for device 42 */
#define LINE	    16		    /* device 8, pin A: pci/pci.c's wiring */
#define COMMAND	    0x04
#define BAR(i)	    (0x10 + 4 * (i))
#define CAP_POINTER 0x34
#define DECODE	    0x07 /* ports, memory, bus mastering */
#define NO_VECTOR   0xffff
#define MSI_ADDRESS 0xfee01000ULL

enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI_CFG, CAP_COUNT };

/* Offsets in the common configuration: 4.1.4.3. */
enum {
	DF_SELECT = 0x00,
	DF = 0x04,
	GF_SELECT = 0x08,
	GF = 0x0c,
	CONFIG_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	STATUS = 0x14,
	GENERATION = 0x15,
	Q_SELECT = 0x16,
	Q_SIZE = 0x18,
	Q_VECTOR = 0x1a,
	Q_ENABLE = 0x1c,
	Q_NOTIFY_OFF = 0x1e,
	Q_DESC = 0x20,
	Q_DRIVER = 0x28,
	Q_DEVICE = 0x30,
	Q_RESET = 0x3a,
};

static struct {
	u8 at;
	u8 bar;
	u32 offset, length;
} caps[CAP_COUNT];
static u8 msix_at;
static u32 multiplier;

/* --- a driver's way to BARs --- */

static bool bar_is_port(u8 bar)
{
	return pci_in(DEVFN, BAR(bar), 4) & 1;
}

static u64 bar_base(u8 bar)
{
	u32 value = pci_in(DEVFN, BAR(bar), 4);

	return value & 1 ? value & ~3U : value & ~15U;
}

static u64 cap_in(int cap, u32 offset, unsigned int len)
{
	u64 at = bar_base(caps[cap].bar) + caps[cap].offset + offset;

	return bar_is_port(caps[cap].bar) ? fake_in((u16)at, len) : mmio_in(at, len);
}

static void cap_out(int cap, u32 offset, unsigned int len, u64 value)
{
	u64 at = bar_base(caps[cap].bar) + caps[cap].offset + offset;

	if (bar_is_port(caps[cap].bar))
		fake_out((u16)at, len, (u32)value);
	else
		mmio_out(at, len, value);
}

static u8 get_status(void)
{
	return (u8)cap_in(CAP_COMMON, STATUS, 1);
}

static void set_status(u8 status)
{
	cap_out(CAP_COMMON, STATUS, 1, status);
}

static u32 get_features(u32 select)
{
	cap_out(CAP_COMMON, DF_SELECT, 4, select);
	return (u32)cap_in(CAP_COMMON, DF, 4);
}

static void set_features(u32 select, u32 value)
{
	cap_out(CAP_COMMON, GF_SELECT, 4, select);
	cap_out(CAP_COMMON, GF, 4, value);
	assert_int_equal(cap_in(CAP_COMMON, GF, 4), value);
}

static void set_address(u32 offset, u64 value)
{
	cap_out(CAP_COMMON, offset, 4, (u32)value);
	cap_out(CAP_COMMON, offset + 4, 4, value >> 32);
	assert_int_equal(cap_in(CAP_COMMON, offset, 8), value);
}

static void set_queue(u32 queue, u16 size, u64 desc, u64 avail, u64 used)
{
	cap_out(CAP_COMMON, Q_SELECT, 2, queue);
	cap_out(CAP_COMMON, Q_SIZE, 2, size);
	set_address(Q_DESC, desc);
	set_address(Q_DRIVER, avail);
	set_address(Q_DEVICE, used);
	cap_out(CAP_COMMON, Q_ENABLE, 2, 1);
	assert_int_equal(cap_in(CAP_COMMON, Q_ENABLE, 2), 1);
}

static void notify(u32 queue)
{
	u8 bar = caps[CAP_NOTIFY].bar;
	u32 offset;

	cap_out(CAP_COMMON, Q_SELECT, 2, queue);
	offset = (u32)cap_in(CAP_COMMON, Q_NOTIFY_OFF, 2) * multiplier;
	assert_true(offset + 2 <= caps[CAP_NOTIFY].length);
	if (!kvm_notifies(bar_is_port(bar), bar_base(bar) + caps[CAP_NOTIFY].offset + offset, 2,
			  queue))
		cap_out(CAP_NOTIFY, offset, 2, queue);
}

static void find_caps(void)
{
	u8 at = (u8)pci_in(DEVFN, CAP_POINTER, 1);

	memset(caps, 0, sizeof(caps));
	for (int i = 0; at && i < 48; i++, at = (u8)pci_in(DEVFN, at + 1, 1)) {
		u8 type = (u8)pci_in(DEVFN, at + 3, 1);

		if (pci_in(DEVFN, at, 1) == 0x11)
			msix_at = at;
		if (pci_in(DEVFN, at, 1) != 0x09)
			continue;
		assert_in_range(type, CAP_COMMON, CAP_PCI_CFG);
		assert_int_equal(caps[type].at, 0); /* once each */
		assert_int_equal(pci_in(DEVFN, at + 2, 1),
				 type == CAP_NOTIFY || type == CAP_PCI_CFG ? 20 : 16);
		caps[type].at = at;
		caps[type].bar = (u8)pci_in(DEVFN, at + 4, 1);
		caps[type].offset = pci_in(DEVFN, at + 8, 4);
		caps[type].length = pci_in(DEVFN, at + 12, 4);
	}
	multiplier = pci_in(DEVFN, caps[CAP_NOTIFY].at + 16, 4);
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
	*(int *)arg = virtio_pci_add(&fake.kvm, &echo);
}

static int set_up(void **state)
{
	int err = -1;

	fixture_start(&registers);
	fake_on_loop(add_echo, &err);
	assert_int_equal(err, 0);
	reset_machine();
	find_caps();
	pci_out(DEVFN, COMMAND, 2, DECODE);
	return 0;
}

static void remove_echo(void *arg)
{
	virtio_pci_remove(&echo);
}

static int tear_down(void **state)
{
	fake_on_loop(remove_echo, NULL);
	assert_int_equal(bell_count, 0);
	assert_int_equal(fake_msi_attached(), 0);
	assert_false(fake_irq(LINE));
	fixture_stop();
	return 0;
}

/* --- what it looks like --- */

static void test_identity(void **state)
{
	assert_int_equal(pci_in(DEVFN, 0x00, 4), (0x1040 + ID) << 16 | 0x1af4);
	assert_int_equal(pci_in(DEVFN, 0x08, 1), 1); /* revision: not transitional */
	assert_in_range(pci_in(DEVFN, 0x2e, 2), 0x40, 0xffff);
	for (int i = CAP_COMMON; i <= CAP_PCI_CFG; i++)
		assert_int_not_equal(caps[i].at, 0);
	assert_true(caps[CAP_COMMON].length >= 0x3c);
	assert_int_equal(caps[CAP_DEVICE].length, sizeof(echo_config));
	assert_int_equal(caps[CAP_DEVICE].offset % 4, 0);
	assert_true(multiplier >= 2 && !(multiplier & (multiplier - 1)));
	assert_int_equal(pci_in(DEVFN, msix_at + 2, 2) & 0x7ff, QUEUES); /* vectors less 1 */
	assert_int_equal(cap_in(CAP_COMMON, NUM_QUEUES, 2), QUEUES);
}

static void test_queue_registers(void **state)
{
	driver_begin();
	cap_out(CAP_COMMON, Q_SELECT, 2, 2);
	assert_int_equal(cap_in(CAP_COMMON, Q_SIZE, 2), 8);
	assert_int_equal(cap_in(CAP_COMMON, Q_NOTIFY_OFF, 2), 2);
	assert_int_equal(cap_in(CAP_COMMON, Q_VECTOR, 2), NO_VECTOR);
	cap_out(CAP_COMMON, Q_SELECT, 2, QUEUES);
	assert_int_equal(cap_in(CAP_COMMON, Q_SELECT, 2), QUEUES);
	assert_int_equal(cap_in(CAP_COMMON, Q_SIZE, 2), 0);
	assert_int_equal(cap_in(CAP_COMMON, Q_NOTIFY_OFF, 2), 0);
	cap_out(CAP_COMMON, Q_VECTOR, 2, 0);
	assert_int_equal(cap_in(CAP_COMMON, Q_VECTOR, 2), NO_VECTOR);
	cap_out(CAP_COMMON, Q_ENABLE, 2, 1);
	assert_int_equal(cap_in(CAP_COMMON, Q_ENABLE, 2), 0);

	driver_up(0);
	cap_out(CAP_COMMON, Q_ENABLE, 2, 0); /* there is no way back but a reset */
	assert_int_equal(cap_in(CAP_COMMON, Q_ENABLE, 2), 1);
	driver_request(0, 5);
}

static void test_other_widths(void **state)
{
	cap_out(CAP_COMMON, Q_SELECT, 2, 1);
	assert_int_equal(cap_in(CAP_COMMON, Q_SELECT, 1), 0);
	assert_int_equal(cap_in(CAP_COMMON, STATUS, 4), 0);
	cap_out(CAP_COMMON, STATUS, 4, 0x00020003);
	assert_int_equal(get_status(), 0);
	assert_int_equal(cap_in(CAP_COMMON, Q_SELECT, 2), 1);
	cap_out(CAP_COMMON, Q_DESC, 8, 0x123456789abcdef0);
	assert_int_equal(cap_in(CAP_COMMON, Q_DESC, 8), 0x123456789abcdef0);
	assert_int_equal(cap_in(CAP_COMMON, Q_DESC + 4, 4), 0x12345678);
	assert_int_equal(cap_in(CAP_DEVICE, 0, 1), 1);
	assert_int_equal(cap_in(CAP_DEVICE, 1, 2), 0x0302);
	assert_int_equal(cap_in(CAP_DEVICE, 2, 4), 0x06050403);
	assert_int_equal(cap_in(CAP_DEVICE, 6, 4), 0);
	/* Read-only. */
	cap_out(CAP_COMMON, NUM_QUEUES, 2, 77);
	cap_out(CAP_COMMON, DF, 4, 77);
	assert_int_equal(cap_in(CAP_COMMON, NUM_QUEUES, 2), QUEUES);
}

/* --- interrupts --- */

static void test_interrupt_pin(void **state)
{
	for (u32 queue = 0; queue < QUEUES; queue++) {
		driver_up(queue);
		for (u32 bytes = 1; bytes < 20; bytes++)
			driver_request(queue, bytes);
		settle();
		assert_true(fake_irq(LINE));
		assert_int_equal(cap_in(CAP_ISR, 0, 1), 1);
		assert_false(fake_irq(LINE));
		assert_int_equal(cap_in(CAP_ISR, 0, 1), 0);
		virtio_config_changed(&echo);
		assert_true(fake_irq(LINE));
		assert_int_equal(cap_in(CAP_ISR, 0, 1), 2);
		virtio_config_changed(&echo);
		set_status(0);
		assert_false(fake_irq(LINE));
	}
}

static u64 msix_entry(unsigned int vector)
{
	u32 table = pci_in(DEVFN, msix_at + 4, 4);

	return bar_base(table & 7) + (table & ~7U) + 16 * vector;
}

static void set_vector(unsigned int vector, u32 data)
{
	msix_out(msix_entry(vector), MSI_ADDRESS, data, 0);
}

static void test_vectors(void **state)
{
	unsigned int interrupts = 10;

	pci_out(DEVFN, msix_at + 2, 2, 0x8000);
	set_vector(0, 0x40);
	set_vector(2, 0x42);
	driver_begin();
	drvq_init(&driver, fake.kvm.mem.banks[0].host + RINGS, RINGS, 8, false);
	set_queue(1, 8, drvq_desc_gpa(&driver), drvq_avail_gpa(&driver), drvq_used_gpa(&driver));
	cap_out(CAP_COMMON, Q_VECTOR, 2, QUEUES + 1); /* there is none of that number */
	assert_int_equal(cap_in(CAP_COMMON, Q_VECTOR, 2), NO_VECTOR);
	cap_out(CAP_COMMON, Q_VECTOR, 2, 2);
	assert_int_equal(cap_in(CAP_COMMON, Q_VECTOR, 2), 2);
	cap_out(CAP_COMMON, CONFIG_VECTOR, 2, 0);
	assert_int_equal(cap_in(CAP_COMMON, CONFIG_VECTOR, 2), 0);
	set_status(ACK_DRIVER | FEATURES_OK | DRIVER_OK);

	for (unsigned int i = 0; i < interrupts; i++) {
		driver_request(1, 7);
		settle();
		assert_int_equal(fake_msi_count(MSI_ADDRESS, 0x42), i + 1);
	}
	virtio_config_changed(&echo);
	assert_int_equal(fake_msi_count(MSI_ADDRESS, 0x40), 1);
	assert_int_equal(cap_in(CAP_ISR, 0, 1), 0);
	assert_false(fake_irq(LINE));

	cap_out(CAP_COMMON, Q_VECTOR, 2, NO_VECTOR); /* polled */
	driver_request(1, 7);
	settle();
	assert_int_equal(fake_msi_count(MSI_ADDRESS, 0x42), interrupts);
	set_status(0);
	assert_int_equal(cap_in(CAP_COMMON, CONFIG_VECTOR, 2), NO_VECTOR);
}

/* --- a queue that is lent --- */

static struct virtio_ring ring;

static void lend_queue(void *arg)
{
	*(int *)arg = virtio_queue_lend(&echo, 1, &ring);
}

static void take_queue_back(void *arg)
{
	*(int *)arg = virtio_queue_take_back(&echo, 1, ring.next);
}

/* While the loop is busy here, only KVM can have sent the message. */
static void signal_on_loop(void *arg)
{
	eventfd_write(ring.call, 1);
	*(int *)arg = (int)fake_msi_count(MSI_ADDRESS, 0x42);
}

static int on_loop(void (*fn)(void *arg))
{
	int ret = 1;

	fake_on_loop(fn, &ret);
	return ret;
}

/* With MSI-X what the borrower signals is KVM's own eventfd; else lkvm raises the pin for it. */
static void test_lent_queue(void **state)
{
	driver_up(1);
	assert_int_equal(on_loop(lend_queue), 0);
	assert_int_equal(eventfd_write(ring.call, 1), 0);
	assert_true(fake_wait_rises(LINE, 1));
	assert_int_equal(cap_in(CAP_ISR, 0, 1), 1);
	assert_int_equal(on_loop(take_queue_back), 0);

	pci_out(DEVFN, msix_at + 2, 2, 0x8000);
	set_vector(2, 0x42);
	driver_begin();
	drvq_init(&driver, fake.kvm.mem.banks[0].host + RINGS, RINGS, 8, false);
	set_queue(1, 8, drvq_desc_gpa(&driver), drvq_avail_gpa(&driver), drvq_used_gpa(&driver));
	cap_out(CAP_COMMON, Q_VECTOR, 2, 2);
	set_status(ACK_DRIVER | FEATURES_OK | DRIVER_OK);
	settle();
	assert_int_equal(on_loop(lend_queue), 0);
	assert_int_equal(ring.kick, virtio_doorbell_fd(&echo, 1));
	assert_int_equal(on_loop(signal_on_loop), 1);
	assert_int_equal(on_loop(take_queue_back), 0);
	driver_request(1, 7);
	settle();
	assert_int_equal(fake_msi_count(MSI_ADDRESS, 0x42), 2);
}

/* --- doorbells --- */

static void test_doorbells_follow_their_bar(void **state)
{
	u8 bar = caps[CAP_NOTIFY].bar;
	u64 first = bar_base(bar);

	driver_begin();
	assert_int_equal(bell_calls, 0);
	driver_up(0);
	assert_int_equal(bell_count, QUEUES);
	driver_request(0, 5);
	driver_up(0); /* a reset leaves them where they are */
	assert_int_equal(bell_calls, QUEUES);

	pci_out(DEVFN, COMMAND, 2, DECODE & ~1);
	assert_int_equal(bell_count, 0);
	pci_out(DEVFN, BAR(bar), 4, (u32)first + 0x100);
	assert_int_equal(bell_count, 0);
	pci_out(DEVFN, COMMAND, 2, DECODE);
	assert_int_equal(bell_count, QUEUES);
	driver_request(0, 6);
	pci_out(DEVFN, BAR(bar), 4, (u32)first + 0x200); /* while it is decoded */
	assert_int_equal(bell_count, QUEUES);
	for (unsigned int i = 0; i < QUEUES; i++)
		assert_in_range(bells[i].addr, first + 0x200, first + 0x20f);
	driver_request(0, 7);
	reset_machine();
	assert_int_equal(bell_count, 0);
}

static void test_doorbells_without_kvm(void **state)
{
	driver_up(1);
	bell_count = 0;
	driver_request(1, 5);
	cap_out(CAP_NOTIFY, 0, 4,
		1); /* queue 0, which is not there; then places between doorbells */
	cap_out(CAP_NOTIFY, 1, 1, 1);
	cap_out(CAP_NOTIFY, caps[CAP_NOTIFY].length - 2, 2, 1);
	assert_int_equal(cap_in(CAP_NOTIFY, 0, 2), 0xffff);
	driver_request(1, 5);
}

/* --- the way around BARs: 4.1.4.9 --- */

static u32 window_in(u8 bar, u32 offset, u32 length)
{
	u8 at = caps[CAP_PCI_CFG].at;

	pci_out(DEVFN, at + 4, 1, bar);
	pci_out(DEVFN, at + 8, 4, offset);
	pci_out(DEVFN, at + 12, 4, length);
	return pci_in(DEVFN, at + 16, length == 1 || length == 2 ? length : 4);
}

static void window_out(u8 bar, u32 offset, u32 length, u32 value)
{
	u8 at = caps[CAP_PCI_CFG].at;

	pci_out(DEVFN, at + 4, 1, bar);
	pci_out(DEVFN, at + 8, 4, offset);
	pci_out(DEVFN, at + 12, 4, length);
	pci_out(DEVFN, at + 16, length == 1 || length == 2 ? length : 4, value);
}

static void test_window(void **state)
{
	u8 bar = caps[CAP_COMMON].bar;
	u32 common = caps[CAP_COMMON].offset;

	pci_out(DEVFN, COMMAND, 2, 0); /* nothing is decoded */
	assert_int_equal(window_in(bar, common + NUM_QUEUES, 2), QUEUES);
	window_out(bar, common + STATUS, 1, 0xff03);
	assert_int_equal(window_in(bar, common + STATUS, 1), 3);
	window_out(bar, common + DF_SELECT, 4, 1);
	assert_int_equal(window_in(bar, common + DF, 4), FEATURES >> 32);
	assert_int_equal(window_in(caps[CAP_DEVICE].bar, caps[CAP_DEVICE].offset, 4), 0x04030201);
	window_out(caps[CAP_NOTIFY].bar, caps[CAP_NOTIFY].offset, 2, 0);
}

static void test_window_to_nowhere(void **state)
{
	static const struct {
		u8 bar;
		u32 offset, length;
	} bad[] = {
		{6, 0, 4},	    {255, 0, 4},	{5, 0, 4},	    {1, 0, 0},
		{1, 0, 3},	    {1, 0, 8},		{1, 0, 0xffffffff}, {1, 1, 2},
		{1, 2, 4},	    {1, 0xfffffffc, 4}, {1, 0x10000, 4},    {0, 0xfffc, 4},
		{1, 0x7ffffffc, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		window_out(bad[i].bar, bad[i].offset, bad[i].length, 0xffffffff);
		window_in(bad[i].bar, bad[i].offset, bad[i].length);
	}
	assert_int_equal(get_status(), 0);
	driver_up(0);
	driver_request(0, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_queue_registers),
		TEST(test_other_widths),
		TEST(test_interrupt_pin),
		TEST(test_vectors),
		TEST(test_lent_queue),
		TEST(test_doorbells_follow_their_bar),
		TEST(test_doorbells_without_kvm),
		TEST(test_window),
		TEST(test_window_to_nowhere),
	};

	return cmocka_run_group_tests_name("virtio/pci", tests, NULL, NULL);
}
