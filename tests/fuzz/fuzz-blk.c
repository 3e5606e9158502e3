// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a hostile driver against virtio/blk.c, over the real queue.c and disk/.
 *
 * Everything happens on one thread: what core.c does for a device is done here by the functions
 * that blk.c calls, and after most doorbells the disk is drained. The first byte of an input
 * chooses the disk and the features, the others are steps: a request whose type, sector, lengths
 * and cuts are the input's, raw bytes into the rings or anywhere in RAM, a doorbell, a reset of the
 * device or of its queue (with requests in flight or none), a write to the configuration.
 * Invariants, besides what the sanitizers see:
 * - nothing stays in flight, but what was popped when the device broke;
 * - a reset ends everything, and then a good read works;
 * - an image that is only read, or a snapshot's, stays as it is.
 */
#include "tests/lib/fuzz.h"
#include "tests/lib/virtq-driver.h"
#include "virtio/core.h"

#include <kvm/disk.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/util.h>

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAM_BYTES   (2 * MIB)
#define IMAGE_BYTES (64 * KIB)
#define DISKS	    4
#define QUEUE_SIZE  16
#define RINGS	    0x1000 /* where the driver has them */
#define BUFFERS	    0x4000 /* ... and what its requests use */

enum step {
	STEP_REQUEST,
	STEP_REQUEST_TOO, /* most steps should do something */
	STEP_DOORBELL,
	STEP_RAM,
	STEP_RINGS,
	STEP_CONFIG,
	STEP_RESET,
	STEP_HOLD, /* requests are added and not shown */
	STEP_COUNT,
};
/* The rest of a step's byte. */
#define HOW_LEFT_ALONE 1 /* a doorbell: what it starts is in flight at the next step */
#define HOW_PAUSED     2 /* a doorbell: the machine is paused then */
#define HOW_QUEUE      1 /* a reset: of the queue alone */

static struct machine {
	struct kvm kvm;
	struct virtio_device *devs[DISKS];
	struct virtq *vqs[DISKS];
	unsigned int count;
	struct virtio_device *dev; /* the one in use */
	struct virtq *vq;
	unsigned int index;
	bool broken, stopped, queue_stopped;
	u8 *ram;
} machine;

static char images[DISKS][64];
static int image_fds[DISKS];
static u8 content[IMAGE_BYTES];

/* --- what core.c does for a device --- */

int virtio_add(struct kvm *kvm, struct virtio_device *dev)
{
	CHECK(machine.count < DISKS);
	machine.devs[machine.count] = dev;
	machine.vqs[machine.count++] = virtq_new();
	return 0;
}

void virtio_remove(struct virtio_device *dev)
{
}

struct virtq *virtio_queue(struct virtio_device *dev, unsigned int index)
{
	CHECK(dev == machine.dev && index < dev->queue_count);
	return machine.vq;
}

void virtio_stopped(struct virtio_device *dev)
{
	CHECK(dev == machine.dev);
	machine.stopped = true;
}

void virtio_doorbell(struct virtio_device *dev, u32 index)
{
	CHECK(dev == machine.dev && !index);
}

bool virtio_is_paused(const struct virtio_device *dev)
{
	return false;
}

void virtio_rested(struct virtio_device *dev)
{
	CHECK(dev == machine.dev);
}

void virtio_queue_stopped(struct virtio_device *dev, unsigned int index)
{
	CHECK(dev == machine.dev && !index);
	machine.queue_stopped = true;
}

void virtio_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len)
{
	CHECK(offset + len <= dev->config_bytes);
	memcpy((u8 *)dev->config + offset, buf, len);
}

void virtio_config_changed(struct virtio_device *dev)
{
}

void event_post_device(const char *device, const char *name)
{
	CHECK(device && name);
}

void virtio_needs_reset(struct virtio_device *dev, const char *why)
{
	CHECK(dev == machine.dev && *why);
	machine.broken = true;
}

static void queue_interrupt(void *arg)
{
}

static void queue_broken(void *arg, const char *why)
{
	virtio_needs_reset(machine.dev, why);
}

/* --- the machine --- */

static struct disk *disk_in_use(void)
{
	return disk_at(machine.index);
}

static void queue_up(unsigned int flags)
{
	struct virtq_config config = {.mem = &machine.kvm.mem,
				      .max = 256,
				      .size = QUEUE_SIZE,
				      .desc = RINGS,
				      .driver = RINGS + drvq_avail_at(QUEUE_SIZE),
				      .device = RINGS + drvq_used_at(QUEUE_SIZE),
				      .event_idx = flags & 1,
				      .indirect = true,
				      .interrupt = queue_interrupt,
				      .room = queue_interrupt,
				      .broken = queue_broken};
	const char *why;

	memset(machine.ram + RINGS, 0, drvq_bytes(QUEUE_SIZE));
	CHECK(!virtq_start(machine.vq, &config, &why));
}

