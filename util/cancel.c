// SPDX-License-Identifier: GPL-2.0-only
/*
 * Long work on the main thread that a signal or a time limit ends.
 *
 * While the work lasts, one handler serves the signals that end a run and one timer. The handler
 * stores the first cause and sets the timer to CANCEL_GRACE_NS. Reads, writes, hashing, unpacking
 * and parsing call cancel_check() between two pieces and return -ECANCELED, so that everything is
 * undone in order (temporary files, sockets, the result file). Some work cannot call
 * cancel_check(), such as a library call or a system call that hangs. So when the grace time is
 * over, or at a second signal, the handler calls the plan's force(), which ends the process.
 *
 * No thread watches the work: some of the work must be done before the first thread exists, and a
 * thread would make each start slower.
 *
 * The timer's signal is a real-time signal: term.c takes SIGALRM, park.c SIGRTMIN. Other threads
 * have all of these signals blocked (util/thread.c; a vCPU thread inherits the signal mask that the
 * main thread has after cancel_end()).
 *
 * Left out: work that waits in the kernel where no signal is delivered (a disk that does not
 * answer). It ends only when the disk answers.
 */
#include <kvm/cancel.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define TIMER_SIGNAL (SIGRTMIN + 1)

static struct {
	struct cancel_plan plan;
	bool planned, has_timer;
	timer_t timer;
	atomic_bool active;
	atomic_int cause;
} cancel;

/* flags: TIMER_ABSTIME or 0. Async-signal-safe. */
static void cancel_arm(int flags, u64 ns)
{
	const struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
						     .tv_nsec = (long)(ns % NSEC_PER_SEC)}};

	if (cancel.has_timer)
		timer_settime(cancel.timer, flags, &spec, NULL);
}

static void cancel_arrived(int sig)
{
	int saved = errno, none = 0;
	int cause = sig == TIMER_SIGNAL ? CANCEL_TIMEOUT : sig;

	if (!atomic_compare_exchange_strong(&cancel.cause, &none, cause))
		cancel.plan.force(none); /* "none" now holds the first cause */
	else
		cancel_arm(0, CANCEL_GRACE_NS);
	errno = saved;
}

static void cancel_make_timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = TIMER_SIGNAL};

	/* If the timer cannot be made, signals still end the work. */
	if (!cancel.has_timer)
		cancel.has_timer = !timer_create(CLOCK_MONOTONIC, &event, &cancel.timer);
}

void cancel_begin_again(u64 deadline_ns)
{
	/* SA_RESTART: most callers would only repeat a system call that was interrupted. */
	struct sigaction action = {.sa_handler = cancel_arrived, .sa_flags = SA_RESTART};

	if (!cancel.planned)
		return;
	atomic_store(&cancel.cause, 0);
	atomic_store(&cancel.active, true);
	action.sa_mask = cancel.plan.signals;
	for (int sig = 1; sig < NSIG; sig++) {
		if (sigismember(&cancel.plan.signals, sig) == 1)
			sigaction(sig, &action, NULL);
	}
	cancel_make_timer();
	pthread_sigmask(SIG_UNBLOCK, &cancel.plan.signals, NULL);
	if (deadline_ns != UINT64_MAX)
		cancel_arm(TIMER_ABSTIME, MAX(deadline_ns, 1ULL));
}

void cancel_begin(const struct cancel_plan *plan)
{
	cancel.plan = *plan;
	sigaddset(&cancel.plan.signals, TIMER_SIGNAL);
	cancel.planned = true;
	cancel_begin_again(plan->deadline_ns);
}

int cancel_end(void)
{
	static const struct timespec now;
	sigset_t timer;

	if (!atomic_load(&cancel.active))
		return atomic_load(&cancel.cause);
	pthread_sigmask(SIG_BLOCK, &cancel.plan.signals, NULL);
	cancel_arm(0, 0);
	/* Take a timer signal that still waits: it must not end the next piece of work. */
	sigemptyset(&timer);
	sigaddset(&timer, TIMER_SIGNAL);
	sigtimedwait(&timer, NULL, &now);
	atomic_store(&cancel.active, false);
	return atomic_load(&cancel.cause);
}

int cancel_check(void)
{
	return atomic_load_explicit(&cancel.active, memory_order_relaxed) &&
			       atomic_load_explicit(&cancel.cause, memory_order_relaxed)
		       ? -ECANCELED
		       : 0;
}
