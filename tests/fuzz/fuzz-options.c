// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes util/options.c and util/parse.c with whole command lines.
 *
 * The input is a command line whose words are separated by NUL bytes. Each word
 * also goes to each parser alone. What is checked beyond memory safety: an error
 * comes with exactly one line, positionals are words of the input and no more
 * than it has, and a number that was accepted is within its bounds.
 *
 * Build: clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu11 -D_GNU_SOURCE
 *	  -Iinclude -I. tests/fuzz/fuzz-options.c util/[a-z]*.c
 */
#include "tests/lib/fuzz.h"

#include <assert.h>
#include <errno.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64
#define INPUT_MAX 4096

static struct {
	bool verbose, quiet;
	const char *kernel;
	struct option_list disks;
	unsigned int cpus;
	u64 mem, timeout;
	int reboot;
} values;

static unsigned int lines;

static int parse_network(const struct option *option, const char *arg)
{
	assert(!strcmp(option->name, "network"));
	if (arg && !strcmp(arg, "loud"))
		return log_fail(-EINVAL, "network: too loud");
	return arg && !*arg ? -EINVAL : 0;
}

static const char *const reboot_choices[] = {"exit", "reset", "fail", NULL};

static const struct option options[] = {
	{.name = "verbose", .short_name = 'v', .type = OPTION_FLAG, .value = &values.verbose},
	{.name = "quiet", .short_name = 'q', .type = OPTION_FLAG, .value = &values.quiet},
	{.name = "kernel", .short_name = 'k', .type = OPTION_STRING, .value = &values.kernel},
	{.name = "disk", .short_name = 'd', .type = OPTION_LIST, .value = &values.disks},
	{.name = "network", .short_name = 'n', .type = OPTION_CALLBACK, .parse = parse_network},
	{.name = "on-reboot",
	 .type = OPTION_CHOICE,
	 .value = &values.reboot,
	 .choices = reboot_choices},
	{.name = "cpus",
	 .short_name = 'c',
	 .type = OPTION_UINT,
	 .value = &values.cpus,
	 .min = 1,
	 .max = 255},
	{.name = "mem",
	 .short_name = 'm',
	 .type = OPTION_SIZE,
	 .value = &values.mem,
	 .min = MIB,
	 .max = 1024 * GIB},
	{.name = "timeout",
	 .type = OPTION_DURATION,
	 .value = &values.timeout,
	 .min = NSEC_PER_MSEC,
	 .max = 3600 * NSEC_PER_SEC},
};
OPTION_GROUP(fuzz, run, "Fuzzed", 0, options);

static void count_line(enum log_level level, const char *line, void *arg)
{
	assert(!strncmp(line, "lkvm: ", 6) && !strchr(line, '\n'));
	lines++;
}

static int count_value(u64 value, void *arg)
{
	size_t *count = arg;

	assert(value <= 255);
	return ++*count > 1000 ? -E2BIG : 0;
}

static void fuzz_parsers(const char *word)
{
	size_t count = 0;
	u64 value;

	parse_u64(word, &value);
	parse_size(word, MIB, &value);
	parse_size(word, 1, &value);
	parse_duration(word, &value);
	parse_list(word, 255, count_value, &count);
}

static void check_values(void)
{
	assert(values.cpus >= 1 && values.cpus <= 255);
	assert(values.mem >= MIB && values.mem <= 1024 * GIB);
	assert(values.timeout >= NSEC_PER_MSEC && values.timeout <= 3600 * NSEC_PER_SEC);
	assert(values.reboot >= 0 && values.reboot <= 2);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static char text[INPUT_MAX + 1];
	char *argv[WORDS_MAX + 2] = {"run"};
	int argc = 1, positional, err;

	if (size > INPUT_MAX)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *word = text; word <= text + size && argc <= WORDS_MAX; word += strlen(word) + 1)
		argv[argc++] = word;

	log_set_sink(count_line, NULL);
	lines = 0;
	values.cpus = 1;
	values.mem = MIB;
	values.timeout = NSEC_PER_SEC;

	for (int i = 1; i < argc; i++)
		fuzz_parsers(argv[i]);
	assert(lines == 0);

	err = options_parse("run", argc, argv, &positional);
	assert(lines == (err ? 1 : 0));
	assert(positional >= 0 && positional < argc);
	for (int i = 1; i <= positional; i++)
		assert(argv[i] >= text && argv[i] <= text + size);
	check_values();

	free(values.disks.items);
	values.disks = (struct option_list){};
	return 0;
}
