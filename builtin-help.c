// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm help: the commands of this binary, or the options of one.
 *
 * Lists only what works in this binary: the commands of the table that main.c passes, and the
 * option groups that the linked modules registered. Standard output, status 0.
 */
#include <kvm/builtin.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/output.h>

#include <stdio.h>
#include <string.h>

const struct builtin *builtin_find(const struct builtin *commands, const char *name)
{
	for (const struct builtin *command = commands; command->name; command++) {
		if (!strcmp(command->name, name))
			return command;
	}
	return NULL;
}

static void help_commands(const struct builtin *commands)
{
	printf("usage: lkvm COMMAND [options]\n\n");
	for (const struct builtin *command = commands; command->name; command++)
		printf("  %-10s %s\n", command->name, command->summary);
	printf("\n'lkvm help COMMAND' lists its options; the manual page is lkvm(1).\n");
}

int builtin_help_command(const struct builtin *command)
{
	printf("usage: lkvm %s\n%s\n", command->usage, command->summary);
	return options_print_help(command->name) || output_end("help") ? STATUS_ERROR : 0;
}

int builtin_help(const struct builtin *commands, int argc, char **argv)
{
	const struct builtin *command;

	if (argc > 2) {
		log_error("help: takes one COMMAND; got a second one, '%s'", argv[2]);
		return STATUS_ERROR;
	}
	if (argc < 2) {
		help_commands(commands);
		return output_end("help") ? STATUS_ERROR : 0;
	}
	command = builtin_find(commands, argv[1]);
	if (!command) {
		log_error("help: unknown command '%s'; see 'lkvm help'", argv[1]);
		return STATUS_ERROR;
	}
	return builtin_help_command(command);
}
