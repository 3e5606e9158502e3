// SPDX-License-Identifier: GPL-2.0-only
/*
 * forbid: run a command for which some system calls fail, as under a container's seccomp filter.
 *
 *   forbid CALL... -- COMMAND [ARG...]
 *
 * CALL is one of the names below; it fails with EPERM, in the command and all that it starts. Exit
 * status: the command's; 77 where the host has no seccomp filters, 2 when it is not used as said
 * here.
 *
 * Spec: seccomp(2), SECCOMP_MODE_FILTER.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS_MAX 8

static const struct {
	const char *name;
	unsigned int number;
} calls[] = {
	{"io_uring_setup", SYS_io_uring_setup}, {"io_setup", SYS_io_setup},
	{"fallocate", SYS_fallocate},		{"sched_getaffinity", SYS_sched_getaffinity},
	{"epoll_wait", SYS_epoll_wait},
};

static int find_call(const char *name)
{
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!strcmp(calls[i].name, name))
			return (int)calls[i].number;
	}
	return -1;
}

/* One test a call, then "allow", then "EPERM". */
static int forbid(const unsigned int *numbers, unsigned int count)
{
	struct sock_filter filter[CALLS_MAX + 3] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.len = (unsigned short)(count + 3), .filter = filter};

	for (unsigned int i = 0; i < count; i++)
		filter[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i],
							     (unsigned char)(count - i), 0);
	filter[1 + count] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[2 + count] =
		(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	unsigned int numbers[CALLS_MAX], count = 0;
	int at = 1;

	for (; at < argc && strcmp(argv[at], "--"); at++) {
		int number = find_call(argv[at]);

		if (number < 0 || count == CALLS_MAX) {
			fprintf(stderr, "forbid: %s: unknown, or too many\n", argv[at]);
			return 2;
		}
		numbers[count++] = (unsigned int)number;
	}
	if (at + 1 >= argc) {
		fprintf(stderr, "usage: forbid CALL... -- COMMAND [ARG...]\n");
		return 2;
	}
	if (forbid(numbers, count)) {
		fprintf(stderr, "forbid: no seccomp filters here: %s\n", strerror(errno));
		return 77;
	}
	execvp(argv[at + 1], argv + at + 1);
	fprintf(stderr, "forbid: %s: %s\n", argv[at + 1], strerror(errno));
	return 2;
}
