// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/options.c and util/options-help.c: what is accepted, each error line
 * to the letter, and the look of the help.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	bool verbose, quiet, nodefaults;
	const char *kernel;
	struct option_list disks;
	unsigned int cpus, port;
	u64 mem, file_size, timeout, grace;
	int reboot;
	const char *net;
	unsigned int net_calls;
	const char *log;
	unsigned int log_calls;
} values;

static int parse_net(const struct option *option, const char *arg)
{
	values.net_calls++;
	values.net = arg;
	if (arg && !strncmp(arg, "bad", 3))
		return -EINVAL;
	if (arg && !strcmp(arg, "loud"))
		return log_fail(-EINVAL, "run: option --%s: mode=loud is not known", option->name);
	return 0;
}

static int parse_affinity(const struct option *option, const char *arg)
{
	return arg ? 0 : -EINVAL;
}

static const char *const reboot_choices[] = {"exit", "reset", "fail", NULL};

static const struct option machine_options[] = {
	{.name = "cpus",
	 .short_name = 'c',
	 .type = OPTION_UINT,
	 .value = &values.cpus,
	 .arg = "N",
	 .help = "Number of virtual CPUs",
	 .min = 1,
	 .max = 255},
	{.name = "mem",
	 .short_name = 'm',
	 .type = OPTION_SIZE,
	 .value = &values.mem,
	 .arg = "SIZE[K|M|G]",
	 .help = "Memory of the guest",
	 .min = MIB},
	{.name = "kernel",
	 .short_name = 'k',
	 .type = OPTION_STRING,
	 .value = &values.kernel,
	 .arg = "FILE",
	 .help = "Kernel to boot"},
	{.name = "cpu-affinity",
	 .type = OPTION_CALLBACK,
	 .arg = "LIST",
	 .help = "Host CPUs that the threads of the guest's CPUs may run on, as in 0-3,8",
	 .parse = parse_affinity},
	{.name = "on-reboot",
	 .type = OPTION_CHOICE,
	 .value = &values.reboot,
	 .help = "What a reboot does",
	 .choices = reboot_choices},
};

static const struct option device_options[] = {
	{.name = "disk",
	 .short_name = 'd',
	 .type = OPTION_LIST,
	 .value = &values.disks,
	 .arg = "PATH[,format=raw|qcow2][,ro]",
	 .help = "Add a disk or a root directory"},
	{.name = "network",
	 .short_name = 'n',
	 .type = OPTION_CALLBACK,
	 .arg = "MODE",
	 .help = "Add a network card",
	 .parse = parse_net},
	{.name = "verbose",
	 .short_name = 'v',
	 .type = OPTION_FLAG,
	 .value = &values.verbose,
	 .help = "Say more"},
	{.name = "quiet",
	 .short_name = 'q',
	 .type = OPTION_FLAG,
	 .value = &values.quiet,
	 .help = "Say less"},
	{.name = "nodefaults",
	 .type = OPTION_FLAG,
	 .value = &values.nodefaults,
	 .help = "Leave out the defaults"},
	{.name = "timeout",
	 .type = OPTION_DURATION,
	 .value = &values.timeout,
	 .arg = "DURATION",
	 .help = "End after this long",
	 .min = 500 * NSEC_PER_MSEC,
	 .max = 3600 * NSEC_PER_SEC},
	{.name = "grace",
	 .type = OPTION_DURATION,
	 .value = &values.grace,
	 .arg = "DURATION",
	 .help = "Wait this long"},
	{.name = "port", .type = OPTION_UINT, .value = &values.port, .help = "Port"},
	{.name = "file-size",
	 .type = OPTION_SIZE,
	 .value = &values.file_size,
	 .arg = "SIZE",
	 .help = "Size",
	 .max = 3 * KIB},
};

static int parse_log(const struct option *option, const char *arg)
{
	values.log = arg;
	values.log_calls++;
	return arg && !strcmp(arg, "loud") ? log_fail(-EINVAL, "run: --log loud: no") : 0;
}

static const struct option early_options[] = {
	{.name = "log",
	 .type = OPTION_CALLBACK,
	 .parse = parse_log,
	 .arg = "FILE",
	 .help = "Log",
	 .early = true},
};
OPTION_GROUP(early, run, "Log", 40, early_options);

