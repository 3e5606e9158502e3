// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a hostile driver against virtio's registers, over PCI and over MMIO.
 *
 * The same device is in the fake machine twice, once by each transport: queue 0 gives chains back
 * at once, queue 1 keeps them until it is stopped, or the input says so. An input is a list of
 * steps of four bytes: any access to configuration space, BARs or the window; a driver's steps, so
 * that the deep states are near; requests; what the machine does. Invariants, besides what the
 * sanitizers see:
 * - a reset through the status register leads to status 0, a machine reset to everything at rest;
 * - after each input a driver that keeps the rules brings both devices up and is served;
 * - nothing waits for ever (libFuzzer's -timeout).
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/fuzz.h"
#include "tests/lib/pci-guest.h"
#include "tests/lib/virtq-driver.h"
#include "virtio/transport.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <string.h>
#include <unistd.h>

#define RAM	   (1 * MIB)
#define RINGS	   0x10000
#define BUFFER	   0x20000
#define SIZE	   8
#define DEVFN	   PCI_DEVFN_OTHER
#define KEEPS	   1
#define READY	   0x0b /* ACKNOWLEDGE, DRIVER, FEATURES_OK */
#define COMMAND	   0x04
#define BAR_REGS   0x14 /* virtio/pci.c's memory BAR */
#define BAR_BELL   0x10
#define MSIX_TABLE 0x1000 /* in BAR_REGS */

enum step {
	STEP_MMIO_WRITE,
	STEP_MMIO_READ,
	STEP_PCI_WRITE,
	STEP_PCI_READ,
	STEP_BAR_WRITE,
	STEP_BAR_WRITE_AGAIN, /* where most registers are */
	STEP_BAR_READ,
	STEP_BELL,
	STEP_NEGOTIATE,
	STEP_QUEUE,
	STEP_DRIVER_OK,
	STEP_OFFER,
	STEP_DESC,
	STEP_RESET,
	STEP_QUEUE_RESET,
	STEP_GIVE_BACK,
	STEP_CONFIG_CHANGED,
	STEP_PAUSE,
	STEP_MACHINE_RESET,
	STEP_SETTLE,
	STEP_VECTOR,
	STEP_WINDOW,
	STEP_COUNT,
};

/* --- the device --- */

struct echo {
	struct virtio_device dev;
	u8 config[12];
	/* Loop's. */
	struct virtq_chain *kept[SIZE];
	unsigned int count;
	/* The driver's. */
	struct drvq queues[2];
};

static const u16 queue_max[] = {SIZE, SIZE};
static struct echo echoes[2];	/* on PCI, on MMIO */
static u8 msix_cap, window_cap; /* where configuration space has them */

static struct echo *echo_of(struct virtio_device *dev)
{
	return container_of(dev, struct echo, dev);
}

static void echo_notify(struct virtio_device *dev, unsigned int queue)
{
	struct echo *echo = echo_of(dev);
	struct virtq *vq = virtio_queue(dev, queue);
	struct virtq_chain *chain;

	while (virtq_pop(vq, &chain) == 1) {
		if (queue == KEEPS) {
			CHECK(echo->count < SIZE);
			echo->kept[echo->count++] = chain;
		} else {
			virtq_push(vq, chain, (u32)MIN(chain->in_bytes, 1));
		}
	}
	virtq_flush(vq);
}

static void echo_give_back(struct echo *echo)
{
	struct virtq *vq = virtio_queue(&echo->dev, KEEPS);

	while (echo->count)
		virtq_push(vq, echo->kept[--echo->count], 0);
	virtq_flush(vq);
}

static void echo_stop(struct virtio_device *dev)
{
	echo_give_back(echo_of(dev));
	virtio_stopped(dev);
}

static void echo_stop_queue(struct virtio_device *dev, unsigned int queue)
{
	if (queue == KEEPS)
		echo_give_back(echo_of(dev));
	virtio_queue_stopped(dev, queue);
}

static void echo_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len)
{
	CHECK(len && offset + len <= dev->config_bytes);
	memcpy((u8 *)dev->config + offset, buf, len);
}

static const struct virtio_ops echo_ops = {
	.config_write = echo_config_write,
	.notify = echo_notify,
	.stop = echo_stop,
	.stop_queue = echo_stop_queue,
};

