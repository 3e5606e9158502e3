/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lkvm's own terminal: raw mode, the way back out of it, and the Ctrl-A keys. term.c.
 */
#ifndef KVM_TERM_H
#define KVM_TERM_H

#include <kvm/types.h>
#include <sys/types.h>

struct loop;

/*
 * If standard input is a terminal, get ready to make it raw. changed() is called whenever it has
 * become raw or may be read no longer. 0 or -errno after log_error(). The loop's thread.
 */
int term_start(struct loop *loop, void (*changed)(void));

/*
 * After term_start(): make it raw now, or later when we come to the foreground. To be called before
 * any output of the guest can show: a user, or a script, who sees a prompt answers at once. Not
 * earlier either: until then Ctrl-C ends a start that takes long. The loop's thread.
 */
void term_take(void);

/* It is as it was, as at every other end of the process but SIGKILL. */
void term_stop(void);

/* The terminal as it was. Async-signal-safe, any number of times. */
void term_restore(void);

/* Is standard input a terminal that is in raw mode for the guest now? Loop. */
bool term_is_raw(void);

/*
 * Take the Ctrl-A sequences out of what the user typed, in place. Returns how many
 * bytes are left for the guest. *keys collects TERM_KEY_*. Loop.
 */
enum { TERM_KEY_QUIT = 1, TERM_KEY_HELP = 2, TERM_KEY_BREAK = 4, TERM_KEY_DETACH = 8 };
size_t term_filter(u8 *data, size_t len, unsigned int *keys);

/*
 * A second way to the open file behind fd, whose O_NONBLOCK is ours alone; the
 * inherited one stays as it is. flags: O_RDONLY or O_WRONLY. Returns a new
 * descriptor, or fd itself when there can be no second one (*shared true: poll
 * before each transfer, and keep it short). Main thread.
 */
int term_reopen(int fd, int flags, bool *shared);

/* write(2) that does not block on what term_reopen() gave: fewer bytes, or -1 and EAGAIN. */
ssize_t term_write(int fd, bool shared, const void *data, size_t len);

#endif
