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

struct kvm; /* passed through, never looked into */

enum init_level {
	INIT_CORE = 0,	   /* /dev/kvm, VM, RAM slots, irqchip */
	INIT_BASE = 2,	   /* vCPUs, control socket */
	INIT_DEV_BASE = 4, /* buses, interrupt routing, disk images */
	INIT_DEV = 5,	   /* chips, terminal */
	INIT_VIRTIO = 6,
	INIT_FIRMWARE = 7, /* firmware tables, the boot image */
	INIT_LATE = 9,	   /* threads start, sandbox closes */
};

struct init_module {
	const char *name; /* unique within its level; what an error message says */
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
 * The same over an explicit list, for tests. list is sorted in place; *done
 * counts how many are initialised (0 after a failure).
 */
int init_run_list(const struct init_module **list, size_t count, struct kvm *kvm, size_t *done);
void init_exit_list(const struct init_module **list, struct kvm *kvm, size_t *done);

/* Call fn for each registered module in the order init_run() uses. Main thread. */
void init_for_each(void (*fn)(const struct init_module *module, void *arg), void *arg);

#endif
