// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-console: the machine's console as one port, hvc0 in Linux. --console=virtio.
 *
 * Out (transmitq): the bytes of a chain are copied piece by piece and passed to console_write(), as
 * COM1 does; so they also reach the panic watch and the log. Linux spins, with interrupts off,
 * until its buffer comes back, so a chain is never kept until a reader has read it. While the
 * console's ring is full, no chain is taken for at most STALL_NS: a slow reader can catch up
 * without a loss. After that new bytes overwrite the oldest ones until there is room again, as for
 * printk on COM1. One turn of the loop writes at most as much as the ring holds, so that the ring
 * is read in between: a longer chain, which no usual driver makes, is kept until the next turn.
 *
 * In (receiveq): console.c calls hvc_room() and hvc_input() on the loop's thread. hvc_room() pops
 * the next buffer and keeps it, at most one; its length is the room. Without a buffer there is no
 * room, and the next doorbell tells console.c to ask again.
 *
 * Size: with a terminal on standard input the device offers SIZE. A SIGWINCH rings a bell; then
 * columns and rows are written into the configuration, and the driver gets an interrupt. emerg_wr
 * takes single bytes before there are queues. COM1 stays a port of the console: bytes written there
 * are shown too, and the kernel's earlycon is in use until hvc0 takes over.
 *
 * Everything except emerg_wr is on the loop's thread. Left out: MULTIPORT. When init opens hvc0 the
 * device is not told, so the phase "init" is not known with --console=virtio.
 *
 * Spec: virtio 1.2, section 5.3 (5.3.4: configuration, 5.3.6: operation)
 */
#include "virtio/core.h"

#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/init.h>
#include <kvm/iov.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/util.h>

#include <endian.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define QUEUE_IN    0
#define QUEUE_OUT   1
#define QUEUE_SIZE  64
#define PIECE_BYTES 1024
#define TURN_PIECES 256 /* as many as console.c's ring can hold */
#define STALL_NS    (20 * NSEC_PER_MSEC)

static const char *const hvc_choices[] = {"serial", "virtio", NULL};

static const struct option hvc_options[] = {
	{.name = "console",
	 .type = OPTION_CHOICE,
	 .value = &config.console,
	 .arg = "serial|virtio",
	 .choices = hvc_choices,
	 .help = "where the guest's console is: ttyS0 or hvc0"},
};
OPTION_GROUP(virtio_console, run, "Devices", 34, hvc_options);

/* The fields are little-endian (5.3.4). */
static struct virtio_console_config hvc_config;

static struct {
	struct virtio_device dev;
	struct kvm *kvm;
	struct virtq_chain *input;  /* taken from the receiveq and not filled yet */
	struct virtq_chain *output; /* taken from the transmitq and not written to its end yet */
	struct iov_cursor at;	    /* the part of output that is not written yet */
	struct loop_timer stall;    /* armed while output waits for the ring */
	bool overrun;		    /* STALL_NS are over: new bytes overwrite the oldest */
	bool sized;		    /* standard input is a terminal */
	struct loop_bell resized;   /* rung by SIGWINCH */
} hvc;

/* --- out --- */

/* Pop the next chain for output, if there is none. False: the driver has no more. */
static bool hvc_take_output(struct virtq *vq)
{
	/* The length of a chain is bounded, so this cannot fail. */
	if (!hvc.output && virtq_pop(vq, &hvc.output) == 1)
		iov_cursor_init(&hvc.at, hvc.output->out, hvc.output->out_count);
	return hvc.output;
}

/* Write the next bytes of output, at most PIECE_BYTES. At its end give the chain back. */
static void hvc_write_piece(struct virtq *vq)
{
	u8 piece[PIECE_BYTES];
	size_t len = MIN(iov_left(&hvc.at), sizeof(piece));

	iov_read(&hvc.at, piece, len);
	console_write(piece, len);
	if (!iov_left(&hvc.at)) {
		virtq_push(vq, hvc.output, 0);
		hvc.output = NULL;
	}
}

