// SPDX-License-Identifier: GPL-2.0-only
/*
 * hw/rtc.c under a clock of our own: frozen for the registers, running for the timers.
 */
#include "hw/rtc.h"
#include "tests/lib/device-state.h"
#include "tests/lib/fake-machine.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <kvm/util.h>
#include <string.h>
#include <unistd.h>

/* 2023-12-31 23:59:58 UTC, a Sunday. */
#define NEW_YEARS_EVE 1704067198ULL

#define A_NORMAL      0x26
#define A_STOPPED     0x76
#define B_SET	      0x80
#define B_PIE	      0x40
#define B_AIE	      0x20
#define B_UIE	      0x10
#define B_BINARY      0x04
#define B_24H	      0x02
#define C_IRQF	      0x80
#define PM1_RTC	      0x0400

/* The fake clock: base, plus the time since start if that is not 0. */
static _Atomic u64 clock_base_ns, clock_start_ns;

static u64 fake_realtime_ns(void)
{
	u64 start = clock_start_ns;

	return clock_base_ns + (start ? now_ns() - start : 0);
}

static void freeze_clock(u64 sec, u64 ns)
{
	clock_start_ns = 0;
	clock_base_ns = sec * NSEC_PER_SEC + ns;
}

static void start_clock(u64 sec, u64 ns)
{
	freeze_clock(sec, ns);
	clock_start_ns = now_ns();
}

static u8 get(u8 reg)
{
	fake_outb(PORT_RTC, reg);
	return fake_inb(PORT_RTC + 1);
}

static void set(u8 reg, u8 value)
{
	fake_outb(PORT_RTC, reg);
	fake_outb(PORT_RTC + 1, value);
}

/* The date and time registers: century, year, month, day, hour, minute, second. */
static const u8 time_regs[] = {0x32, 0x09, 0x08, 0x07, 0x04, 0x02, 0x00};

#define assert_time(...) assert_time_is((const u8[]){__VA_ARGS__})
static void assert_time_is(const u8 want[7])
{
	u8 got[7];

	for (unsigned int i = 0; i < 7; i++)
		got[i] = get(time_regs[i]);
	assert_memory_equal(got, want, 7);
}

#define set_time(...) set_time_to((const u8[]){__VA_ARGS__})
static void set_time_to(const u8 values[7])
{
	for (unsigned int i = 0; i < 7; i++)
		set(time_regs[i], values[i]);
}

static void set_alarm(u8 hour, u8 minute, u8 second)
{
	set(0x05, hour);
	set(0x03, minute);
	set(0x01, second);
}

static int setup(void **state)
{
	rtc_realtime_ns = fake_realtime_ns;
	freeze_clock(NEW_YEARS_EVE, 0);
	return fake_setup(state);
}

static void test_power_on(void **state)
{
	assert_int_equal(get(0x0a), A_NORMAL);
	assert_int_equal(get(0x0b), B_24H);
	assert_int_equal(get(0x0c), 0);
	assert_int_equal(get(0x0d), 0x80);
	assert_int_equal(fake_inb(PORT_RTC), 0xff);
}

static void test_formats(void **state)
{
	assert_time(0x20, 0x23, 0x12, 0x31, 0x23, 0x59, 0x58);
	assert_int_equal(get(0x06), 1); /* Sunday */
	set(0x0b, B_24H | B_BINARY);
	assert_time(20, 23, 12, 31, 23, 59, 58);
	set(0x0b, 0);
	assert_int_equal(get(0x04), 0x80 | 0x11);
	set(0x0b, B_BINARY);
	assert_int_equal(get(0x04), 0x80 | 11);
	freeze_clock(NEW_YEARS_EVE + 2, 0); /* midnight is 12 AM */
	assert_int_equal(get(0x04), 12);
	freeze_clock(NEW_YEARS_EVE + 2 + 12 * 3600, 0);
	assert_int_equal(get(0x04), 0x80 | 12);
}

static void test_time_passes(void **state)
{
	freeze_clock(NEW_YEARS_EVE + 2, 0);
	assert_time(0x20, 0x24, 0x01, 0x01, 0x00, 0x00, 0x00);
	assert_int_equal(get(0x06), 2);
	freeze_clock(NEW_YEARS_EVE + 2 + 59 * 86400, 0);
	assert_int_equal(get(0x07), 0x29); /* of February */
}

