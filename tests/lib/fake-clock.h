/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of tests in which hours pass in no time. fake-clock.c.
 */
#ifndef TESTS_FAKE_CLOCK_H
#define TESTS_FAKE_CLOCK_H

#include <kvm/types.h>

/*
 * While it is set the clock stands still and no timer of the loop fires. A timer that is armed
 * afterwards, earlier than all others, makes the loop look at its timers again.
 */
extern bool fake_clock_stands;

#endif
