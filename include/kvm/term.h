/* SPDX-License-Identifier: GPL-2.0-only */
/* lkvm's own terminal: raw mode, its end, and the Ctrl-A keys. term.c. */
#ifndef KVM_TERM_H
#define KVM_TERM_H

#include <kvm/types.h>
#include <sys/types.h>

struct loop;

/*
 * If standard input is a terminal, prepare to make it raw. changed() is called whenever it has
 * become raw or may not be read any more. 0 or -errno after log_error(). The loop's thread.
 */
int term_start(struct loop *loop, void (*changed)(void));

/*
 * After term_start(): make the terminal raw now, or later when we come to the foreground. Call it
 * before any output of the guest can show: a user or a script that sees a prompt answers at once.
 * Do not call it earlier either: until then Ctrl-C ends a start that takes long. The loop's thread.
 */
void term_take(void);

/* Restore the terminal and end what term_start() began. The loop's thread. */
void term_stop(void);

/* Restore the terminal's settings. Async-signal-safe, any number of times. */
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
 * Open the file behind fd a second time with O_NONBLOCK, which the inherited descriptor does not
 * get. flags: O_RDONLY or O_WRONLY. Returns a new descriptor, or fd itself when the file cannot be
 * opened again (*shared true: poll before each transfer, and keep it short). Main thread.
 */
int term_reopen(int fd, int flags, bool *shared);

/* write(2) to the result of term_reopen() without blocking: fewer bytes, or -1 and EAGAIN. */
ssize_t term_write(int fd, bool shared, const void *data, size_t len);

#endif
