// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole reads and writes, and the clock.
 *
 * read(2) and write(2) may move fewer bytes than asked, and a signal (the one
 * that kicks a vCPU, say) may interrupt them. Callers that want all or an error
 * come here, so that the retry loop exists once.
 *
 * Any thread calls; nothing here keeps state. A file that ends early is -EIO: a
 * caller that accepts a short file asks for its size first. A failed write_full()
 * or pwrite_full() has written an unknown part: callers write to something that
 * they can throw away (a temporary file, a socket to be closed), or pass the
 * error on (a disk's request).
 *
 * Long transfers go in pieces of PIECE_MAX, and cancel_check() is asked between two: a
 * signal or --timeout ends a start that reads a large kernel from a slow disk.
 *
 * Left out on purpose: waiting. A descriptor that is non-blocking returns
 * -EAGAIN; the loop is the place to wait.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <kvm/cancel.h>
#include <kvm/util.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE_MAX (4 * MIB)

int pread_full(int fd, void *buf, size_t len, off_t offset)
{
	char *to = buf;

	while (len) {
		ssize_t n = pread(fd, to, MIN(len, PIECE_MAX), offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		to += n;
		len -= n;
		offset += n;
		if (len && cancel_check())
			return -ECANCELED;
	}
	return 0;
}

int file_read_whole(const char *path, size_t max, u8 **data, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int err = 0;

	*data = NULL;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if ((u64)st.st_size > max)
		err = -EFBIG;
	*len = err ? 0 : (size_t)st.st_size;
	if (!err) {
		*data = malloc(*len + 1);
		err = *data ? pread_full(fd, *data, *len, 0) : -ENOMEM;
	}
	close(fd);
	if (err) {
		free(*data);
		*data = NULL;
	}
	return err;
}

static bool file_is_in_use(int fd)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	struct stat st, other;
	bool found = false;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		st.st_ino = 0;
	while (dir && st.st_ino && !found && (entry = readdir(dir))) {
		int at = (int)strtol(entry->d_name, NULL, 10);

		found = at > STDERR_FILENO && at != fd && !fstat(at, &other) &&
			other.st_ino == st.st_ino && other.st_dev == st.st_dev;
	}
	if (dir)
		closedir(dir);
	return found;
}

int file_empty(int fd)
{
	if (file_is_in_use(fd))
		return -EBUSY;
	return !ftruncate(fd, 0) || errno == EINVAL ? 0 : -errno;
}

int pwrite_full(int fd, const void *buf, size_t len, off_t offset)
{
	const char *from = buf;

	while (len) {
		ssize_t n = pwrite(fd, from, MIN(len, PIECE_MAX), offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		len -= n;
		offset += n;
		if (len && cancel_check())
			return -ECANCELED;
	}
	return 0;
}

int write_full(int fd, const void *buf, size_t len)
{
	const char *from = buf;

	while (len) {
		ssize_t n = write(fd, from, MIN(len, PIECE_MAX));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* No progress and no errno: an error, because a retry could repeat for ever. */
		if (n == 0)
			return -EIO;
		from += n;
		len -= n;
		if (len && cancel_check())
			return -ECANCELED;
	}
	return 0;
}

u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

u64 add_ns(u64 at_ns, u64 ns)
{
	return ns > UINT64_MAX - at_ns ? UINT64_MAX : at_ns + ns;
}