static void test_guest_sets_clock(void **state)
{
	set(0x0b, B_24H | B_SET);
	set_time(0x19, 0x99, 0x06, 0x15, 0x12, 0x30, 0x45);
	freeze_clock(NEW_YEARS_EVE + 100, 0);
	assert_time(0x19, 0x99, 0x06, 0x15, 0x12, 0x30, 0x45); /* stands still */
	set(0x0b, B_24H);
	assert_time(0x19, 0x99, 0x06, 0x15, 0x12, 0x30, 0x45);
	assert_int_equal(get(0x06), 3); /* it was a Tuesday */
	freeze_clock(NEW_YEARS_EVE + 120, 0);
	assert_time(0x19, 0x99, 0x06, 0x15, 0x12, 0x31, 0x05);

	set(0x0b, B_BINARY | B_SET); /* 12 hours, binary */
	set_time(21, 5, 1, 2, 0x80 | 3, 4, 5);
	set(0x0b, B_BINARY);
	set(0x0b, B_24H);
	assert_time(0x21, 0x05, 0x01, 0x02, 0x15, 0x04, 0x05);
}

/* The divider's restart puts the next update half a second away. */
static void test_divider_sets_phase(void **state)
{
	freeze_clock(NEW_YEARS_EVE, 900000000);
	set(0x0b, B_24H | B_SET);
	set(0x0a, A_STOPPED);
	set_time(0x20, 0x30, 0x01, 0x01, 0x00, 0x00, 0x10);
	set(0x0b, B_24H);
	freeze_clock(NEW_YEARS_EVE + 5, 900000000);
	assert_int_equal(get(0x00), 0x10); /* still held */
	set(0x0a, A_NORMAL);
	freeze_clock(NEW_YEARS_EVE + 6, 399999999);
	assert_int_equal(get(0x00), 0x10);
	freeze_clock(NEW_YEARS_EVE + 6, 400000000);
	assert_int_equal(get(0x00), 0x11);
}

static void test_write_to_running_clock(void **state)
{
	set(0x02, 0x07);
	assert_time(0x20, 0x23, 0x12, 0x31, 0x23, 0x07, 0x58);
	freeze_clock(NEW_YEARS_EVE + 3, 0);
	assert_time(0x20, 0x23, 0x12, 0x31, 0x23, 0x08, 0x01);
}

static void test_uip(void **state)
{
	freeze_clock(NEW_YEARS_EVE, 999755999);
	assert_int_equal(get(0x0a) & 0x80, 0);
	freeze_clock(NEW_YEARS_EVE, 999756000);
	assert_int_equal(get(0x0a) & 0x80, 0x80);
	set(0x0b, B_24H | B_SET);
	assert_int_equal(get(0x0a) & 0x80, 0);
	set(0x0b, B_24H);
	freeze_clock(NEW_YEARS_EVE + 1, 0);
	assert_int_equal(get(0x0a) & 0x80, 0);
	set(0x0a, 0x80 | A_NORMAL); /* read-only */
	assert_int_equal(get(0x0a), A_NORMAL);
}

static void test_ram(void **state)
{
	for (unsigned int reg = 0x0e; reg < 0x80; reg++) {
		if (reg == 0x32)
			continue;
		assert_int_equal(get(reg), 0);
		set(reg, reg ^ 0x5a);
	}
	for (unsigned int reg = 0x0e; reg < 0x80; reg++) {
		if (reg != 0x32)
			assert_int_equal(get(reg | 0x80), reg ^ 0x5a); /* bit 7 masks NMI */
	}
}

static void test_flags_without_interrupts(void **state)
{
	set(0x0a, 0x20); /* no periodic rate */
	set_alarm(0x00, 0x00, 0x01);
	assert_int_equal(get(0x0c), 0);
	freeze_clock(NEW_YEARS_EVE + 1, 0);
	assert_int_equal(get(0x0c), B_UIE);
	assert_int_equal(get(0x0c), 0); /* reading cleared it */
	freeze_clock(NEW_YEARS_EVE + 3, 0);
	assert_int_equal(get(0x0c), B_UIE | B_AIE);
	set(0x0a, 0x2f); /* 2 Hz */
	freeze_clock(NEW_YEARS_EVE + 3, 499999999);
	assert_int_equal(get(0x0c), 0);
	freeze_clock(NEW_YEARS_EVE + 3, 500000000);
	assert_int_equal(get(0x0c), B_PIE);
	assert_int_equal(fake_irq_rises(GSI_RTC), 0);
}

