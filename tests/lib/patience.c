// SPDX-License-Identifier: GPL-2.0-only
/*
 * The factor by which each limit of a test grows: how much slower this machine is at the moment
 * than the idle one for which the limits were chosen.
 *
 * It is the product of two numbers, both at least 1:
 * - the CPU time that a fixed job takes, over the time that it took on that machine;
 * - the number of threads for each CPU: those that can run now, without ours, or the average of the
 *   last minute, whichever is more.
 *
 * LKVM_PATIENCE=PERCENT replaces both. tests/lab/run sets it for the nested machine of the lab,
 * which is always slow, and does not see the load of its host.
 *
 * Linked into each unit test and into programs of the payload tests. Scripts use
 * tests/lib/patience, which builds this file as a program. The clock is read by system call,
 * because some tests replace clock_gettime().
 */
#include "patience.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define JOB_STEPS   1000000
#define JOB_NS	    2500000 /* the machine of 2026 needs 1.9 ms: a little slower is as good */
#define JOB_TRIES   3
#define MAX_PERCENT 4000

static uint64_t cpu_ns(void)
{
	struct timespec used = {0};

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* Each step needs the result of the step before it, so the steps cannot run side by side. */
static uint64_t job_ns(void)
{
	uint64_t x = 88172645463325252ULL, begin = cpu_ns();

	for (int i = 0; i < JOB_STEPS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	__asm__ volatile("" : : "r"(x));
	return cpu_ns() - begin;
}

static unsigned int slowness_percent(void)
{
	static unsigned int percent; /* two threads that measure at once find the same */
	uint64_t best = UINT64_MAX;

	if (percent)
		return percent;
	for (int i = 0; i < JOB_TRIES; i++) {
		uint64_t ns = job_ns();

		if (ns < best)
			best = ns;
	}
	percent = best > JOB_NS ? (unsigned int)(best * 100 / JOB_NS) : 100;
	return percent;
}

static unsigned int load_percent(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double average = 0, most;
	int running = 0;
	FILE *file = fopen("/proc/loadavg", "r");

	if (!file)
		return 100;
	if (fscanf(file, "%lf %*f %*f %d/", &average, &running) != 2)
		running = 0;
	fclose(file);
	most = running - 1 > average ? running - 1 : average;
	return cpus > 0 && most > (double)cpus ? (unsigned int)(most * 100 / (double)cpus) : 100;
}

unsigned int patience_percent(void)
{
	const char *given = getenv("LKVM_PATIENCE");
	unsigned int percent;

	if (given && atoi(given) > 0)
		return (unsigned int)atoi(given);
	percent = slowness_percent() * load_percent() / 100;
	return percent < MAX_PERCENT ? percent : MAX_PERCENT;
}

uint64_t patient_ns(uint64_t ns)
{
	return ns * patience_percent() / 100;
}

int patient_ms(int ms)
{
	return (int)((long long)ms * patience_percent() / 100);
}

unsigned int patient_s(unsigned int seconds)
{
	return (seconds * patience_percent() + 99) / 100;
}

#ifdef PATIENCE_PROGRAM
int main(void)
{
	printf("%u\n", patience_percent());
	return 0;
}
#endif
