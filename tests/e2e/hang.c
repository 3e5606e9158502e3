// SPDX-License-Identifier: GPL-2.0-only
/*
 * hang.so, for LD_PRELOAD: a host whose storage does not answer.
 *
 * pwritev() and fdatasync(), which disks with aio=threads use, wait while there is a file "hang" in
 * the current folder.
 */
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void wait_for_the_host(void)
{
	while (!access("hang", F_OK))
		usleep(10000);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	wait_for_the_host();
	return syscall(SYS_pwritev, fd, iov, count, offset, 0);
}

int fdatasync(int fd)
{
	wait_for_the_host();
	return (int)syscall(SYS_fdatasync, fd);
}
