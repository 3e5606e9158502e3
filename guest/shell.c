// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shell of lkvm's init, for a host that has no static busybox to give to the guest.
 *
 * shell-parse.c parses a line and refuses what this shell does not have (loops, functions, ...);
 * shell-run.c runs it. This file has the commands that need no program (help lists them), except
 * test, which has a file of its own (shell-test.c). All other commands are searched in PATH, for
 * instance on a disk that was mounted.
 *
 * Each command returns a status; that of the last one is the status of the shell.
 */
#include "init.h"
#include "shell-run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KLOG_READ_ALL 3
#define KLOG_SIZE     10

/* Convert a text that is a number and nothing else; false, after a message, if it is not. */
static bool number_of(const char *command, const char *text, long max, long *number)
{
	char *end;

	errno = 0;
	*number = strtol(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && *number <= max)
		return true;
	fprintf(stderr, "%s: %s: is not a number from 0 to %ld\n", command, text, max);
	return false;
}

static int shell_help(char **words);

static int shell_echo(char **words)
{
	bool newline = !words[1] || strcmp(words[1], "-n") != 0;

	for (char **word = words + 1 + !newline; *word; word++)
		printf("%s%s", *word, word[1] ? " " : "");
	if (newline)
		printf("\n");
	return 0;
}

static int list_one(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	struct stat st;

	if (!dir) {
		if (lstat(path, &st) < 0)
			return shell_error("ls", path);
		printf("%s\n", path);
		return 0;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			memset(&st, 0, sizeof(st));
		printf("%06o %10lld %s%s\n", st.st_mode, (long long)st.st_size, entry->d_name,
		       S_ISDIR(st.st_mode) ? "/" : "");
	}
	closedir(dir);
	return 0;
}

static int shell_ls(char **words)
{
	int status = 0;

	if (!words[1])
		return list_one(".");
	for (int i = 1; words[i]; i++)
		status |= list_one(words[i]);
	return status;
}

static int copy_out(const char *path, int fd)
{
	char bytes[4096];
	ssize_t n;

	fflush(stdout);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		if (write(STDOUT_FILENO, bytes, (size_t)n) != n)
			return shell_error("cat", "standard output");
	}
	return n < 0 ? shell_error("cat", path) : 0;
}

static int shell_cat(char **words)
{
	int status = 0;

	if (!words[1])
		return copy_out("standard input", STDIN_FILENO);
	for (int i = 1; words[i]; i++) {
		int fd = open(words[i], O_RDONLY | O_CLOEXEC);

		status |= fd < 0 ? shell_error("cat", words[i]) : copy_out(words[i], fd);
		if (fd >= 0)
			close(fd);
	}
	return status;
}

/* mount [-t TYPE] [-r] WHAT WHERE */
static int shell_mount(char **words)
{
	const char *type = NULL;
	unsigned long flags = 0;
	char *list[] = {"cat", "/proc/mounts", NULL};
	int i = 1;

	if (!words[1])
		return shell_cat(list);
	for (; words[i] && words[i][0] == '-'; i++) {
		if (!strcmp(words[i], "-t") && words[i + 1])
			type = words[++i];
		else if (!strcmp(words[i], "-r"))
			flags |= MS_RDONLY;
	}
	if (!words[i] || !words[i + 1]) {
		fprintf(stderr, "mount: mount [-t TYPE] [-r] WHAT WHERE\n");
		return 1;
	}
	/* Without a type: try each type of file system for disks. */
	if (type)
		return mount(words[i], words[i + 1], type, flags, NULL)
			       ? shell_error("mount", words[i])
			       : 0;
	for (const char *const *try = (const char *const[]){"ext4", "xfs", "btrfs", "squashfs",
							    "erofs", "vfat", "iso9660", NULL};
	     *try; try++) {
		if (!mount(words[i], words[i + 1], *try, flags, NULL))
			return 0;
	}
	return shell_error("mount", words[i]);
}

static int shell_umount(char **words)
{
	if (!words[1] || umount2(words[1], 0) < 0)
		return shell_error("umount", words[1] ? words[1] : "what");
	return 0;
}

static int shell_mkdir(char **words)
{
	int status = 0;

	for (int i = 1; words[i]; i++)
		status |= mkdir(words[i], 0777) ? shell_error("mkdir", words[i]) : 0;
	return status;
}

static int shell_dmesg(char **words)
{
	int size = klogctl(KLOG_SIZE, NULL, 0);
	char *text = size > 0 ? malloc((size_t)size) : NULL;
	int len = text ? klogctl(KLOG_READ_ALL, text, size) : -1;

	if (len < 0) {
		free(text);
		return shell_error("dmesg", "the kernel's log");
	}
	fwrite(text, 1, (size_t)len, stdout);
	free(text);
	return 0;
}

static int shell_cd(char **words)
{
	const char *home = shell_get("HOME"), *to = words[1] ? words[1] : home ?: "/";

	return chdir(to) ? shell_error("cd", to) : 0;
}

static int shell_pwd(char **words)
{
	char path[4096];

	if (!getcwd(path, sizeof(path)))
		return shell_error("pwd", ".");
	printf("%s\n", path);
	return 0;
}

static int shell_exec(char **words)
{
	if (!words[1])
		return 0;
	fflush(stdout);
	execvp(words[1], words + 1);
	shell.ends = !shell.interactive;
	return shell_cannot_run(words[1]);
}

static int shell_exit(char **words)
{
	long status = shell.status;

	if (words[1] && !number_of("exit", words[1], LONG_MAX, &status))
		status = 2;
	shell.ends = true;
	return (int)(status & 0xff);
}