static const struct option stop_options[] = {
	{.name = "force",
	 .short_name = 'f',
	 .type = OPTION_FLAG,
	 .value = &values.quiet,
	 .help = "At once"},
};

OPTION_GROUP(devices, run, "Devices", 30, device_options);
OPTION_GROUP(machine, run, "Machine", 20, machine_options);
OPTION_GROUP(stop, stop, "Ending", 10, stop_options);

/* Two modules under one heading. */
static const struct option more_options[] = {
	{.name = "tty",
	 .type = OPTION_UINT,
	 .value = &values.port,
	 .arg = "N",
	 .help = "Terminal",
	 .max = 3},
};
OPTION_GROUP(more, help_test, "Devices", 30, more_options);
static const struct option other_options[] = {
	{.name = "first",
	 .short_name = 'f',
	 .type = OPTION_STRING,
	 .value = &values.kernel,
	 .arg = "FILE",
	 .help = "First"},
};
OPTION_GROUP(other, help_test, "Machine", 20, other_options);
static const struct option same_options[] = {
	{.name = "rng", .type = OPTION_FLAG, .value = &values.quiet, .help = "Random numbers"},
};
OPTION_GROUP(same, help_test, "Devices", 31, same_options);

static int set_up(void **state)
{
	free(values.disks.items);
	memset(&values, 0, sizeof(values));
	log_record();
	return 0;
}

static int tear_down(void **state)
{
	free(values.disks.items);
	values.disks = (struct option_list){};
	log_record_end();
	return 0;
}

static char *args[32];
static int positional;

/* Parse the words of a run command line; the last one is followed by NULL. */
static int run(const char *first, ...)
{
	const char *word = first;
	int argc = 1;
	va_list ap;

	args[0] = (char *)"run";
	va_start(ap, first);
	for (; word; word = va_arg(ap, const char *))
		args[argc++] = (char *)word;
	va_end(ap);
	args[argc] = NULL;
	return options_parse("run", argc, args, &positional);
}

#define RUN(...) run(__VA_ARGS__, NULL)

#define ASSERT_REFUSED(line, ...)                                     \
	do {                                                          \
		logged.lines = 0;                                     \
		assert_int_equal(RUN(__VA_ARGS__), -EINVAL);          \
		assert_string_equal(logged.last, "lkvm: run: " line); \
		assert_int_equal(logged.lines, 1);                    \
	} while (0)

static void test_nothing(void **state)
{
	assert_int_equal(run(NULL), 0);
	assert_int_equal(positional, 0);
	assert_int_equal(logged.lines, 0);
}

static void test_long_forms(void **state)
{
	assert_int_equal(RUN("--cpus=4", "--mem", "512", "--kernel", "bzImage", "--verbose"), 0);
	assert_int_equal(values.cpus, 4);
	assert_int_equal(values.mem, 512 * MIB);
	assert_string_equal(values.kernel, "bzImage");
	assert_ptr_equal(values.kernel, args[5]);
	assert_true(values.verbose);
	assert_int_equal(positional, 0);
}

static void test_values_may_look_like_options(void **state)
{
	assert_int_equal(RUN("--kernel", "--cpus"), 0);
	assert_string_equal(values.kernel, "--cpus");
	assert_int_equal(RUN("--kernel", "--"), 0);
	assert_string_equal(values.kernel, "--");
	assert_int_equal(RUN("-k", "-"), 0);
	assert_string_equal(values.kernel, "-");
	assert_int_equal(RUN("--kernel=a=b"), 0);
	assert_string_equal(values.kernel, "a=b");
}

static void test_short_forms(void **state)
{
	assert_int_equal(RUN("-c4", "-m", "1G", "-vq"), 0);
	assert_int_equal(values.cpus, 4);
	assert_int_equal(values.mem, GIB);
	assert_true(values.verbose);
	assert_true(values.quiet);
}

static void test_bundle_ends_in_an_option_with_a_value(void **state)
{
	assert_int_equal(RUN("-vqc8", "x"), 0);
	assert_true(values.verbose && values.quiet);
	assert_int_equal(values.cpus, 8);
	assert_int_equal(positional, 1);
	assert_int_equal(RUN("-vkc", "x"), 0);
	assert_string_equal(values.kernel, "c");
	assert_int_equal(RUN("-vk", "x"), 0);
	assert_string_equal(values.kernel, "x");
	assert_int_equal(positional, 0);
}

