// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event loop: epoll, one timerfd for all timers, one eventfd for all bells.
 *
 * A turn waits for a batch of events and calls back for each. The timerfd and
 * the eventfd are sources like any other; their callbacks walk the timers that
 * ran out and the bells that were rung. Descriptors are level-triggered: what a
 * callback leaves unread is reported again in the next turn.
 *
 * A callback may remove any source, whose memory may be gone a moment later. Four walks are under
 * way when a callback runs (batch, always-ready files, due timers, bells), and each keeps its place
 * in struct loop, where a removal finds it: loop_forget() blanks the events that wait in the batch,
 * the others step over what is removed. What a callback adds is seen in the next turn at the
 * earliest, so a timer that re-arms itself in the past does not keep others waiting.
 *
 * A paused source (events 0) is taken out of epoll, which would report EPOLLHUP
 * and EPOLLERR for it regardless and make the loop spin. Invariant: a source is
 * known to epoll when its events are not 0 and it is not `always`. The private
 * fields of a source start as zero, and are zero again once it is removed.
 *
 * Bells: only the loop's thread touches their list; a ringing thread touches
 * bell->rung and the eventfd. The ring that turns rung from false to true writes
 * the eventfd; the loop reads the eventfd first and clears rung after, just
 * before the call. So a ring during the walk is either seen by it or leaves the
 * eventfd readable, and none is lost. The exchange on both sides orders what was
 * done before the ring before the callback.
 *
 * Timers are a list sorted by deadline: there are dozens, not thousands. The
 * timerfd is set when the earliest deadline changed, once a turn.
 *
 * A source that is watched with EPOLLET as well is edge-triggered: one callback for the changes
 * since the last, and no one needs to read an eventfd that only rings.
 *
 * Left out on purpose: priorities, nested loop_run(), periodic
 * timers (a callback re-arms from its own deadline and does not drift).
 */
#include <errno.h>
#include <kvm/loop.h>
#include <kvm/util.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LOOP_BATCH 32

struct loop {
	int epoll_fd;
	struct loop_fd timer_source;
	struct loop_fd wake_source;
	atomic_bool stopped;
	u64 turn;

	struct epoll_event batch[LOOP_BATCH];
	int batch_next; /* the first event not handed out yet */
	int batch_count;

	struct loop_fd *always; /* sources that epoll refused */
	struct loop_fd *always_next;

	struct loop_timer *timers; /* armed, the earliest first */
	struct loop_timer *due;	   /* ran out, not called yet */
	u64 timerfd_ns;		   /* what the timerfd is set to; 0: not set */

	struct loop_bell *bells;
	struct loop_bell *bell_next;
};

static bool loop_stopped(struct loop *loop)
{
	return atomic_load(&loop->stopped);
}

/* --- descriptors --- */

static void loop_forget(struct loop *loop, const struct loop_fd *source)
{
	for (int i = loop->batch_next; i < loop->batch_count; i++) {
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
	}
}

static void loop_add_always(struct loop *loop, struct loop_fd *source)
{
	source->always = true;
	source->next = loop->always;
	loop->always = source;
}

static void loop_remove_always(struct loop *loop, struct loop_fd *source)
{
	struct loop_fd **link = &loop->always;

	while (*link != source)
		link = &(*link)->next;
	*link = source->next;
	if (loop->always_next == source)
		loop->always_next = source->next;
	source->next = NULL;
	source->always = false;
}

static int loop_set_epoll(struct loop *loop, struct loop_fd *source, u32 events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	int op = source->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (!events)
		op = EPOLL_CTL_DEL;
	if (epoll_ctl(loop->epoll_fd, op, source->fd, &event))
		return -errno;
	return 0;
}

int loop_watch(struct loop *loop, struct loop_fd *source, u32 events)
{
	if (!source->always && events != source->events) {
		int err = loop_set_epoll(loop, source, events);

		if (err == -EPERM)
			loop_add_always(loop, source);
		else if (err)
			return err;
	}
	if (!events)
		loop_forget(loop, source);
	source->events = events;
	source->added = true;
	return 0;
}

