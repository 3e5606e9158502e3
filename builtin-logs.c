// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm logs: what a detached machine wrote to its console, and lkvm's own words about it.
 *
 * NAME.log is copied to standard output without change. With -f the command reads on until no
 * process holds the name any more. The size of the log is limited: from time to time the machine
 * replaces the file by a next version, which begins with the newer half (control/remains.c). Then
 * the old file is read to its end, and the new one from the same place in the text. If the new file
 * does not contain that place, it belongs to another run, and this run has ended. A reader that is
 * more than half a MiB late misses some text; the machine never waits for a reader.
 *
 * Main thread.
 */
#include <kvm/builtin.h>

#include <kvm/client-select.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/remains.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_US	    50000
#define PIECE_BYTES (64 * KIB)

static bool follow, help;

static const struct option logs_options[] = {
	{.name = "follow",
	 .short_name = 'f',
	 .type = OPTION_FLAG,
	 .value = &follow,
	 .help = "go on until the machine has ended"},
	SELECT_HELP_OPTION(help),
};
OPTION_GROUP(logs, logs, "Logs", 10, logs_options);

static int logs_open(int dir, const char *name)
{
	char file[RUNTIME_FILE_MAX];
	int fd;

	remains_file(file, name, ".log");
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Copy from the current offset to the end of the file. 0 or -errno after log_error(). */
static int logs_copy(int fd)
{
	static char piece[PIECE_BYTES];
	ssize_t len;
	int err;

	while ((len = read(fd, piece, sizeof(piece))) > 0) {
		err = write_full(STDOUT_FILENO, piece, (size_t)len);
		if (err)
			return log_fail(err, "logs: standard output cannot be written: %s",
					strerror(-err));
	}
	return len < 0 ? log_fail(-errno, "logs: %s", strerror(errno)) : 0;
}

/*
 * If a next version has replaced the open file, read the old one to its end, and put the new one,
 * at the same place in the text, into *fd. 1: done. 0: there is no next version, or it is not yet
 * complete. -ESTALE: the new file belongs to another run.
 */
static int logs_turn(int dir, const char *name, int *fd)
{
	struct stat old, new;
	int err, next = logs_open(dir, name);
	off_t at;

	if (next < 0)
		return 0;
	if (fstat(*fd, &old) < 0 || fstat(next, &new) < 0 ||
	    (old.st_ino == new.st_ino &&old.st_dev == new.st_dev)) {
		close(next);
		/*
		 * A full disk has no room for a next version: then the machine empties the log.
		 * Read it from the start again if it is shorter than what we have read.
		 */
		return lseek(*fd, 0, SEEK_CUR) > old.st_size && !lseek(*fd, 0, SEEK_SET);
	}
	err = logs_copy(*fd);
	at = lseek(*fd, 0, SEEK_CUR) - remains_log_cut(*fd);
	if (!err && at >= 0 && at <= new.st_size &&lseek(next, at, SEEK_SET) == at) {
		close(*fd);
		*fd = next;
		return 1;
	}
	close(next);
	if (!err && at < 0)
		err = -ESTALE;
	return err;
}

static int logs_follow(int dir, const char *name, int *fd)
{
	bool held = true;
	int ret = 0;

	while (ret >= 0 && held) {
		usleep(LOOK_US);
		/*
		 * Ask for the lock first: then what was written before the machine ended is still
		 * copied.
		 */
		held = runtime_dir_is_locked(dir, name);
		do {
			ret = logs_copy(*fd);
			ret = ret ?: logs_turn(dir, name, fd);
		} while (ret > 0);
	}
	return ret == -ESTALE ? 0 : ret;
}

int builtin_logs(int argc, char **argv)
{
	int dir, fd, status, err;
	const char *name = select_name("logs", &help, argc, argv, &status);

	if (!name)
		return status;
	dir = runtime_dir_open(false);
	if (dir < 0 && dir != -ENOENT)
		return STATUS_ERROR;
	fd = dir < 0 ? dir : logs_open(dir, name);
	if (fd < 0) {
		if (dir >= 0)
			close(dir);
		if (fd == -ENOENT)
			log_error("%s: there is no log of that name; a machine keeps one that was "
				  "started by run --detach",
				  name);
		else
			log_error("%s: its log cannot be read: %s", name, strerror(-fd));
		return STATUS_ERROR;
	}
	err = logs_copy(fd);
	if (!err && follow)
		err = logs_follow(dir, name, &fd);
	close(fd);
	close(dir);
	return err ? STATUS_ERROR : 0;
}
