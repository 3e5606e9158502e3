// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals between lkvm and its own init in the guest, by serial port ttyS0.
 *
 * lkvm tells its init two things that no other device can tell. First, the end of standard input,
 * if that is not a terminal. Second, the request to end the machine: the init then ends its command
 * and writes the disks. Both use ttyS0, for which every kernel has a driver, whatever its console
 * is. guest/init-console.c is the other side and has the table of the modem lines.
 *
 * Input is framed only for that init, and held back until the init raises OUT1 to say that it
 * reads. Some bytes would be taken by a driver of Linux: Ctrl-O (SysRq on hvc0), Ctrl-Q and Ctrl-S
 * (XON and XOFF). Each of them, and DLE (0x10) itself, is sent as a pair: DLE, then the byte xor
 * 0x40. DLE and `.` mark the end of the input. If the port has room for only the first byte of a
 * pair, the second one is kept here.
 *
 * Request to end: DSR falls with the first request. It rises again 2 s before the shortest grace
 * time is over, or after half of a grace time below 4 s: then the init kills all processes, writes
 * everything to the disks and ends the machine. From the first request on RI rings every 250 ms:
 * Linux reports only changes of a line, not its level, and the init may have missed one. A reset in
 * place does not change the levels, so the new guest gets the same request.
 *
 * For other guests no line is driven: that needs a call of own_init_expect() first.
 *
 * Threads: the state is atomic, because OUT1 rises on a vCPU thread; the rest belongs to the loop.
 */
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/own-init.h>
#include <kvm/util.h>

#include <stdatomic.h>

#define DLE	 0x10
#define DLE_XOR	 0x40
#define DLE_END	 '.'
#define XON	 0x11
#define XOFF	 0x13
#define CTRL_O	 0x0f
#define HURRY_NS (2 * NSEC_PER_SEC)
#define RING_NS	 (250 * NSEC_PER_MSEC)

/*
 * The guest's first program: not lkvm's init; lkvm's init, which has not called yet; lkvm's init,
 * which reads its input; another one, for which lkvm's init has made way.
 */
enum own_init_state { OWN_INIT_NONE, OWN_INIT_EXPECTED, OWN_INIT_LISTENS, OWN_INIT_AWAY };

static struct {
	struct kvm *kvm;
	atomic_int state;
	bool frames;
	u8 second;  /* second byte of a pair, waits for room; 0: none */
	bool ended; /* the end of the input was sent */
	bool asked, hurried;
	struct loop_timer hurry, ring;
	void (*drive)(void *dev, bool dsr, bool ring);
	void *dev;
} own;

void own_init_expect(bool frames)
{
	own.frames = frames;
	own.second = 0;
	own.ended = false;
	atomic_store(&own.state, OWN_INIT_EXPECTED);
}

void own_init_called(bool dtr)
{
	int expected = OWN_INIT_EXPECTED;

	/* Only the first call counts: programs that run later in the guest may change the line. */
	atomic_compare_exchange_strong(&own.state, &expected,
				       dtr ? OWN_INIT_LISTENS : OWN_INIT_AWAY);
}

/* --- input --- */

bool own_init_frames(void)
{
	int state = atomic_load(&own.state);

	return own.frames && (state == OWN_INIT_EXPECTED || state == OWN_INIT_LISTENS);
}

static bool own_init_is_special(u8 byte)
{
	return byte == DLE || byte == XON || byte == XOFF || byte == CTRL_O;
}

size_t own_init_frame(const u8 *data, size_t *len, bool at_end, u8 *to, size_t room)
{
	size_t taken = 0, made = 0;

	if (atomic_load(&own.state) != OWN_INIT_LISTENS)
		room = 0;
	while (made < room) {
		if (own.second) {
			to[made++] = own.second;
			own.second = 0;
		} else if (taken < *len && own_init_is_special(data[taken])) {
			to[made++] = DLE;
			own.second = data[taken++] ^ DLE_XOR;
		} else if (taken < *len) {
			to[made++] = data[taken++];
		} else if (at_end && !own.ended) {
			to[made++] = DLE;
			own.second = DLE_END;
			own.ended = true;
		} else {
			break;
		}
	}
	*len = taken;
	return made;
}

/* --- the request to end --- */

void own_init_set_line(void (*drive)(void *dev, bool dsr, bool ring), void *dev)
{
	own.drive = drive;
	own.dev = dev;
}

static bool own_init_is_there(void)
{
	int state = atomic_load(&own.state);

	return own.drive && (state == OWN_INIT_EXPECTED || state == OWN_INIT_LISTENS);
}

static void own_init_drive(void)
{
	own.drive(own.dev, !own.asked || own.hurried, true);
	loop_arm(own.kvm->loop, &own.ring, now_ns() + RING_NS);
}

static void own_init_ring_over(void *arg)
{
	if (own_init_is_there())
		own_init_drive();
}

static void own_init_hurry_over(void *arg)
{
	own_init_hurry();
}

void own_init_ask(u64 deadline_ns)
{
	u64 now = now_ns();
	u64 left = deadline_ns - MIN(now, deadline_ns);
	u64 hurry = now + (left < 2 * HURRY_NS ? left / 2 : left - HURRY_NS);

	if (!own_init_is_there() || own.hurried)
		return;
	own.asked = true;
	own_init_drive();
	if (!own.hurry.deadline_ns || hurry < own.hurry.deadline_ns)
		loop_arm(own.kvm->loop, &own.hurry, hurry);
}

bool own_init_hurry(void)
{
	if (!own_init_is_there())
		return false;
	own.hurried = true;
	own_init_drive();
	return atomic_load(&own.state) == OWN_INIT_LISTENS;
}

static int own_init_init(struct kvm *kvm)
{
	own.kvm = kvm;
	own.hurry = (struct loop_timer){.fn = own_init_hurry_over};
	own.ring = (struct loop_timer){.fn = own_init_ring_over};
	return 0;
}

static void own_init_exit(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &own.hurry);
	loop_disarm(kvm->loop, &own.ring);
	own.drive = NULL;
	own.asked = own.hurried = own.frames = false;
	atomic_store(&own.state, OWN_INIT_NONE);
}

INIT_MODULE(own_init, .level = INIT_BASE, .init = own_init_init, .exit = own_init_exit);
