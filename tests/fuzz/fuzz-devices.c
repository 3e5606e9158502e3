// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a hostile driver against virtio/balloon.c and virtio/console.c, over the real
 * queue.c.
 *
 * Everything happens on one thread: what core.c does for a device is done here by the functions
 * that the devices call. The first byte of an input chooses device and features, the others are
 * steps: a chain of buffers anywhere, raw bytes into rings or RAM, a doorbell, a reset, a write to
 * the configuration, and what the host does (input, a reader that has caught up, a look at the
 * statistics). Invariants, besides what the sanitizers see: - memory is given back in whole pages
 * inside guest RAM, and a request for no more than there is; - a device keeps at most two chains,
 * and none after a reset; - output is no longer than what the driver offered.
 */
#include "tests/lib/fuzz.h"
#include "tests/lib/virtq-driver.h"
#include "virtio/core.h"

#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/util.h>

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RAM_BYTES  (2 * MIB)
#define DEVICES	   2
#define QUEUES_MAX 5
#define QUEUE_SIZE 16
#define RINGS(i)   (0x1000 + 0x1000 * (u64)(i))
#define BUFFERS	   0x8000

static struct {
	struct kvm kvm;
	struct virtio_device *devs[DEVICES];
	unsigned int count;
	struct virtio_device *dev; /* the one in use */
	struct virtq *vqs[QUEUES_MAX];
	struct drvq queues[QUEUES_MAX];
	bool broken, stopped, full;
	u8 *ram;
	u64 given_back; /* bytes, since the last doorbell */
	struct console_port port;
} machine;

/* --- what core.c and the machine do for a device --- */

int virtio_add(struct kvm *kvm, struct virtio_device *dev)
{
	CHECK(machine.count < DEVICES && dev->queue_count <= QUEUES_MAX);
	machine.devs[machine.count++] = dev;
	return 0;
}

void virtio_remove(struct virtio_device *dev)
{
}

struct virtq *virtio_queue(struct virtio_device *dev, unsigned int index)
{
	CHECK(dev == machine.dev && index < dev->queue_count);
	return machine.vqs[index];
}

void virtio_stopped(struct virtio_device *dev)
{
	CHECK(dev == machine.dev);
	machine.stopped = true;
}

bool virtio_serves(struct virtio_device *dev)
{
	CHECK(dev == machine.dev);
	return true;
}

bool virtio_is_paused(const struct virtio_device *dev)
{
	return false;
}

void virtio_queue_stopped(struct virtio_device *dev, unsigned int index)
{
	virtq_stop(virtio_queue(dev, index));
}

void virtio_doorbell(struct virtio_device *dev, u32 index)
{
	CHECK(dev == machine.dev && index < dev->queue_count);
}

void virtio_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len)
{
	memcpy((u8 *)dev->config + offset, buf, len);
}

void virtio_config_changed(struct virtio_device *dev)
{
}

u8 virtio_status(struct virtio_device *dev)
{
	CHECK(dev == machine.dev);
	return 0;
}

void virtio_config_access_read(struct virtio_device *dev, u64 offset, void *buf, u32 len)
{
	memcpy(buf, (u8 *)dev->config + offset, len);
}

void console_attach(const struct console_port *port)
{
	machine.port = *port;
}

void console_detach(void)
{
}

void console_write(const u8 *data, size_t len)
{
	static volatile u8 sink;

	for (size_t i = 0; i < len; i++)
		sink = data[i];
	(void)sink;
}

bool console_full(void)
{
	return machine.full;
}

void console_room_changed(void)
{
}

/* The C library's, for all of the program: where the balloon gives back must be guest RAM. */
int madvise(void *at, size_t len, int advice)
{
	u8 *start = at;

	if (advice == MADV_DONTNEED && machine.ram) {
		CHECK(start >= machine.ram && start + len <= machine.ram + RAM_BYTES);
		CHECK(!((uintptr_t)start % 4096) && len && !(len % 4096));
		machine.given_back += len;
	}
	return (int)syscall(SYS_madvise, at, len, advice);
}

static void nothing(void *arg)
{
}

static void queue_broken(void *arg, const char *why)
{
	machine.broken = true;
}

/* --- the machine --- */

static void up(unsigned int flags)
{
	for (unsigned int i = 0; i < machine.dev->queue_count; i++) {
		struct virtq_config queue = {.mem = &machine.kvm.mem,
					     .max = machine.dev->queue_max[i],
					     .size = QUEUE_SIZE,
					     .desc = RINGS(i),
					     .driver = RINGS(i) + drvq_avail_at(QUEUE_SIZE),
					     .device = RINGS(i) + drvq_used_at(QUEUE_SIZE),
					     .event_idx = flags & 1,
					     .indirect = true,
					     .interrupt = nothing,
					     .room = nothing,
					     .broken = queue_broken};
		const char *why;

		drvq_init(&machine.queues[i], machine.ram + RINGS(i), RINGS(i), QUEUE_SIZE,
			  flags & 1);
		CHECK(!virtq_start(machine.vqs[i], &queue, &why));
	}
	machine.broken = false;
	machine.dev->features = machine.dev->offered;
}

static void down(void)
{
	machine.stopped = false;
	machine.dev->ops->stop(machine.dev);
	CHECK(machine.stopped);
	for (unsigned int i = 0; i < machine.dev->queue_count; i++)
		virtq_stop(machine.vqs[i]);
}

