/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lkvm and its own init in the guest tell each other while it runs: own-init.c.
 */
#ifndef KVM_OWN_INIT_H
#define KVM_OWN_INIT_H

#include <kvm/types.h>

/*
 * The next guest's first program is lkvm's init, and stays: it runs a command or a shell. frames:
 * it wants its input framed, and not before it says so. Main thread, before the vCPUs run.
 */
void own_init_expect(bool frames);

/* COM1's OUT1 has risen while RTS is high; DTR is high or low. Any thread. */
void own_init_called(bool dtr);

/* COM1 says how its modem lines are driven: DSR's level; ring: RI falls. Called on the loop. */
void own_init_set_line(void (*drive)(void *dev, bool dsr, bool ring), void *dev);

/* Is input to be framed, or held until we know? */
bool own_init_frames(void);

/*
 * Frame what comes from standard input. Takes at most *len bytes of data and makes at most room of
 * them in to; *len becomes how many were taken. at_end: there will be no more. Returns how many
 * were made: 0 while nobody reads. Loop.
 */
size_t own_init_frame(const u8 *data, size_t *len, bool at_end, u8 *to, size_t room);

/* The guest has until deadline_ns (now_ns()) to end; the earliest of several counts. Loop. */
void own_init_ask(u64 deadline_ns);

/* It is to end now. False: nobody hears that. Loop. */
bool own_init_hurry(void);

#endif
