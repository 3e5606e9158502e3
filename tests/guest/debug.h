/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The actions of the payload that somebody outside looks at or acts on. debug.c.
 */
#ifndef TESTS_GUEST_DEBUG_H
#define TESTS_GUEST_DEBUG_H

void do_balloon_asked(const char *arg);
void do_registers(const char *arg);
void do_nmi(const char *arg);

#endif