/* --- the driver: by core.h, as the way through registers is the steps' --- */

static u64 rings_at(const struct echo *echo, unsigned int queue)
{
	return RINGS + (u64)(echo - echoes) * 0x4000 + queue * 0x1000;
}

/* All but VIRTIO_QUEUE_ENABLE. */
static void describe_queue(struct echo *echo, unsigned int queue, u16 size)
{
	struct drvq *q = &echo->queues[queue];
	u64 gpa = rings_at(echo, queue);
	bool event_idx = virtio_driver_features(&echo->dev, 0) >> 29 & 1;

	drvq_init(q, fake.kvm.mem.banks[0].host + gpa, gpa, size, event_idx);
	virtio_queue_write(&echo->dev, queue, VIRTIO_QUEUE_SIZE, size);
	virtio_queue_write(&echo->dev, queue, VIRTIO_QUEUE_DESC, drvq_desc_gpa(q));
	virtio_queue_write(&echo->dev, queue, VIRTIO_QUEUE_DRIVER, drvq_avail_gpa(q));
	virtio_queue_write(&echo->dev, queue, VIRTIO_QUEUE_DEVICE, drvq_used_gpa(q));
}

static void negotiate(struct echo *echo, u32 low, u32 high)
{
	virtio_set_status(&echo->dev, READY & ~VIRTIO_CONFIG_S_FEATURES_OK);
	virtio_set_driver_features(&echo->dev, 0, low);
	virtio_set_driver_features(&echo->dev, 1, high);
	virtio_set_status(&echo->dev, READY);
}

static void reset(struct echo *echo)
{
	virtio_set_status(&echo->dev, 0);
	CHECK(virtio_status(&echo->dev) == 0);
}

static void check_service(struct echo *echo)
{
	struct drvq *q = &echo->queues[0];
	u64 deadline_ns = now_ns() + 5 * NSEC_PER_SEC;
	u32 head, written;

	reset(echo);
	negotiate(echo, 1U << 29, 1);
	CHECK(virtio_status(&echo->dev) == READY);
	describe_queue(echo, 0, SIZE);
	virtio_queue_write(&echo->dev, 0, VIRTIO_QUEUE_ENABLE, 1);
	virtio_set_status(&echo->dev, READY | VIRTIO_CONFIG_S_DRIVER_OK);
	drvq_add(q, (struct drvq_buf[]){{BUFFER, 16, true}}, 1);
	drvq_publish(q);
	virtio_doorbell(&echo->dev, 0); /* wanted or not, which is the loop's luck */
	while (!drvq_take(q, &head, &written)) {
		CHECK(now_ns() < deadline_ns);
		usleep(5);
	}
	CHECK(head == 0 && written == 1);
	reset(echo);
}

/* --- what happens on the loop --- */

static void do_nothing(void *arg)
{
}

static void do_give_back(void *arg)
{
	struct echo *echo = arg;

	if (virtq_started(virtio_queue(&echo->dev, KEEPS)))
		echo_give_back(echo);
}

static void do_machine_reset(void *arg)
{
	CHECK(device_reset_all() == 0);
	for (unsigned int i = 0; i < 2; i++)
		CHECK(virtio_status(&echoes[i].dev) == 0);
	for (u32 gsi = GSI_PCI; gsi < GSI_PCI + GSI_PCI_COUNT; gsi++)
		CHECK(!fake_irq(gsi));
}

static void do_pause(void *arg)
{
	CHECK(device_pause_all() == 0);
	device_resume_all();
}

/* --- steps --- */

static unsigned int some_width(u8 a)
{
	return 1U << a % 4;
}

static u64 some_value(u8 a, u8 b)
{
	switch (a % 4) {
	case 0:
		return b;
	case 1:
		return ~0ULL;
	case 2:
		return (u64)b << 32 | RINGS;
	default:
		return (u64)b * 0x0101010101010101ULL;
	}
}

static void access_bar(u8 reg, u32 offset, u8 a, const u64 *value)
{
	u64 base = pci_in(DEVFN, reg, 4) & ~15U;
	unsigned int width = some_width(a);

	if (reg == BAR_BELL && value)
		fake_out((u16)(base + offset), MIN(width, 4), (u32)*value);
	else if (reg == BAR_BELL)
		fake_in((u16)(base + offset), MIN(width, 4));
	else if (value)
		mmio_out(base + offset, width, *value);
	else
		mmio_in(base + offset, width);
}