static void test_short_errors(void **state)
{
	ASSERT_REFUSED("unknown option -x; see 'lkvm help run'", "-x");
	ASSERT_REFUSED("unknown option -x; see 'lkvm help run'", "-vx");
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got nothing", "-c");
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got '=4'", "-c=4");
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got 'v'", "-cv");
}

static void test_positionals_mix_with_options(void **state)
{
	assert_int_equal(RUN("one", "--cpus", "2", "two", "-v", "-", "", "three"), 0);
	assert_int_equal(positional, 5);
	assert_string_equal(args[1], "one");
	assert_string_equal(args[2], "two");
	assert_string_equal(args[3], "-");
	assert_string_equal(args[4], "");
	assert_string_equal(args[5], "three");
	assert_string_equal(args[0], "run");
}

/* What is wrong elsewhere, before it or behind it, does not keep an early option from being set. */
static void test_early_options(void **state)
{
	static const char *const wrong[] = {"--bogus", "-x",	    "--cpus=x", "--verbose=1",
					    "--cp",    "--no-cpus", "--net=bad"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		values.log_calls = 0;
		logged.lines = 0;
		values.log = NULL;
		assert_int_equal(RUN("one", wrong[i], "two", "--log", "x"), -EINVAL);
		assert_string_equal(values.log, "x");
		assert_int_equal(values.log_calls, 1);
		assert_int_equal(logged.lines, 1);
		assert_int_equal(RUN("--lo=y", wrong[i]), -EINVAL);
		assert_string_equal(values.log, "y");
		assert_int_equal(logged.lines, 2);
	}
	/* A word that is the value of another option, or behind "--", is not one. */
	values.log_calls = 0;
	assert_int_equal(RUN("--kernel", "--log", "-k", "--log=z", "--", "--log", "x"), 0);
	assert_int_equal(values.log_calls, 0);
	assert_int_equal(positional, 2);
	assert_int_equal(RUN("--log", "a", "one", "--log", "b", "--no-log"), 0);
	assert_int_equal(values.log_calls, 3);
	assert_null(values.log);
	assert_string_equal(args[1], "one");
	/* One line, and nothing else is set. */
	logged.lines = 0;
	values.verbose = false;
	assert_int_equal(RUN("--bogus", "--verbose", "--log=loud"), -EINVAL);
	assert_string_equal(logged.last, "lkvm: run: --log loud: no");
	assert_int_equal(logged.lines, 1);
	assert_false(values.verbose);
	ASSERT_REFUSED("option --log takes FILE; got nothing", "--bogus", "--log");
}

static void test_two_dashes_end_options(void **state)
{
	assert_int_equal(RUN("-v", "one", "--", "-q", "--", "--bogus"), 0);
	assert_int_equal(positional, 4);
	assert_string_equal(args[2], "-q");
	assert_string_equal(args[3], "--");
	assert_string_equal(args[4], "--bogus");
	assert_true(values.verbose);
	assert_false(values.quiet);
}

static void test_abbreviations(void **state)
{
	assert_int_equal(RUN("--ker", "x", "--verb", "--n=user", "--net", "tap"), -EINVAL);
	assert_int_equal(RUN("--ker", "x", "--verb", "--net", "tap", "--me=1G"), 0);
	assert_string_equal(values.kernel, "x");
	assert_string_equal(values.net, "tap");
	assert_true(values.verbose);
	assert_int_equal(values.mem, GIB);
}

static void test_exact_name_beats_longer_ones(void **state)
{
	assert_int_equal(RUN("--cpus", "3", "--cpu-aff", "0-1"), 0);
	assert_int_equal(values.cpus, 3);
}

static void test_ambiguous_names_the_candidates(void **state)
{
	ASSERT_REFUSED("option --cpu is ambiguous: --cpus, --cpu-affinity", "--cpu", "3");
	ASSERT_REFUSED("option --cpu is ambiguous: --cpus, --cpu-affinity", "--cpu=3");
	ASSERT_REFUSED("option --n is ambiguous: --network, --nodefaults", "--n");
	/* Not --no-network and all the others: only what starts with "no-" negates. */
	assert_int_equal(RUN("--no"), 0);
	assert_true(values.nodefaults);
	ASSERT_REFUSED("option --no-n is ambiguous: --no-network, --no-nodefaults", "--no-n");
}

