/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `lkvm run` was asked for, if more than one file reads it. What one file alone reads is a
 * static variable of that file, called MODULE_asked. core/config.c.
 *
 * Filled by the option tables of the modules, completed by builtin-run.c, read-only from level base
 * on (kvm-cpu.c may lower a default number of CPUs to what KVM can).
 */
#ifndef KVM_CONFIG_H
#define KVM_CONFIG_H

#include <kvm/options.h>
#include <kvm/types.h>

#define CONFIG_DEV "/dev/kvm"

enum on_reboot { ON_REBOOT_EXIT, ON_REBOOT_RESET, ON_REBOOT_FAIL };
enum console_kind { CONSOLE_SERIAL, CONSOLE_VIRTIO };
enum on_panic { ON_PANIC_EXIT, ON_PANIC_CONTINUE };
enum on_halt { ON_HALT_EXIT, ON_HALT_WAIT };
enum fail_on { FAIL_ON_NONE, FAIL_ON_WARNING, FAIL_ON_OOPS };

struct config {
	const char *kernel; /* a path; never NULL after builtin-run.c chose a default */
	struct option_list initrds;
	struct option_list params;
	bool nodefaults;
	struct option_list acpi_tables;

	const char *name;
	unsigned int cpus;
	bool cpus_by_default; /* nobody asked for so many: take what KVM can */
	u64 mem_bytes;
	const char *dev; /* CONFIG_DEV unless asked otherwise */
	const char *cpu_affinity;

	int console;			 /* enum console_kind */
	int on_reboot;			 /* enum on_reboot */
	int on_panic;			 /* enum on_panic */
	int on_halt;			 /* enum on_halt */
	int fail_on;			 /* enum fail_on */
	u64 timeout_ns, boot_timeout_ns; /* 0: none */
	u64 grace_ns;
	u64 budget_ns;		/* exec to init; 0: no limit */
	const char *result;	/* path, or NULL */
	const char *boot_trace; /* path, or NULL */
	bool status_due;	/* --exec: only lkvm's init may end the run well, with a status */
	bool dry_run;
	bool detach; /* its console is a log */
};

extern struct config config;

#endif
