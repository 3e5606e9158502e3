// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reset line of the i8042 keyboard controller, and nothing else of that chip.
 *
 * The FADT says that there is no keyboard controller, and these two ports have no keyboard, no
 * mouse and no interrupt. But kernels reset a PC through these ports whatever the FADT says, and
 * boot code opens the A20 gate there. So two outputs exist: pulse commands (0xf0..0xff, a 1 in the
 * low four bits leaves that output line high) and the output port (0xd0 reads, 0xd1 writes it).
 * Bit 0 of either is the CPU's reset line, active low. A20 is always open: its bit is stored,
 * without effect.
 *
 * No guest may have to wait because of the status register:
 * - IBF (bit 1) is never set: reboot code and A20 code wait before each command until IBF is clear.
 * - OBF (bit 0) tells a driver whether a controller is there. If OBF were clear, Linux (acpi=off)
 *   would believe in a controller and wait half a second for the answer to its self-test. If OBF
 *   were always set, code that first reads the buffer until it is empty would never end. So at
 *   power-on there are ABSENT_BYTES of 0xff to read, as on a bus without a chip: more than a driver
 *   reads before it says "no controller" (Linux: 16), and few for code that empties the buffer.
 *
 * Runs on vCPU threads, under one mutex that is released before kvm_request_cpu_reset().
 *
 * Spec: IBM PC AT Technical Reference (1984), "Keyboard Controller".
 */
#include <errno.h>
#include <kvm/bus.h>
#include <kvm/chips.h>
#include <kvm/device.h>
#include <kvm/kvm.h>
#include <pthread.h>
#include <string.h>

#define COMMAND_OFFSET	     4 /* from the data port */

#define STATUS_OBF	     0x01

#define COMMAND_READ_OUTPUT  0xd0
#define COMMAND_WRITE_OUTPUT 0xd1
#define COMMAND_PULSE	     0xf0
#define COMMAND_RESET	     0xfe

#define OUTPUT_RUN	     0x01 /* the CPU's reset line, active low */
#define OUTPUT_A20	     0x02

#define ABSENT_BYTES	     32

#define STATE_VERSION	     1

struct i8042_state {
	u8 output;
	u8 output_next; /* 0xd1 was written: the next data byte is the output port's */
	u8 reply;	/* 0xd0 was written: the next byte read is the output port */
	u8 absent;	/* how many bytes of 0xff are still to be read */
};

static const struct i8042_state power_on = {
	.output = OUTPUT_RUN | OUTPUT_A20,
	.absent = ABSENT_BYTES,
};

static struct {
	struct kvm *kvm;
	pthread_mutex_t lock; /* over what follows */
	struct i8042_state state;
} i8042 = {.lock = PTHREAD_MUTEX_INITIALIZER};

static u64 i8042_read_data(void *dev, u64 offset, unsigned int size)
{
	u8 value = 0xff;

	pthread_mutex_lock(&i8042.lock);
	if (i8042.state.reply) {
		i8042.state.reply = false;
		value = i8042.state.output;
	} else if (i8042.state.absent) {
		i8042.state.absent--;
	}
	pthread_mutex_unlock(&i8042.lock);
	return value;
}

static u64 i8042_read_status(void *dev, u64 offset, unsigned int size)
{
	bool full;

	pthread_mutex_lock(&i8042.lock);
	full = i8042.state.reply || i8042.state.absent;
	pthread_mutex_unlock(&i8042.lock);
	return full ? STATUS_OBF : 0;
}

static void i8042_write_data(void *dev, u64 offset, unsigned int size, u64 value)
{
	bool resets = false;

	pthread_mutex_lock(&i8042.lock);
	if (i8042.state.output_next) {
		i8042.state.output_next = false;
		resets = !(value & OUTPUT_RUN);
		i8042.state.output = value | OUTPUT_RUN;
	}
	pthread_mutex_unlock(&i8042.lock);

	if (resets)
		kvm_request_cpu_reset(i8042.kvm, "i8042 output port");
}

static void i8042_write_command(void *dev, u64 offset, unsigned int size, u64 value)
{
	pthread_mutex_lock(&i8042.lock);
	i8042.state.output_next = value == COMMAND_WRITE_OUTPUT;
	i8042.state.reply = value == COMMAND_READ_OUTPUT;
	pthread_mutex_unlock(&i8042.lock);

	if (value == COMMAND_RESET)
		kvm_request_cpu_reset(i8042.kvm, "i8042 command 0xfe");
	else if (value >= COMMAND_PULSE && !(value & OUTPUT_RUN))
		kvm_request_cpu_reset(i8042.kvm, "i8042 pulse command");
}

static void i8042_save(struct device *device, void *state)
{
	pthread_mutex_lock(&i8042.lock);
	memcpy(state, &i8042.state, sizeof(i8042.state));
	pthread_mutex_unlock(&i8042.lock);
}

static int i8042_load(struct device *device, const void *state)
{
	struct i8042_state loaded;

	memcpy(&loaded, state, sizeof(loaded));
	if (loaded.output_next > 1 || loaded.reply > 1 || loaded.absent > ABSENT_BYTES)
		return -EINVAL;
	pthread_mutex_lock(&i8042.lock);
	i8042.state = loaded;
	pthread_mutex_unlock(&i8042.lock);
	return 0;
}

static struct bus_region data_region = {
	.name = "i8042-data",
	.len = 1,
	.width = 1,
	.read = i8042_read_data,
	.write = i8042_write_data,
};

static struct bus_region command_region = {
	.name = "i8042-command",
	.len = 1,
	.width = 1,
	.read = i8042_read_status,
	.write = i8042_write_command,
};

static const struct device_state state = {
	.power_on = &power_on,
	.version = STATE_VERSION,
	.bytes = sizeof(struct i8042_state),
	.save = i8042_save,
	.load = i8042_load,
};

static struct device device = {.name = "i8042", .state = &state};

int i8042_create(struct kvm *kvm, const struct chip_place *place)
{
	int err;

	i8042.kvm = kvm;
	data_region.base = place->base;
	command_region.base = place->base + COMMAND_OFFSET;
	device_reset(&device);
	err = bus_add(place->bus, &data_region);
	if (err)
		return err;
	err = bus_add(place->bus, &command_region);
	if (err)
		goto err_data;
	device_register(&device);
	return 0;

err_data:
	bus_remove(place->bus, &data_region);
	return err;
}

void i8042_destroy(struct kvm *kvm, const struct chip_place *place)
{
	device_unregister(&device);
	bus_remove(place->bus, &command_region);
	bus_remove(place->bus, &data_region);
}