static void ring_doorbell(unsigned int queue)
{
	unsigned int kept = 0;

	machine.given_back = 0;
	/* As core.c does: again while there is more, for the device stops after a turn. */
	for (unsigned int i = 0; i < 4; i++)
		machine.dev->ops->notify(machine.dev, queue);
	CHECK(machine.given_back <= 4 * 8 * (u64)RAM_BYTES);
	for (unsigned int i = 0; i < machine.dev->queue_count; i++)
		kept += virtq_in_flight(machine.vqs[i]);
	CHECK(kept <= (machine.dev->ops->stats ? 1U : 2U) || machine.broken);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *args[] = {(char *)"run", (char *)"--balloon", NULL};
	int positional;

	log_set_sink(fuzz_drop_line, NULL);
	config.console = CONSOLE_VIRTIO;
	CHECK(!options_parse("run", 2, args, &positional));
	machine.kvm.loop = loop_new();
	CHECK(!gmem_map(&machine.kvm.mem, RAM_BYTES, 0xc0000000, 0x100000000, NULL));
	CHECK(machine.kvm.loop && !init_run(&machine.kvm) && machine.count == DEVICES);
	for (unsigned int i = 0; i < QUEUES_MAX; i++)
		CHECK((machine.vqs[i] = virtq_new()) != NULL);
	machine.ram = machine.kvm.mem.banks[0].host;
	return 0;
}

/* --- the driver --- */

static u64 take_address(struct fuzz_input *input)
{
	u8 how = (u8)fuzz_take(input, 1);

	if (how < 0xe0)
		return BUFFERS + (u64)how * 2048;
	if (how < 0xf0)
		return (u64)(how & 0xf) * (RAM_BYTES / 16);
	return how < 0xf8 ? RAM_BYTES - (how & 7) * 100 : fuzz_take(input, 8);
}

static void add_chain(struct fuzz_input *input, struct drvq *queue)
{
	static const u32 lengths[] = {4, 16, 100, 4096, 8192, RAM_BYTES / 2, RAM_BYTES, 0};
	struct drvq_buf bufs[4];
	u8 shape = (u8)fuzz_take(input, 1);
	u16 count = 1 + (shape & 3);

	for (u16 i = 0; i < count; i++) {
		u8 len = (u8)fuzz_take(input, 1);

		bufs[i].addr = take_address(input);
		bufs[i].len = len < 0x80 ? len : lengths[len % ARRAY_SIZE(lengths)];
		bufs[i].write = i >= (shape >> 2) % 5;
	}
	drvq_add(queue, bufs, count);
	drvq_publish(queue);
}

static void see(void *arg, const char *counter, u64 value)
{
	CHECK(counter && *counter);
}

/* What the host does meanwhile. */
static void host_step(struct fuzz_input *input)
{
	u8 typed[256] = {0};
	size_t room;

	if (machine.dev->ops->stats) {
		machine.dev->ops->stats(machine.dev, see, NULL);
		return;
	}
	switch (fuzz_take(input, 1) % 3) {
	case 0:
		machine.full = !machine.full;
		break;
	case 1:
		machine.full = false;
		machine.port.writable(machine.port.dev);
		break;
	default:
		room = machine.port.room(machine.port.dev);
		if (room)
			machine.port.input(machine.port.dev, typed, MIN(room, sizeof(typed)));
		break;
	}
}

static void step(struct fuzz_input *input, unsigned int flags)
{
	unsigned int what = (unsigned int)fuzz_take(input, 1);
	unsigned int index = what / 8 % machine.dev->queue_count;
	u64 at;

	switch (what % 8) {
	case 0:
	case 1:
		if (virtq_started(machine.vqs[index]))
			add_chain(input, &machine.queues[index]);
		break;
	case 2:
		ring_doorbell(index);
		break;
	case 3:
		at = BUFFERS + fuzz_take(input, 2) * 4;
		*(u32 *)(void *)(machine.ram + at) = (u32)fuzz_take(input, 4);
		break;
	case 4:
		at = RINGS(index) + fuzz_take(input, 2) % drvq_bytes(QUEUE_SIZE);
		machine.ram[at] = (u8)fuzz_take(input, 1);
		break;
	case 5: {
		u8 bytes[4] = {(u8)fuzz_take(input, 1), 0, 1, 2};
		u32 offset = (u32)fuzz_take(input, 1) % machine.dev->config_bytes;

		machine.dev->ops->config_write(machine.dev, offset, bytes,
					       MIN(machine.dev->config_bytes - offset, 4U));
		break;
	}
	case 6:
		host_step(input);
		break;
	default:
		if (flags & 2) {
			machine.dev->ops->stop_queue(machine.dev, index);
			CHECK(!virtq_started(machine.vqs[index]));
			break;
		}
		down();
		up(flags);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input input = {data, data + size};
	unsigned int first = (unsigned int)fuzz_take(&input, 1), flags = first >> 1;

	machine.dev = machine.devs[first % DEVICES];
	machine.full = false;
	up(flags);
	while (input.at < input.end)
		step(&input, flags);
	for (unsigned int i = 0; i < machine.dev->queue_count; i++)
		ring_doorbell(i);
	down();
	return 0;
}
