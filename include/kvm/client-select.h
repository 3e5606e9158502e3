/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Find the machines that a command is for: NAME, -n NAME, or -a; or one NAME alone.
 * client/select.c. Main thread.
 */
#ifndef KVM_BUILTIN_SELECT_H
#define KVM_BUILTIN_SELECT_H

#include <jansson.h>
#include <kvm/options.h>

struct selection {
	const char *name;   /* -n, --name */
	bool all;	    /* -a, --all */
	bool help;	    /* -h, --help */
	int (*check)(void); /* combined options: 0, or an error after log_error(); or NULL */
};

/* The option -h alone, for the table of a command that uses select_name(). */
#define SELECT_HELP_OPTION(help_)                                                          \
	{                                                                                  \
		.name = "help", .short_name = 'h', .type = OPTION_FLAG, .value = &(help_), \
		.help = "list these options"                                               \
	}

/* The three options, for a command's table. */
#define SELECTION_OPTIONS(selection)                                     \
	{.name = "name",                                                 \
	 .short_name = 'n',                                              \
	 .type = OPTION_STRING,                                          \
	 .value = &(selection).name,                                     \
	 .arg = "NAME",                                                  \
	 .help = "the machine of that name"},                            \
		{.name = "all",                                          \
		 .short_name = 'a',                                      \
		 .type = OPTION_FLAG,                                    \
		 .value = &(selection).all,                              \
		 .help = "all machines of this user"},                   \
	{                                                                \
		.name = "help", .short_name = 'h', .type = OPTION_FLAG,  \
		.value = &(selection).help, .help = "list these options" \
	}

/*
 * Parse the options of command, then call fn with a connection to each machine. With -a each call
 * has a process of its own, all run at the same time, and their output is printed in the order of
 * the names. Returns the exit status: the largest one that fn returned; 125 after log_error() if
 * there is no such machine, a machine cannot be reached or the arguments are wrong; STATUS_HELP for
 * --help.
 */
int select_machines(const char *command, struct selection *selection, int argc, char **argv,
		    int (*fn)(const char *name, int fd));

/*
 * Parse the options of a command that takes one NAME, of a machine that runs or has ended. Returns
 * that name, or NULL with *status: 125 after log_error(), or STATUS_HELP.
 */
const char *select_name(const char *command, const bool *help, int argc, char **argv, int *status);

/* log_error() that the machine exists, but connection_open() failed with err. */
void select_say_unreachable(const char *name, int err);

/* Connect to the machine of that name. A descriptor, or -errno after log_error(). */
int select_open(const char *name);

/*
 * Send a request and wait for the answer. A new reference, or NULL after log_error(), whose text
 * begins with "NAME: COMMAND: ".
 */
json_t *select_call(const char *name, int fd, const char *command, json_t *params, u64 timeout_ns);

#endif
