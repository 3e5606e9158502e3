// SPDX-License-Identifier: GPL-2.0-only
/*
 * An MC146818 real-time clock with 114 bytes of CMOS RAM, at ports 0x70 and 0x71.
 *
 * The chip does not count time. Guest time is the host's CLOCK_REALTIME + phase_ns, in whole
 * seconds, + offset_s; setting the clock changes phase_ns and offset_s. While register B's SET bit
 * or the divider's reset (register A) holds the clock, the time registers are plain memory; when
 * neither holds it any more, the clock goes on from the time in the registers. After a reset of the
 * divider the next update comes half a second later, as Linux and hwclock expect.
 *
 * The chip does not count events either. rtc_advance() finds which events (periodic, update ended,
 * alarm) lie between its last call and now, and sets their flags in register C. So a guest that
 * polls C needs no timer, and a guest that did not run for a while gets one interrupt for all
 * missed events. A timer runs only while an interrupt is enabled and none is pending: until the
 * guest acknowledges an interrupt no timer runs, and a guest can cause at most the 8192 interrupts
 * a second of the data sheet.
 *
 * Threads: registers on vCPU threads, one mutex. The timer belongs to the loop's thread, so a vCPU
 * thread that may change the next event rings a bell, and rtc_schedule(), on the loop, arms the
 * timer. The mutex is held while calling irq_set_level(), so that KVM gets the levels in the order
 * of the states that caused them.
 *
 * UIP is set in the last 244 us before an update, as on the chip: a guest that reads UIP as 0 has
 * that long to read all registers. UIP depends on the time alone, so it is never stuck.
 *
 * An alarm that interrupts is also an event of ACPI's fixed hardware (acpi-pm.c), which wakes a
 * guest that sleeps.
 *
 * A reset leaves time, alarm and RAM as they are (a battery feeds them), and sets A and B as a PC's
 * firmware would. That firmware also clears the shutdown code after reading it (x86/warm.c). Pause
 * stops the timer, not the clock. A saved state keeps no time of its own: after loading, guest time
 * follows the host's clock of that moment.
 *
 * Left out: daylight saving (DSE), square wave, NMI masking by bit 7 of port 0x70, a weekday of
 * the guest's own choice (it follows the date), oscillators other than 32.768 kHz. The memory sizes
 * that a BIOS writes into RAM (0x15..0x18, 0x30, 0x31, 0x34, 0x35) are 0: a guest without a BIOS
 * learns them from the boot parameters' e820 map, and a second source could only disagree.
 *
 * Spec: Motorola MC146818 data sheet (1984); ACPI 6.4, sections 4.8.2.4 and 5.2.9 (century).
 */
#include "hw/rtc.h"

#include "hw/acpi-pm.h"

#include <errno.h>
#include <kvm/bus.h>
#include <kvm/chips.h>
#include <kvm/device.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/loop.h>
#include <kvm/util.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum {
	REG_SECONDS = 0x00,
	REG_SECONDS_ALARM = 0x01,
	REG_MINUTES = 0x02,
	REG_MINUTES_ALARM = 0x03,
	REG_HOURS = 0x04,
	REG_HOURS_ALARM = 0x05,
	REG_WEEKDAY = 0x06, /* Sunday is 1 */
	REG_DAY = 0x07,
	REG_MONTH = 0x08,
	REG_YEAR = 0x09,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,
	REG_SHUTDOWN = 0x0f, /* in RAM: where to continue after a reset of the CPU alone */
	REG_CENTURY = 0x32,  /* in RAM; the FADT names this register */
	CMOS_SIZE = 0x80,
};

#define A_UIP		   0x80
#define A_DIVIDER	   0x70
#define A_DIVIDER_RESET	   0x60 /* and 0x70 */
#define A_RATE		   0x0f
#define A_POWER_ON	   0x26 /* 32.768 kHz, periodic rate 1024 Hz */

#define B_SET		   0x80
#define B_PIE		   0x40
#define B_AIE		   0x20
#define B_UIE		   0x10
#define B_BINARY	   0x04
#define B_24H		   0x02
#define B_INTERRUPTS	   (B_PIE | B_AIE | B_UIE) /* C has the flags in the same places */
#define B_POWER_ON	   B_24H

#define C_IRQF		   0x80
#define C_PF		   B_PIE
#define C_AF		   B_AIE
#define C_UF		   B_UIE

