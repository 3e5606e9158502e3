// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four 16550A UARTs. COM1 is the machine's console; COM2 to COM4 are connected to a pty
 * (serial-pty.c), to the status port (status-port.c), or to nothing. A struct serial_wire is the
 * other end of a wire.
 *
 * Out: the vCPU thread that writes a byte to THR passes the byte to the wire at once. The transmit
 * FIFO is always empty and LSR always shows THRE and TEMT, so a printk that polls never waits. Only
 * the THRE interrupt waits for a slow reader: while the wire is full() the interrupt is held back
 * (`withheld`), until serial_writable(). Programs in the guest that write to the tty sleep
 * meanwhile, and no byte is lost.
 *
 * Kernel or program: Linux's console clears IER while it prints, because it polls, and the tty
 * driver sends the bytes of programs while it has the THRE interrupt enabled (8250_port.c, 5.10 to
 * 7.2: serial8250_console_write() and early_serial8250_write(); serial8250_tx_chars()). So bit THRI
 * of IER, when THR is written, tells the output of a program from the kernel's (report/lines.c).
 *
 * In: the console calls serial_room() and serial_input() on the loop's thread. RTS is the guest's
 * flow control: there is no room while RTS is low, and none in loopback. The console is told of new
 * room when the receive FIFO is empty, not after each byte. So the interrupt line falls between two
 * fillings, and a fast sender cannot keep a guest in one interrupt for ever. There is also no room
 * before the guest waits for input, by the receive interrupt or by polling: an early console raises
 * RTS to print, and the driver that follows throws away the bytes that came before it. The
 * character time-out (four idle character times) is over when serial_input() returns, because this
 * wire has no speed.
 *
 * The line: COM1 and COM3 share a GSI, COM2 and COM4 another, as on every board. The line is the OR
 * of both chips and edge-triggered: if a second chip raised a line that is already high, a handler
 * that has looked at this chip before would miss the second interrupt. So each rising edge of a
 * chip, and each event from the loop, makes an edge of its own: low, then high. A write to THR
 * while THRE is pending makes none: a handler fills the FIFO with 16 writes, and the edge of the
 * first is latched.
 *
 * Opened: a driver that listens enables the receive interrupt with OUT2 high and loopback off, so
 * that the interrupt reaches a CPU. Before that no code does both: a printk polls, and a probe that
 * tries all bits of IER leaves OUT2 low. The wire's opened() is called each time. By this call the
 * console knows that a kernel that prints nothing opens the console for its init.
 *
 * A paused chip does not change: it has no room for input. A break, a SysRq, DSR and the call of
 * serial_writable() are kept until resume.
 *
 * Modem lines: the other end of a wire, if there is one, is always ready (DCD, DSR, CTS). On COM1
 * own-init.c lowers DSR and lets RI ring, for lkvm's own init alone, and is told when OUT1 rises
 * while RTS is high. On a PC OUT1 is not connected, and no driver uses it in this way.
 *
 * Locks: one mutex for each line, because its two chips share the level. The mutex is held while
 * calling irq_set_level(), so that KVM gets the levels in the order of the states that caused them,
 * and while calling full(): if an answer were older than the call of serial_writable(), the
 * interrupt would be held back for ever. The console never calls us under a lock of its own. The
 * wire's other functions are called with no lock held.
 *
 * Invariants: rx_count <= depth <= 16; line->level is the OR of both chips' `interrupting`; BI is
 * in `errors` from the time when its byte becomes the oldest until LSR is read.
 *
 * Left out: baud rate, parity and framing (kept, without effect), sending a break, the DMA pins.
 *
 * Spec: National Semiconductor PC16550D data sheet, June 1995, section 8 (registers; 8.7:
 * loopback, 8.10: FIFO interrupts).
 */
#include <errno.h>
#include <kvm/bus.h>
#include <kvm/chips.h>
#include <kvm/console.h>
#include <kvm/device.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/own-init.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <string.h>

#include "hw/serial-state.h"
#include "hw/serial.h"

#define POLLS_MAX 16 /* reads of LSR in a row; a driver that starts up does fewer */
#define PORTS	  8
#define BREAK	  0x100 /* a flag above the byte: this is a break */

#define MSR_LINES (UART_MSR_DCD | UART_MSR_RI | UART_MSR_DSR | UART_MSR_CTS)

