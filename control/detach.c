// SPDX-License-Identifier: GPL-2.0-only
/*
 * run --detach: a machine that runs on after the command that started it has returned.
 *
 * lkvm forks before it has threads or descriptors of KVM, because fork() copies only the calling
 * thread, and both processes would hold the descriptors. The parent is called the starter. The
 * child becomes the machine: it leads a session of its own, has /dev/null as standard input and
 * output, and writes its console to a log (control/detached-log.c). Its standard error does not
 * change yet, so that the user sees the errors of the start.
 *
 * The starter waits for a message on a pipe. The child is up when its first vCPU has run for a
 * second and the machine is not ending. Then it moves standard error to the log, closes the
 * descriptors that it inherited, and sends the message; the starter prints the name and returns 0.
 * If the child ends before that, it has logged the reason, and the starter returns the child's
 * status. If the guest has run, the name is printed all the same, for `lkvm logs` and `lkvm rm`.
 *
 * During the start the child gets SIGTERM when the starter dies, for example by Ctrl-C.
 *
 * The working directory does not change: relative paths mean the same files after a reset in place.
 */
#include <kvm/config.h>
#include <kvm/detach.h>
#include <kvm/detached-log.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/runtime-dir.h>
#include <kvm/util.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define UP_NS	NSEC_PER_SEC
#define LOOK_NS (100 * NSEC_PER_MSEC)

static const struct option detach_options[] = {
	{.name = "detach",
	 .type = OPTION_FLAG,
	 .value = &config.detach,
	 .help = "return when it runs, and leave it running; prints its name"},
};
OPTION_GROUP(detach, run, "lkvm itself", 91, detach_options);

/* The message of the child to its starter, sent once. */
struct detach_news {
	bool up; /* false: the guest has run, and the machine is about to end */
	char name[RUNTIME_NAME_MAX + 1];
};

static struct {
	int news; /* the pipe; -1: no starter waits */
	int *inherited;
	unsigned int inherited_count;
	struct loop_timer look;
} detach = {.news = -1};

/* --- the starter --- */

static int detach_child_status(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return log_fail(STATUS_ERROR, "--detach: waitpid: %s", strerror(errno));
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return log_fail(128 + WTERMSIG(status), "--detach: the machine was killed by SIG%s",
			sigabbrev_np(WTERMSIG(status)));
}

static int detach_wait(pid_t child, int fd)
{
	struct detach_news news;
	ssize_t len;

	do
		len = read(fd, &news, sizeof(news));
	while (len < 0 && errno == EINTR);
	close(fd);
	if (len != sizeof(news))
		return detach_child_status(child);
	signal(SIGPIPE, SIG_IGN);
	printf("%s\n", news.name);
	if (fflush(stdout))
		log_warn("--detach: standard output cannot be written; the machine's name is %s",
			 news.name);
	return news.up ? 0 : detach_child_status(child);
}

/* --- the machine --- */

/* Remember the inherited descriptors, except the standard ones: they are closed after the start. */
static void detach_note_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int *more;
		u64 fd;

		if (parse_u64(entry->d_name, &fd) || fd <= STDERR_FILENO || (int)fd == dirfd(dir) ||
		    (int)fd == detach.news)
			continue;
		more = realloc(detach.inherited, (detach.inherited_count + 1) * sizeof(*more));
		if (!more)
			break;
		detach.inherited = more;
		more[detach.inherited_count++] = (int)fd;
	}
	if (dir)
		closedir(dir);
}

static void detach_become_child(pid_t starter)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != starter)
		raise(SIGTERM);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	detach_note_inherited();
}

int detach_fork(int *status)
{
	pid_t starter = getpid(), child;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return log_fail(-errno, "--detach: pipe: %s", strerror(errno));
	fflush(NULL);
	signal(SIGCHLD, SIG_DFL); /* if ignored, waitpid() gets no status */
	child = fork();
	if (child < 0) {
		int err = -errno;

		close(ends[0]);
		close(ends[1]);
		return log_fail(err, "--detach: fork: %s", strerror(-err));
	}
	if (child) {
		close(ends[1]);
		*status = detach_wait(child, ends[0]);
		return 1;
	}
	close(ends[0]);
	detach.news = ends[1];
	detach_become_child(starter);
	return 0;
}

static void detach_tell(bool up)
{
	struct detach_news news = {.up = up};

	if (detach.news < 0)
		return;
	snprintf(news.name, sizeof(news.name), "%s", config.name);
	/* If this fails, the starter was killed: no process waits for the message. */
	(void)!write(detach.news, &news, sizeof(news));
	close(detach.news);
	detach.news = -1;
}

static void detach_be_up(void)
{
	prctl(PR_SET_PDEATHSIG, 0);
	instance_log_take_stderr();
	for (unsigned int i = 0; i < detach.inherited_count; i++)
		close(detach.inherited[i]);
	free(detach.inherited);
	detach.inherited = NULL;
	detach.inherited_count = 0;
	detach_tell(true);
}

static void detach_look(void *arg)
{
	struct kvm *kvm = arg;
	u64 ran = phase_ns(PHASE_FIRST_RUN), now = now_ns();

	if (ran && now >= ran + UP_NS && !kvm_is_ending())
		detach_be_up();
	else
		loop_arm(kvm->loop, &detach.look, MAX(ran ? ran + UP_NS : 0, now + LOOK_NS));
}

static int detach_init(struct kvm *kvm)
{
	if (detach.news < 0)
		return 0;
	detach.look = (struct loop_timer){.fn = detach_look, .arg = kvm};
	loop_arm(kvm->loop, &detach.look, now_ns() + LOOK_NS);
	return 0;
}

static void detach_exit(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &detach.look);
	if (phase_ns(PHASE_FIRST_RUN))
		detach_tell(false);
}

INIT_MODULE(detach, .level = INIT_LATE, .init = detach_init, .exit = detach_exit);