#define D_VRT		   0x80 /* the battery is good */

#define HOUR_PM		   0x80
#define ALARM_ANY	   0xc0 /* both bits set in an alarm register: any value matches */

#define OSCILLATOR_HZ	   32768
#define UIP_NS		   244000
#define DIVIDER_RESTART_NS (NSEC_PER_SEC / 2)
#define SECONDS_PER_DAY	   86400
/* Check for a due alarm at least this often, because the host's clock may be set meanwhile. */
#define MAX_WAIT_NS (60 * NSEC_PER_SEC)

/* A point in guest time. */
struct moment {
	s64 sec; /* since 1970 */
	u64 ns;	 /* below one second */
};

#define STATE_VERSION 1

struct rtc_state {
	u64 phase_ns; /* below one second */
	s64 offset_s;
	struct moment seen; /* rtc_advance() has handled all events up to this moment */
	u8 index;
	u8 reserved[7];	    /* 0 */
	u8 regs[CMOS_SIZE]; /* time registers are up to date only while the clock is held */
};

struct rtc {
	pthread_mutex_t lock; /* over all that follows, except the loop's timer and bell */
	struct kvm *kvm;
	u32 line;
	struct loop_timer timer;
	struct loop_bell bell;
	bool paused;

	bool level; /* of the line, as KVM was told last */
	bool alarm; /* the alarm interrupts now, and ACPI was told */
	struct rtc_state s;
};

static struct rtc rtc_chip;

static u64 host_realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (u64)now.tv_sec * NSEC_PER_SEC + (u64)now.tv_nsec;
}

u64 (*rtc_realtime_ns)(void) = host_realtime_ns;

/* --- time and its registers --- */

static struct moment rtc_now(const struct rtc *rtc)
{
	u64 ns = rtc_realtime_ns() + rtc->s.phase_ns;

	return (struct moment){
		.sec = (s64)(ns / NSEC_PER_SEC) + rtc->s.offset_s,
		.ns = ns % NSEC_PER_SEC,
	};
}

