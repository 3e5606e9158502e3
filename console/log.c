// SPDX-License-Identifier: GPL-2.0-only
/*
 * --console-log: what the guest writes to its console, in a file as well.
 *
 * console_write_from() passes every byte to console_log_write() before it goes into the console's
 * own ring. So the log also has the bytes that a slow reader of standard output did not get.
 * A writer (util/writer.c) with a ring of 1 MiB writes them to the file, because its disk may
 * stall, or the reader of a FIFO may sleep. No vCPU and no loop ever waits for the file: when the
 * ring is full, new bytes are dropped, and one line at the end says how many.
 *
 * At the end the thread has END_NS to write the rest; a write that hangs longer is abandoned. An
 * error of the file (a full disk) is reported once, and the log ends there; the guest goes on.
 *
 * The file is emptied when it is opened, before there is a machine. A FIFO that no one reads is
 * refused.
 */
#include <kvm/config.h>
#include <kvm/console-log.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/util.h>
#include <kvm/writer.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_NS (2 * NSEC_PER_SEC)

static const char *path;

static const struct option console_log_options[] = {
	{.name = "console-log",
	 .type = OPTION_STRING,
	 .value = &path,
	 .arg = "FILE",
	 .help = "write the guest's console output to it as well"},
};
OPTION_GROUP(console_log, run, "Devices", 30, console_log_options);

static ssize_t console_log_out(void *arg, const u8 *data, size_t len);

static u8 ring_bytes[1 * MIB];

static struct {
	int fd; /* the writer's file; -1: there is no log */
	struct writer writer;
	_Atomic u64 dropped;
} copy = {.fd = -1, .writer = {.write = console_log_out, .ring = RING_OVER(ring_bytes)}};

void console_log_write(const u8 *data, size_t len)
{
	if (copy.fd >= 0)
		atomic_fetch_add(&copy.dropped, len - writer_put(&copy.writer, data, len));
}

/* On the writer's thread. Waits while a FIFO is full. */
static ssize_t console_log_out(void *arg, const u8 *data, size_t len)
{
	struct pollfd ready = {.fd = copy.fd, .events = POLLOUT};
	ssize_t done;

	while ((done = write(copy.fd, data, len)) < 0 && (errno == EINTR || errno == EAGAIN))
		poll(&ready, 1, -1);
	if (done < 0) {
		done = -errno;
		log_warn("--console-log %s: %s; the log ends here", path, strerror(errno));
	}
	return done;
}

/* Is the file that of --result or --boot-trace? They were written and closed before. */
static bool console_log_is_for_scripts(int fd)
{
	const char *const paths[] = {config.result, config.boot_trace};
	struct stat st, other;

	if (fstat(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (paths[i] && !stat(paths[i], &other) && other.st_ino == st.st_ino &&
		    other.st_dev == st.st_dev)
			return true;
	}
	return false;
}

static int console_log_init(struct kvm *kvm)
{
	int err;

	if (path && !strcmp(path, "-"))
		return log_fail(-EINVAL,
				"--console-log -: the console is on standard output already; name "
				"a file (./- for one of this name)");
	if (!path || config.dry_run)
		return 0;
	copy.fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	if (copy.fd < 0)
		return log_fail(-errno, "--console-log %s: %s", path,
				errno == ENXIO ? "a FIFO that nobody reads" : strerror(errno));
	/* file_empty() sees a kernel, an initrd or a disk: all of them are open by now. */
	err = console_log_is_for_scripts(copy.fd) ? -EBUSY : file_empty(copy.fd);
	if (err) {
		close(copy.fd);
		copy.fd = -1;
		return log_fail(err, "--console-log %s: %s", path,
				err == -EBUSY ? "is another file of this run" : strerror(-err));
	}
	atomic_store(&copy.dropped, 0);
	err = writer_start(&copy.writer);
	if (err) {
		close(copy.fd);
		copy.fd = -1;
		return log_fail(err, "--console-log: no thread: %s", strerror(-err));
	}
	return 0;
}

static void console_log_exit(struct kvm *kvm)
{
	u64 left;

	if (copy.fd < 0)
		return;
	if (!writer_stop(&copy.writer, END_NS, &left)) {
		/* The thread hangs in the file: the process ends without it. */
		log_warn("--console-log %s: is not written out after 2 s; the last %llu bytes are "
			 "lost",
			 path, left);
		return;
	}
	if (copy.dropped)
		log_warn("--console-log %s: %llu bytes were lost because it is written too slowly",
			 path, atomic_load(&copy.dropped));
	close(copy.fd);
	copy.fd = -1;
}

/* Early, so that a file that cannot be opened is reported before there is a machine. */
INIT_MODULE(console_log, .level = INIT_BASE, .init = console_log_init, .exit = console_log_exit);
