// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `lkvm run` was asked for, and what holds when an option is not given.
 *
 * The option tables of the modules write here (util/options.c), and builtin-run.c adds the defaults
 * that depend on the host: CPUs, RAM, the kernel and the name. All of that is over before the first
 * module of the machine is initialised; from then on every thread only reads.
 */
#include <kvm/config.h>

struct config config = {
	.dev = CONFIG_DEV,
	.grace_ns = 10 * NSEC_PER_SEC,
};