static void test_unknown(void **state)
{
	ASSERT_REFUSED("unknown option --foo; see 'lkvm help run'", "--foo");
	ASSERT_REFUSED("unknown option --foo; see 'lkvm help run'", "--foo=bar");
	ASSERT_REFUSED("unknown option --no-; see 'lkvm help run'", "--no-");
	ASSERT_REFUSED("unknown option --; see 'lkvm help run'", "--=x");
	ASSERT_REFUSED("unknown option --force; see 'lkvm help run'", "--force");
	ASSERT_REFUSED("unknown option ---cpus; did you mean --cpus? See 'lkvm help run'",
		       "---cpus");
}

static void test_did_you_mean(void **state)
{
	ASSERT_REFUSED("unknown option --cpsu; did you mean --cpus? See 'lkvm help run'",
		       "--cpsu=4");
	ASSERT_REFUSED("unknown option --netwrok; did you mean --network? See 'lkvm help run'",
		       "--netwrok");
	ASSERT_REFUSED("unknown option --verbosely; did you mean --verbose? See 'lkvm help run'",
		       "--verbosely");
	ASSERT_REFUSED("unknown option --xy; see 'lkvm help run'", "--xy");
	ASSERT_REFUSED("unknown option --ccccccccccccccccccccccccccccccccccccccccccccccccc; "
		       "see 'lkvm help run'",
		       "--ccccccccccccccccccccccccccccccccccccccccccccccccc");
}

static void test_flags(void **state)
{
	assert_int_equal(RUN("--verbose", "--no-verbose", "-q"), 0);
	assert_false(values.verbose);
	assert_true(values.quiet);
	assert_int_equal(RUN("--no-verbose", "--verb", "--no-q"), 0);
	assert_true(values.verbose);
	assert_false(values.quiet);
	ASSERT_REFUSED("option --verbose takes no value; got 'yes'", "--verbose=yes");
	ASSERT_REFUSED("option --verbose takes no value; got ''", "--verb=");
	ASSERT_REFUSED("option --no-verbose takes no value; got '1'", "--no-verbose=1");
}

static void test_flag_takes_no_word(void **state)
{
	assert_int_equal(RUN("--verbose", "yes"), 0);
	assert_int_equal(positional, 1);
	assert_int_equal(RUN("--no-kernel", "x"), 0);
	assert_int_equal(positional, 1);
}

static void test_negated_values(void **state)
{
	assert_int_equal(RUN("--kernel=x", "--no-kernel"), 0);
	assert_null(values.kernel);
	assert_int_equal(RUN("-d", "a", "--disk=b", "--no-disk", "-dc"), 0);
	assert_int_equal(values.disks.count, 1);
	assert_string_equal(values.disks.items[0], "c");
	assert_int_equal(RUN("--no-disk"), 0);
	assert_int_equal(values.disks.count, 0);
	assert_null(values.disks.items);
	ASSERT_REFUSED("option --no-kernel takes no value; got 'x'", "--no-kernel=x");
}

static void test_what_cannot_be_negated(void **state)
{
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; it has no form --no-cpus", "--no-cpus");
	ASSERT_REFUSED("option --on-reboot takes exit|reset|fail; it has no form --no-on-reboot",
		       "--no-on-reboot");
	ASSERT_REFUSED("option --cpu-affinity takes LIST; it has no form --no-cpu-affinity",
		       "--no-cpu-affinity");
	/* As an abbreviation it is no candidate: --no-cpu is --no-cpu-affinity alone. */
	ASSERT_REFUSED("option --cpu-affinity takes LIST; it has no form --no-cpu-affinity",
		       "--no-cpu");
	ASSERT_REFUSED("unknown option --no-me; see 'lkvm help run'", "--no-me");
}

static void test_list_keeps_the_order(void **state)
{
	assert_int_equal(RUN("-d", "a", "x", "--disk=b,ro", "-dc"), 0);
	assert_int_equal(values.disks.count, 3);
	assert_string_equal(values.disks.items[0], "a");
	assert_string_equal(values.disks.items[1], "b,ro");
	assert_string_equal(values.disks.items[2], "c");
	ASSERT_REFUSED("option --disk takes PATH[,format=raw|qcow2][,ro]; got nothing", "--disk");
}

