// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm's init: the first program of a guest for which the user gave none.
 *
 * initramfs.c makes it /lkvm/init, in the first archive that the kernel unpacks. The init mounts
 * the kernel's file systems, loads the modules in the order of /lkvm/config, sets clock, name and
 * terminal size, waits for the root's device (for a limited time) and mounts it. Then it does one
 * of three things:
 *
 * - hands over to the root's own init, which becomes process 1 in its place;
 * - runs the command of --exec by the root's shell, and ends the machine with its status;
 * - without a root, runs a shell on the console, and ends the machine with the shell's status.
 *
 * init-exec.c runs the command and handles requests to end it; init-console.c has its standard
 * input and the line to lkvm.
 *
 * The last step is to tell lkvm the status (init-status.c), after all console output is sent and
 * the root is clean. 126 and 127 come from the shell, 128 + n means a death by signal n, and 125 is
 * an error of this program, which one line has explained.
 *
 * If the kernel has an /init built in and the user asked for none of the above, lkvm's init first
 * of all runs that /init instead.
 *
 * /lkvm/config has a line for each thing, a word and its value:
 *
 *	module FILE, try-module FILE	load it; the second may fail to load
 *	no-modules-of VERSION		the host has no modules of this kernel
 *	root DEVICE, type TYPES		what to mount (init-root.c)
 *	root-by OPTION			the option that named it
 *	overlay				mount an overlay over it: changes go to memory
 *	exec COMMAND, user NAME
 *	input pipe TTY, input none	what standard input is, if not the terminal
 *	output plain			standard output is not a terminal
 *	clock SECONDS, hostname NAME, terminal ROWS COLUMNS
 *	status PORT NUMBER		the status port
 *
 * The words of the kernel's command line that are about the root have their usual meaning: ro, rw,
 * rootflags=, rootfstype=, rootwait, rootdelay=, init=. This is a separate program, linked
 * statically with musl.
 */
#include "init.h"
#include "cmdline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ROOT	INIT_ROOT
#define BUSYBOX "/lkvm/busybox"

static struct {
	char text[64 * 1024];
	const char *root, *root_by, *type, *exec, *user, *hostname, *terminal, *no_modules;
	const char *input, *output;
	long long clock;
	bool overlay;
	char cmdline[4096];
} conf;

static const char *root_at; /* where the root is mounted; NULL: nowhere */
static const char *const kernel_mounts[] = {"dev", "proc", "sys"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void init_say(const char *fmt, ...)
{
	va_list args;

	dprintf(2, "lkvm-init: ");
	va_start(args, fmt);
	vdprintf(2, fmt, args);
	va_end(args);
	dprintf(2, "\n");
}

/* --- the end --- */

/* A blank in a path is \040 in /proc/mounts. */
static void unescape(char *path)
{
	char *to = path;

	for (; *path; path++) {
		if (path[0] == '\\' && path[1] && path[2] && path[3]) {
			*to++ = (char)((path[1] - '0') << 6 | (path[2] - '0') << 3 |
				       (path[3] - '0'));
			path += 3;
		} else {
			*to++ = *path;
		}
	}
	*to = 0;
}

/* Unmount path, or at least make it read-only. */
static void unmount(const char *path)
{
	if (umount2(path, 0) < 0 && umount2(path, MNT_DETACH) < 0)
		mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL);
}

/*
 * Leave the disks clean, whatever processes and mounts the command left: unmount all that is in the
 * root or on a device, from the newest mount to the oldest.
 */
static void unmount_root(void)
{
	static char text[32 * 1024];
	char *line = text + (init_slurp("/proc/mounts", text, sizeof(text)) > 0 ? strlen(text) : 0);

	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	sync();
	while (line > text) {
		char *path;

		*--line = 0; /* the end of this line, or of the whole text */
		while (line > text && line[-1] != '\n')
			line--;
		path = strchr(line, ' ');
		if (!path)
			continue;
		path++;
		path[strcspn(path, " ")] = 0;
		unescape(path);
		if (*line == '/' || !strncmp(path, ROOT, sizeof(ROOT) - 1))
			unmount(path);
	}
}

/* Does not return. */
static void leave(int status)
{
	unmount_root();
	sync();
	tcdrain(STDOUT_FILENO);
	tcdrain(STDERR_FILENO);
	status_tell(status);
	/* With --exec, lkvm takes this for an error. Without ACPI only a reboot is possible. */
	reboot(access("/sys/firmware/acpi", F_OK) ? RB_AUTOBOOT : RB_POWER_OFF);
	for (;;)
		pause();
}

/* Does not return. */
static void fail(const char *what, const char *name)
{
	init_say("%s%s: %s", what, name, strerror(errno));
	leave(STATUS_OURS);
}

/* --- the configuration --- */