static void let_rest(void)
{
	while (machine.dev->ops->busy(machine.dev))
		usleep(200);
}

static void up(unsigned int flags)
{
	machine.broken = machine.stopped = false;
	machine.dev->features = flags & 2 ? machine.dev->offered : 0;
	queue_up(flags);
	CHECK(!machine.dev->ops->start(machine.dev));
}

static void down(void)
{
	machine.stopped = false;
	machine.dev->ops->stop(machine.dev);
	if (!machine.stopped)
		let_rest();
	CHECK(machine.stopped);
	CHECK(!disk_in_flight(disk_in_use()));
	virtq_stop(machine.vq);
}

static void reset_queue(unsigned int flags)
{
	machine.queue_stopped = false;
	machine.dev->ops->stop_queue(machine.dev, 0);
	if (!machine.queue_stopped)
		let_rest();
	CHECK(machine.queue_stopped);
	CHECK(!disk_in_flight(disk_in_use()));
	virtq_stop(machine.vq);
	queue_up(flags);
}

static void ring_doorbell(bool wait)
{
	machine.dev->ops->notify(machine.dev, 0);
	if (!wait)
		return;
	let_rest();
	virtq_flush(machine.vq);
	CHECK(machine.broken || !virtq_in_flight(machine.vq));
}

