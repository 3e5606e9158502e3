// SPDX-License-Identifier: GPL-2.0-only
/*
 * The status port: a serial line by which lkvm's init tells its exit status.
 *
 * The init prefers the exit port (exit-port.c). But a kernel that is locked down, or built without
 * CONFIG_X86_IOPL_IOPERM, lets no program write to a port. The driver of serial ports is built into
 * every kernel that has a console here, so the second way is a line of text on a serial port that
 * is not in use:
 *
 *	lkvm-status NUMBER STATUS
 *
 * NUMBER is 128 random bits in hexadecimal, new at each power-on and reset. The init gets it in its
 * initramfs and removes the file before it starts anything else. Other programs in the guest do
 * not know the number, whatever they may do with serial ports; root in the guest can find it, as
 * root can write to the exit port.
 *
 * The message ends the run by itself, because a kernel without ACPI cannot power off. Other lines
 * are dropped, as on a port that is not connected.
 *
 * Which port: the first of COM2, COM4, COM3 that is not connected (no --tty) and that no --params
 * names. COM3 is the last one because it shares the interrupt line of COM1, the console.
 *
 * Threads: bytes come from vCPU threads, one mutex guards the line. status_port_open() runs on the
 * main thread while no vCPU does.
 */
#include <kvm/chips.h>
#include <kvm/config.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/status-port.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "hw/serial.h"

#define WORD	     "lkvm-status "
#define NUMBER_BYTES 16

static struct {
	char told[sizeof("ttyS1 ") + 2 * NUMBER_BYTES]; /* the text for the init */
	char prefix[sizeof(WORD) + 2 * NUMBER_BYTES];	/* WORD and NUMBER */

	pthread_mutex_t lock;
	char line[128]; /* the line up to now; a line that fills the array is not a message */
	size_t len;
} port = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The status in a complete line; -1: the line is not a message of lkvm's init. */
static int status_port_parse(const char *line)
{
	size_t len = strlen(port.prefix);
	u64 status;

	if (strncmp(line, port.prefix, len) != 0 || line[len] != ' ')
		return -1;
	if (parse_u64(line + len + 1, &status) || status > 255)
		return -1;
	return (int)status;
}

static void status_port_write(void *arg, u8 byte, bool by_program)
{
	int status = -1;

	pthread_mutex_lock(&port.lock);
	if (byte == '\n' || byte == '\r') {
		port.line[port.len] = 0;
		if (port.len < sizeof(port.line) - 1)
			status = status_port_parse(port.line);
		port.len = 0;
	} else if (port.len < sizeof(port.line) - 1) {
		port.line[port.len++] = byte ? (char)byte : '?';
	}
	pthread_mutex_unlock(&port.lock);
	if (status >= 0)
		kvm_end(arg, END_EXIT, status);
}

static void status_port_room_changed(void *arg)
{
	/* we never send a byte to the guest */
}

static struct serial_wire wire = {
	.write = status_port_write,
	.room_changed = status_port_room_changed,
};

/* True: the user's kernel parameters name this port, as a console for instance. */
static bool status_port_is_named(const char *tty)
{
	for (size_t i = 0; i < config.params.count; i++) {
		if (strstr(config.params.items[i], tty))
			return true;
	}
	return false;
}

/* The number N of a free ttySN; 0: no port is free. A port that we used before counts as free. */
static unsigned int status_port_choose(void)
{
	static const unsigned int order[] = {1, 3, 2};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const struct serial_wire *other = serial_wire_of(order[i] + 1);
		char tty[sizeof("ttyS1")];

		snprintf(tty, sizeof(tty), "ttyS%u", order[i] % 10);
		if ((!other || other == &wire) && !status_port_is_named(tty))
			return order[i];
	}
	return 0;
}

const char *status_port_open(void)
{
	unsigned int n = status_port_choose();
	u8 number[NUMBER_BYTES];
	char *digit;

	if (!n)
		return NULL;
	if (getrandom(number, sizeof(number), 0) != sizeof(number)) {
		log_warn("status port: no random number: %s", strerror(errno));
		return NULL;
	}
	digit = port.told + snprintf(port.told, sizeof(port.told), "ttyS%u ", n % 10);
	for (size_t i = 0; i < sizeof(number); i++)
		snprintf(digit + 2 * i, 3, "%02x", number[i]);
	snprintf(port.prefix, sizeof(port.prefix), "%s%s", WORD, digit);
	port.len = 0;
	serial_connect(n + 1, &wire);
	return port.told;
}

int status_port_create(struct kvm *kvm, const struct chip_place *place)
{
	wire.arg = kvm;
	return 0;
}

void status_port_destroy(struct kvm *kvm, const struct chip_place *place)
{
	wire.arg = NULL;
}