void loop_unwatch(struct loop *loop, struct loop_fd *source)
{
	if (!source->added)
		return;
	loop_forget(loop, source);
	/* Fails when the descriptor was closed already, and then epoll has let go of it. */
	if (source->always)
		loop_remove_always(loop, source);
	else if (source->events)
		loop_set_epoll(loop, source, 0);
	source->events = 0;
	source->added = false;
}

static void loop_call_batch(struct loop *loop)
{
	while (loop->batch_next < loop->batch_count && !loop_stopped(loop)) {
		const struct epoll_event *event = &loop->batch[loop->batch_next++];
		const struct loop_fd *source = event->data.ptr;
		u32 events;

		if (!source)
			continue;
		/* An earlier callback may have reduced the watched events. */
		events = event->events & (source->events | EPOLLHUP | EPOLLERR);
		if (events)
			source->fn(source->arg, events);
	}
	loop->batch_count = 0;
}

static void loop_call_always(struct loop *loop)
{
	loop->always_next = loop->always;
	while (loop->always_next && !loop_stopped(loop)) {
		const struct loop_fd *source = loop->always_next;

		loop->always_next = source->next;
		if (source->events)
			source->fn(source->arg, source->events);
	}
	loop->always_next = NULL;
}

static bool loop_has_always(const struct loop *loop)
{
	const struct loop_fd *source = loop->always;

	while (source && !source->events)
		source = source->next;
	return source;
}

/* --- timers --- */

/* Insert after the timers of the same deadline: first armed, first called. */
void loop_arm(struct loop *loop, struct loop_timer *timer, u64 deadline_ns)
{
	struct loop_timer **link = &loop->timers;

	loop_disarm(loop, timer);
	timer->deadline_ns = MAX(deadline_ns, 1);
	while (*link && (*link)->deadline_ns <= timer->deadline_ns)
		link = &(*link)->next;
	timer->next = *link;
	*link = timer;
}

static bool loop_unlink_timer(struct loop_timer **link, struct loop_timer *timer)
{
	while (*link && *link != timer)
		link = &(*link)->next;
	if (!*link)
		return false;
	*link = timer->next;
	return true;
}

void loop_disarm(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->deadline_ns)
		return;
	if (!loop_unlink_timer(&loop->timers, timer))
		loop_unlink_timer(&loop->due, timer);
	timer->next = NULL;
	timer->deadline_ns = 0;
}

/* Move the timers that ran out to the due list. */
static void loop_split_timers(struct loop *loop, u64 now)
{
	struct loop_timer **link = &loop->timers;
	struct loop_timer *rest;

	while (*link && (*link)->deadline_ns <= now)
		link = &(*link)->next;
	rest = *link;
	*link = NULL;
	loop->due = loop->timers;
	loop->timers = rest;
}

static void loop_call_timers(void *arg, u32 events)
{
	struct loop *loop = arg;
	u64 expirations;

	/* The read ends the readiness. Its result is always 1: the timerfd fires once. */
	if (read(loop->timer_source.fd, &expirations, sizeof(expirations)) < 0)
		return;
	loop->timerfd_ns = 0;

	loop_split_timers(loop, now_ns());
	while (loop->due && !loop_stopped(loop)) {
		struct loop_timer *timer = loop->due;

		loop->due = timer->next;
		timer->next = NULL;
		timer->deadline_ns = 0;
		timer->fn(timer->arg);
	}
}

static int loop_set_timerfd(struct loop *loop)
{
	u64 deadline_ns = loop->timers ? loop->timers->deadline_ns : 0;
	struct itimerspec when = {
		.it_value.tv_sec = deadline_ns / NSEC_PER_SEC,
		.it_value.tv_nsec = deadline_ns % NSEC_PER_SEC,
	};

	if (deadline_ns == loop->timerfd_ns)
		return 0;
	if (timerfd_settime(loop->timer_source.fd, TFD_TIMER_ABSTIME, &when, NULL))
		return -errno;
	loop->timerfd_ns = deadline_ns;
	return 0;
}