/* Which seconds after 23:59:58 an alarm strikes at, within ten. */
static unsigned int alarm_seconds(u8 hour, u8 minute, u8 second)
{
	unsigned int struck = 0;

	freeze_clock(NEW_YEARS_EVE, 0);
	set_alarm(hour, minute, second);
	get(0x0c);
	for (unsigned int i = 1; i <= 10; i++) {
		freeze_clock(NEW_YEARS_EVE + i, 0);
		if (get(0x0c) & B_AIE)
			struck |= 1U << i;
	}
	return struck;
}

static void test_alarm_values(void **state)
{
	assert_int_equal(alarm_seconds(0x23, 0x59, 0x59), 1 << 1);
	assert_int_equal(alarm_seconds(0x00, 0x00, 0x00), 1 << 2);
	assert_int_equal(alarm_seconds(0xff, 0x00, 0x01), 1 << 3);
	assert_int_equal(alarm_seconds(0xc0, 0xff, 0x05), 1 << 7);
	assert_int_equal(alarm_seconds(0x00, 0xff, 0xff), 0x7fc);
	assert_int_equal(alarm_seconds(0xff, 0xff, 0xff), 0x7fe);
	assert_int_equal(alarm_seconds(0x24, 0xff, 0xff), 0); /* no such hour */
	assert_int_equal(alarm_seconds(0xff, 0xff, 0x60), 0);
	assert_int_equal(alarm_seconds(0x12, 0x00, 0x00), 0);
	set(0x0b, 0); /* 12 hours: midnight is 12 AM */
	assert_int_equal(alarm_seconds(0x12, 0x00, 0x00), 1 << 2);
	assert_int_equal(alarm_seconds(0x80 | 0x11, 0x59, 0x59), 1 << 1);
}

static void test_alarm_seen_late(void **state)
{
	set_alarm(0x12, 0x00, 0x00);
	get(0x0c);
	freeze_clock(NEW_YEARS_EVE + 3 * 86400, 0);
	assert_int_equal(get(0x0c) & B_AIE, B_AIE);
	freeze_clock(NEW_YEARS_EVE, 0); /* the host's clock went back */
	assert_int_equal(get(0x0c) & B_AIE, 0);
}

static void test_update_interrupt(void **state)
{
	start_clock(NEW_YEARS_EVE, 990000000);
	get(0x0c);
	set(0x0b, B_24H | B_UIE);
	assert_false(fake_irq(GSI_RTC));
	assert_true(fake_wait_rises(GSI_RTC, 1));
	assert_int_equal(get(0x00), 0x59);
	assert_int_equal(get(0x0c) & (C_IRQF | B_UIE), C_IRQF | B_UIE);
	assert_false(fake_irq(GSI_RTC));
}

static void test_alarm_interrupt(void **state)
{
	start_clock(NEW_YEARS_EVE, 990000000);
	set_alarm(0xff, 0xff, 0x59);
	get(0x0c);
	set(0x0b, B_24H | B_AIE);
	assert_false(fake_irq(GSI_RTC));
	assert_true(fake_wait_rises(GSI_RTC, 1));
	assert_int_equal(get(0x0c) & (C_IRQF | B_AIE), C_IRQF | B_AIE);
}