static void put_desc(struct echo *echo, u8 a, u8 b)
{
	drvq_put_desc(&echo->queues[b & 1], a % SIZE, (u64)b << (a & 0x40 ? 13 : 9), b * 8U, a >> 5,
		      b % (SIZE + 1));
}

/* Queues and configuration get a vector (there are three), and that one's entry a message. */
static void set_vector(u8 a, u8 b)
{
	u64 registers = pci_in(DEVFN, BAR_REGS, 4) & ~15U;
	unsigned int vector = a & 3;

	pci_out(DEVFN, msix_cap + 2, 2, a & 0x80 ? (u32)b << 8 : 0x8000);
	msix_out(registers + MSIX_TABLE + 16 * vector, a & 0x40 ? (u64)b << 24 : LAYOUT_LAPIC,
		 b & 0x3f, a >> 5 & 1);
	if (a & 4) {
		mmio_out(registers + VIRTIO_PCI_COMMON_Q_SELECT, 2, a >> 3 & 1);
		mmio_out(registers + VIRTIO_PCI_COMMON_Q_MSIX, 2, vector);
	} else {
		mmio_out(registers + VIRTIO_PCI_COMMON_MSIX, 2, vector);
	}
}

/* VIRTIO_PCI_CAP_PCI_CFG: registers without a BAR that decodes. */
static void use_window(u8 where, u8 a, u8 b)
{
	pci_out(DEVFN, window_cap + 4, 1, a & 0x20 ? b : 1);
	pci_out(DEVFN, window_cap + 8, 4, where | (u32)(a & 0x1c) << 8);
	pci_out(DEVFN, window_cap + 12, 4, a & 0x40 ? b : some_width(a));
	if (a & 0x80)
		pci_out(DEVFN, window_cap + 16, 4, b);
	else
		pci_in(DEVFN, window_cap + 16, 4);
}

static void do_register(u8 what, u8 where, u8 a, u8 b)
{
	u64 value = some_value(a >> 2, b);
	u64 window = LAYOUT_VIRTIO_MMIO + where + (a & 0x80 ? 0x100 : 0);

	switch (what) {
	case STEP_MMIO_WRITE:
		mmio_out(window, some_width(a), value);
		break;
	case STEP_MMIO_READ:
		mmio_in(window, some_width(a));
		break;
	case STEP_PCI_WRITE:
		pci_out(DEVFN, where, MIN(some_width(a), 4 - where % 4U), (u32)value);
		break;
	case STEP_PCI_READ:
		pci_in(DEVFN, where, MIN(some_width(a), 4 - where % 4U));
		break;
	case STEP_BAR_WRITE:
	case STEP_BAR_WRITE_AGAIN:
		access_bar(BAR_REGS, where + (a & 0x80 ? 0x100U : 0) + (a & 0x40 ? 0x1000U : 0), a,
			   &value);
		break;
	case STEP_BAR_READ:
		access_bar(BAR_REGS, where + (a & 0x80 ? 0x100U : 0) + (a & 0x40 ? 0x1000U : 0), a,
			   NULL);
		break;
	case STEP_BELL:
		access_bar(BAR_BELL, where, a, a & 0x80 ? NULL : &value);
		break;
	case STEP_VECTOR:
		set_vector(a, b);
		break;
	case STEP_WINDOW:
		use_window(where, a, b);
		break;
	}
}

