// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm: call the builtin that the command table names for argv[1]. If the builtin returns
 * STATUS_HELP, print the help of that command.
 *
 * Before that, three things are prepared for all commands. Descriptors 0, 1 and 2 are opened if
 * they are closed, so that no other file of lkvm gets the number of standard output by accident.
 * The clock of the run starts. SIGXFSZ is ignored: a write beyond the limit of `ulimit -f` fails
 * with an error, which gets a message, and the signal does not kill the process.
 */
#include <kvm/builtin.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/phase.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int main_help(int argc, char **argv);

static const struct builtin commands[] = {
	{"run", "start a virtual machine", "run [options] [KERNEL]", builtin_run},
	{"stop", "end a machine: its power button, then force", "stop [options] NAME",
	 builtin_stop},
	{"pause", "freeze a machine", "pause [options] NAME", builtin_pause},
	{"resume", "let a paused machine go on", "resume [options] NAME", builtin_resume},
	{"list", "the machines that run", "list [options]", builtin_list},
	{"stat", "counters of a machine", "stat [options] NAME", builtin_stat},
	{"console", "be at the console of a machine", "console [options] NAME", builtin_console},
	{"logs", "the log of a detached machine", "logs [options] NAME", builtin_logs},
	{"wait", "wait for the end of a machine, and return its status", "wait NAME", builtin_wait},
	{"rm", "remove the log and the result of a detached machine that ended", "rm NAME",
	 builtin_rm},
	{"balloon", "how much memory the guest of a machine keeps", "balloon [options] NAME",
	 builtin_balloon},
	{"debug", "registers, code, stack and page tables; an NMI; a SysRq", "debug [options] NAME",
	 builtin_debug},
	{"version", "version, and the features this binary was built with", "version",
	 builtin_version},
	{"help", "this list, or the options of a command", "help [COMMAND]", main_help},
	{NULL, NULL, NULL, NULL},
};

static int main_help(int argc, char **argv)
{
	return builtin_help(commands, argc, argv);
}

static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct builtin *builtin;
	const char *name = argc > 1 ? argv[1] : "help";
	int status;

	phase_mark(PHASE_EXEC);
	open_standard_fds();
	signal(SIGXFSZ, SIG_IGN);
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	else if (!strcmp(name, "--version"))
		name = "version";
	builtin = builtin_find(commands, name);
	if (!builtin) {
		log_error("unknown command '%s'; see 'lkvm help'", name);
		return STATUS_ERROR;
	}
	status = builtin->main(argc > 1 ? argc - 1 : 1, argc > 1 ? argv + 1 : argv);
	return status == STATUS_HELP ? builtin_help_command(builtin) : status;
}
