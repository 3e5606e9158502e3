/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event loop: file descriptors, timers and bells, on one thread. util/loop.c.
 *
 * All functions are for the loop's own thread, except loop_ring() and loop_stop(), which any thread
 * may call. A callback may add, change or remove any source, its own included. The caller owns the
 * sources and removes each before its memory is freed. A callback must not block.
 */
#ifndef KVM_LOOP_H
#define KVM_LOOP_H

#include <kvm/types.h>
#include <stdatomic.h>

struct loop;

struct loop_fd {
	int fd;
	void (*fn)(void *arg, u32 events); /* events: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR */
	void *arg;
	/* loop.c's own: */
	u32 events;
	bool added;
	bool always; /* a regular file or /dev/null: epoll refuses it, it is always ready */
	struct loop_fd *next;
};

struct loop_timer {
	void (*fn)(void *arg);
	void *arg;
	/* loop.c's own: */
	u64 deadline_ns; /* CLOCK_MONOTONIC; 0: not armed */
	struct loop_timer *next;
};

/* How another thread asks the loop to call fn once soon. Rings before the call merge. */
struct loop_bell {
	void (*fn)(void *arg);
	void *arg;
	/* loop.c's own: */
	atomic_bool rung;
	struct loop_bell *next;
};

/* A new loop, or NULL with errno set. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Run callbacks until loop_stop(). Returns 0, or -errno when epoll itself fails. */
int loop_run(struct loop *loop);

/* Make loop_run() return after the callback that is running. Any thread; sticky. */
void loop_stop(struct loop *loop);

/*
 * After a stop: allow loop_run() again, which calls what the stop left uncalled. The loop's thread.
 */
void loop_continue(struct loop *loop);

/*
 * The number of the current turn, for a source that limits its work in a turn. The loop's thread.
 */
u64 loop_turn(const struct loop *loop);

/*
 * Watch source->fd for events (EPOLLIN, EPOLLOUT or both; 0 pauses the watch and
 * keeps it added; with EPOLLET edge-triggered). A change is the same call. Returns 0
 * or -errno. Files that epoll refuses (EPERM: regular files) are reported ready in every turn.
 */
int loop_watch(struct loop *loop, struct loop_fd *source, u32 events);
void loop_unwatch(struct loop *loop, struct loop_fd *source);

/* Call timer->fn once, at deadline_ns of now_ns()'s clock; an armed timer moves. */
void loop_arm(struct loop *loop, struct loop_timer *timer, u64 deadline_ns);
void loop_disarm(struct loop *loop, struct loop_timer *timer);

/* Bells are added before any thread rings them and removed after the last has stopped. */
void loop_add_bell(struct loop *loop, struct loop_bell *bell);
void loop_remove_bell(struct loop *loop, struct loop_bell *bell);

/* Any thread, lock-free; the call of fn happens after everything done before the ring. */
void loop_ring(struct loop *loop, struct loop_bell *bell);

#endif