static void make_image(unsigned int index)
{
	image_fds[index] = open(images[index], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(image_fds[index] >= 0 && !write_full(image_fds[index], content, IMAGE_BYTES));
}

static void check_image(void)
{
	static u8 now[IMAGE_BYTES];

	CHECK(!pread_full(image_fds[machine.index], now, IMAGE_BYTES, 0));
	CHECK(!memcmp(now, content, IMAGE_BYTES));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const words[DISKS] = {"", ",ro", ",snapshot",
						 ",aio=threads,discard=off,cache=unsafe"};
	static char texts[DISKS][128];
	char *args[] = {"run",	  "--disk", texts[0], "--disk", texts[1],
			"--disk", texts[2], "--disk", texts[3], NULL};
	int positional;

	log_set_sink(fuzz_drop_line, NULL);
	for (size_t i = 0; i < IMAGE_BYTES; i++)
		content[i] = (u8)(i * 31 + i / 512);
	for (unsigned int i = 0; i < DISKS; i++) {
		snprintf(images[i], sizeof(images[i]), "/dev/shm/fuzz-blk.%d.%u", (int)getpid(), i);
		snprintf(texts[i], sizeof(texts[i]), "%s%s", images[i], words[i]);
		make_image(i);
	}
	setenv("TMPDIR", "/dev/shm", 1);
	CHECK(!options_parse("run", 2 * DISKS + 1, args, &positional));
	CHECK(!disk_open_all());
	/* Nothing is left of them when the process is gone, however it goes. */
	for (unsigned int i = 0; i < DISKS; i++)
		unlink(images[i]);
	machine.kvm.loop = loop_new();
	CHECK(machine.kvm.loop && !init_run(&machine.kvm) && machine.count == DISKS);
	CHECK(!gmem_map(&machine.kvm.mem, RAM_BYTES, 0xc0000000, 0x100000000, NULL));
	machine.ram = machine.kvm.mem.banks[0].host;
	return 0;
}

/* --- the driver --- */

/* The address that a request's buffer has: mostly a good one. */
static u64 take_address(struct fuzz_input *input)
{
	u8 how = (u8)fuzz_take(input, 1);

	if (how < 0xf0)
		return BUFFERS + (u64)how * 512;
	return how < 0xf8 ? RAM_BYTES - (how & 7) * 100 : fuzz_take(input, 8);
}

static void add_request(struct fuzz_input *input, struct drvq *queue)
{
	static const u32 types[] = {0, 0, 0, 1, 1, 1, 4, 8, 11, 13, 13, 14, 2};
	struct drvq_buf bufs[6];
	u16 count = 0;
	u32 type = types[fuzz_take(input, 1) % ARRAY_SIZE(types)];
	u64 sector = fuzz_take(input, 1);
	u8 cuts = (u8)fuzz_take(input, 1);
	u64 header = take_address(input), buffer = take_address(input),
	    status = take_address(input);
	u32 len = (u32)fuzz_take(input, 1) * 128;
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;

	if (sector == 0xff)
		sector = fuzz_take(input, 8);
	if (len == 255 * 128)
		len = (u32)fuzz_take(input, 4);
	if (type == VIRTIO_BLK_T_GET_ID && len)
		len = 20;
	if ((type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES) && len)
		len = 16 + (cuts & 1);
	if (header <= RAM_BYTES - 16) {
		struct virtio_blk_outhdr fields = {.type = type, .sector = sector};

		memcpy(machine.ram + header, &fields, sizeof(fields));
	}
	if (cuts & 0x10) {
		bufs[count++] = (struct drvq_buf){header, cuts & 0xf, false};
		header += cuts & 0xf;
		bufs[count++] = (struct drvq_buf){header, 16 - (cuts & 0xf), false};
	} else {
		bufs[count++] = (struct drvq_buf){header, 16, false};
	}
	if (len) {
		u32 half = cuts & 0x20 ? len / 3 : 0;

		if (half)
			bufs[count++] = (struct drvq_buf){buffer, half, in ^ !!(cuts & 0x80)};
		bufs[count++] = (struct drvq_buf){buffer + half, len - half, in};
	}
	if (!(cuts & 0x40) || in || count < 2)
		bufs[count++] = (struct drvq_buf){status, 1, true};
	drvq_add(queue, bufs, count);
}

static void check_used(struct drvq *queue)
{
	u32 head, written;

	for (unsigned int i = 0; i < QUEUE_SIZE && drvq_take(queue, &head, &written); i++)
		;
}

/* One good read: it must work after whatever came before. */
static void check_alive(unsigned int flags)
{
	struct drvq queue;
	struct virtio_blk_outhdr header = {.type = VIRTIO_BLK_T_IN};
	u32 head, written;

	down();
	up(flags);
	drvq_init(&queue, machine.ram + RINGS, RINGS, QUEUE_SIZE, flags & 1);
	memcpy(machine.ram + BUFFERS, &header, sizeof(header));
	machine.ram[BUFFERS + 8192] = 0xee;
	drvq_add(&queue,
		 (struct drvq_buf[]){{BUFFERS, 16, false},
				     {BUFFERS + 4096, 4096, true},
				     {BUFFERS + 8192, 1, true}},
		 3);
	drvq_publish(&queue);
	ring_doorbell(true);
	CHECK(drvq_take(&queue, &head, &written) && !head && written == 4097);
	CHECK(machine.ram[BUFFERS + 8192] == VIRTIO_BLK_S_OK);
	down();
}

static void step(struct fuzz_input *input, struct drvq *queue, unsigned int flags)
{
	u8 what = (u8)fuzz_take(input, 1), how = what / STEP_COUNT;
	u64 at;

	switch ((enum step)(what % STEP_COUNT)) {
	case STEP_REQUEST:
	case STEP_REQUEST_TOO:
		add_request(input, queue);
		drvq_publish(queue);
		break;
	case STEP_HOLD:
		add_request(input, queue);
		break;
	case STEP_DOORBELL:
		ring_doorbell(!(how & HOW_LEFT_ALONE));
		if (how & HOW_PAUSED) {
			let_rest();
			CHECK(!disk_in_flight(disk_in_use()));
		}
		check_used(queue);
		break;
	case STEP_RAM:
		at = fuzz_take(input, 2) * 8 + BUFFERS;
		if (at <= RAM_BYTES - 8)
			*(u64 *)(void *)(machine.ram + at) = fuzz_take(input, 8);
		break;
	case STEP_RINGS:
		machine.ram[RINGS + fuzz_take(input, 2) % drvq_bytes(QUEUE_SIZE)] =
			(u8)fuzz_take(input, 1);
		break;
	case STEP_CONFIG: {
		u8 bytes[4] = {(u8)fuzz_take(input, 1), 0, 1, 2};

		machine.dev->ops->config_write(machine.dev, (u32)fuzz_take(input, 1) % 60, bytes,
					       4);
		break;
	}
	default:
		if (how & HOW_QUEUE) {
			reset_queue(flags);
		} else {
			down();
			up(flags);
		}
		drvq_init(queue, machine.ram + RINGS, RINGS, QUEUE_SIZE, flags & 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input input = {data, data + size};
	unsigned int first = (unsigned int)fuzz_take(&input, 1), flags = first >> 2;
	struct drvq queue;

	machine.index = first % DISKS;
	machine.dev = machine.devs[machine.index];
	machine.vq = machine.vqs[machine.index];
	up(flags);
	drvq_init(&queue, machine.ram + RINGS, RINGS, QUEUE_SIZE, flags & 1);
	while (input.at < input.end)
		step(&input, &queue, flags);
	ring_doorbell(true);
	check_alive(flags);
	if (disk_info(disk_in_use())->read_only || machine.index == 2)
		check_image();
	return 0;
}