/* True: the next chain may be taken. False: writable() or the timer tries again. */
static bool hvc_may_write(void)
{
	if (hvc.overrun || !console_full())
		return true;
	if (!hvc.stall.deadline_ns)
		loop_arm(hvc.kvm->loop, &hvc.stall, now_ns() + STALL_NS);
	return false;
}

static void hvc_output(void)
{
	struct virtq *vq = virtio_queue(&hvc.dev, QUEUE_OUT);
	unsigned int pieces = 0;

	if (!virtio_serves(&hvc.dev))
		return;
	while (pieces < TURN_PIECES && (hvc.output || hvc_may_write()) && hvc_take_output(vq)) {
		hvc_write_piece(vq);
		pieces++;
	}
	virtq_flush(vq);
	if (pieces == TURN_PIECES)
		virtio_doorbell(&hvc.dev, QUEUE_OUT);
}

static void hvc_stalled(void *arg)
{
	/* A paused queue is notified at resume. */
	if (!virtio_serves(&hvc.dev))
		return;
	hvc.overrun = true;
	hvc_output();
}

static void hvc_writable(void *arg)
{
	hvc.overrun = false;
	loop_disarm(hvc.kvm->loop, &hvc.stall);
	hvc_output();
}

/* At the end, write chains whose doorbell a vCPU could not ring any more before it was stopped. */
static void hvc_finish(void *arg)
{
	struct virtq *vq = virtio_queue(&hvc.dev, QUEUE_OUT);

	for (unsigned int i = 0; i < TURN_PIECES && virtio_serves(&hvc.dev) && hvc_take_output(vq);
	     i++)
		hvc_write_piece(vq);
}

/* --- in --- */

static size_t hvc_room(void *arg)
{
	struct virtq *vq = virtio_queue(&hvc.dev, QUEUE_IN);

	if (!virtio_serves(&hvc.dev))
		return 0;
	for (unsigned int i = 0; !hvc.input && i < QUEUE_SIZE; i++) {
		struct virtq_chain *chain;

		if (!virtq_started(vq) || virtq_pop(vq, &chain) != 1)
			break;
		if (chain->in_bytes) {
			hvc.input = chain;
		} else {
			virtq_push(vq, chain, 0);
			virtq_flush(vq);
		}
	}
	return hvc.input ? hvc.input->in_bytes : 0;
}

/* len is at most what hvc_room() said: one buffer. */
static void hvc_input(void *arg, const u8 *data, size_t len)
{
	struct virtq *vq = virtio_queue(&hvc.dev, QUEUE_IN);
	u32 done = 0;

	for (unsigned int i = 0; i < hvc.input->in_count && done < len; i++) {
		u32 piece = (u32)MIN(len - done, hvc.input->in[i].iov_len);

		memcpy(hvc.input->in[i].iov_base, data + done, piece);
		done += piece;
	}
	virtq_push(vq, hvc.input, done);
	hvc.input = NULL;
	virtq_flush(vq);
	/* The next buffer has room for more input. */
	console_room_changed();
}

/* --- size --- */

static bool hvc_size(struct virtio_console_config *to)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return false;
	to->cols = htole16(size.ws_col);
	to->rows = htole16(size.ws_row);
	return true;
}

static void hvc_resized(void *arg)
{
	struct virtio_console_config now = hvc_config;

	if (virtio_is_paused(&hvc.dev) || !hvc_size(&now) ||
	    !memcmp(&now, &hvc_config, sizeof(now)))
		return;
	virtio_config_write(&hvc.dev, 0, &now,
			    offsetof(struct virtio_console_config, max_nr_ports));
	virtio_config_changed(&hvc.dev);
}

static void hvc_resumed(struct virtio_device *dev)
{
	if (hvc.sized)
		hvc_resized(NULL);
}