ssize_t init_slurp(const char *path, char *to, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while (len < room - 1 && (n = read(fd, to + len, room - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	to[len] = 0;
	return (ssize_t)len;
}

static void load_module(const char *path, bool may_refuse)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *base = strrchr(path, '-');

	if (fd >= 0 && (!syscall(SYS_finit_module, fd, "", 0) || errno == EEXIST || may_refuse)) {
		close(fd);
		unlink(path);
		return;
	}
	init_say("module %s cannot be loaded: %s%s", base ? base + 1 : path, strerror(errno),
		 errno == ENOEXEC ? " (it is for another kernel)" : "");
	leave(STATUS_OURS);
}

static void take_line(char *line)
{
	static const struct {
		const char *word;
		const char **to;
	} words[] = {{"root", &conf.root},	   {"root-by", &conf.root_by},
		     {"type", &conf.type},	   {"exec", &conf.exec},
		     {"user", &conf.user},	   {"hostname", &conf.hostname},
		     {"terminal", &conf.terminal}, {"input", &conf.input},
		     {"output", &conf.output},	   {"no-modules-of", &conf.no_modules}};
	char *value = strchr(line, ' ');

	value = value ? (*value = 0, value + 1) : line + strlen(line);
	for (size_t i = 0; i < COUNT(words); i++) {
		if (!strcmp(line, words[i].word))
			*words[i].to = value;
	}
	if (!strcmp(line, "clock"))
		conf.clock = atoll(value);
	if (!strcmp(line, "status"))
		status_take(value);
	if (!strcmp(line, "overlay"))
		conf.overlay = true;
	if (!strcmp(line, "module") || !strcmp(line, "try-module"))
		load_module(value, *line == 't');
}

static void take_config(void)
{
	char *line = conf.text, *end;

	if (init_slurp("/lkvm/config", conf.text, sizeof(conf.text)) < 0)
		fail("/lkvm/config", "");
	unlink("/lkvm/config");
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		take_line(line);
	}
	init_slurp("/proc/cmdline", conf.cmdline, sizeof(conf.cmdline));
}

/* --- clock, name, terminal --- */

static void settle(void)
{
	/* The kernel has read the RTC before, unless there is none. */
	if (conf.clock > time(NULL))
		settimeofday(&(struct timeval){.tv_sec = conf.clock}, NULL);
	if (conf.hostname)
		sethostname(conf.hostname, strlen(conf.hostname));
	console_set_size(conf.terminal);
}

/* --- the root --- */

static void mount_root(void)
{
	const struct root_plan plan = {.device = conf.root,
				       .types = conf.type,
				       .by = conf.root_by ? conf.root_by : "--root",
				       .no_modules = conf.no_modules,
				       .cmdline = conf.cmdline,
				       .overlay = conf.overlay};

	if (!root_mount(&plan))
		leave(STATUS_OURS);
	conf.root = root_device();
	root_at = ROOT;
}

/* --- the root's init, or the command --- */

/* Called inside the root, where absolute links have the right target. */
static const char *find_init(void)
{
	static const char *const usual[] = {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
	static char init[256];
	const char *asked = cmdline_find(conf.cmdline, "init", init, sizeof(init)) ? init : NULL;

	for (size_t i = 0; i < (asked ? 1 : COUNT(usual)); i++) {
		const char *name = asked ?: usual[i];

		if (!access(name, F_OK))
			return name;
	}
	init_say("root %s: has no %s", conf.root,
		 asked ?: "/sbin/init, /etc/init, /bin/init or /bin/sh; is it a root?");
	leave(STATUS_OURS);
	return NULL;
}

/* Free the memory of files that no program can see any more. */
static void forget_initramfs(void)
{
	unlink("/lkvm/init");
	unlink(BUSYBOX);
}

/*
 * Pass the kernel's file systems to the folders that the root has for them; how: MS_MOVE or
 * MS_BIND.
 */
static void pass_mounts(unsigned long how)
{
	char from[16], to[64];

	for (size_t i = 0; i < COUNT(kernel_mounts); i++) {
		snprintf(from, sizeof(from), "/%s", kernel_mounts[i]);
		snprintf(to, sizeof(to), ROOT "/%s", kernel_mounts[i]);
		if (mount(from, to, NULL, how, NULL) && how == MS_MOVE)
			umount2(from, MNT_DETACH);
	}
}

/* Become the root's own init. Does not return. */
static void hand_over(char **argv)
{
	const char *path;

	pass_mounts(MS_MOVE);
	forget_initramfs();
	if (chdir(ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("root: cannot be entered: ", conf.root);
	root_at = "/";
	path = find_init();
	argv[0] = (char *)path;
	execv(path, argv);
	fail("init cannot be run: ", path);
}

int init_wait(pid_t child)
{
	int status;
	pid_t pid;

	do {
		pid = wait(&status);
	} while (pid != child && (pid > 0 || errno == EINTR));
	if (pid != child)
		return STATUS_OURS;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(void)
{
	const struct exec_plan plan = {.command = conf.exec,
				       .user = conf.user,
				       .root = root_at,
				       .input = conf.input,
				       .plain = conf.output && !strcmp(conf.output, "plain")};

	return exec_run(&plan);
}

int main(int argc, char **argv)
{
	if (getpid() != 1) {
		init_say("is for the guest of lkvm run, as its first program");
		return STATUS_OURS;
	}
	/* The kernel has an initramfs built in, and the user did not ask for lkvm's init. */
	if (access("/lkvm/asked", F_OK) && !access("/init", X_OK)) {
		unlink("/lkvm/config");
		console_make_way();
		execv("/init", argv);
		fail("/init cannot be run", "");
	}
	mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
	console_open_early();
	take_config();
	console_open();
	settle();
	if (conf.root)
		mount_root();
	if (conf.root && !conf.exec)
		hand_over(argv);
	if (conf.root)
		pass_mounts(MS_BIND);
	leave(run());
}
