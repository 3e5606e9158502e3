/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine: one per process. kvm.c.
 *
 * Lifecycle: created -> running <-> paused (core/pause.c) -> ended (core/end.c). Requests (end,
 * reset, power button) may come from any thread; they are carried out on the I/O loop.
 */
#ifndef KVM_KVM_H
#define KVM_KVM_H

#include <kvm/bus.h>
#include <kvm/gmem.h>
#include <kvm/loop.h>
#include <kvm/types.h>
#include <pthread.h>
#include <stdatomic.h>

#define LKVM_VERSION "0.1"

struct kvm_cpu;
struct sink;

/* Why a run ended; the names in the result are kvm_end_name(). docs/lkvm.1 has the table. */
enum end_reason {
	END_RUNNING,
	END_POWEROFF,
	END_REBOOT,
	END_HALT,
	END_EXIT,
	END_FAULT,
	END_STOPPED,
	END_PANIC,
	END_CRASH,
	END_TIMEOUT,
	END_SIGNAL,
	END_ERROR,
};

/* lkvm's own exit statuses. */
enum {
	STATUS_FAULT = 119,
	STATUS_STOPPED = 120,
	STATUS_PANIC = 121,
	STATUS_CRASH = 122,
	STATUS_REBOOT = 123,
	STATUS_TIMEOUT = 124,
	STATUS_ERROR = 125,
	STATUS_HELP = -1, /* never leaves lkvm: main.c prints the help of the command */
};

/* Where devices can be that no bus finds: the board's, before INIT_VIRTIO. */
struct kvm_windows {
	gpa_t base; /* of the first one; they follow each other */
	u64 bytes;  /* of each */
	unsigned int count;
};

struct kvm {
	int dev_fd, vm_fd;
	struct gmem mem;
	struct bus ports, mmio;
	struct kvm_windows windows;
	struct loop *loop;
	struct kvm_cpu *cpus;
	unsigned int cpu_count;
	const struct sink *output; /* the console's, instead of standard output; NULL: that */
	bool keep_ram; /* the host still works on it when the run ends: it stays, and the loop */
};

/* KVM_CHECK_EXTENSION on the VM (or the device before it exists): 0 when absent. */
int kvm_check_cap(const struct kvm *kvm, int cap);

/* ioctl on the VM; 0.. or -errno. EINTR is retried. core/ioctl.c. */
int kvm_vm_ioctl(const struct kvm *kvm, unsigned long request, void *arg);
int kvm_vm_ioctl_value(const struct kvm *kvm, unsigned long request, unsigned long value);

/* --- the record of how the run ends: core/end.c --- */

/*
 * The run's cause of ending. The first call wins and is kept, whatever comes after
 * it. kvm_end() also stops every vCPU before its next instruction, and the loop;
 * kvm_note_end() only records (a panic, whose trace goes on). Any thread.
 */
void kvm_end(struct kvm *kvm, enum end_reason reason, int status);
void kvm_note_end(struct kvm *kvm, enum end_reason reason, int status);

/* What was recorded; END_RUNNING if nothing yet. Any thread. */
enum end_reason kvm_end_reason(int *status);
const char *kvm_end_name(enum end_reason reason);

/*
 * The guest has chosen its end, but the run has failed all the same. kvm_end_of_guest(): how the
 * guest ended then; END_RUNNING: nothing took the place of its end. Main thread, at the end.
 */
void kvm_end_overrule(enum end_reason reason, int status);
enum end_reason kvm_end_of_guest(int *status);

/* Was it ended by somebody who did not want to wait for the guest any longer? Any thread. */
bool kvm_end_is_forced(void);

/*
 * A recorded cause is not yet an end: after a panic the trace is to come, and with
 * --on-panic=continue the guest goes on for as long as it likes. kvm_is_over(): kvm_end() was
 * called, no guest instruction runs any more. kvm_is_ending(): it is over, or will be as soon as
 * a panic's trace is, or what lkvm's init may do after --timeout. Any thread.
 */
bool kvm_is_over(void);
bool kvm_is_ending(void);

/* --- what leads to an end: core/power.c --- */

/*
 * The guest asked for a reset (port 0x64, 0xcf9, the FADT's register): how says by
 * what, for the log. Ends the run or resets in place, as --on-reboot says. The
 * calling vCPU executes no further guest instruction. Any thread.
 */
void kvm_request_reset(struct kvm *kvm, const char *how);

/*
 * The guest pulled the CPU's reset line, and no other: kvm_request_reset(), unless the guest left
 * word that it wants to go on (arch_is_warm_start()). Any thread.
 */
void kvm_request_cpu_reset(struct kvm *kvm, const char *how);

/*
 * The chip that keeps that word: take() returns it and clears it, on the thread of
 * kvm_request_cpu_reset(). NULL: there is none any more. While no vCPU runs.
 */
void kvm_set_warm_code(u8 (*take)(void *dev), void *dev);

/*
 * The ACPI chip says how its button is pressed. kvm_press_power_button() presses it (loop), and
 * forces the end after grace_ns; of several calls the earliest end counts.
 */
void kvm_set_power_button(void (*press)(void *dev), void *dev);
void kvm_press_power_button(u64 grace_ns);

/* The run is over: until when it may wait for who reads its output (now_ns()). Main thread. */
u64 kvm_end_patience(void);

/*
 * The guest's kernel said it panicked: a line on its console, or pvpanic (line NULL).
 * Any thread. kvm_panic_done(): the end of the trace was seen.
 */
void kvm_panic(struct kvm *kvm, const char *line);
void kvm_panic_done(struct kvm *kvm);

/* Copy the line that the first panic announced itself with. False: there was none. Any thread. */
bool kvm_panic_line(char *line, size_t size);

/* If the cause is a panic, and it was not said yet, say what it was. Loop, or after it. */
void kvm_say_panic(void);

#endif
