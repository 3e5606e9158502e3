/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine: one per process. kvm.c.
 *
 * Lifecycle: created -> running <-> paused (core/pause.c) -> ended (core/end.c). Requests (end,
 * reset, power button) may come from any thread; the I/O loop carries them out.
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

/*
 * MMIO windows for devices that are on no bus (virtio-mmio). Set by the board before the levels
 * INIT_VIRTIO_*.
 */
struct kvm_windows {
	gpa_t base; /* of the first window; the others follow directly */
	u64 bytes;  /* size of each window */
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
	const struct sink *output; /* of the console; NULL: standard output */
	bool keep_ram; /* the host still uses RAM at the end: do not free RAM and loop */
};

/* KVM_CHECK_EXTENSION on the VM, or on the device while there is no VM: 0 when absent. */
int kvm_check_cap(const struct kvm *kvm, int cap);

/* ioctl on the VM; 0 or more, or -errno. EINTR is retried. core/ioctl.c. */
int kvm_vm_ioctl(const struct kvm *kvm, unsigned long request, void *arg);
int kvm_vm_ioctl_value(const struct kvm *kvm, unsigned long request, unsigned long value);

/* --- the record of how the run ends: core/end.c --- */

/*
 * Record the cause of the end. The first recorded cause is kept; later calls do not change it.
 * kvm_end() also stops the loop, and every vCPU before its next instruction; kvm_note_end() only
 * records (a panic, whose trace goes on). Any thread.
 */
void kvm_end(struct kvm *kvm, enum end_reason reason, int status);
void kvm_note_end(struct kvm *kvm, enum end_reason reason, int status);

/*
 * The recorded cause, END_RUNNING if there is none yet, and its status (may be NULL). Any thread.
 */
enum end_reason kvm_end_reason(int *status);
const char *kvm_end_name(enum end_reason reason);

/*
 * Replace the end that the guest chose: the run has failed. kvm_end_of_guest() returns the end that
 * was replaced, or END_RUNNING if none was. Main thread, at the end of the run.
 */
void kvm_end_overrule(enum end_reason reason, int status);
enum end_reason kvm_end_of_guest(int *status);

/* Was the run ended by someone who did not want to wait for the guest any longer? Any thread. */
bool kvm_end_is_forced(void);

/*
 * A recorded cause is not yet an end: after a panic the trace is still to come, and with
 * --on-panic=continue the guest goes on. kvm_is_over(): kvm_end() was called, no vCPU begins
 * another instruction. kvm_is_ending(): the run is over, or will be over after the trace of a
 * panic, or after lkvm's init has written its disks because of --timeout. Any thread.
 */
bool kvm_is_over(void);
bool kvm_is_ending(void);

/* --- what leads to an end: core/power.c --- */

/*
 * The guest asked for a reset (port 0x64, 0xcf9, the FADT's register); how: the name of that for
 * the log. Ends the run or resets in place, as --on-reboot says. The calling vCPU executes no
 * further guest instruction. Any thread.
 */
void kvm_request_reset(struct kvm *kvm, const char *how);

/*
 * The guest reset the CPU alone. Same as kvm_request_reset(), unless the guest has left a code that
 * says where it wants to go on (arch_is_warm_start()). Any thread.
 */
void kvm_request_cpu_reset(struct kvm *kvm, const char *how);

/*
 * Set by the chip that keeps this code: take() returns the code and clears it, on the thread of
 * kvm_request_cpu_reset(). NULL: the chip is gone. Call only while no vCPU runs.
 */
void kvm_set_warm_code(u8 (*take)(void *dev), void *dev);

/*
 * The ACPI chip sets press(), which presses its button. kvm_press_power_button() calls it (loop),
 * and forces the end after grace_ns; of several calls the earliest end counts.
 */
void kvm_set_power_button(void (*press)(void *dev), void *dev);
void kvm_press_power_button(u64 grace_ns);

/*
 * After the end of the run: how long (as now_ns()) lkvm may wait for readers of its output. Main
 * thread.
 */
u64 kvm_end_patience(void);

/*
 * The guest's kernel reported a panic, by a line on its console or by pvpanic (line NULL). Any
 * thread. kvm_panic_done(): the end of the trace was seen.
 */
void kvm_panic(struct kvm *kvm, const char *line);
void kvm_panic_done(struct kvm *kvm);

/* Copy the line that announced the first panic. False: there was none. Any thread. */
bool kvm_panic_line(char *line, size_t size);

/* Log the panic if it is the cause and was not logged yet. Loop, or main thread after the loop. */
void kvm_say_panic(void);

#endif
