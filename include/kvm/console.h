/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's console: between one chip of the guest and lkvm's own standard
 * input and output. console.c.
 *
 * Out: bytes go into a ring of 256 KiB on the vCPU thread; the I/O loop writes
 * the ring out in bursts. A reader that stops reading never stops the guest:
 * while the ring is full console_full() is true (the chip withholds its
 * transmitter-empty interrupt); bytes that come nevertheless push the oldest out,
 * and are counted. In: the loop reads standard input only while the chip has room.
 */
#ifndef KVM_CONSOLE_H
#define KVM_CONSOLE_H

#include <kvm/lines.h>
#include <kvm/types.h>

/* What a chip gives the console. Called on the loop's thread, no console lock held. */
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
	/* A break was asked for (Ctrl-A b). May be NULL, with what follows. */
	void (*send_break)(void *dev);
	/* A break and a byte: both, or -EBUSY. Paused, it takes them when it goes on. */
	int (*send_sysrq)(void *dev, u8 key);
	void *dev;
};

/*
 * A chip that is the console. A second one (hvc0 beside COM1) takes the input from then on; all are
 * told when the ring has space again. Detached in reverse. The loop's thread.
 */
void console_attach(const struct console_port *port);
void console_detach(void);

/*
 * The guest wrote bytes; console_write(): it cannot be told whether the kernel or a program did.
 * Any thread; never blocks.
 */
void console_write_from(enum lines_source source, const u8 *data, size_t len);
void console_write(const u8 *data, size_t len);

/*
 * A driver has opened the port, rather than poked at it: from now on it receives by interrupt.
 * Linux does so first when it opens the console for its init. Any thread.
 */
void console_opened(void);

/* Should the chip withhold "ready for more"? Any thread. */
bool console_full(void);

/* room() may have grown. Any thread. */
void console_room_changed(void);

/*
 * Viewers, besides standard output (console/view.c). The loop's thread, all of it.
 *
 * The watcher is called when there is output that console_view() has not given yet, and when there
 * may be more room for input; NULL ends that.
 */
void console_set_watcher(void (*fn)(void));

/* Where the last so many bytes of the output begin, or what is left of them: for console_view(). */
u64 console_history(size_t bytes);

/*
 * Copy output from *at on, and move *at behind it. What was overwritten since is passed over and
 * added to *lost. Returns how many bytes; 0: there are no more, the watcher will be called.
 */
size_t console_view(u64 *at, u8 *data, size_t size, u64 *lost);

/* Is standard input at its end, so that somebody else may type? */
bool console_may_type(void);

/* How many bytes would be taken; type so many or fewer. */
size_t console_type_room(void);
void console_type(const u8 *data, size_t len);

/* A break on the line, which is Linux's SysRq. */
void console_send_break(void);

/*
 * A break and then this byte, into the first port that takes breaks: what Linux's serial console
 * makes a SysRq of. 0, and on a paused machine they come when it goes on; -EBUSY, and nothing is
 * sent, while that port does not take two bytes; -ENODEV: there is none. The loop's thread.
 */
int console_send_sysrq(u8 key);

/*
 * The end: write out what is in the ring and in the chips, until the reader has it all or is gone,
 * enough_fd (-1: none) becomes readable, or deadline_ns has come. Main thread, after the loop and
 * the vCPUs have stopped. Returns the number of bytes left.
 */
size_t console_drain(int enough_fd, u64 deadline_ns);

#endif
