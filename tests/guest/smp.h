/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Actions with other processors, and with instructions that are many accesses. smp.c.
 */
#ifndef TESTS_GUEST_SMP_H
#define TESTS_GUEST_SMP_H

void do_smp(const char *arg);
void do_rep(const char *arg);
void do_rep_reset(const char *arg);

#endif
