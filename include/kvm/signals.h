/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The signals that end a run: control/signals.c. Main thread.
 */
#ifndef KVM_SIGNALS_H
#define KVM_SIGNALS_H

#include <signal.h>

/* The signals that end a run. SIGHUP is left out if the process was started with SIGHUP ignored. */
void signals_get_set(sigset_t *set);

/* A descriptor that is readable when such a signal has come. Valid while the machine exists. */
int signals_fd(void);

/* No guest is left that could be asked to power off: from now on the first signal ends the run. */
void signals_do_not_ask(void);

#endif
