/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals between lkvm and its own init in the guest, by serial port ttyS0: core/own-init.c.
 */
#ifndef KVM_OWN_INIT_H
#define KVM_OWN_INIT_H

#include <kvm/types.h>

/*
 * The next guest starts with lkvm's init, which stays and runs a command or a shell. frames: the
 * init wants framed input, but only after it has called. Main thread, before the vCPUs run.
 */
void own_init_expect(bool frames);

/* The init calls: COM1's OUT1 has risen while RTS is high. dtr: the level of DTR. Any thread. */
void own_init_called(bool dtr);

/*
 * Set by COM1: drive() sets its modem lines: dsr: the level of DSR; ring: RI falls. The loop calls
 * drive().
 */
void own_init_set_line(void (*drive)(void *dev, bool dsr, bool ring), void *dev);

/* Must input be framed, or held until the init has called? */
bool own_init_frames(void);

/*
 * Frame bytes of standard input. Takes at most *len bytes of data and writes at most room bytes to
 * `to`; *len becomes the number of bytes taken. at_end: no more input will come. Returns the number
 * of bytes written: 0 while the init does not read. Loop.
 */
size_t own_init_frame(const u8 *data, size_t *len, bool at_end, u8 *to, size_t room);

/*
 * Ask the init to end the guest until deadline_ns (now_ns()); of several calls the earliest
 * deadline counts. Loop.
 */
void own_init_ask(u64 deadline_ns);

/* Ask the init to end the guest now. False: no init of lkvm listens. Loop. */
bool own_init_hurry(void);

#endif
