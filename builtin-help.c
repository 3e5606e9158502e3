// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm help: the commands of this binary, or the options of one.
 *
 * Lists only what works in this binary: the command table and the option groups
 * that the linked modules registered. Standard output, status 0.
 */
#include <kvm/builtin.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void help_commands(void)
{
	printf("usage: lkvm COMMAND [options]\n\n");
	for (const struct builtin *builtin = builtins; builtin->name; builtin++)
		printf("  %-10s %s\n", builtin->name, builtin->summary);
	printf("\n'lkvm help COMMAND' lists its options; the manual page is lkvm(1).\n");
}

int builtin_end_output(const char *command)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return log_fail(STATUS_ERROR, "%s: standard output cannot be written: %s", command,
			strerror(errno));
}

int builtin_help(int argc, char **argv)
{
	const struct builtin *builtin;

	if (argc > 2) {
		log_error("help: takes one COMMAND; '%s' is a second word", argv[2]);
		return STATUS_ERROR;
	}
	if (argc < 2) {
		help_commands();
	} else {
		builtin = builtin_find(argv[1]);
		if (!builtin) {
			log_error("help: unknown command '%s'; see 'lkvm help'", argv[1]);
			return STATUS_ERROR;
		}
		printf("usage: lkvm %s\n%s\n", builtin->usage, builtin->summary);
		options_print_help(builtin->name);
	}
	return builtin_end_output("help");
}
