/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The init list: how a machine is put together, module by module.
 *
 * A module registers itself by a pointer in an ELF section; init_run() walks
 * all of them by level, then by name, so that neither the linker nor the
 * Makefile decides the order (tests/golden/init-order pins it). On a failure,
 * and at the end, exactly what was initialised is undone in reverse.
 */
#ifndef KVM_INIT_H
#define KVM_INIT_H

#include <kvm/types.h>

struct kvm; /* passed to the modules, not used here */

/* Modules of one level do not need each other. Their order is by name; nothing may rely on it. */
enum init_level {
	INIT_NAME,     /* the machine's name and its place in the runtime directory */
	INIT_LOG,      /* where its messages go from here on */
	INIT_CORE,     /* /dev/kvm, VM, RAM slots, irqchip */
	INIT_BASE,     /* CPUID, how the machine ends, resets and pauses */
	INIT_CPU,      /* vCPUs */
	INIT_DEV_BASE, /* buses, interrupt routing, disk images */
	INIT_DEV,      /* chips */
	INIT_WIRE,     /* what is connected to a chip */
	/* Devices take virtio-mmio windows in this order, and a guest sees which. */
	INIT_VIRTIO_BALLOON,
	INIT_VIRTIO_BLK,
	INIT_VIRTIO_CONSOLE,
	INIT_VIRTIO_RNG,
	INIT_FIRMWARE, /* firmware tables */
	INIT_BOOT,     /* the boot image */
	INIT_SOCKET,   /* the control socket: exits after all modules that use it */
	INIT_LATE,     /* input is read, the terminal is raw, timers run */
};

struct init_module {
	const char *name; /* unique; what an error message says */
	enum init_level level;
	int (*init)(struct kvm *kvm);  /* 0 or -errno, after a log_error() that names the object */
	void (*exit)(struct kvm *kvm); /* may be NULL; called only after a successful init */
};

/* Register a module: INIT_MODULE(serial, .level = INIT_DEV, .init = serial_init); */
#define INIT_MODULE(ident, ...)                                                              \
	static const struct init_module init_module_##ident = {.name = #ident, __VA_ARGS__}; \
	static const struct init_module *const init_module_ptr_##ident                       \
		__attribute__((used, retain, section("init_modules"))) = &init_module_##ident

/*
 * Initialise all registered modules. Main thread. Returns 0, or the -errno of
 * the module that failed, after one log_error() line and with all earlier
 * modules exited again.
 */
int init_run(struct kvm *kvm);

/* Exit what init_run() initialised, in reverse. Main thread; idempotent. */
void init_exit(struct kvm *kvm);

/*
 * Like init_run() and init_exit(), but over an explicit list, for tests. list is sorted in place;
 * *done counts how many are initialised (0 after a failure).
 */
int init_run_list(const struct init_module **list, size_t count, struct kvm *kvm, size_t *done);
void init_exit_list(const struct init_module **list, struct kvm *kvm, size_t *done);

/*
 * For the tests: sort the names of a level in descending order. A machine must start and end in the
 * same way. Set before init_run().
 */
extern bool init_is_reversed;

/* Call fn for each registered module in the order init_run() uses. Main thread. */
void init_for_each(void (*fn)(const struct init_module *module, void *arg), void *arg);

#endif