/* It is ACPI's event too, RTC_STS: only an alarm, only when it interrupts, once each (4.8.2.4). */
static void test_alarm_is_an_acpi_event(void **state)
{
	freeze_clock(NEW_YEARS_EVE, 0);
	set_alarm(0xff, 0xff, 0x59);
	get(0x0c);
	freeze_clock(NEW_YEARS_EVE + 1, 0);
	assert_int_equal(get(0x0c) & (B_AIE | B_UIE), B_AIE | B_UIE);
	assert_int_equal(fake_in(PORT_ACPI_PM1_EVENT, 2), 0);

	set(0x0b, B_24H | B_AIE | B_UIE);
	set_alarm(0x00, 0x00, 0x01);
	fake_out(PORT_ACPI_PM1_EVENT + 2, 2, PM1_RTC);
	freeze_clock(NEW_YEARS_EVE + 2, 0);
	get(0x0c);
	assert_int_equal(fake_in(PORT_ACPI_PM1_EVENT, 2), 0);
	freeze_clock(NEW_YEARS_EVE + 3, 0);
	fake_outb(PORT_RTC + 1, 0); /* any access looks at the time */
	assert_int_equal(fake_in(PORT_ACPI_PM1_EVENT, 2), PM1_RTC);
	assert_true(fake_irq(GSI_ACPI));
	/* One acknowledges nothing of the other. */
	fake_out(PORT_ACPI_PM1_EVENT, 2, PM1_RTC);
	assert_false(fake_irq(GSI_ACPI));
	assert_true(fake_irq(GSI_RTC));
	assert_int_equal(get(0x0c) & (C_IRQF | B_AIE), C_IRQF | B_AIE);
	assert_int_equal(fake_in(PORT_ACPI_PM1_EVENT, 2), 0);

	/* One that came before is told when it is let through. */
	set(0x0b, B_24H);
	set_alarm(0xff, 0xff, 0xff);
	freeze_clock(NEW_YEARS_EVE + 4, 0);
	set(0x40, 0);
	assert_int_equal(fake_in(PORT_ACPI_PM1_EVENT, 2), 0);
	set(0x0b, B_24H | B_AIE);
	assert_int_equal(fake_in(PORT_ACPI_PM1_EVENT, 2), PM1_RTC);
}

/* By the timer alone, as it must wake a guest that sleeps. */
static void test_alarm_raises_the_sci(void **state)
{
	start_clock(NEW_YEARS_EVE, 990000000);
	set_alarm(0xff, 0xff, 0x59);
	get(0x0c);
	fake_out(PORT_ACPI_PM1_EVENT + 2, 2, PM1_RTC);
	set(0x0b, B_24H | B_AIE);
	assert_true(fake_wait_rises(GSI_ACPI, 1));
}

/* 1024 Hz: never faster than asked for, and as often as it is acknowledged. */
static void test_periodic_interrupt(void **state)
{
	u64 started;

	start_clock(NEW_YEARS_EVE, 0);
	started = now_ns();
	set(0x0b, B_24H | B_PIE);
	for (unsigned int i = 1; i <= 20; i++) {
		assert_true(fake_wait_rises(GSI_RTC, i));
		assert_int_equal(get(0x0c) & (C_IRQF | B_PIE), C_IRQF | B_PIE);
	}
	assert_true(now_ns() - started >= 19 * NSEC_PER_SEC / 1024);
}

static void test_unanswered_interrupt_is_one(void **state)
{
	unsigned int rises;

	start_clock(NEW_YEARS_EVE, 0);
	set(0x0a, 0x23); /* 8192 Hz */
	set(0x0b, B_24H | B_PIE);
	assert_true(fake_wait_rises(GSI_RTC, 1));
	usleep(5000);
	assert_int_equal(fake_irq_rises(GSI_RTC), 1);
	/* 40 periods went by: one more interrupt, not 40. */
	rises = fake_irq_rises(GSI_RTC);
	clock_start_ns = 0;
	get(0x0c);
	usleep(2000);
	assert_in_range(fake_irq_rises(GSI_RTC), rises, rises + 1);
}

static void test_set_clears_uie(void **state)
{
	set(0x0b, B_24H | B_UIE | B_AIE);
	set(0x0b, B_24H | B_UIE | B_AIE | B_SET);
	assert_int_equal(get(0x0b), B_24H | B_AIE | B_SET);
}

/* Enabling an interrupt whose flag is up interrupts at once, disabling takes it back. */
static void test_line_is_flags_and_enables(void **state)
{
	freeze_clock(NEW_YEARS_EVE + 1, 0);
	set(0x0b, B_24H | B_UIE);
	assert_true(fake_irq(GSI_RTC));
	set(0x0b, B_24H);
	assert_false(fake_irq(GSI_RTC));
}

static void reset_all(void *arg)
{
	*(int *)arg = device_reset_all();
}

static void test_reset_keeps_time(void **state)
{
	int err = -1;

	set(0x40, 0x77);
	set(0x0b, B_24H | B_BINARY | B_SET);
	set_time(20, 40, 2, 3, 4, 5, 6);
	set(0x0b, B_24H | B_BINARY | B_SET | B_AIE | B_PIE);
	fake_on_loop(reset_all, &err);
	assert_int_equal(err, 0);
	assert_int_equal(get(0x0b), B_24H);
	assert_int_equal(get(0x0a), A_NORMAL);
	assert_int_equal(get(0x0c), 0);
	assert_time(0x20, 0x40, 0x02, 0x03, 0x04, 0x05, 0x06);
	assert_int_equal(get(0x40), 0x77);
	assert_false(fake_irq(GSI_RTC));
}

