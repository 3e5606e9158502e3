/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a test waits before it calls something late. patience.c.
 *
 * A test names the limit that is fair on an idle machine, and waits for that limit times the factor
 * of the moment. On an idle machine the factor is 1, so an upper bound stays what it is.
 */
#ifndef TESTS_PATIENCE_H
#define TESTS_PATIENCE_H

#include <stdint.h>

/* The factor now, in percent: 100 on an idle machine that is as fast as ours. */
unsigned int patience_percent(void);

uint64_t patient_ns(uint64_t ns);
int patient_ms(int ms);
unsigned int patient_s(unsigned int seconds); /* for alarm() */

#endif
