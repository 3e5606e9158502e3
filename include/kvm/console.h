/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's console: between one chip of the guest and lkvm's own standard
 * input and output. console.c.
 *
 * Out: bytes go into a ring of 256 KiB on the vCPU thread; the I/O loop writes the ring out in
 * bursts. A reader that stops reading never stops the guest: while the ring is full console_full()
 * is true (the chip withholds its transmitter-empty interrupt); bytes that are written nevertheless
 * overwrite the oldest ones, which are counted as lost. In: the loop reads standard input only
 * while the chip has room.
 */
#ifndef KVM_CONSOLE_H
#define KVM_CONSOLE_H

#include <kvm/lines.h>
#include <kvm/types.h>

/*
 * The functions that a chip gives the console. Called on the loop's thread, no console lock held.
 */
struct console_port {
	/* How many bytes input() would take now; 0 while flow control holds them off. */
	size_t (*room)(void *dev);
	void (*input)(void *dev, const u8 *data, size_t len);
	/* The ring has space again after console_full() was true. */
	void (*writable)(void *dev);
	/*
	 * The vCPUs have stopped and the ring is empty: write what the guest gave the chip before,
	 * at most as much as the ring holds. May be NULL.
	 */
	void (*finish)(void *dev);
	/* A break was asked for (Ctrl-A b). May be NULL, like send_sysrq(). */
	void (*send_break)(void *dev);
	/* Take a break and a byte: both, or -EBUSY. A paused chip sends them when it goes on. */
	int (*send_sysrq)(void *dev, u8 key);
	void *dev;
};

/*
 * Add a chip as a port of the console. The last one added (hvc0 after COM1) gets the input; all are
 * told when the ring has space again. Detached in reverse order. The loop's thread.
 */
void console_attach(const struct console_port *port);
void console_detach(void);

/*
 * The guest wrote bytes. console_write() is for a chip that cannot tell whether the kernel or a
 * program wrote them. Any thread; never blocks on the reader.
 */
void console_write_from(enum lines_source source, const u8 *data, size_t len);
void console_write(const u8 *data, size_t len);

/*
 * A driver has opened the port, which from now on receives by interrupt. Linux does so first when
 * it opens the console for its init. Any thread.
 */
void console_opened(void);

/* Should the chip withhold "ready for more"? Any thread. */
bool console_full(void);

/* room() may have grown. Any thread. */
void console_room_changed(void);

/*
 * Viewers, besides standard output (console/view.c). All functions: the loop's thread.
 *
 * The watcher is called when there is output that console_view() has not given yet, and when there
 * may be more room for input. NULL: no watcher any more.
 */
void console_set_watcher(void (*fn)(void));

/*
 * The place, for console_view(), where the last `bytes` bytes of the output begin; if fewer are
 * kept, where those begin.
 */
u64 console_history(size_t bytes);

/*
 * Copy output from the place *at on, and move *at after it. Bytes that were overwritten before are
 * skipped and added to *lost. Returns how many bytes were copied; 0: there are no more, and the
 * watcher will be called.
 */
size_t console_view(u64 *at, u8 *data, size_t size, u64 *lost);

/* True if standard input is at its end, so that a viewer may type. */
bool console_may_type(void);

/* How many bytes console_type() takes now; the caller types no more than these. */
size_t console_type_room(void);
void console_type(const u8 *data, size_t len);

/* Send a break on the line, which is Linux's SysRq. */
void console_send_break(void);

/*
 * Send a break and then this byte to the first port that takes breaks: Linux's serial console makes
 * a SysRq of them. 0 (on a paused machine they come when it goes on); -EBUSY, and nothing is sent:
 * the port cannot take both now; -ENODEV: there is no such port. The loop's thread.
 */
int console_send_sysrq(u8 key);

/*
 * The end: write out the bytes in the ring and in the chips, until the reader has all of them or is
 * gone, enough_fd (-1: none) becomes readable, or deadline_ns has come. Main thread, after the loop
 * and the vCPUs have stopped. Returns the number of bytes left.
 */
size_t console_drain(int enough_fd, u64 deadline_ns);

#endif