static bool rtc_divider_in_reset(const struct rtc *rtc)
{
	return (rtc->s.regs[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

/* True: the clock stands still, and the time registers are plain memory. */
static bool rtc_held(const struct rtc *rtc)
{
	return (rtc->s.regs[REG_B] & B_SET) || rtc_divider_in_reset(rtc);
}

static u8 rtc_encode(const struct rtc *rtc, unsigned int n)
{
	return rtc->s.regs[REG_B] & B_BINARY ? n : n / 10 << 4 | n % 10;
}

static unsigned int rtc_decode(const struct rtc *rtc, u8 reg)
{
	return rtc->s.regs[REG_B] & B_BINARY ? reg : (reg >> 4) * 10U + (reg & 0x0f);
}

static u8 rtc_encode_hour(const struct rtc *rtc, unsigned int hour)
{
	if (rtc->s.regs[REG_B] & B_24H)
		return rtc_encode(rtc, hour);
	return rtc_encode(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0);
}

static unsigned int rtc_decode_hour(const struct rtc *rtc, u8 reg)
{
	if (rtc->s.regs[REG_B] & B_24H)
		return rtc_decode(rtc, reg);
	return rtc_decode(rtc, reg & ~HOUR_PM) % 12 + (reg & HOUR_PM ? 12 : 0);
}

/* True: gmtime_r() can show this year, and the sum of two such times does not overflow. */
static bool is_sane_time(s64 sec)
{
	const s64 limit = 1LL << 40;

	return sec > -limit && sec < limit;
}

static bool is_time_register(u8 index)
{
	switch (index) {
	case REG_SECONDS:
	case REG_MINUTES:
	case REG_HOURS:
	case REG_WEEKDAY:
	case REG_DAY:
	case REG_MONTH:
	case REG_YEAR:
	case REG_CENTURY:
		return true;
	default:
		return false;
	}
}

/* Bring the time registers up to date. */
static void rtc_show_time(struct rtc *rtc)
{
	time_t sec = rtc_now(rtc).sec;
	struct tm tm = {0};
	unsigned int year;

	gmtime_r(&sec, &tm);
	year = (unsigned int)tm.tm_year + 1900;
	rtc->s.regs[REG_SECONDS] = rtc_encode(rtc, (unsigned int)tm.tm_sec);
	rtc->s.regs[REG_MINUTES] = rtc_encode(rtc, (unsigned int)tm.tm_min);
	rtc->s.regs[REG_HOURS] = rtc_encode_hour(rtc, (unsigned int)tm.tm_hour);
	rtc->s.regs[REG_WEEKDAY] = rtc_encode(rtc, (unsigned int)tm.tm_wday + 1);
	rtc->s.regs[REG_DAY] = rtc_encode(rtc, (unsigned int)tm.tm_mday);
	rtc->s.regs[REG_MONTH] = rtc_encode(rtc, (unsigned int)tm.tm_mon + 1);
	rtc->s.regs[REG_YEAR] = rtc_encode(rtc, year % 100);
	rtc->s.regs[REG_CENTURY] = rtc_encode(rtc, year / 100);
}

/* Set the clock from the time registers, to fraction_ns after the start of that second. */
static void rtc_take_time(struct rtc *rtc, u64 fraction_ns)
{
	u64 host_ns = rtc_realtime_ns();
	/* timegm() accepts any byte: the 40th of a month is a day early in the next month. */
	struct tm tm = {
		.tm_sec = (int)rtc_decode(rtc, rtc->s.regs[REG_SECONDS]),
		.tm_min = (int)rtc_decode(rtc, rtc->s.regs[REG_MINUTES]),
		.tm_hour = (int)rtc_decode_hour(rtc, rtc->s.regs[REG_HOURS]),
		.tm_mday = (int)rtc_decode(rtc, rtc->s.regs[REG_DAY]),
		.tm_mon = (int)rtc_decode(rtc, rtc->s.regs[REG_MONTH]) - 1,
		.tm_year = (int)rtc_decode(rtc, rtc->s.regs[REG_CENTURY]) * 100 +
			   (int)rtc_decode(rtc, rtc->s.regs[REG_YEAR]) - 1900,
	};

	rtc->s.phase_ns = (fraction_ns + NSEC_PER_SEC - host_ns % NSEC_PER_SEC) % NSEC_PER_SEC;
	rtc->s.offset_s = timegm(&tm) - (s64)((host_ns + rtc->s.phase_ns) / NSEC_PER_SEC);
	rtc->s.seen = rtc_now(rtc); /* a jump is neither an update nor an alarm */
}

/* --- events --- */

/* *shift: the period is 1 << *shift oscillator cycles. False: there are no periodic events. */
static bool rtc_period(const struct rtc *rtc, unsigned int *shift)
{
	unsigned int rate = rtc->s.regs[REG_A] & A_RATE;

	if (!rate || rtc_divider_in_reset(rtc))
		return false;
	*shift = rate < 3 ? rate + 6 : rate - 1; /* rates 1 and 2 are 256 and 128 Hz again */
	return true;
}

/* Oscillator cycles since 1970. */
static s64 moment_cycles(struct moment m)
{
	return m.sec * OSCILLATOR_HZ + (s64)((u64)m.ns * OSCILLATOR_HZ / NSEC_PER_SEC);
}

struct alarm_field {
	bool any;
	unsigned int value;
};

static bool alarm_matches(struct alarm_field field, s64 value)
{
	return field.any || field.value == value;
}

static struct alarm_field rtc_alarm_field(const struct rtc *rtc, u8 index)
{
	u8 reg = rtc->s.regs[index];

	return (struct alarm_field){
		.any = (reg & ALARM_ANY) == ALARM_ANY,
		.value =
			index == REG_HOURS_ALARM ? rtc_decode_hour(rtc, reg) : rtc_decode(rtc, reg),
	};
}

/* Seconds from `after` to the next alarm, 1 to a day; 0: a field can never match. */
static s64 rtc_seconds_to_alarm(const struct rtc *rtc, s64 after)
{
	struct alarm_field hour = rtc_alarm_field(rtc, REG_HOURS_ALARM);
	struct alarm_field minute = rtc_alarm_field(rtc, REG_MINUTES_ALARM);
	struct alarm_field second = rtc_alarm_field(rtc, REG_SECONDS_ALARM);
	s64 start = (after % SECONDS_PER_DAY + SECONDS_PER_DAY) % SECONDS_PER_DAY;
	s64 distance = 1;

	if ((!hour.any && hour.value > 23) || (!minute.any && minute.value > 59) ||
	    (!second.any && second.value > 59))
		return 0;
	while (distance <= SECONDS_PER_DAY) {
		s64 t = (start + distance) % SECONDS_PER_DAY;

		/* Skip whole hours, then minutes, so that no guest can make this loop long. */
		if (!alarm_matches(hour, t / 3600))
			distance += 3600 - t % 3600;
		else if (!alarm_matches(minute, t / 60 % 60))
			distance += 60 - t % 60;
		else if (!alarm_matches(second, t % 60))
			distance++;
		else
			return distance;
	}
	return 0;
}

/* Set IRQF and the line from the flags in C and the enable bits in B. */
static void rtc_update_line(struct rtc *rtc)
{
	bool level = rtc->s.regs[REG_B] & rtc->s.regs[REG_C] & B_INTERRUPTS;
	bool alarm = rtc->s.regs[REG_B] & rtc->s.regs[REG_C] & C_AF;

	if (alarm && !rtc->alarm)
		acpi_pm_rtc_alarm();
	rtc->alarm = alarm;
	rtc->s.regs[REG_C] &= ~C_IRQF;
	if (level)
		rtc->s.regs[REG_C] |= C_IRQF;
	if (level != rtc->level)
		irq_set_level(rtc->kvm, rtc->line, level);
	rtc->level = level;
}

/* Set the flags of all events since the last call. */
static void rtc_advance(struct rtc *rtc)
{
	struct moment now = rtc_now(rtc);
	unsigned int shift;
	s64 alarm;

	if (rtc_period(rtc, &shift) &&
	    moment_cycles(now) >> shift != moment_cycles(rtc->s.seen) >> shift)
		rtc->s.regs[REG_C] |= C_PF;
	if (!rtc_held(rtc) && now.sec != rtc->s.seen.sec) {
		rtc->s.regs[REG_C] |= C_UF;
		alarm = rtc_seconds_to_alarm(rtc, rtc->s.seen.sec);
		if (alarm && now.sec - rtc->s.seen.sec >= alarm)
			rtc->s.regs[REG_C] |= C_AF;
	}
	rtc->s.seen = now;
	rtc_update_line(rtc);
}

/* Nanoseconds until the next event that interrupts, or MAX_WAIT_NS; 0: no timer is needed. */
static u64 rtc_next_event(const struct rtc *rtc)
{
	u8 enabled = rtc->s.regs[REG_B];
	struct moment now = rtc->s.seen;
	u64 wait_ns = MAX_WAIT_NS;
	unsigned int shift;
	s64 alarm;

	if (rtc->paused || rtc->level || !(enabled & B_INTERRUPTS))
		return 0;
	if ((enabled & B_PIE) && rtc_period(rtc, &shift)) {
		s64 next = (moment_cycles(now) | ((1LL << shift) - 1)) + 1;
		u64 cycles = (u64)(next - now.sec * OSCILLATOR_HZ);
		u64 next_ns = (cycles * NSEC_PER_SEC + OSCILLATOR_HZ - 1) / OSCILLATOR_HZ;

		wait_ns = MIN(wait_ns, next_ns - now.ns);
	}
	if (rtc_held(rtc))
		return wait_ns;
	if (enabled & B_UIE)
		wait_ns = MIN(wait_ns, NSEC_PER_SEC - now.ns);
	alarm = enabled & B_AIE ? rtc_seconds_to_alarm(rtc, now.sec) : 0;
	if (alarm)
		wait_ns = MIN(wait_ns, (u64)alarm * NSEC_PER_SEC - now.ns);
	return wait_ns;
}

/* The timer's and the bell's function. Loop. */
static void rtc_schedule(void *arg)
{
	struct rtc *rtc = arg;
	u64 wait_ns;

	pthread_mutex_lock(&rtc->lock);
	/* A vCPU thread may have rung the bell just before the pause. */
	if (!rtc->paused)
		rtc_advance(rtc);
	wait_ns = rtc_next_event(rtc);
	pthread_mutex_unlock(&rtc->lock);

	if (wait_ns)
		loop_arm(rtc->kvm->loop, &rtc->timer, now_ns() + wait_ns);
	else
		loop_disarm(rtc->kvm->loop, &rtc->timer);
}

/* --- registers --- */

static u8 rtc_read_a(const struct rtc *rtc)
{
	bool update_near = rtc_now(rtc).ns >= NSEC_PER_SEC - UIP_NS;

	return rtc->s.regs[REG_A] | (update_near && !rtc_held(rtc) ? A_UIP : 0);
}

static u8 rtc_read_c(struct rtc *rtc)
{
	u8 flags;

	rtc_advance(rtc);
	flags = rtc->s.regs[REG_C];
	rtc->s.regs[REG_C] = 0;
	rtc_update_line(rtc);
	return flags;
}

static u8 rtc_read(struct rtc *rtc)
{
	switch (rtc->s.index) {
	case REG_A:
		return rtc_read_a(rtc);
	case REG_C:
		return rtc_read_c(rtc);
	case REG_D:
		return D_VRT;
	default:
		if (is_time_register(rtc->s.index) && !rtc_held(rtc))
			rtc_show_time(rtc);
		return rtc->s.regs[rtc->s.index];
	}
}

/* Write register A or B, which can hold the clock or release it. */
static void rtc_write_control(struct rtc *rtc, u8 index, u8 value)
{
	bool was_held = rtc_held(rtc);
	bool was_in_reset = rtc_divider_in_reset(rtc);

	if (!was_held)
		rtc_show_time(rtc);
	if (index == REG_A)
		value &= ~A_UIP;
	else if (value & B_SET)
		value &= ~B_UIE; /* the data sheet says that SET clears UIE */
	rtc->s.regs[index] = value;
	if (was_held && !rtc_held(rtc))
		rtc_take_time(rtc, was_in_reset ? DIVIDER_RESTART_NS : rtc_now(rtc).ns);
}

static void rtc_write(struct rtc *rtc, u8 value)
{
	rtc_advance(rtc); /* events up to now happened under the old settings */

	switch (rtc->s.index) {
	case REG_A:
	case REG_B:
		rtc_write_control(rtc, rtc->s.index, value);
		break;
	case REG_C:
	case REG_D:
		break;
	default:
		if (!is_time_register(rtc->s.index) || rtc_held(rtc)) {
			rtc->s.regs[rtc->s.index] = value;
			break;
		}
		rtc_show_time(rtc);
		rtc->s.regs[rtc->s.index] = value;
		rtc_take_time(rtc, rtc_now(rtc).ns);
		break;
	}
	rtc_update_line(rtc);
}

/* --- from the bus: vCPU threads. size is always 1, the region's width. --- */

static u64 rtc_port_read(void *dev, u64 offset, unsigned int size)
{
	struct rtc *rtc = dev;
	bool acknowledged;
	u8 value;

	if (offset == 0)
		return 0xff; /* the index is write-only */
	pthread_mutex_lock(&rtc->lock);
	value = rtc_read(rtc);
	acknowledged = rtc->s.index == REG_C && (rtc->s.regs[REG_B] & B_INTERRUPTS);
	pthread_mutex_unlock(&rtc->lock);

	if (acknowledged)
		loop_ring(rtc->kvm->loop, &rtc->bell);
	return value;
}

static void rtc_port_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct rtc *rtc = dev;
	bool reschedule = false;

	pthread_mutex_lock(&rtc->lock);
	if (offset == 0) {
		rtc->s.index = value % CMOS_SIZE;
	} else {
		rtc_write(rtc, value);
		reschedule = rtc->s.regs[REG_B] & B_INTERRUPTS;
	}
	pthread_mutex_unlock(&rtc->lock);

	if (reschedule)
		loop_ring(rtc->kvm->loop, &rtc->bell);
}

/* For kvm_request_cpu_reset(). vCPU threads. */
static u8 rtc_take_shutdown_code(void *dev)
{
	struct rtc *rtc = dev;
	u8 code;

	pthread_mutex_lock(&rtc->lock);
	code = rtc->s.regs[REG_SHUTDOWN];
	rtc->s.regs[REG_SHUTDOWN] = 0;
	pthread_mutex_unlock(&rtc->lock);
	return code;
}

/* --- from the machine: the main thread, which is the loop's --- */

static void rtc_save(struct device *device, void *state)
{
	struct rtc *rtc = &rtc_chip;

	pthread_mutex_lock(&rtc->lock);
	memcpy(state, &rtc->s, sizeof(rtc->s));
	pthread_mutex_unlock(&rtc->lock);
}

static int rtc_load(struct device *device, const void *state)
{
	struct rtc *rtc = &rtc_chip;
	struct rtc_state loaded;

	memcpy(&loaded, state, sizeof(loaded));
	if (loaded.index >= CMOS_SIZE || loaded.phase_ns >= NSEC_PER_SEC ||
	    loaded.seen.ns >= NSEC_PER_SEC || !is_sane_time(loaded.seen.sec) ||
	    !is_sane_time(loaded.offset_s))
		return -EINVAL;
	/* A loaded UIP would never clear; C has only flags. The other bytes may have any value. */
	if (loaded.regs[REG_A] & A_UIP || loaded.regs[REG_C] & ~(C_IRQF | B_INTERRUPTS))
		return -EINVAL;
	pthread_mutex_lock(&rtc->lock);
	rtc->s = loaded;
	/* ACPI knows of an alarm that interrupts already: RTC_STS is in the state of ACPI. */
	rtc->alarm = rtc->s.regs[REG_B] & rtc->s.regs[REG_C] & C_AF;
	rtc_update_line(rtc);
	pthread_mutex_unlock(&rtc->lock);
	loop_disarm(rtc->kvm->loop, &rtc->timer);
	return 0;
}

/* A battery feeds the time, the alarm and the RAM: the power-on state keeps their values. */
static int rtc_reset(struct device *device)
{
	struct rtc *rtc = &rtc_chip;
	struct rtc_state power_on;

	pthread_mutex_lock(&rtc->lock);
	/* Release a held clock first, while B still has the format of its time registers. */
	rtc_write_control(rtc, REG_A, A_POWER_ON);
	rtc_write_control(rtc, REG_B, rtc->s.regs[REG_B] & ~B_SET);
	rtc_write_control(rtc, REG_B, B_POWER_ON);
	rtc_read_c(rtc);
	power_on = rtc->s;
	pthread_mutex_unlock(&rtc->lock);

	power_on.regs[REG_SHUTDOWN] = 0;
	power_on.index = 0;
	return rtc_load(device, &power_on);
}

static const struct device_state state = {
	.version = STATE_VERSION,
	.bytes = sizeof(struct rtc_state),
	.save = rtc_save,
	.load = rtc_load,
};

static int rtc_pause(struct device *device)
{
	struct rtc *rtc = &rtc_chip;

	pthread_mutex_lock(&rtc->lock);
	rtc->paused = true;
	pthread_mutex_unlock(&rtc->lock);
	loop_disarm(rtc->kvm->loop, &rtc->timer);
	return 0;
}

static void rtc_resume(struct device *device)
{
	struct rtc *rtc = &rtc_chip;

	pthread_mutex_lock(&rtc->lock);
	rtc->paused = false;
	pthread_mutex_unlock(&rtc->lock);
	rtc_schedule(rtc);
}

static struct bus_region region = {
	.name = "rtc",
	.len = 2,
	.width = 1,
	.read = rtc_port_read,
	.write = rtc_port_write,
	.dev = &rtc_chip,
};

static void rtc_describe(struct device *device,
			 void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	const struct device_record record = {
		.hid = "PNP0B00",
		.stem = "RTC",
		.uid = 1,
		.resources = {{.type = RESOURCE_PORT, .base = region.base, .len = region.len},
			      {.type = RESOURCE_IRQ, .base = rtc_chip.line}},
		.count = 2,
	};

	emit(arg, &record);
}

static struct device device = {
	.name = "rtc",
	.state = &state,
	.reset = rtc_reset,
	.pause = rtc_pause,
	.resume = rtc_resume,
	.describe = rtc_describe,
};

int rtc_create(struct kvm *kvm, const struct chip_place *place)
{
	struct rtc *rtc = &rtc_chip;
	int err;

	*rtc = (struct rtc){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.kvm = kvm,
		.line = place->line,
		.timer = {.fn = rtc_schedule, .arg = rtc},
		.bell = {.fn = rtc_schedule, .arg = rtc},
		.s.regs = {[REG_A] = A_POWER_ON, [REG_B] = B_POWER_ON},
	};
	rtc->s.seen = rtc_now(rtc);

	region.base = place->base;
	err = bus_add(place->bus, &region);
	if (err)
		return err;
	loop_add_bell(kvm->loop, &rtc->bell);
	device_register(&device);
	kvm_set_warm_code(rtc_take_shutdown_code, rtc);
	return 0;
}

void rtc_destroy(struct kvm *kvm, const struct chip_place *place)
{
	kvm_set_warm_code(NULL, NULL);
	device_unregister(&device);
	bus_remove(place->bus, &region);
	loop_disarm(kvm->loop, &rtc_chip.timer);
	loop_remove_bell(kvm->loop, &rtc_chip.bell);
}
