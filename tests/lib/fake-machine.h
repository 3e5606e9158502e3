/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine without KVM, for tests of single devices.
 *
 * Buses, device list, init list and event loop are the real ones; what lies beyond a
 * device (interrupt lines, console, the end of the run) is recorded here. The test is
 * the vCPU and the loop runs on a thread of its own, as in a real machine.
 */
#ifndef TESTS_FAKE_MACHINE_H
#define TESTS_FAKE_MACHINE_H

#include <kvm/console.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/types.h>
#include <stdatomic.h>

/* What the devices did. Written on any thread: read lines through fake_irq*(). */
struct fake_machine {
	struct kvm kvm;

	struct console_port console; /* as attached; room NULL: none is */
	u8 output[4096];	     /* console_write()'s, until full */
	size_t output_len;
	atomic_size_t output_bytes;	      /* all of them */
	atomic_size_t sources[LINES_SOURCES]; /* how many by whom */
	bool console_full;		      /* the test sets it: what console_full() answers */
	atomic_uint room_changes;
	unsigned int opens; /* calls of console_opened() */

	unsigned int ends; /* calls of kvm_end() */
	enum end_reason end_reason;
	int end_status;
	atomic_bool over; /* the test sets it: what kvm_is_over() answers */
	unsigned int resets;
	const char *reset_how;
	unsigned int cpu_resets; /* of resets: those of the CPU alone */
	u8 (*warm_take)(void *dev);
	void *warm_dev;
	unsigned int panics;
	const char *_Atomic event; /* the last event_post_device()'s name */
};

extern struct fake_machine fake;

/* Forget all records, make buses and loop, initialise the modules that are linked in. */
void fake_start(void);
/* Undo that. */
void fake_stop(void);

/* The same, as cmocka's set-up and tear-down. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* One access by a vCPU; len is 1, 2 or 4. */
u32 fake_in(u16 port, unsigned int len);
void fake_out(u16 port, unsigned int len, u32 value);
u8 fake_inb(u16 port);
void fake_outb(u16 port, u8 value);

/* An interrupt line: its level, and how often it rose. */
bool fake_irq(u32 gsi);
unsigned int fake_irq_rises(u32 gsi);

/* Wait until the line has risen that often, for at most two seconds. */
bool fake_wait_rises(u32 gsi, unsigned int rises);

/*
 * Messages that irqfds have sent so far with this address and data, by the routes KVM was given
 * last. How often it was given some, and how many eventfds are attached.
 */
u64 fake_msi_count(u64 address, u32 data);
unsigned int fake_msi_commits(void);
unsigned int fake_msi_attached(void);
/* Forget those messages: there is room for 256 different ones. */
void fake_msi_forget(void);
/* The next calls of irq_add_msi() and irq_attach_fd() fail. */
void fake_msi_fail(bool fail);

/* Call fn(arg) on the loop's thread and wait for it. */
void fake_on_loop(void (*fn)(void *arg), void *arg);

#endif