static void test_uint(void **state)
{
	assert_int_equal(RUN("--cpus", "0xff"), 0);
	assert_int_equal(values.cpus, 255);
	assert_int_equal(RUN("--cpus", "1", "--cpus", "2"), 0);
	assert_int_equal(values.cpus, 2);
	assert_int_equal(RUN("--port=4294967295"), 0);
	assert_true(values.port == UINT32_MAX);

	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got '0'", "--cpus", "0");
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got '256'", "--cpus=256");
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got '-1'", "--cpus", "-1");
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got '4x'", "--cpus=4x");
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got ''", "--cpus=");
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got nothing", "--cpus");
	ASSERT_REFUSED("option --port takes VALUE, at most 4294967295; got '4294967296'",
		       "--port=4294967296");
	ASSERT_REFUSED("option --port takes VALUE, at most 4294967295; got "
		       "'18446744073709551617'",
		       "--port=18446744073709551617");
	assert_int_equal(values.cpus, 2);
}

static void test_size(void **state)
{
	static const char *const bad[] = {"", "0", "1023K", "x", "1X", "17592186044416", "-1"};

	assert_int_equal(RUN("--mem=1024K", "--file-size=3K"), 0);
	assert_int_equal(values.mem, MIB);
	assert_int_equal(values.file_size, 3 * KIB);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char line[160];

		assert_int_equal(RUN("--mem", bad[i]), -EINVAL);
		snprintf(line, sizeof(line),
			 "lkvm: run: option --mem takes SIZE[K|M|G] (MiB without a suffix), "
			 "at least 1M; got '%s'",
			 bad[i]);
		assert_string_equal(logged.last, line);
	}
	ASSERT_REFUSED("option --file-size takes SIZE (MiB without a suffix), at most 3K; got '4K'",
		       "--file-size=4K");
	assert_int_equal(values.mem, MIB);
}

static void test_duration(void **state)
{
	assert_int_equal(RUN("--timeout=1.5s", "--grace", "10"), 0);
	assert_int_equal(values.timeout, 1500 * NSEC_PER_MSEC);
	assert_int_equal(values.grace, 10 * NSEC_PER_SEC);
	ASSERT_REFUSED("option --timeout takes DURATION[ms|s|m|h] (seconds without a suffix), "
		       "500ms to 1h; "
		       "got '61m'",
		       "--timeout=61m");
	ASSERT_REFUSED("option --timeout takes DURATION[ms|s|m|h] (seconds without a suffix), "
		       "500ms to 1h; "
		       "got '0'",
		       "--timeout=0");
	ASSERT_REFUSED(
		"option --grace takes DURATION[ms|s|m|h] (seconds without a suffix); got '1 s'",
		"--grace=1 s");
}

static void test_choice(void **state)
{
	assert_int_equal(RUN("--on-reboot=fail"), 0);
	assert_int_equal(values.reboot, 2);
	assert_int_equal(RUN("--on-reboot", "exit"), 0);
	assert_int_equal(values.reboot, 0);
	ASSERT_REFUSED("option --on-reboot takes exit|reset|fail; got 'res'", "--on-reboot=res");
	ASSERT_REFUSED("option --on-reboot takes exit|reset|fail; got 'RESET'",
		       "--on-reboot=RESET");
	ASSERT_REFUSED("option --on-reboot takes exit|reset|fail; got nothing", "--on-reboot");
}

static void test_callback(void **state)
{
	assert_int_equal(RUN("-n", "user", "--network=tap"), 0);
	assert_string_equal(values.net, "tap");
	assert_int_equal(values.net_calls, 2);
	assert_int_equal(RUN("--no-network"), 0);
	assert_null(values.net);
	assert_int_equal(values.net_calls, 3);

	ASSERT_REFUSED("option --network takes MODE; got 'bad'", "-n", "bad");
	ASSERT_REFUSED("option --network: mode=loud is not known", "-n", "loud");
	assert_int_equal(values.net_calls, 5);
	/* A missing value never reaches the callback, where NULL means --no-. */
	ASSERT_REFUSED("option --network takes MODE; got nothing", "-n");
	assert_int_equal(values.net_calls, 5);
}

static void test_first_error_ends_it(void **state)
{
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got 'x'", "-v", "--cpus=x", "--mem=0",
		       "-q");
	assert_true(values.verbose);
	assert_false(values.quiet);
}