static void do_driver(u8 what, struct echo *echo, u8 a, u8 b)
{
	static const enum virtio_queue_reg wrong[] = {VIRTIO_QUEUE_SIZE, VIRTIO_QUEUE_DESC,
						      VIRTIO_QUEUE_DRIVER, VIRTIO_QUEUE_DEVICE};
	struct virtio_device *dev = &echo->dev;

	switch (what) {
	case STEP_NEGOTIATE:
		negotiate(echo, (u32)(a & 3) << 28 | (a & 4 ? b : 0), 1 | (a & 8 ? 0x100 : 0));
		break;
	case STEP_QUEUE:
		describe_queue(echo, a & 1, (u16)(a & 0x40 ? 1 + b % SIZE : 1U << b % 4));
		if (a & 0x20)
			virtio_queue_write(dev, a & 1, wrong[(a >> 1) % ARRAY_SIZE(wrong)],
					   (u64)b << (a & 0x80 ? 13 : 0));
		virtio_queue_write(dev, a & 1, VIRTIO_QUEUE_ENABLE, 1);
		break;
	case STEP_DRIVER_OK:
		virtio_set_status(dev, READY | VIRTIO_CONFIG_S_DRIVER_OK);
		break;
	case STEP_OFFER:
		if (!echo->queues[a & 1].size)
			break;
		for (unsigned int i = 0; i < b % 4U; i++)
			drvq_offer(&echo->queues[a & 1], (u16)((a >> 1) + i) % (SIZE + 1));
		drvq_publish(&echo->queues[a & 1]);
		virtio_doorbell(dev, a & 1);
		break;
	case STEP_DESC:
		if (echo->queues[b & 1].size == SIZE)
			put_desc(echo, a, b);
		break;
	case STEP_RESET:
		reset(echo);
		break;
	case STEP_QUEUE_RESET:
		virtio_queue_write(dev, a & 1, b & 1 ? VIRTIO_QUEUE_RESET : VIRTIO_QUEUE_ENABLE,
				   b & 1);
		break;
	case STEP_CONFIG_CHANGED:
		virtio_config_changed(dev);
		break;
	}
}

static void do_step(u8 what, u8 where, u8 a, u8 b)
{
	struct echo *echo = &echoes[where & 1];

	what %= STEP_COUNT;
	do_register(what, where, a, b);
	do_driver(what, echo, a, b);
	if (what == STEP_GIVE_BACK)
		fake_on_loop(do_give_back, echo);
	else if (what == STEP_PAUSE)
		fake_on_loop(do_pause, NULL);
	else if (what == STEP_MACHINE_RESET)
		fake_on_loop(do_machine_reset, NULL);
	else if (what == STEP_SETTLE)
		fake_on_loop(do_nothing, NULL);
}

/* --- the machine --- */

static void add_devices(void *arg)
{
	for (unsigned int i = 0; i < 2; i++) {
		echoes[i].dev = (struct virtio_device){
			.name = i ? "virtio-mmio-echo" : "virtio-pci-echo",
			.id = 42,
			.offered = 0xf,
			.queue_count = ARRAY_SIZE(queue_max),
			.queue_max = queue_max,
			.config = echoes[i].config,
			.config_bytes = sizeof(echoes[i].config),
			.ops = &echo_ops,
		};
	}
	CHECK(virtio_pci_add(&fake.kvm, &echoes[0].dev) == 0);
	CHECK(virtio_mmio_add(&fake.kvm, &echoes[1].dev) == 0);
	CHECK(device_reset_all() == 0);
}

static void find_caps(void)
{
	for (u8 at = (u8)pci_in(DEVFN, 0x34, 1); at; at = (u8)pci_in(DEVFN, at + 1, 1)) {
		if (pci_in(DEVFN, at, 1) == 0x11)
			msix_cap = at;
		else if (pci_in(DEVFN, at + 3, 1) == VIRTIO_PCI_CAP_PCI_CFG)
			window_cap = at;
	}
	CHECK(msix_cap && window_cap);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_sink(fuzz_drop_line, NULL);
	fake_start();
	CHECK(gmem_map(&fake.kvm.mem, RAM, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL) == 0);
	fake.kvm.vm_fd = -1; /* no doorbells that KVM knows */
	fake_on_loop(add_devices, NULL);
	find_caps();
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	fake_on_loop(do_machine_reset, NULL);
	fake_msi_forget();
	memset(fake.kvm.mem.banks[0].host + RINGS, 0, 0x8000);
	for (unsigned int i = 0; i < 2; i++)
		memset(echoes[i].queues, 0, sizeof(echoes[i].queues));
	pci_out(DEVFN, COMMAND, 2, 7);
	for (size_t i = 0; i + 3 < size; i += 4)
		do_step(data[i], data[i + 1], data[i + 2], data[i + 3]);
	fake_on_loop(do_nothing, NULL); /* what was asked for last happens, too */
	for (unsigned int i = 0; i < 2; i++)
		check_service(&echoes[i]);
	return 0;
}
