/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lkvm's own terminal: raw mode, the way back out of it, and the Ctrl-A keys. term.c.
 */
#ifndef KVM_TERM_H
#define KVM_TERM_H

#include <kvm/types.h>

/* Is standard input a terminal that is in raw mode for the guest now? Loop. */
bool term_is_raw(void);

/*
 * Take the Ctrl-A sequences out of what the user typed, in place. Returns how many
 * bytes are left for the guest. *keys collects TERM_KEY_*. Loop.
 */
enum { TERM_KEY_QUIT = 1, TERM_KEY_HELP = 2, TERM_KEY_BREAK = 4 };
size_t term_filter(u8 *data, size_t len, unsigned int *keys);

/*
 * A second way to the open file behind fd, whose O_NONBLOCK is ours alone; the
 * inherited one stays as it is. flags: O_RDONLY or O_WRONLY. Returns a new
 * descriptor, or fd itself when there can be no second one (*shared true: poll
 * before each transfer, and keep it short). Main thread.
 */
int term_reopen(int fd, int flags, bool *shared);

#endif
