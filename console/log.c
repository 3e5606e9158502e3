// SPDX-License-Identifier: GPL-2.0-only
/*
 * --console-log: what the guest writes to its console, in a file as well.
 *
 * console_write() hands every byte on to console_log_write(), before the console's own ring, so
 * the log has what a reader of standard output that is slow or gone did not get. The bytes go into
 * a ring of 1 MiB; a thread of the log's own writes it out, for a file may be on a disk that stalls
 * and a FIFO may have a reader that sleeps. Neither a vCPU nor the loop ever waits for it: when the
 * ring is full, new bytes are dropped and counted, and the count is said at the end.
 *
 * The end: the thread has END_NS for what is left; a write that hangs longer is left to its fate.
 * An error of the file (a full disk) is said once, and the log ends there; the guest goes on.
 *
 * The file is emptied when it is opened, before there is a machine. A FIFO nobody reads is refused.
 */
#include <kvm/config.h>
#include <kvm/console-log.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/thread.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_BYTES (1 * MIB) /* a power of two */
#define END_NS	   (2 * NSEC_PER_SEC)

static const char *path;

static const struct option console_log_options[] = {
	{.name = "console-log",
	 .type = OPTION_STRING,
	 .value = &path,
	 .arg = "FILE",
	 .help = "write the guest's console output to it as well"},
};
OPTION_GROUP(console_log, run, "Devices", 30, console_log_options);

static struct {
	int fd; /* the thread's; -1: there is no log */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t news;
	/* Under the lock: */
	u8 ring[RING_BYTES];
	u64 head, tail; /* bytes ever put in and taken out */
	u64 dropped;
	bool open;    /* bytes are wanted */
	bool closing; /* the run is over: write what there is and end */
} copy = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};

void console_log_write(const u8 *data, size_t len)
{
	size_t room, at, first;

	if (copy.fd < 0)
		return;
	pthread_mutex_lock(&copy.lock);
	room = copy.open ? RING_BYTES - (copy.head - copy.tail) : 0;
	copy.dropped += copy.open ? len - MIN(len, room) : 0;
	len = MIN(len, room);
	at = copy.head % RING_BYTES;
	first = MIN(len, RING_BYTES - at);
	memcpy(copy.ring + at, data, first);
	memcpy(copy.ring, data + first, len - first);
	copy.head += len;
	if (len)
		pthread_cond_signal(&copy.news);
	pthread_mutex_unlock(&copy.lock);
}

/* Wait for bytes; how many lie in one piece at *at. 0: the end. */
static size_t console_log_wait(size_t *at)
{
	size_t len;

	pthread_mutex_lock(&copy.lock);
	while (copy.head == copy.tail && !copy.closing)
		pthread_cond_wait(&copy.news, &copy.lock);
	*at = copy.tail % RING_BYTES;
	len = MIN(copy.head - copy.tail, RING_BYTES - *at);
	pthread_mutex_unlock(&copy.lock);
	return len;
}

/* What lies between tail and head is the thread's own: console_log_write() goes round it. */
static void *console_log_thread(void *arg)
{
	struct pollfd ready = {.fd = copy.fd, .events = POLLOUT};
	size_t at, len;

	while ((len = console_log_wait(&at)) != 0) {
		ssize_t done = write(copy.fd, copy.ring + at, len);

		if (done < 0 && (errno == EINTR || errno == EAGAIN)) {
			poll(&ready, 1, -1);
			continue;
		}
		if (done < 0)
			log_warn("--console-log %s: %s; the log ends here", path, strerror(errno));
		pthread_mutex_lock(&copy.lock);
		copy.tail += done < 0 ? copy.head - copy.tail : (u64)done;
		copy.open = copy.open && done >= 0;
		pthread_mutex_unlock(&copy.lock);
	}
	return NULL;
}

/* The files for scripts are written and closed by now. */
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
	/* Kernel, initrds and disks are open by now. */
	err = console_log_is_for_scripts(copy.fd) ? -EBUSY : file_empty(copy.fd);
	if (err) {
		close(copy.fd);
		copy.fd = -1;
		return log_fail(err, "--console-log %s: %s", path,
				err == -EBUSY ? "is another file of this run" : strerror(-err));
	}
	copy.head = copy.tail = copy.dropped = 0;
	copy.open = true;
	copy.closing = false;
	err = thread_start(&copy.thread, 0, console_log_thread, NULL);
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
	pthread_mutex_lock(&copy.lock);
	copy.closing = true;
	pthread_cond_signal(&copy.news);
	pthread_mutex_unlock(&copy.lock);
	if (!thread_join_within(copy.thread, END_NS)) {
		/* It hangs in the file: the process ends without it. */
		pthread_mutex_lock(&copy.lock);
		left = copy.head - copy.tail;
		pthread_mutex_unlock(&copy.lock);
		log_warn("--console-log %s: is not written out after 2 s; the last %llu bytes are "
			 "lost",
			 path, left);
		return;
	}
	if (copy.dropped)
		log_warn("--console-log %s: %llu bytes were lost because it is written too slowly",
			 path, copy.dropped);
	close(copy.fd);
	copy.fd = -1;
}

/* Early, so that a file that cannot be opened is said before there is a machine. */
INIT_MODULE(console_log, .level = INIT_BASE, .init = console_log_init, .exit = console_log_exit);
