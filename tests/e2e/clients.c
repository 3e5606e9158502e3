// SPDX-License-Identifier: GPL-2.0-only
/*
 * clients: fifty at once on a machine's control socket, of which ten behave badly.
 *
 *   clients SOCKET ROUNDS
 *   clients SOCKET full: connect until the backlog is full, say so, and stay until it is killed
 *
 * Of the bad ones some never write, some never end a line, some ask without end and never read,
 * some send bytes that mean nothing; one that is dropped comes back. In each round every good one
 * asks for the machine's statistics, all at once, and reads its answer to the line's end.
 *
 * Prints "ANSWERS answers, the slowest after N us". Status 1 when one is not answered in 5 s or
 * answered with something else (on an idle machine: patience.h).
 */
#include "tests/lib/patience.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define GOOD	40
#define BAD	10
#define WAIT_MS 5000
#define ASK	"{\"command\":\"stat\"}\n"

enum bad_kind { SILENT, HALF_A_LINE, NEVER_READS, GARBAGE, KINDS };

struct client {
	struct pollfd poll;
	enum bad_kind kind;
	bool answered;
	char answer[65536];
	size_t len;
};

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct client good[GOOD], bad[BAD];

static void die(const char *what)
{
	fprintf(stderr, "clients: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static int connect_one(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(address.sun_path);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void misbehave(struct client *client)
{
	static const char *const texts[KINDS] = {[HALF_A_LINE] = "{\"command\":",
						 [NEVER_READS] = ASK ASK ASK ASK,
						 [GARBAGE] = "\xff\0{]\n"};
	const char *text = texts[client->kind];
	ssize_t sent = 0;

	if (client->poll.fd < 0)
		client->poll.fd = connect_one();
	for (int i = 0; text && sent >= 0 && i < 100; i++)
		sent = send(client->poll.fd, text, strlen(text), MSG_NOSIGNAL);
	if (sent >= 0 || errno == EAGAIN)
		return;
	close(client->poll.fd);
	client->poll.fd = -1;
}

/* True: the answer is whole. */
static bool take(struct client *client)
{
	ssize_t got = recv(client->poll.fd, client->answer + client->len,
			   sizeof(client->answer) - client->len, 0);

	if (got <= 0)
		die("a good client's answer");
	client->len += (size_t)got;
	if (client->answer[client->len - 1] != '\n')
		return false;
	if (!memmem(client->answer, client->len, "\"ok\":true", 9)) {
		errno = EPROTO;
		die("a good client's answer");
	}
	client->len = 0;
	return true;
}

/* One round; the longest time to an answer, in microseconds. */
static long ask_all(void)
{
	struct pollfd polls[GOOD];
	long start = now_us(), worst = 0;
	int waiting = GOOD;

	for (int i = 0; i < GOOD; i++) {
		polls[i] = good[i].poll;
		if (send(polls[i].fd, ASK, strlen(ASK), MSG_NOSIGNAL) < 0)
			die("a good client's request");
	}
	while (waiting) {
		if (poll(polls, GOOD, patient_ms(WAIT_MS)) <= 0) {
			errno = ETIMEDOUT;
			die("a good client's answer");
		}
		for (int i = 0; i < GOOD; i++) {
			if (!polls[i].revents || !take(&good[i]))
				continue;
			worst = now_us() - start;
			polls[i].fd = -1;
			waiting--;
		}
	}
	return worst;
}

static int fill(void)
{
	int count = 0;

	while (count < 1000) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0 || (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
			       errno != EAGAIN))
			die(address.sun_path);
		if (errno == EAGAIN)
			break;
		count++;
	}
	printf("full after %d\n", count);
	fflush(stdout);
	return pause();
}

int main(int argc, char **argv)
{
	long worst = 0;
	int rounds;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	if (!strcmp(argv[2], "full"))
		return fill();
	rounds = atoi(argv[2]);
	for (int i = 0; i < BAD; i++)
		bad[i] = (struct client){.poll.fd = -1, .kind = (enum bad_kind)(i % KINDS)};
	for (int i = 0; i < GOOD; i++)
		good[i].poll = (struct pollfd){.fd = connect_one(), .events = POLLIN};
	for (int round = 0; round < rounds; round++) {
		long took;

		for (int i = 0; i < BAD; i++)
			misbehave(&bad[i]);
		took = ask_all();
		worst = took > worst ? took : worst;
	}
	printf("%d answers, the slowest after %ld us\n", rounds * GOOD, worst);
	return 0;
}
