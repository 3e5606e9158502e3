// SPDX-License-Identifier: GPL-2.0-only
/*
 * One line on standard error for each thing a user has to know.
 *
 * A message is formatted into one buffer on the stack, then copied into a second one after its
 * prefix, and written with one write(2). The line fits into PIPE_BUF, so lines of several threads
 * stay whole on a terminal, in a file and in a pipe. Nothing is allocated: out of memory can be
 * reported too. errno is left as it was, so a caller may log first and return -errno after.
 *
 * The copy shows control characters as \xNN (util/printable.c), because a message may quote what a
 * guest wrote or the name of a file. A message that does not fit ends in "...".
 *
 * The first error is kept for the result file: if an error ends a run, it is the first one, and
 * later errors are its consequences.
 *
 * Any thread may call. log_threshold and the sink are set while there is only one thread. One mutex
 * protects the counters of log_limit, another the first error. Neither is held during a write: a
 * vCPU does not wait for another thread's terminal here.
 *
 * Left out on purpose: time stamps, syslog, files. Standard error belongs to the program that
 * started lkvm, which can add all three.
 */
#include <errno.h>
#include <kvm/log.h>
#include <kvm/printable.h>
#include <kvm/util.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024 /* bytes, with prefix and newline */
_Static_assert(LOG_LINE_MAX <= PIPE_BUF, "a line must be one atomic write to a pipe");

#define LOG_WINDOW_NS (5 * NSEC_PER_SEC)
#define LOG_WAIT_MS   200

enum log_level log_threshold = LOG_WARN;

static atomic_ulong log_errors;
static pthread_mutex_t log_first_mutex = PTHREAD_MUTEX_INITIALIZER;
static char log_first[LOG_LINE_MAX]; /* the first error, without its prefix */
static void (*log_sink)(enum log_level level, const char *line, void *arg);
static void *log_sink_arg;
static pthread_mutex_t log_limit_mutex = PTHREAD_MUTEX_INITIALIZER;

static const char *const log_prefixes[] = {
	[LOG_ERROR] = "lkvm: ",
	[LOG_WARN] = "lkvm: warning: ",
	[LOG_INFO] = "lkvm: ",
	[LOG_DEBUG] = "lkvm: debug: ",
};

/* Fill line with prefix and message, ended by a NUL. Returns its length. */
static size_t log_compose(char line[LOG_LINE_MAX], enum log_level level, const char *message)
{
	size_t len = strlen(log_prefixes[level]);

	memcpy(line, log_prefixes[level], len);
	return len + printable_copy(line + len, LOG_LINE_MAX - len, message);
}

/*
 * True if a line can be written without blocking. Standard error is often the same pipe as the
 * guest's console, and its reader may have stopped: a thread that logs must not stop as well. The
 * first line waits LOG_WAIT_MS for room; further lines do not wait until there is room again. A
 * pipe that is ready has room for PIPE_BUF bytes, more than a line.
 */
static bool log_may_write(void)
{
	static atomic_bool stuck;
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	bool writable = poll(&ready, 1, atomic_load(&stuck) ? 0 : LOG_WAIT_MS) != 0;

	atomic_store(&stuck, !writable);
	return writable;
}

static void log_keep_first(const char *text)
{
	pthread_mutex_lock(&log_first_mutex);
	snprintf(log_first, sizeof(log_first), "%s", text);
	pthread_mutex_unlock(&log_first_mutex);
}

void log_get_first_error(char *text, size_t size)
{
	pthread_mutex_lock(&log_first_mutex);
	snprintf(text, size, "%s", log_first);
	pthread_mutex_unlock(&log_first_mutex);
}

static void log_emit(enum log_level level, const char *message)
{
	char line[LOG_LINE_MAX];
	size_t len = log_compose(line, level, message);

	if (level == LOG_ERROR && !atomic_fetch_add(&log_errors, 1))
		log_keep_first(line + strlen(log_prefixes[level]));
	if (log_sink) {
		log_sink(level, line, log_sink_arg);
		return;
	}
	line[len++] = '\n';
	if (!log_may_write())
		return;
	/* An error of standard error itself cannot be reported anywhere. */
	while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
		;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char message[LOG_LINE_MAX];
	int saved_errno = errno;
	va_list ap;

	if (level > log_threshold)
		return;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	log_emit(level, message);
	errno = saved_errno;
}

/* True if this line may be printed; *suppressed: how many lines were dropped before it. */
static bool log_limit_admit(struct log_limit *limit, u32 *suppressed)
{
	u64 now = now_ns();
	bool admitted;

	*suppressed = 0;
	pthread_mutex_lock(&log_limit_mutex);
	if (!limit->window_start_ns || now - limit->window_start_ns >= LOG_WINDOW_NS) {
		*suppressed = limit->suppressed;
		*limit = (struct log_limit){.window_start_ns = now};
	}
	admitted = limit->printed < LOG_BURST;
	if (admitted)
		limit->printed++;
	else
		limit->suppressed++;
	pthread_mutex_unlock(&log_limit_mutex);
	return admitted;
}

void log_line_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
{
	char message[LOG_LINE_MAX];
	int saved_errno = errno;
	u32 suppressed;
	va_list ap;

	if (level > log_threshold || !log_limit_admit(limit, &suppressed))
		return;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (suppressed) {
		size_t len = strlen(message);

		snprintf(message + len, sizeof(message) - len, " (%u more suppressed)", suppressed);
	}
	log_emit(level, message);
	errno = saved_errno;
}

unsigned long log_error_count(void)
{
	return atomic_load(&log_errors);
}

void log_set_sink(void (*fn)(enum log_level level, const char *line, void *arg), void *arg)
{
	log_sink = fn;
	log_sink_arg = arg;
}