/* A signal handler, on any thread: it may ring a bell. */
static void hvc_winch(int sig)
{
	loop_ring(hvc.kvm->loop, &hvc.resized);
}

static void hvc_watch_size(struct kvm *kvm)
{
	const struct sigaction action = {.sa_handler = hvc_winch, .sa_flags = SA_RESTART};

	hvc.resized.fn = hvc_resized;
	loop_add_bell(kvm->loop, &hvc.resized);
	sigaction(SIGWINCH, &action, NULL);
}

static void hvc_unwatch_size(struct kvm *kvm)
{
	signal(SIGWINCH, SIG_DFL);
	loop_remove_bell(kvm->loop, &hvc.resized);
}

/* --- the device --- */

/* vCPU thread. Only emerg_wr may be written, at any width; its low byte is the character. */
static void hvc_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len)
{
	if (offset == offsetof(struct virtio_console_config, emerg_wr) && len)
		console_write(buf, 1);
}

static void hvc_notify(struct virtio_device *dev, unsigned int queue)
{
	if (queue == QUEUE_OUT)
		hvc_output();
	else
		console_room_changed();
}

static void hvc_forget(void)
{
	hvc.input = hvc.output = NULL;
	hvc.overrun = false;
	loop_disarm(hvc.kvm->loop, &hvc.stall);
}

static void hvc_stop(struct virtio_device *dev)
{
	hvc_forget();
	virtio_stopped(dev);
}

static void hvc_stop_queue(struct virtio_device *dev, unsigned int queue)
{
	if (queue == QUEUE_IN)
		hvc.input = NULL;
	else
		hvc.output = NULL;
	virtio_queue_stopped(dev, queue);
}

static const struct virtio_ops hvc_ops = {
	.config_write = hvc_config_write,
	.notify = hvc_notify,
	.stop = hvc_stop,
	.stop_queue = hvc_stop_queue,
	.resumed = hvc_resumed,
};

static const u16 hvc_queue_max[] = {QUEUE_SIZE, QUEUE_SIZE};

static const struct console_port hvc_port = {
	.room = hvc_room,
	.input = hvc_input,
	.writable = hvc_writable,
	.finish = hvc_finish,
};

static void hvc_exit(struct kvm *kvm)
{
	if (config.console != CONSOLE_VIRTIO)
		return;
	if (hvc.sized)
		hvc_unwatch_size(kvm);
	console_detach();
	virtio_remove(&hvc.dev);
	loop_disarm(kvm->loop, &hvc.stall);
}

static int hvc_init(struct kvm *kvm)
{
	int err;

	if (config.console != CONSOLE_VIRTIO)
		return 0;
	memset(&hvc, 0, sizeof(hvc));
	hvc.kvm = kvm;
	hvc.stall.fn = hvc_stalled;
	hvc.dev = (struct virtio_device){
		.name = "virtio-console0",
		.id = VIRTIO_ID_CONSOLE,
		.driver = "virtio_console",
		.pci_class = 0x078000, /* communication controller, other */
		.offered = 1ULL << VIRTIO_CONSOLE_F_EMERG_WRITE,
		.queue_count = ARRAY_SIZE(hvc_queue_max),
		.queue_max = hvc_queue_max,
		.config = &hvc_config,
		.config_bytes = sizeof(hvc_config),
		.ops = &hvc_ops,
	};
	hvc.sized = hvc_size(&hvc_config);
	if (hvc.sized)
		hvc.dev.offered |= 1ULL << VIRTIO_CONSOLE_F_SIZE;
	err = virtio_add(kvm, &hvc.dev);
	if (err)
		return err;
	if (hvc.sized)
		hvc_watch_size(kvm);
	console_attach(&hvc_port);
	return 0;
}

INIT_MODULE(virtio_console, .level = INIT_VIRTIO_CONSOLE, .init = hvc_init, .exit = hvc_exit);