static void load_rtc(void *arg)
{
	*(int *)arg = load_state("rtc");
}

/* The guest's own time, format, RAM and a flag that interrupts; a host's hour goes by as well. */
static void test_state(void **state)
{
	int err = -1;

	set(0x0b, B_24H | B_BINARY | B_SET);
	set_time(20, 40, 2, 3, 4, 5, 6);
	set(0x0b, B_24H | B_BINARY | B_AIE);
	set(0x01, 7);
	set(0x03, 5);
	set(0x05, 4);
	set(0x40, 0x77);
	fake_outb(PORT_RTC, 0x03);
	save_state("rtc");

	set(0x0b, B_24H | B_SET);
	set_time(0x20, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11);
	set(0x0b, B_24H);
	set(0x40, 0x00);
	set(0x01, 0x59);
	fake_on_loop(load_rtc, &err);
	assert_int_equal(err, 0);
	assert_int_equal(fake_inb(PORT_RTC + 1), 5); /* the index, and an alarm register */
	assert_int_equal(get(0x0b), B_24H | B_BINARY | B_AIE);
	assert_int_equal(get(0x01), 7);
	assert_int_equal(get(0x40), 0x77);
	assert_time(20, 40, 2, 3, 4, 5, 6);
	assert_false(fake_irq(GSI_RTC));
	clock_base_ns += NSEC_PER_SEC;
	assert_int_equal(get(0x0c), C_IRQF | B_PIE | B_AIE | B_UIE);
}

/* An interrupt that is not acknowledged: the line is high again, and ACPI is not told again. */
static void test_state_with_an_interrupt(void **state)
{
	int err = -1;

	set(0x0b, B_24H | B_AIE);
	set(0x01, 0xff);
	set(0x03, 0xff);
	set(0x05, 0xff);
	clock_base_ns += NSEC_PER_SEC;
	set(0x40, 0); /* a write looks at what has happened */
	assert_true(fake_irq(GSI_RTC));
	fake_on_loop(reset_all, &err);
	assert_false(fake_irq(GSI_RTC));

	set(0x0b, B_24H | B_AIE);
	clock_base_ns += NSEC_PER_SEC;
	set(0x40, 0);
	save_state("rtc");
	fake_out(PORT_ACPI_PM1_EVENT, 2, PM1_RTC);
	fake_on_loop(reset_all, &err);
	fake_on_loop(load_rtc, &err);
	assert_int_equal(err, 0);
	assert_true(fake_irq(GSI_RTC));
	assert_int_equal(fake_in(PORT_ACPI_PM1_EVENT, 2), 0);
	assert_int_equal(get(0x0c), C_IRQF | B_PIE | B_AIE | B_UIE);
	assert_false(fake_irq(GSI_RTC));
}

static void refuse(void *arg)
{
	assert_refused("rtc", 4, 0x7f);		/* phase_ns, above a second */
	assert_refused("rtc", 15, 0x7f);	/* offset_s: years beyond counting */
	assert_refused("rtc", 28, 0x7f);	/* seen.ns */
	assert_refused("rtc", 32, 0x80);	/* the index has 7 bits */
	assert_refused("rtc", 40 + 0x0a, 0xa6); /* UIP for ever */
	assert_refused("rtc", 40 + 0x0c, 0x01);
}

static void test_state_refused(void **state)
{
	save_state("rtc");
	fake_on_loop(refuse, NULL);
}

static void pause_all(void *arg)
{
	*(int *)arg = device_pause_all();
}

static void resume_all(void *arg)
{
	device_resume_all();
}

static void test_pause(void **state)
{
	int err = -1;

	/* 300 ms before the second is over: enough to get to the pause on a busy machine. */
	start_clock(NEW_YEARS_EVE, 700000000);
	get(0x0c);
	set(0x0b, B_24H | B_UIE);
	fake_on_loop(pause_all, &err);
	assert_int_equal(err, 0);
	set(0x0b, B_24H | B_UIE); /* a vCPU's last access before it parks rings the bell */
	usleep(320000);
	assert_int_equal(fake_irq_rises(GSI_RTC), 0);
	fake_on_loop(resume_all, NULL);
	assert_int_equal(fake_irq_rises(GSI_RTC), 1);
}

