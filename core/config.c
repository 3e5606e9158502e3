// SPDX-License-Identifier: GPL-2.0-only
/*
 * The options of `lkvm run`, and their defaults.
 *
 * The option tables of the modules write here (util/options.c), and builtin-run.c adds the defaults
 * that depend on the host: CPUs, RAM, the kernel and the name. All of that happens before the first
 * module of the machine is initialised. After that only kvm-cpu.c may still change a value, on the
 * main thread: it lowers the default number of CPUs to KVM's maximum. All threads may read.
 */
#include <kvm/config.h>

struct config config = {
	.dev = CONFIG_DEV,
	.grace_ns = 10 * NSEC_PER_SEC,
};