static int shell_true(char **words)
{
	return 0;
}

static int shell_false(char **words)
{
	return 1;
}

/* export NAME[=VALUE]... */
static int shell_export(char **words)
{
	int status = 0;

	for (char **entry = environ; !words[1] && *entry; entry++)
		printf("export %s\n", *entry);
	for (int i = 1; words[i]; i++) {
		char *value = strchr(words[i], '=');
		const char *now;

		if (value)
			*value++ = 0;
		now = value ?: shell_get(words[i]);
		if (!shell_set(words[i], now ?: "", true)) {
			fprintf(stderr, "export: %s: is not a name\n", words[i]);
			status = 1;
		}
	}
	return status;
}

static int shell_unset_all(char **words)
{
	for (int i = 1; words[i]; i++)
		shell_unset(words[i]);
	return 0;
}

/* wait [PID...]: without a PID, wait for all children. */
static int shell_wait_for(char **words)
{
	int status = 0;

	while (!words[1] && waitpid(-1, NULL, 0) > 0)
		;
	for (int i = 1; words[i]; i++) {
		long pid;

		if (!number_of("wait", words[i], INT_MAX, &pid))
			return 2;
		status = pid ? shell_wait((pid_t)pid) : 127;
	}
	return status;
}

static int shell_sleep(char **words)
{
	long seconds;

	if (!words[1] || !number_of("sleep", words[1], INT_MAX, &seconds))
		return 1;
	for (unsigned int left = (unsigned int)seconds; left;)
		left = sleep(left);
	return 0;
}

/* The number of a signal: "9", "-9" or "KILL". -1: there is no such signal. */
static int signal_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {{"HUP", SIGHUP},	  {"INT", SIGINT},   {"QUIT", SIGQUIT},
		       {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
		       {"TERM", SIGTERM}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}};
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (*name >= '0' && *name <= '9' && !*end && number <= 64)
		return (int)number;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!strcmp(name, signals[i].name))
			return signals[i].number;
	}
	return -1;
}

/* kill [-SIGNAL] PID... */
static int shell_kill(char **words)
{
	int number = SIGTERM, i = 1, status = 0;

	if (words[1] && words[1][0] == '-')
		number = signal_of(words[i++] + 1);
	if (number < 0 || !words[i]) {
		fprintf(stderr, "kill: kill [-SIGNAL] PID...\n");
		return 1;
	}
	for (; words[i]; i++) {
		bool group = words[i][0] == '-';
		long pid;

		if (!number_of("kill", words[i] + group, INT_MAX, &pid))
			status = 1;
		else if (kill((pid_t)(group ? -pid : pid), number) < 0)
			status = shell_error("kill", words[i]);
	}
	return status;
}

static const struct {
	const char *name, *help;
	shell_command *run;
} commands[] = {
	{":", "nothing: true", shell_true},
	{"[", "the same as test, with ] as the last word", shell_test},
	{"cat", "[FILE...]", shell_cat},
	{"cd", "[FOLDER]", shell_cd},
	{"dmesg", "the kernel's log", shell_dmesg},
	{"echo", "[-n] [WORD...]", shell_echo},
	{"exec", "COMMAND: in the place of this shell", shell_exec},
	{"exit", "[STATUS]: ends the machine", shell_exit},
	{"export", "[NAME[=VALUE]...]", shell_export},
	{"false", "", shell_false},
	{"help", "", shell_help},
	{"kill", "[-SIGNAL] PID...", shell_kill},
	{"ls", "[FILE...]", shell_ls},
	{"mkdir", "FOLDER...", shell_mkdir},
	{"mount", "[-t TYPE] [-r] WHAT WHERE", shell_mount},
	{"pwd", "", shell_pwd},
	{"sleep", "SECONDS", shell_sleep},
	{"test", "-f FILE, WORD = WORD, NUMBER -lt NUMBER, ...", shell_test},
	{"true", "", shell_true},
	{"umount", "WHERE", shell_umount},
	{"unset", "NAME...", shell_unset_all},
	{"wait", "[PID...]", shell_wait_for},
};

static shell_command *shell_find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(name, commands[i].name))
			return commands[i].run;
	}
	return NULL;
}

static int shell_help(char **words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("%-8s %s\n", commands[i].name, commands[i].help);
	return 0;
}

/* --- a line --- */

int shell_line(char *line)
{
	struct shell_problem problem;
	struct shell_program *program = shell_parse(line, &problem);
	const struct shell_node *list;
	int status = 0;

	if (!shell.pid) {
		shell.pid = getpid();
		shell.find_command = shell_find_command;
	}
	if (!program) {
		fprintf(stderr, "lkvm: %s%s\n", problem.what,
			problem.unsupported ? ": not in this shell; a static busybox on the host "
					      "makes a complete one"
					    : "");
		return shell.status = 2;
	}
	list = shell_parse_list(program);
	if (list)
		status = shell_run_list(list);
	fflush(stdout);
	shell_parse_free(program);
	return status;
}

int shell_main(void)
{
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	signal(SIGINT, SIG_IGN);
	/* Unbuffered: the bytes after a line are for its commands, on the same descriptor. */
	setvbuf(stdin, NULL, _IONBF, 0);
	shell.interactive = true;
	printf("no static busybox on the host: help lists what there is\n");
	while (!shell.ends) {
		printf("# ");
		fflush(stdout);
		if (getline(&line, &room, stdin) < 0)
			break;
		status = shell_line(line);
	}
	free(line);
	return status;
}
