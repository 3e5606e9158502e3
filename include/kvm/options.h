/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Command-line options, parsed as git's are: --opt=val, --opt val, unique
 * abbreviations, --no-opt, bundled short flags, "--" ends them. util/options.c.
 *
 * Each module owns its options: it registers a group in an ELF section, with
 * pointers to where the values go. The command asks for its groups by name.
 * Main thread, before any other thread exists.
 */
#ifndef KVM_OPTIONS_H
#define KVM_OPTIONS_H

#include <kvm/types.h>

struct option_list { /* a repeatable string, in the order given; items point into argv */
	const char **items;
	size_t count;
};

enum option_type {
	OPTION_FLAG,	 /* bool; --no-NAME clears it */
	OPTION_STRING,	 /* const char *, not empty, points into argv; --no-NAME makes it NULL */
	OPTION_LIST,	 /* struct option_list; --no-NAME empties it */
	OPTION_UINT,	 /* unsigned int, decimal or 0x, within min..max */
	OPTION_SIZE,	 /* u64 bytes: N[K|M|G|T], MiB without a suffix, within min..max */
	OPTION_DURATION, /* u64 ns: N[ms|s|m|h], seconds without a suffix, fraction allowed */
	OPTION_CHOICE,	 /* int: the index into choices */
	OPTION_CALLBACK, /* parse() is called with the argument (NULL for --no-NAME) */
};

struct option {
	const char *name; /* long name, without dashes */
	char short_name;  /* 0: none */
	enum option_type type;
	void *value;
	const char *arg;  /* the accepted form, as help and errors show it: "FILE", "SIZE[K|M|G]" */
	const char *help; /* one line, no full stop */
	u64 min, max;	  /* OPTION_UINT, OPTION_SIZE, OPTION_DURATION; max 0: no bound */
	const char *const *choices; /* OPTION_CHOICE: NULL-terminated */
	/*
	 * OPTION_CALLBACK: returns 0, or -EINVAL when arg is not of the accepted form. If it has
	 * called log_error(), that line takes the place of the general one.
	 */
	int (*parse)(const struct option *option, const char *arg);
	bool early; /* set before all others, also when another option turns out to be wrong */
};

struct option_group {
	const char *command; /* "run" */
	const char *title;   /* heading in the help: "Machine"; groups in a row may share it */
	int rank;	     /* order in the help, ascending; no two groups of a command share it */
	const struct option *options;
	size_t count;
};

/*
 * OPTION_GROUP(cpu, run, "Machine", 20, cpu_options); where cpu_options is an array. The name of
 * the command and the rank are part of a global symbol: when two groups of a command have the same
 * rank, the linker says "multiple definition of option_rank_run_20".
 */
#define OPTION_GROUP(ident, command_, title_, rank_, array)                                   \
	extern const char option_rank_##command_##_##rank_;                                   \
	const char option_rank_##command_##_##rank_ = 0;                                      \
	static const struct option_group option_group_##ident = {.command = #command_,        \
								 .title = title_,             \
								 .rank = rank_,               \
								 .options = array,            \
								 .count = ARRAY_SIZE(array)}; \
	static const struct option_group *const option_group_ptr_##ident                      \
		__attribute__((used, retain, section("option_groups"))) = &option_group_##ident

/*
 * Parse argv[1..argc-1] with all groups registered for command. Positional
 * arguments are moved to the front of argv[1..] and counted in *positional.
 * Returns 0, or -EINVAL (-ENOMEM) after one log_error() line that names the option
 * and the accepted form. "-h"/"--help" are not options here: the command declares them.
 */
int options_parse(const char *command, int argc, char **argv, int *positional);

/*
 * options_parse() over explicit groups, for tests and the fuzzer. Groups of other commands are
 * skipped.
 */
int options_parse_groups(const struct option_group *const *groups, size_t count,
			 const char *command, int argc, char **argv, int *positional);

/*
 * Print the options of command to standard output, grouped, for `lkvm help`. 0, or -ENOMEM after
 * log_error().
 */
int options_print_help(const char *command);

/* "512", "512M", "4G" -> bytes. unit is what a bare number means. 0 or -EINVAL / -ERANGE. */
int parse_size(const char *text, u64 unit, u64 *bytes);

/* "10", "1.5s", "250ms", "2m" -> nanoseconds. 0 or -EINVAL / -ERANGE. */
int parse_duration(const char *text, u64 *ns);

/* Decimal or 0x, nothing before or after it. 0 or -EINVAL / -ERANGE. */
int parse_u64(const char *text, u64 *value);

/*
 * "0-3,8" -> fn(3 times 0..3, then 8). Used for CPU lists. Returns 0 or -EINVAL;
 * values above max are -ERANGE.
 */
int parse_list(const char *text, u64 max, int (*fn)(u64 value, void *arg), void *arg);

#endif
