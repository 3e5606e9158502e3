/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core must know of the guest's console: core/heard.c.
 */
#ifndef KVM_HEARD_H
#define KVM_HEARD_H

#include <kvm/types.h>

#define HEARD_LINE_MAX 512 /* bytes of a console line that are kept; what is longer is cut here */

/* The console has had so many bytes of output by now. Any thread, serialised by the console. */
void heard_output(u64 bytes);
u64 heard_output_bytes(void); /* any thread */

/* The kernel said that it halts on purpose; false: another kernel took its place. Any thread. */
void heard_halt(bool halted);
bool heard_halted(void);

/*
 * Set by the module that keeps the console's lines: copy() fills line with the last one that has a
 * visible character, or "". NULL: no lines are kept. Main thread.
 */
void heard_set_last_line(void (*copy)(char *line, size_t size));
void heard_last_line(char *line, size_t size); /* while no vCPU runs */

#endif
