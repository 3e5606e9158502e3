// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shell of lkvm's init, for a host that has no static busybox to give to the guest.
 *
 * A line is words between blanks; quotes of both kinds keep blanks together. A few commands are
 * here (help lists them), all others are looked for in PATH, for instance in a disk that mount
 * has made visible. There are no pipes, variables or loops: who wants more installs busybox.
 *
 * Each command gives a status, the last one is the shell's.
 */
#include "guest-init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS_MAX     64
#define KLOG_READ_ALL 3
#define KLOG_SIZE     10

static bool shell_ends;

/* One line, as a command says what it could not do; status 1. */
static int shell_error(const char *command, const char *object)
{
	fprintf(stderr, "%s: %s: %s\n", command, object, strerror(errno));
	return 1;
}

static int shell_help(char **words);

static int shell_echo(char **words)
{
	for (int i = 1; words[i]; i++)
		printf("%s%s", i > 1 ? " " : "", words[i]);
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
	/* Without a type: what lives on disks, one after the other. */
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

	(void)words;
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
	const char *to = words[1] ? words[1] : "/";

	return chdir(to) ? shell_error("cd", to) : 0;
}

static int shell_pwd(char **words)
{
	char path[4096];

	(void)words;
	if (!getcwd(path, sizeof(path)))
		return shell_error("pwd", ".");
	printf("%s\n", path);
	return 0;
}

/* What a shell says of a program that cannot be run. */
static int shell_cannot_run(const char *name)
{
	int status = errno == ENOENT ? 127 : 126;

	shell_error("lkvm", name);
	return status;
}

static int shell_exec(char **words)
{
	if (!words[1])
		return 0;
	fflush(stdout);
	execvp(words[1], words + 1);
	return shell_cannot_run(words[1]);
}

static int shell_exit(char **words)
{
	shell_ends = true;
	return words[1] ? atoi(words[1]) & 0xff : 0;
}

static const struct {
	const char *name, *help;
	int (*run)(char **words);
} commands[] = {
	{"cat", "[FILE...]", shell_cat},
	{"cd", "[FOLDER]", shell_cd},
	{"dmesg", "the kernel's log", shell_dmesg},
	{"echo", "[WORD...]", shell_echo},
	{"exec", "COMMAND: in the place of this shell", shell_exec},
	{"exit", "[STATUS]: ends the machine", shell_exit},
	{"help", "", shell_help},
	{"ls", "[FILE...]", shell_ls},
	{"mkdir", "FOLDER...", shell_mkdir},
	{"mount", "[-t TYPE] [-r] WHAT WHERE", shell_mount},
	{"pwd", "", shell_pwd},
	{"umount", "WHERE", shell_umount},
};

static int shell_help(char **words)
{
	(void)words;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("%-8s %s\n", commands[i].name, commands[i].help);
	return 0;
}

/* --- a line --- */

/* Cut a line into words, in place. Their number; -1 when a quote is not closed. */
static int split(char *line, char **words)
{
	int count = 0;
	char *to = line;

	for (;;) {
		while (*line == ' ' || *line == '\t')
			line++;
		if (!*line || *line == '#' || count == WORDS_MAX - 1)
			break;
		words[count++] = to;
		while (*line && *line != ' ' && *line != '\t') {
			char quote = *line;

			if (quote != '\'' && quote != '"') {
				*to++ = *line++;
				continue;
			}
			for (line++; *line && *line != quote;)
				*to++ = *line++;
			if (!*line++)
				return -1;
		}
		if (*line)
			line++;
		*to++ = 0;
	}
	words[count] = NULL;
	return count;
}

static int run_program(char **words)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		return shell_error("lkvm", "fork");
	if (!child) {
		signal(SIGINT, SIG_DFL);
		execvp(words[0], words);
		_exit(shell_cannot_run(words[0]));
	}
	return init_wait(child);
}

int shell_line(char *line)
{
	char *words[WORDS_MAX];
	int count;

	line[strcspn(line, "\n")] = 0;
	count = split(line, words);
	if (count < 0) {
		fprintf(stderr, "lkvm: a quote is not closed\n");
		return 2;
	}
	if (!count)
		return 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(words[0], commands[i].name)) {
			int status = commands[i].run(words);

			fflush(stdout);
			return status;
		}
	}
	return run_program(words);
}

int shell_main(void)
{
	char line[4096];
	int status = 0;

	signal(SIGINT, SIG_IGN);
	printf("no static busybox on the host: help lists what there is\n");
	while (!shell_ends) {
		printf("# ");
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			break;
		status = shell_line(line);
	}
	return status;
}
