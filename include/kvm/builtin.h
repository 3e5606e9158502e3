/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The subcommands. Each gets argv from its own name on and returns the exit status.
 */
#ifndef KVM_BUILTIN_H
#define KVM_BUILTIN_H

struct builtin {
	const char *name;
	const char *summary; /* one line for the help */
	const char *usage;   /* "run [options] [KERNEL]" */
	int (*main)(int argc, char **argv);
};

/* All commands of this binary, ending with a NULL name. main.c. */
extern const struct builtin builtins[];

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
int builtin_help(int argc, char **argv);

/* All that a command printed is out: 0, or STATUS_ERROR after log_error(). */
int builtin_end_output(const char *command);

/* The command called name, or NULL. main.c. */
const struct builtin *builtin_find(const char *name);

#endif
