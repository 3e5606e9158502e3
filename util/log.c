// SPDX-License-Identifier: GPL-2.0-only
/*
 * One line on standard error for each thing a user has to know.
 *
 * A message is formatted into one buffer on the stack, then copied into a second
 * one behind its prefix, made harmless on the way, and handed to the kernel with
 * one write(2). The line fits into PIPE_BUF, so lines of several threads stay
 * whole on a terminal, in a file and in a pipe. Nothing is allocated: out of
 * memory can be reported too. errno is left as it was, so a caller may log first
 * and return -errno after.
 *
 * Made harmless: a message may quote what a guest wrote or what somebody named a
 * file. Control characters (C0, DEL and C1, which terminals obey) and bytes that
 * are not UTF-8 become \xNN; a newline in a name cannot fake a second line. A
 * backslash stays a backslash: paths are to be copied and pasted, and the form
 * is for people, not for a parser.
 *
 * A message that does not fit ends in "...". Escapes and UTF-8 sequences are
 * never cut in the middle.
 *
 * Any thread calls. log_threshold and the sink are set while there is one
 * thread. The mutex covers the arithmetic of log_limit only, never a write: a
 * vCPU does not wait for another thread's terminal here.
 *
 * Left out on purpose: time stamps, syslog, files. Standard error belongs to
 * whoever started us, and that one can add all three.
 */
#include <errno.h>
#include <kvm/log.h>
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
static void (*log_sink)(enum log_level level, const char *line, void *arg);
static void *log_sink_arg;
static pthread_mutex_t log_limit_mutex = PTHREAD_MUTEX_INITIALIZER;

static const char *const log_prefixes[] = {
	[LOG_ERROR] = "lkvm: ",
	[LOG_WARN] = "lkvm: warning: ",
	[LOG_INFO] = "lkvm: ",
	[LOG_DEBUG] = "lkvm: debug: ",
};

/* How many bytes at text may be shown as they are: one character, or 0. */
static size_t log_printable_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t length;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	/* U+0080 to U+009F: the C1 controls. */
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return 0;

	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

/* Fill line with prefix and message, ended by a NUL. Returns its length. */
static size_t log_compose(char line[LOG_LINE_MAX], enum log_level level, const char *message)
{
	/* "..." and the final NUL always fit, and the newline over the NUL. */
	const size_t limit = LOG_LINE_MAX - sizeof("...");
	size_t len = strlen(log_prefixes[level]);

	memcpy(line, log_prefixes[level], len);
	while (*message) {
		size_t shown = log_printable_length(message);
		size_t needed = shown ? shown : strlen("\\xNN");

		if (len + needed > limit) {
			memcpy(line + len, "...", 3);
			len += 3;
			break;
		}
		if (shown)
			memcpy(line + len, message, shown);
		else
			sprintf(line + len, "\\x%02x", (unsigned char)*message);
		len += needed;
		message += shown ? shown : 1;
	}
	line[len] = '\0';
	return len;
}

/*
 * Standard error is often the same pipe as the guest's console, and its reader may have
 * stopped: whoever logs must not stop with it. A line waits a little, once; while the
 * reader has not come back, further lines do not wait at all. A pipe that is ready has
 * room for PIPE_BUF bytes, more than a line.
 */
static bool log_may_write(void)
{
	static atomic_bool stuck;
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	bool writable = poll(&ready, 1, atomic_load(&stuck) ? 0 : LOG_WAIT_MS) != 0;

	atomic_store(&stuck, !writable);
	return writable;
}

static void log_emit(enum log_level level, const char *message)
{
	char line[LOG_LINE_MAX];
	size_t len = log_compose(line, level, message);

	if (level == LOG_ERROR)
		atomic_fetch_add(&log_errors, 1);
	if (log_sink) {
		log_sink(level, line, log_sink_arg);
		return;
	}
	line[len++] = '\n';
	if (!log_may_write())
		return;
	/* There is nowhere to complain about a standard error that fails. */
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

/* May one more line go out? If so, *suppressed of its kind were held back before it. */
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
