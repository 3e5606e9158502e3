/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The signals that end a run: control/signals.c. Main thread.
 */
#ifndef KVM_SIGNALS_H
#define KVM_SIGNALS_H

#include <signal.h>

/* Which signals end a run, as the process was started. */
void signals_get_set(sigset_t *set);

/* Once the machine is there: a descriptor that is readable when such a signal has come. */
int signals_fd(void);

/* There is no guest any more that could be asked: from here on the first signal ends the run. */
void signals_do_not_ask(void);

#endif