struct serial_line {
	pthread_mutex_t lock; /* over this struct and both chips */
	struct kvm *kvm;
	u32 gsi;
	bool level;	       /* the level that KVM was told last */
	struct uart *chips[2]; /* the two chips on this line */
};

struct uart {
	struct serial_line *line;
	const struct serial_wire *wire; /* NULL: not connected */
	u32 uid;
	struct bus_region region;
	struct device device;

	struct serial_state s;
	bool rings;	   /* RI: high for a moment only */
	bool interrupting; /* the chip's interrupt pin, after the gate of OUT2 */
	bool paused;

	u64 bytes_in, bytes_out, overruns;
};

static struct uart uarts[4];

static struct serial_line lines[2] = {
	{.lock = PTHREAD_MUTEX_INITIALIZER, .chips = {&uarts[0], &uarts[2]}},
	{.lock = PTHREAD_MUTEX_INITIALIZER, .chips = {&uarts[1], &uarts[3]}},
};

static const char *const names[] = {"serial0", "serial1", "serial2", "serial3"};

/* --- interrupt --- */

/* The interrupt of the highest priority, as IIR names it. */
static u8 uart_cause(const struct uart *uart)
{
	if ((uart->s.ier & UART_IER_RLSI) && uart->s.errors)
		return UART_IIR_RLSI;
	if ((uart->s.ier & UART_IER_RDI) && uart->s.rx_count)
		return uart->s.rx_count >= uart->s.trigger ? UART_IIR_RDI : UART_IIR_RX_TIMEOUT;
	if ((uart->s.ier & UART_IER_THRI) && uart->s.thr_emptied && !uart->s.withheld)
		return UART_IIR_THRI;
	if ((uart->s.ier & UART_IER_MSI) && (uart->s.msr & UART_MSR_ANY_DELTA))
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

/* In loopback the OUT2 pin is inactive, whatever MCR says. */
static bool uart_gate(const struct uart *uart)
{
	return (uart->s.mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2;
}

/* True: a received byte can interrupt a CPU. */
static bool uart_listens(const struct uart *uart)
{
	return (uart->s.ier & UART_IER_RDI) && uart_gate(uart);
}

/*
 * Set the line to the OR of both chips. news: an event came from outside, so make an edge even if
 * the chip was interrupting before.
 */
static void uart_update_line(struct uart *uart, bool news)
{
	struct serial_line *line = uart->line;
	bool pin = uart_gate(uart) && uart_cause(uart) != UART_IIR_NO_INT;
	bool edge = pin && (news || !uart->interrupting);
	bool level;

	uart->interrupting = pin;
	level = line->chips[0]->interrupting || line->chips[1]->interrupting;
	if (edge && line->level)
		irq_set_level(line->kvm, line->gsi, false);
	if (edge || level != line->level)
		irq_set_level(line->kvm, line->gsi, level);
	line->level = level;
}

/* THR has become empty, or was empty when its interrupt was enabled. */
static void uart_thr_emptied(struct uart *uart)
{
	uart->s.thr_emptied = true;
	uart->s.withheld = uart->wire && uart->wire->full && uart->wire->full();
}

/* --- receiver --- */

static unsigned int uart_depth(const struct uart *uart)
{
	return uart->s.fifo ? FIFO_SIZE : 1;
}

static size_t uart_room(const struct uart *uart)
{
	if (!uart->s.awaited || (uart->s.mcr & UART_MCR_LOOP))
		return 0;
	return uart_depth(uart) - uart->s.rx_count;
}

/* Update `awaited` after a change of RTS, the receive interrupt, or the number of polls. */
static void uart_update_awaited(struct uart *uart)
{
	if (!(uart->s.mcr & UART_MCR_RTS)) {
		uart->s.awaited = false;
		uart->s.polls = 0;
	} else if (uart_listens(uart) || uart->s.polls == POLLS_MAX) {
		uart->s.awaited = true;
	}
}

/* True: the wire must be told of more room than room_before, because the FIFO is empty. */
static bool uart_room_grew(const struct uart *uart, size_t room_before)
{
	return uart->wire && uart->s.rx_count == 0 && uart_room(uart) > room_before;
}

/* Called when the oldest byte has changed: if that byte is a break, set BI in LSR. */
static void uart_show_break(struct uart *uart)
{
	u16 bit = 1U << uart->s.rx_head;

	if (uart->s.rx_count && (uart->s.rx_breaks & bit)) {
		uart->s.rx_breaks &= ~bit;
		uart->s.errors |= UART_LSR_BI;
	}
}

static void uart_clear_rx(struct uart *uart)
{
	uart->s.rx_head = 0;
	uart->s.rx_count = 0;
	uart->s.rx_breaks = 0;
}

static void uart_receive(struct uart *uart, u8 byte, bool is_break)
{
	unsigned int slot;

	if (uart->s.rx_count == uart_depth(uart)) {
		uart->s.errors |= UART_LSR_OE;
		uart->overruns++;
		/* A full FIFO drops the new byte; the single register of a 16450 takes it. */
		if (uart->s.fifo)
			return;
		uart_clear_rx(uart);
	}
	slot = (uart->s.rx_head + uart->s.rx_count) % FIFO_SIZE;
	uart->s.rx[slot] = byte;
	if (is_break)
		uart->s.rx_breaks |= 1U << slot;
	uart->s.rx_count++;
	if (uart->s.rx_count == 1)
		uart_show_break(uart);
}

static u8 uart_take_byte(struct uart *uart)
{
	u8 byte = uart->s.rx[uart->s.rx_head];

	if (!uart->s.rx_count)
		return 0;
	uart->s.rx_head = (uart->s.rx_head + 1) % FIFO_SIZE;
	uart->s.rx_count--;
	uart_show_break(uart);
	return byte;
}

/* --- modem lines --- */

/* The levels of the modem inputs: the chip's own outputs in loopback, else the wire's peer. */
static u8 uart_modem_inputs(const struct uart *uart)
{
	if (!(uart->s.mcr & UART_MCR_LOOP) && !uart->wire)
		return 0;
	if (!(uart->s.mcr & UART_MCR_LOOP))
		return ((UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS) & ~uart->s.lowered) |
		       (uart->rings ? UART_MSR_RI : 0);
	return (uart->s.mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
	       (uart->s.mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
	       (uart->s.mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
	       (uart->s.mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
}

/*
 * True: lkvm's own init calls by OUT1. In loopback the OUT1 pin is inactive, as OUT2 is. OUT1
 * without RTS is not such a call: Linux looks for the port's interrupt (8250_port.c:
 * autoconfig_irq()).
 */
static bool uart_calls(const struct uart *uart)
{
	return (uart->s.mcr & (UART_MCR_OUT1 | UART_MCR_RTS | UART_MCR_LOOP)) ==
	       (UART_MCR_OUT1 | UART_MCR_RTS);
}

static void uart_update_modem(struct uart *uart)
{
	u8 inputs = uart_modem_inputs(uart);
	u8 changed = (uart->s.msr ^ inputs) & (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	u8 delta = changed >> 4; /* each line's delta bit is four below it */

	/* A delta bit is set at both edges of its line, the one of RI at the falling edge alone. */
	if (uart->s.msr & ~inputs & UART_MSR_RI)
		delta |= UART_MSR_TERI;
	uart->s.msr = inputs | (uart->s.msr & UART_MSR_ANY_DELTA) | delta;
}

/* --- registers --- */

static u8 uart_read_iir(struct uart *uart)
{
	u8 cause = uart_cause(uart);

	if (cause == UART_IIR_THRI)
		uart->s.thr_emptied = false;
	return cause | (uart->s.fifo ? 0xc0 : 0);
}

static u8 uart_read_lsr(struct uart *uart)
{
	u8 lsr = UART_LSR_THRE | UART_LSR_TEMT | uart->s.errors;

	if (uart->s.rx_count)
		lsr |= UART_LSR_DR;
	if (uart->s.fifo && (uart->s.rx_breaks || (uart->s.errors & UART_LSR_BI)))
		lsr |= UART_LSR_FIFOE;
	uart->s.errors = 0;
	uart->s.polls = MIN(uart->s.polls + 1, POLLS_MAX);
	uart_update_awaited(uart);
	return lsr;
}

static u8 uart_read_msr(struct uart *uart)
{
	u8 msr = uart->s.msr;

	uart->s.msr &= MSR_LINES;
	return msr;
}

static u8 uart_read(struct uart *uart, u64 reg)
{
	bool dlab = uart->s.lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return dlab ? uart->s.divisor_low : uart_take_byte(uart);
	case UART_IER:
		return dlab ? uart->s.divisor_high : uart->s.ier;
	case UART_IIR:
		return uart_read_iir(uart);
	case UART_LCR:
		return uart->s.lcr;
	case UART_MCR:
		return uart->s.mcr;
	case UART_LSR:
		return uart_read_lsr(uart);
	case UART_MSR:
		return uart_read_msr(uart);
	default:
		return uart->s.scr;
	}
}

static void uart_write_ier(struct uart *uart, u8 value)
{
	u8 enabled = value & ~uart->s.ier;

	uart->s.ier = value & (UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI);
	if (enabled & UART_IER_THRI)
		uart_thr_emptied(uart);
	uart_update_awaited(uart);
}

static void uart_write_fcr(struct uart *uart, u8 value)
{
	static const u8 triggers[] = {1, 4, 8, 14};
	bool fifo = value & UART_FCR_ENABLE_FIFO;

	/* Without the enable bit the other bits have no effect; a change of it empties the FIFO. */
	if (fifo != uart->s.fifo || (fifo && (value & UART_FCR_CLEAR_RCVR)))
		uart_clear_rx(uart);
	uart->s.fifo = fifo;
	uart->s.trigger = fifo ? triggers[value >> 6] : 1;
}

/* True: the caller must send the byte to the wire. False: loopback, the receiver has the byte. */
static bool uart_write_thr(struct uart *uart, u8 value)
{
	uart->s.polls = 0;
	if (!(uart->s.mcr & UART_MCR_LOOP))
		return true;
	uart_receive(uart, value, false);
	uart_thr_emptied(uart);
	return false;
}

/* True: THR was written, and the caller must send the byte to the wire. */
static bool uart_write(struct uart *uart, u64 reg, u8 value)
{
	bool dlab = uart->s.lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (!dlab)
			return uart_write_thr(uart, value);
		uart->s.divisor_low = value;
		break;
	case UART_IER:
		if (dlab)
			uart->s.divisor_high = value;
		else
			uart_write_ier(uart, value);
		break;
	case UART_FCR:
		uart_write_fcr(uart, value);
		break;
	case UART_LCR:
		uart->s.lcr = value;
		break;
	case UART_MCR:
		uart->s.mcr = value & (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 |
				       UART_MCR_LOOP);
		uart_update_modem(uart);
		uart_update_awaited(uart);
		break;
	case UART_SCR:
		uart->s.scr = value;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
	return false;
}

static void uart_send(struct uart *uart, u8 byte, bool by_program)
{
	if (uart->wire)
		uart->wire->write(uart->wire->arg, byte, by_program);

	pthread_mutex_lock(&uart->line->lock);
	uart->bytes_out++;
	uart_thr_emptied(uart);
	uart_update_line(uart, false);
	pthread_mutex_unlock(&uart->line->lock);
}

/* --- from the bus: vCPU threads. size is always 1, the region's width. --- */

static u64 serial_read(void *dev, u64 offset, unsigned int size)
{
	struct uart *uart = dev;
	size_t room_before;
	bool room_grew;
	u8 value;

	pthread_mutex_lock(&uart->line->lock);
	room_before = uart_room(uart);
	value = uart_read(uart, offset);
	room_grew = uart_room_grew(uart, room_before);
	uart_update_line(uart, false);
	pthread_mutex_unlock(&uart->line->lock);

	if (room_grew)
		uart->wire->room_changed(uart->wire->arg);
	return value;
}

static void serial_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct uart *uart = dev;
	size_t room_before;
	bool room_grew, sends, opens, calls, by_program;

	pthread_mutex_lock(&uart->line->lock);
	room_before = uart_room(uart);
	opens = uart->wire && uart->wire->opened && !uart_listens(uart);
	calls = uart->wire && uart->wire->called && !uart_calls(uart);
	sends = uart_write(uart, offset, value);
	calls = calls && uart_calls(uart);
	by_program = uart->s.ier & UART_IER_THRI;
	opens = opens && uart_listens(uart);
	room_grew = uart_room_grew(uart, room_before);
	uart_update_line(uart, false);
	pthread_mutex_unlock(&uart->line->lock);

	if (sends)
		uart_send(uart, value, by_program);
	if (opens)
		uart->wire->opened();
	if (calls)
		uart->wire->called(value & UART_MCR_DTR);
	if (room_grew)
		uart->wire->room_changed(uart->wire->arg);
}

/* --- from the end of the wire: the loop's thread --- */

size_t serial_room(void *dev)
{
	struct uart *uart = dev;
	size_t room;

	pthread_mutex_lock(&uart->line->lock);
	room = uart->paused ? 0 : uart_room(uart);
	pthread_mutex_unlock(&uart->line->lock);
	return room;
}

/* Bytes beyond serial_room(), or after the guest has lowered RTS, are overruns as on any wire. */
void serial_input(void *dev, const u8 *data, size_t len)
{
	struct uart *uart = dev;

	pthread_mutex_lock(&uart->line->lock);
	uart->bytes_in += len;
	if (uart->s.mcr & UART_MCR_LOOP)
		uart->overruns += len; /* the receiver is not connected to the wire */
	else
		for (size_t i = 0; i < len; i++)
			uart_receive(uart, data[i], false);
	uart_update_line(uart, true);
	pthread_mutex_unlock(&uart->line->lock);
}

/* The console is writable again. The lock is held. */
static void uart_stop_withholding(struct uart *uart)
{
	uart->s.withheld = false;
	uart_update_line(uart, true);
}

static void serial_writable(void *dev)
{
	struct uart *uart = dev;

	pthread_mutex_lock(&uart->line->lock);
	if (uart->paused)
		uart->s.kept_writable = true;
	else
		uart_stop_withholding(uart);
	pthread_mutex_unlock(&uart->line->lock);
}

/* Receive a byte without flow control, or BREAK; if paused, at resume. The lock is held. */
static void uart_push_in(struct uart *uart, u16 what)
{
	if (uart->paused && uart->s.kept_count < FIFO_SIZE)
		uart->s.kept[uart->s.kept_count++] = what;
	if (uart->paused || (uart->s.mcr & UART_MCR_LOOP))
		return;
	uart->bytes_in += !(what & BREAK);
	uart_receive(uart, what & 0xff, what & BREAK);
}

static void serial_send_break(void *dev)
{
	struct uart *uart = dev;

	pthread_mutex_lock(&uart->line->lock);
	uart_push_in(uart, BREAK);
	if (!uart->paused)
		uart_update_line(uart, true);
	pthread_mutex_unlock(&uart->line->lock);
}

/* Send a break and the key, or neither (-EBUSY). Leave room for the events kept while paused. */
static int serial_send_sysrq(void *dev, u8 key)
{
	struct uart *uart = dev;
	int err = 0;

	pthread_mutex_lock(&uart->line->lock);
	if (uart_room(uart) < uart->s.kept_count + 2U) {
		err = -EBUSY;
	} else {
		uart_push_in(uart, BREAK);
		uart_push_in(uart, key);
		if (!uart->paused)
			uart_update_line(uart, true);
	}
	pthread_mutex_unlock(&uart->line->lock);
	return err;
}

/* Set the modem lines by which own-init.c talks to lkvm's init. */
static void serial_drive(void *dev, bool dsr, bool ring)
{
	struct uart *uart = dev;

	pthread_mutex_lock(&uart->line->lock);
	uart->s.lowered = dsr ? 0 : UART_MSR_DSR;
	/* A paused chip shows DSR at resume; this ring is lost, but own-init.c rings again. */
	if (!uart->paused) {
		uart->rings = ring;
		uart_update_modem(uart);
		/* The guest sees RI when it falls. */
		uart->rings = false;
		uart_update_modem(uart);
		uart_update_line(uart, true);
	}
	pthread_mutex_unlock(&uart->line->lock);
}

/* --- from the machine: the main thread --- */

static void serial_save(struct device *device, void *state)
{
	struct uart *uart = container_of(device, struct uart, device);

	pthread_mutex_lock(&uart->line->lock);
	memcpy(state, &uart->s, sizeof(uart->s));
	pthread_mutex_unlock(&uart->line->lock);
}

static int serial_load(struct device *device, const void *state)
{
	struct uart *uart = container_of(device, struct uart, device);
	struct serial_state loaded;

	memcpy(&loaded, state, sizeof(loaded));
	if (!serial_state_is_good(&loaded))
		return -EINVAL;
	pthread_mutex_lock(&uart->line->lock);
	uart->s = loaded;
	uart_update_line(uart, false);
	pthread_mutex_unlock(&uart->line->lock);
	return 0;
}

/* Power-on state. The peer drives the modem lines, so their levels stay as they are. */
static int serial_reset(struct device *device)
{
	struct uart *uart = container_of(device, struct uart, device);
	struct serial_state power_on = serial_power_on;

	pthread_mutex_lock(&uart->line->lock);
	uart->s.mcr = power_on.mcr;
	power_on.lowered = uart->s.lowered;
	power_on.msr = uart_modem_inputs(uart);
	pthread_mutex_unlock(&uart->line->lock);
	return serial_load(device, &power_on);
}

static const struct device_state serial_form = {
	.version = SERIAL_STATE_VERSION,
	.bytes = sizeof(struct serial_state),
	.save = serial_save,
	.load = serial_load,
};

static int serial_pause(struct device *device)
{
	struct uart *uart = container_of(device, struct uart, device);

	pthread_mutex_lock(&uart->line->lock);
	uart->paused = true;
	pthread_mutex_unlock(&uart->line->lock);
	return 0;
}

static void serial_resume(struct device *device)
{
	struct uart *uart = container_of(device, struct uart, device);

	pthread_mutex_lock(&uart->line->lock);
	uart->paused = false;
	uart_update_modem(uart);
	uart_update_line(uart, false);
	for (unsigned int i = 0; i < uart->s.kept_count; i++)
		uart_push_in(uart, uart->s.kept[i]);
	if (uart->s.kept_count)
		uart_update_line(uart, true);
	if (uart->s.kept_writable)
		uart_stop_withholding(uart);
	uart->s.kept_count = 0;
	uart->s.kept_writable = false;
	pthread_mutex_unlock(&uart->line->lock);
	/* The wire may have bytes that waited for the resume. */
	if (uart->wire)
		uart->wire->room_changed(uart->wire->arg);
}

static void serial_stats(struct device *device,
			 void (*emit)(void *arg, const char *counter, u64 value), void *arg)
{
	struct uart *uart = container_of(device, struct uart, device);
	u64 in, out, overruns;

	pthread_mutex_lock(&uart->line->lock);
	in = uart->bytes_in;
	out = uart->bytes_out;
	overruns = uart->overruns;
	pthread_mutex_unlock(&uart->line->lock);

	emit(arg, "bytes_in", in);
	emit(arg, "bytes_out", out);
	emit(arg, "overruns", overruns);
}

static void serial_describe(struct device *device,
			    void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	const struct uart *uart = container_of(device, struct uart, device);
	const struct device_record record = {
		.hid = "PNP0501",
		.stem = "COM",
		.uid = uart->uid,
		.resources =
			{
				{.type = RESOURCE_PORT, .base = uart->region.base, .len = PORTS},
				{.type = RESOURCE_IRQ, .base = uart->line->gsi},
			},
		.count = 2,
	};

	emit(arg, &record);
}

void *serial_connect(unsigned int com, const struct serial_wire *wire)
{
	struct uart *uart = &uarts[com - 1];

	uart->wire = wire;
	serial_reset(&uart->device);
	return uart;
}

const struct serial_wire *serial_wire_of(unsigned int com)
{
	return uarts[com - 1].wire;
}

/* Connect the console, and own-init.c, to COM1. */
static void serial_attach_console(struct uart *com1)
{
	const struct console_port port = {
		.room = serial_room,
		.input = serial_input,
		.writable = serial_writable,
		.send_break = serial_send_break,
		.send_sysrq = serial_send_sysrq,
		.dev = com1,
	};

	console_attach(&port);
	own_init_set_line(serial_drive, com1);
}

int serial_create(struct kvm *kvm, const struct chip_place *place)
{
	unsigned int index = place->unit;
	struct uart *uart = &uarts[index];
	int err;

	*uart = (struct uart){
		.line = &lines[index % 2],
		.wire = index == 0 ? &serial_console_wire : NULL,
		.uid = index + 1,
		.region = {.name = names[index],
			   .base = place->base,
			   .len = PORTS,
			   .width = 1,
			   .read = serial_read,
			   .write = serial_write,
			   .dev = uart},
		.device = {.name = names[index],
			   .state = &serial_form,
			   .reset = serial_reset,
			   .pause = serial_pause,
			   .resume = serial_resume,
			   .stats = serial_stats,
			   .describe = serial_describe},
	};
	uart->line->kvm = kvm;
	uart->line->gsi = place->line;
	serial_reset(&uart->device);
	err = bus_add(place->bus, &uart->region);
	if (err)
		return err;
	device_register(&uart->device);
	if (index == 0)
		serial_attach_console(uart);
	return 0;
}

void serial_destroy(struct kvm *kvm, const struct chip_place *place)
{
	struct uart *uart = &uarts[place->unit];

	if (place->unit == 0) {
		own_init_set_line(NULL, NULL);
		console_detach();
	}
	device_unregister(&uart->device);
	bus_remove(place->bus, &uart->region);
}