static void ring_and_pause(void *arg)
{
	set(0x0b, B_24H | B_UIE);
	pause_all(arg);
	freeze_clock(NEW_YEARS_EVE + 1, 0);
}

/* The bell that a vCPU rang just before is heard behind the pause, and a second is over. */
static void test_pause_before_the_bell(void **state)
{
	int err = -1;

	freeze_clock(NEW_YEARS_EVE, 0);
	get(0x0c);
	fake_on_loop(ring_and_pause, &err);
	assert_int_equal(err, 0);
	usleep(20000);
	assert_int_equal(fake_irq_rises(GSI_RTC), 0);
	fake_on_loop(resume_all, NULL);
	assert_int_equal(fake_irq_rises(GSI_RTC), 1);
}

/* The shutdown code is taken once, and a reset of the machine leaves none. */
static void test_shutdown_code(void **state)
{
	assert_non_null(fake.warm_take);
	assert_int_equal(fake.warm_take(fake.warm_dev), 0);
	set(0x0f, 0x0a);
	assert_int_equal(get(0x0f), 0x0a);
	assert_int_equal(fake.warm_take(fake.warm_dev), 0x0a);
	assert_int_equal(fake.warm_take(fake.warm_dev), 0);
	assert_int_equal(get(0x0f), 0);
	set(0x0f, 0x05);
	set(0x10, 0x05);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(fake.warm_take(fake.warm_dev), 0);
	assert_int_equal(get(0x10), 0x05); /* the battery's */
}

static void see_record(void *arg, const struct device_record *record)
{
	assert_string_equal(record->hid, "PNP0B00");
	assert_int_equal(record->resources[0].base, PORT_RTC);
	assert_int_equal(record->resources[0].len, 2);
	assert_int_equal(record->resources[1].base, GSI_RTC);
	++*(unsigned int *)arg;
}

static void see_device(struct device *dev, void *arg)
{
	if (dev->describe)
		dev->describe(dev, see_record, arg);
}

static void test_describe(void **state)
{
	unsigned int records = 0;

	device_for_each(see_device, &records);
	assert_int_equal(records, 1);
}

/* Every byte into every register, in every mode: it answers, and time can be set again. */
static void test_any_byte_anywhere(void **state)
{
	static const u8 modes[] = {0, B_24H, B_BINARY, B_BINARY | B_24H};

	for (unsigned int mode = 0; mode < ARRAY_SIZE(modes); mode++) {
		for (unsigned int held = 0; held <= B_SET; held += B_SET) {
			for (unsigned int i = 0; i < 0x34 * 256; i++) {
				set(0x0b, modes[mode] | held);
				set(i >> 8, i);
				get(i >> 8);
			}
		}
	}
	set(0x0a, A_NORMAL);
	set(0x0b, B_24H | B_SET);
	set_time(0x20, 0x23, 0x12, 0x31, 0x23, 0x59, 0x58);
	set(0x0b, B_24H);
	assert_time(0x20, 0x23, 0x12, 0x31, 0x23, 0x59, 0x58);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_on),
		TEST(test_formats),
		TEST(test_time_passes),
		TEST(test_guest_sets_clock),
		TEST(test_divider_sets_phase),
		TEST(test_write_to_running_clock),
		TEST(test_uip),
		TEST(test_ram),
		TEST(test_flags_without_interrupts),
		TEST(test_alarm_values),
		TEST(test_alarm_seen_late),
		TEST(test_update_interrupt),
		TEST(test_alarm_interrupt),
		TEST(test_alarm_is_an_acpi_event),
		TEST(test_alarm_raises_the_sci),
		TEST(test_periodic_interrupt),
		TEST(test_unanswered_interrupt_is_one),
		TEST(test_set_clears_uie),
		TEST(test_line_is_flags_and_enables),
		TEST(test_reset_keeps_time),
		TEST(test_state),
		TEST(test_state_with_an_interrupt),
		TEST(test_state_refused),
		TEST(test_shutdown_code),
		TEST(test_pause),
		TEST(test_pause_before_the_bell),
		TEST(test_describe),
		TEST(test_any_byte_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