static void test_garbage_is_shown_harmless(void **state)
{
	ASSERT_REFUSED("option --cpus takes N, 1 to 255; got '4\\x0a\\x1b[2J'",
		       "--cpus=4\n\x1b[2J");
	ASSERT_REFUSED("unknown option -\\xc3; see 'lkvm help run'", "-\xc3\xa4");
}

static void test_explicit_groups(void **state)
{
	const struct option_group *const groups[] = {&option_group_stop, &option_group_machine};
	char *argv[] = {(char *)"run", (char *)"--cpus=9", NULL};
	char *stray[] = {(char *)"run", (char *)"--force", NULL};

	assert_int_equal(options_parse_groups(groups, 2, "run", 2, argv, &positional), 0);
	assert_int_equal(values.cpus, 9);
	assert_int_equal(options_parse_groups(groups, 2, "run", 2, stray, &positional), -EINVAL);
	assert_int_equal(options_parse_groups(NULL, 0, "run", 2, argv, &positional), -EINVAL);
	assert_int_equal(options_parse_groups(NULL, 0, "run", 1, argv, &positional), 0);
	assert_int_equal(options_parse_groups(NULL, 0, "run", 0, argv, &positional), 0);
}

/* What the help of command prints. */
static const char *help_of(const char *command)
{
	static char text[4096];
	int saved = dup(STDOUT_FILENO);
	int fd = memfd_create("help", MFD_CLOEXEC);
	ssize_t len;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	options_print_help(command);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	len = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	text[MAX(len, 0)] = '\0';
	return text;
}

static void test_help(void **state)
{
	assert_string_equal(
		help_of("run"),
		"Machine:\n"
		"  -c, --cpus N             Number of virtual CPUs\n"
		"  -m, --mem SIZE[K|M|G]    Memory of the guest\n"
		"  -k, --kernel FILE        Kernel to boot\n"
		"      --cpu-affinity LIST  Host CPUs that the threads of the guest's CPUs may\n"
		"                           run on, as in 0-3,8\n"
		"      --on-reboot exit|reset|fail\n"
		"                           What a reboot does\n"
		"\n"
		"Devices:\n"
		"  -d, --disk PATH[,format=raw|qcow2][,ro]\n"
		"                           Add a disk or a root directory\n"
		"  -n, --network MODE       Add a network card\n"
		"  -v, --verbose            Say more\n"
		"  -q, --quiet              Say less\n"
		"      --nodefaults         Leave out the defaults\n"
		"      --timeout DURATION   End after this long\n"
		"      --grace DURATION     Wait this long\n"
		"      --port VALUE         Port\n"
		"      --file-size SIZE     Size\n"
		"\n"
		"Log:\n"
		"      --log FILE           Log\n");
}

static void test_help_merges_equal_titles(void **state)
{
	const char *text = help_of("help_test");

	assert_true(!strncmp(text,
			     "Machine:\n"
			     "  -f, --first FILE  First\n"
			     "\n"
			     "Devices:\n",
			     strlen("Machine:\n  -f, --first FILE  First\n\nDevices:\n")));
	assert_non_null(strstr(text, "\n      --tty N       Terminal\n"));
	assert_non_null(strstr(text, "\n      --rng         Random numbers\n"));
	assert_null(strstr(strstr(text, "Devices:") + 1, "Devices:"));
	assert_string_equal(help_of("no such command"), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_long_forms),
		TEST(test_values_may_look_like_options),
		TEST(test_short_forms),
		TEST(test_bundle_ends_in_an_option_with_a_value),
		TEST(test_short_errors),
		TEST(test_positionals_mix_with_options),
		TEST(test_two_dashes_end_options),
		TEST(test_early_options),
		TEST(test_abbreviations),
		TEST(test_exact_name_beats_longer_ones),
		TEST(test_ambiguous_names_the_candidates),
		TEST(test_unknown),
		TEST(test_did_you_mean),
		TEST(test_flags),
		TEST(test_flag_takes_no_word),
		TEST(test_negated_values),
		TEST(test_what_cannot_be_negated),
		TEST(test_list_keeps_the_order),
		TEST(test_uint),
		TEST(test_size),
		TEST(test_duration),
		TEST(test_choice),
		TEST(test_callback),
		TEST(test_first_error_ends_it),
		TEST(test_garbage_is_shown_harmless),
		TEST(test_explicit_groups),
		TEST(test_help),
		TEST(test_help_merges_equal_titles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
