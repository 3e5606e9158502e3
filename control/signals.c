// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signals that end a run.
 *
 * They are read from a signalfd on the loop: the first SIGTERM, SIGINT or SIGHUP presses the power
 * button and starts the grace time, a second one ends the run at once with 128+n. (While the
 * terminal is raw, Ctrl-C is a byte for the guest.) Until the guest runs there is no button to
 * press: till then handlers of util/cancel.c take the signals.
 */
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/signals.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static struct {
	struct loop_fd source;
	bool asked;
} signals = {.source = {.fd = -1}};

static const int ending_signals[] = {SIGTERM, SIGINT, SIGHUP};

/*
 * SIGHUP is left out if it is ignored, as under nohup. SIGINT is always in the set, because shells
 * start every `cmd &` with SIGINT ignored.
 */
void signals_get_set(sigset_t *set)
{
	struct sigaction hangup;

	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaddset(set, ending_signals[i]);
	sigaction(SIGHUP, NULL, &hangup);
	if (hangup.sa_handler == SIG_IGN)
		sigdelset(set, SIGHUP);
}

int signals_fd(void)
{
	return signals.source.fd;
}

void signals_do_not_ask(void)
{
	signals.asked = true;
}

static void signals_ready(void *arg, u32 events)
{
	struct signalfd_siginfo info;
	struct kvm *kvm = arg;

	if (read(signals.source.fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (signals.asked) {
		kvm_end(kvm, END_SIGNAL, 128 + (int)info.ssi_signo);
		return;
	}
	signals.asked = true;
	kvm_press_power_button(config.grace_ns);
	log_warn("SIG%s: the power button was pressed; the guest has %.1f s, a second signal "
		 "ends it at once",
		 sigabbrev_np((int)info.ssi_signo), (double)config.grace_ns / NSEC_PER_SEC);
}

static int signals_init(struct kvm *kvm)
{
	sigset_t set;

	signals_get_set(&set);
	signals.asked = false;
	signals.source = (struct loop_fd){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
					  .fn = signals_ready,
					  .arg = kvm};
	if (signals.source.fd < 0)
		return log_fail(-errno, "signals: signalfd: %s", strerror(errno));
	return loop_watch(kvm->loop, &signals.source, EPOLLIN);
}

static void signals_exit(struct kvm *kvm)
{
	loop_unwatch(kvm->loop, &signals.source);
	close(signals.source.fd);
}

INIT_MODULE(signals, .level = INIT_LATE, .init = signals_init, .exit = signals_exit);
