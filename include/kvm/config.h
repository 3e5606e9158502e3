/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of `lkvm run` that more than one file reads. An option that only one file reads is a
 * static variable of that file, called MODULE_asked. core/config.c.
 *
 * The option tables of the modules fill it, builtin-run.c completes it. Read-only from level base
 * on, but kvm-cpu.c may lower the default number of CPUs to KVM's maximum.
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
	bool cpus_by_default; /* cpus is the default: KVM's maximum may lower it */
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
	bool status_due;	/* --exec: only a status from lkvm's init is success */
	bool dry_run;
	bool detach; /* its console goes to a log */
};

extern struct config config;

#endif
