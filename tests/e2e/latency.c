// SPDX-License-Identifier: GPL-2.0-only
/*
 * latency SOCKET PID: ask a machine 100 times for its name, 5 ms apart; print the longest time to
 * an answer, in microseconds. Status 1 when there is none. What its loop's thread, which is the
 * first, or this program stood in line for a CPU of a busy host is not counted.
 *
 * Spec: Linux Documentation/scheduler/sched-stats.rst (/proc/PID/schedstat).
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ASK "{\"command\":\"hello\"}\n"

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

/* How long it has waited for a CPU; 0 where the kernel does not tell. */
static long waited_us(const char *pid)
{
	char path[64];
	long long ran, waited = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/schedstat", pid);
	file = fopen(path, "re");
	if (file && fscanf(file, "%lld %lld", &ran, &waited) != 2)
		waited = 0;
	if (file)
		fclose(file);
	return (long)(waited / 1000);
}

static long all_waited_us(const char *pid)
{
	return waited_us(pid) + waited_us("self");
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long worst = 0;
	char answer[65536];

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 1;
	for (int i = 0; i < 100; i++) {
		long waited = all_waited_us(argv[2]), start = now_us(), took;
		ssize_t got;

		if (send(fd, ASK, strlen(ASK), MSG_NOSIGNAL) < 0)
			return 1;
		do {
			got = recv(fd, answer, sizeof(answer), 0);
			if (got <= 0)
				return 1;
		} while (answer[got - 1] != '\n');
		took = now_us() - start;
		took -= all_waited_us(argv[2]) - waited;
		worst = took > worst ? took : worst;
		usleep(5000);
	}
	printf("%ld\n", worst);
	return 0;
}
