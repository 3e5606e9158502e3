/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The subcommands. Each gets argv from its own name on and returns the exit status, or STATUS_HELP
 * if the user asked for the options of this command: main.c prints them.
 */
#ifndef KVM_BUILTIN_H
#define KVM_BUILTIN_H

struct builtin {
	const char *name;
	const char *summary; /* one line for the help */
	const char *usage;   /* "run [options] [KERNEL]" */
	int (*main)(int argc, char **argv);
};

int builtin_run(int argc, char **argv);
int builtin_stop(int argc, char **argv);
int builtin_pause(int argc, char **argv);
int builtin_resume(int argc, char **argv);
int builtin_list(int argc, char **argv);
int builtin_stat(int argc, char **argv);
int builtin_console(int argc, char **argv);
int builtin_logs(int argc, char **argv);
int builtin_wait(int argc, char **argv);
int builtin_rm(int argc, char **argv);
int builtin_balloon(int argc, char **argv);
int builtin_debug(int argc, char **argv);
int builtin_version(int argc, char **argv);

/*
 * The command `lkvm help`. commands: the table of all commands, ended by a NULL name. Returns the
 * exit status.
 */
int builtin_help(const struct builtin *commands, int argc, char **argv);

/* Print usage and options of one command to standard output. Returns the exit status. */
int builtin_help_command(const struct builtin *command);

/* The command called name in a table, or NULL. */
const struct builtin *builtin_find(const struct builtin *commands, const char *name);

#endif
