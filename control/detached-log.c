// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of a detached machine: console and messages in NAME.log, the result in NAME.json.
 *
 * The console passes its output to a writer (util/writer.c), whose thread appends it to the log:
 * the disk of the log may stall, and neither the loop nor a vCPU may wait for it. console.c treats
 * the writer like any other reader: if it is slow, the oldest output is dropped, and a message says
 * so. Standard output is /dev/null. Standard error is the terminal until the start is over. After
 * that it is the log file, opened for appending, so that the last messages of a process that
 * crashes need no thread.
 *
 * The log is at most 1 MiB. Before it would grow larger, the thread makes its next version
 * (control/remains.c), which begins with the newer half, and moves standard error to it. Messages
 * that reached the end of the old file meanwhile are copied too. A write that fails (a full disk)
 * loses that piece of output; the guest goes on, and the next piece is tried again. A message at
 * the end of the run counts the lost bytes, if the log has room for it then.
 *
 * The result says "running" as soon as we hold the name, before the machine exists; result.c
 * completes it. A machine whose guest never ran leaves no files: the starter has printed the error.
 *
 * Main thread, except the writer's thread and instance_log_take_stderr() (loop).
 */
#include <kvm/config.h>
#include <kvm/control-name.h>
#include <kvm/detached-log.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/remains.h>
#include <kvm/result.h>
#include <kvm/util.h>
#include <kvm/writer.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES (64 * KIB)
#define MARGIN	    (32 * KIB) /* for lines of standard error between two checks of the size */
#define LOOK_NS	    NSEC_PER_SEC
#define END_NS	    (2 * NSEC_PER_SEC)

static ssize_t instance_log_write(void *arg, const u8 *data, size_t len);
static void instance_log_look(void *arg);

static u8 ring_bytes[PIECE_BYTES];

static struct {
	struct writer writer;
	struct sink sink;
	int fd; /* NAME.log; only the thread changes it */
	u64 lost;
	char file[RUNTIME_FILE_MAX], next[RUNTIME_FILE_MAX], json[64 + RUNTIME_FILE_MAX];
	pthread_mutex_t lock; /* for stderr_too, and for dup2() to standard error */
	bool stderr_too;
} ilog = {.writer = {.write = instance_log_write,
		     .idle = instance_log_look,
		     .idle_ns = LOOK_NS,
		     .ring = RING_OVER(ring_bytes)},
	  .fd = -1,
	  .lock = PTHREAD_MUTEX_INITIALIZER};

static int instance_log_open(const char *file)
{
	return openat(instance_dir_fd(), file,
		      O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* --- the thread --- */

/* Append the bytes [from, end) of one file to another. */
static int instance_log_carry(int to, int from_fd, off_t from, off_t end)
{
	static u8 piece[PIECE_BYTES];
	int err = 0;

	while (!err && from < end) {
		size_t len = MIN(sizeof(piece), (size_t)(end - from));

		err = pread_full(from_fd, piece, len, from);
		err = err ?: write_full(to, piece, len);
		from += (off_t)len;
	}
	return err;
}

/*
 * Start the next version. If the disk has no room for it, empty the log: all of its text is lost.
 */
static void instance_log_turn(off_t size)
{
	int old = ilog.fd, new = instance_log_open(ilog.next);
	off_t cut = remains_log_cut(old);
	struct stat st;

	if (new < 0 || instance_log_carry(new, old, cut, size) ||
	    renameat(instance_dir_fd(), ilog.next, instance_dir_fd(), ilog.file) < 0) {
		if (new >= 0)
			close(new);
		unlinkat(instance_dir_fd(), ilog.next, 0);
		ilog.lost += ftruncate(old, 0) < 0 ? 0 : (u64)size;
		return;
	}
	pthread_mutex_lock(&ilog.lock);
	ilog.fd = new;
	if (ilog.stderr_too)
		dup2(new, STDERR_FILENO);
	pthread_mutex_unlock(&ilog.lock);
	if (!fstat(old, &st))
		instance_log_carry(new, old, size, st.st_size);
	close(old);
}

/* Start the next version if len more bytes would not fit. */
static void instance_log_fit(size_t len)
{
	struct stat st;

	if (!fstat(ilog.fd, &st) && st.st_size + (off_t)len > (off_t)(REMAINS_LOG_MAX - MARGIN))
		instance_log_turn(st.st_size);
}

/* Writes all of data, or counts the rest as lost; so it always returns len. */
static ssize_t instance_log_write(void *arg, const u8 *data, size_t len)
{
	size_t left = len;

	instance_log_fit(len);
	while (left) {
		ssize_t done = write(ilog.fd, data, left);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		data += done;
		left -= (size_t)done;
	}
	ilog.lost += left;
	return (ssize_t)len;
}

/* Called every second while the guest writes nothing: standard error may grow all the same. */
static void instance_log_look(void *arg)
{
	instance_log_fit(0);
}

/* --- the module --- */

void instance_log_take_stderr(void)
{
	pthread_mutex_lock(&ilog.lock);
	ilog.stderr_too = true;
	dup2(ilog.fd, STDERR_FILENO);
	pthread_mutex_unlock(&ilog.lock);
}

static int instance_log_start(struct kvm *kvm)
{
	int err;

	ilog.fd = instance_log_open(ilog.file);
	if (ilog.fd < 0)
		return -errno;
	err = writer_start(&ilog.writer);
	if (err) {
		close(ilog.fd);
		return err;
	}
	ilog.sink = writer_sink(&ilog.writer, "its log");
	kvm->output = &ilog.sink;
	return 0;
}

static int instance_log_init(struct kvm *kvm)
{
	int err;

	if (config.dry_run)
		return 0;
	/* Remove the files of the last machine of this name. */
	remains_remove(instance_dir_fd(), config.name);
	if (!config.detach)
		return 0;
	remains_file(ilog.file, config.name, ".log");
	remains_file(ilog.next, config.name, REMAINS_LOG_NEW);
	snprintf(ilog.json, sizeof(ilog.json), "/proc/self/fd/%d/%.*s.json", instance_dir_fd(),
		 RUNTIME_NAME_MAX, config.name);
	err = result_keep(ilog.json);
	err = err ?: instance_log_start(kvm);
	if (err) {
		result_keep(NULL);
		remains_remove(instance_dir_fd(), config.name);
		return log_fail(err, "--detach: %s and %s.json cannot be made: %s", ilog.file,
				config.name, strerror(-err));
	}
	return 0;
}

static void instance_log_stop(struct kvm *kvm)
{
	u64 left;

	kvm->output = NULL;
	/* If the thread hangs in a write to the file, leave it: the end of the process ends it. */
	if (!writer_stop(&ilog.writer, END_NS, &left))
		return;
	if (ilog.lost)
		log_warn("%s: %llu bytes were lost because they could not be written", ilog.file,
			 ilog.lost);
	close(ilog.fd);
}

static void instance_log_exit(struct kvm *kvm)
{
	if (!config.detach || config.dry_run)
		return;
	instance_log_stop(kvm);
	result_keep(NULL);
	if (!phase_ns(PHASE_FIRST_RUN))
		remains_remove(instance_dir_fd(), config.name);
}

INIT_MODULE(instance_log, .level = INIT_LOG, .init = instance_log_init, .exit = instance_log_exit);
