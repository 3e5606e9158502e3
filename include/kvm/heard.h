/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The facts about the guest's console that the core needs: core/heard.c.
 */
#ifndef KVM_HEARD_H
#define KVM_HEARD_H

#include <kvm/types.h>

#define HEARD_LINE_MAX 512 /* bytes of a console line that are kept; a longer line is cut here */

/* Total bytes of console output so far. Any thread; the console calls one at a time. */
void heard_output(u64 bytes);
u64 heard_output_bytes(void); /* any thread */

/* The kernel wrote that it halts on purpose; false: a new kernel has started. Any thread. */
void heard_halt(bool halted);
bool heard_halted(void);

/*
 * Set by the module that keeps the console's lines: copy() fills line with the last line that has a
 * visible character, or "". NULL: no lines are kept. Main thread.
 */
void heard_set_last_line(void (*copy)(char *line, size_t size));
void heard_last_line(char *line, size_t size); /* while no vCPU runs */

#endif