/* --- bells --- */

void loop_add_bell(struct loop *loop, struct loop_bell *bell)
{
	/* A ring left over from an earlier life would keep new ones from waking the loop. */
	atomic_store(&bell->rung, false);
	bell->next = loop->bells;
	loop->bells = bell;
}

void loop_remove_bell(struct loop *loop, struct loop_bell *bell)
{
	struct loop_bell **link = &loop->bells;

	while (*link && *link != bell)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = bell->next;
	if (loop->bell_next == bell)
		loop->bell_next = bell->next;
	bell->next = NULL;
}

/* Cannot fail: the counter would have to reach 2^64 - 1 first. */
static void loop_wake(struct loop *loop)
{
	eventfd_write(loop->wake_source.fd, 1);
}

void loop_ring(struct loop *loop, struct loop_bell *bell)
{
	if (!atomic_exchange(&bell->rung, true))
		loop_wake(loop);
}

static void loop_call_bells(void *arg, u32 events)
{
	struct loop *loop = arg;
	eventfd_t rings;

	eventfd_read(loop->wake_source.fd, &rings);

	loop->bell_next = loop->bells;
	while (loop->bell_next && !loop_stopped(loop)) {
		struct loop_bell *bell = loop->bell_next;

		loop->bell_next = bell->next;
		if (atomic_exchange(&bell->rung, false))
			bell->fn(bell->arg);
	}
	loop->bell_next = NULL;
}

/* --- the loop --- */

static int loop_wait(struct loop *loop)
{
	int err = loop_set_timerfd(loop);
	int count;

	if (err)
		return err;
	count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, loop_has_always(loop) ? 0 : -1);
	if (count < 0 && errno != EINTR)
		return -errno;
	loop->batch_next = 0;
	loop->batch_count = MAX(count, 0);
	return 0;
}

int loop_run(struct loop *loop)
{
	while (!loop_stopped(loop)) {
		int err = loop_wait(loop);

		loop->turn++;
		if (err)
			return err;
		loop_call_batch(loop);
		loop_call_always(loop);
	}
	return 0;
}

u64 loop_turn(const struct loop *loop)
{
	return loop->turn;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopped, true);
	loop_wake(loop);
}

/* What a stop cut short is still to be called: timers that ran out, bells that were rung. */
void loop_continue(struct loop *loop)
{
	struct loop_timer *due = loop->due, *next;

	loop->due = NULL;
	for (; due; due = next) {
		u64 deadline_ns = due->deadline_ns;

		next = due->next;
		due->deadline_ns = 0;
		loop_arm(loop, due, deadline_ns);
	}
	atomic_store(&loop->stopped, false);
	loop_wake(loop);
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return NULL;
	loop->timer_source = (struct loop_fd){.fn = loop_call_timers, .arg = loop};
	loop->wake_source = (struct loop_fd){.fn = loop_call_bells, .arg = loop};

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		goto err_alloc;
	loop->timer_source.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timer_source.fd < 0)
		goto err_epoll;
	loop->wake_source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_source.fd < 0)
		goto err_timer;

	err = loop_watch(loop, &loop->timer_source, EPOLLIN);
	if (!err)
		err = loop_watch(loop, &loop->wake_source, EPOLLIN);
	if (!err)
		return loop;

	errno = -err;
	close(loop->wake_source.fd);
err_timer:
	close(loop->timer_source.fd);
err_epoll:
	close(loop->epoll_fd);
err_alloc:
	free(loop);
	return NULL;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->wake_source.fd);
	close(loop->timer_source.fd);
	close(loop->epoll_fd);
	free(loop);
}
