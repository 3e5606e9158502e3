// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures one run of a VMM from outside: the same way for lkvm, the floor probe and others.
 *
 * usage: harness [-e] MARKER COMMAND...
 *
 * Starts COMMAND with a pipe on standard input and output. Times are from just before
 * the exec, on CLOCK_MONOTONIC:
 *   entry_us   to the first kvm_entry tracepoint of this VM (tracefs, when it is there)
 *   init_us    to MARKER in its output
 *   end_us     to its end, without the time that it stood at the marker
 * At the marker, while the guest waits for a byte of input, KVM's counters of this VM
 * are read from debugfs, and what the process has in memory outside guest RAM from
 * /proc/PID/smaps: every mapping but those of at least 64 MiB. Then the byte is sent.
 * Output: "name value" lines. The tracepoint costs 0.1 us an entry, 0.03 % of a boot.
 *
 * MARKER "-" waits for the end only (the floor probe).
 *
 * -e counts memory exactly: what COMMAND touches is in memory and nothing else. Without it the
 * kernel maps up to 16 pages of a file around each one that is touched, and the start of the stack
 * lies at random in its page.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRACING "/sys/kernel/debug/tracing"
#define DEBUGFS "/sys/kernel/debug/kvm"
#define AROUND	"/sys/kernel/debug/fault_around_bytes"
#define RAM_KB	(64 * 1024)

extern char **environ;

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

static bool trace_on(void)
{
	/* The oldest events are the ones wanted: stop when the buffer is full. */
	return put(TRACING "/trace_clock", "mono") && put(TRACING "/options/overwrite", "0") &&
	       put(TRACING "/trace", "\n") && put(TRACING "/events/kvm/kvm_entry/enable", "1");
}

/* Time stamp of the first kvm_entry in the trace, in microseconds; -1: none. */
static long long trace_first_entry(void)
{
	FILE *trace;
	char line[512];
	long long us = -1;

	put(TRACING "/events/kvm/kvm_entry/enable", "0");
	trace = fopen(TRACING "/trace", "r");
	while (trace && us < 0 && fgets(line, sizeof(line), trace)) {
		char *at = strstr(line, ": kvm_entry:");
		double seconds;

		if (line[0] == '#' || !at)
			continue;
		while (at > line && at[-1] != ' ')
			at--;
		if (sscanf(at, "%lf", &seconds) == 1)
			us = (long long)(seconds * 1e6);
	}
	if (trace)
		fclose(trace);
	return us;
}

/* KVM's counters of the VM that pid owns. */
static void print_counters(pid_t pid)
{
	static const char *const names[] = {
		"exits",    "io_exits", "mmio_exits", "halt_exits", "irq_exits",
		"pf_taken", "pages_4k", "pages_2m",   "pages_1g",   "irq_injections"};
	DIR *dir = opendir(DEBUGFS);
	struct dirent *entry;
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "%d-", (int)pid);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			char path[512], value[32] = "";
			FILE *file;

			snprintf(path, sizeof(path), DEBUGFS "/%s/%s", entry->d_name, names[i]);
			file = fopen(path, "r");
			if (file && fgets(value, sizeof(value), file))
				printf("%s %lld\n", names[i], atoll(value));
			if (file)
				fclose(file);
		}
	}
	if (dir)
		closedir(dir);
}

/* Memory of the process that is not guest RAM. */
static void print_memory(pid_t pid)
{
	char path[64], line[512];
	long size = 0, value, rss = 0, pss = 0, anon = 0;
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	smaps = fopen(path, "r");
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "Size: %ld kB", &value) == 1)
			size = value;
		else if (size < RAM_KB && sscanf(line, "Rss: %ld kB", &value) == 1)
			rss += value;
		else if (size < RAM_KB && sscanf(line, "Pss: %ld kB", &value) == 1)
			pss += value;
		else if (size < RAM_KB && sscanf(line, "Anonymous: %ld kB", &value) == 1)
			anon += value;
	}
	if (smaps)
		fclose(smaps);
	printf("rss_kb %ld\npss_kb %ld\nanon_kb %ld\n", rss, pss, anon);
}

/* Read until marker shows, or the end. True: it showed. */
static bool wait_marker(int fd, const char *marker)
{
	static char seen[1 << 16];
	size_t used = 0;
	ssize_t len;

	while ((len = read(fd, seen + used, sizeof(seen) - 1 - used)) > 0) {
		used += (size_t)len;
		seen[used] = '\0';
		if (strstr(seen, marker))
			return true;
		if (used > sizeof(seen) / 2) {
			memmove(seen, seen + used - 64, 64);
			used = 64;
		}
	}
	return false;
}

/* For -e, from the next exec on. around: what was set, for the way back. */
static bool count_exactly(char around[32])
{
	FILE *file = fopen(AROUND, "r");
	bool good = file && fgets(around, 32, file);

	if (file)
		fclose(file);
	return good && put(AROUND, "4096") && personality(ADDR_NO_RANDOMIZE) >= 0;
}

int main(int argc, char **argv)
{
	bool exact = argc > 1 && !strcmp(argv[1], "-e");
	char around[32];
	int in[2], out[2], status;
	posix_spawn_file_actions_t files;
	long long start, marker, entry, stood = 0;
	bool tracing;
	char sink[4096];
	pid_t pid;

	argc -= exact;
	argv += exact;
	if (argc < 3 || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
		fprintf(stderr, "usage: harness [-e] MARKER COMMAND...\n");
		return 2;
	}
	if (exact && !count_exactly(around)) {
		perror("harness: -e");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], 0);
	posix_spawn_file_actions_adddup2(&files, out[1], 1);
	tracing = trace_on();
	start = now_us();
	if (posix_spawnp(&pid, argv[2], &files, NULL, argv + 2, environ)) {
		perror(argv[2]);
		return 2;
	}
	close(in[0]);
	close(out[1]);
	if (strcmp(argv[1], "-") && wait_marker(out[0], argv[1])) {
		marker = now_us();
		printf("init_us %lld\n", marker - start);
		print_counters(pid);
		print_memory(pid);
		stood = now_us() - marker;
		(void)!write(in[1], "\n", 1);
	}
	while (read(out[0], sink, sizeof(sink)) > 0)
		;
	waitpid(pid, &status, 0);
	if (exact)
		put(AROUND, around);
	printf("end_us %lld\n", now_us() - start - stood);
	printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	if (tracing) {
		entry = trace_first_entry();
		if (entry >= 0)
			printf("entry_us %lld\n", entry - start);
	}
	return 0;
}
