// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other processors, and long instructions: `smp:N[:spin]`, `rep:N`, `rep-reset:N`.
 *
 * The other CPUs run ap_code of start.S, in real mode: AP_MODE says what they do.
 *
 * Spec: MultiProcessor Specification 1.4, B.4 (INIT, then a start-up message).
 */
#include "smp.h"

#include "lib.h"

#define APIC		0xfee00000
#define APIC_SPURIOUS	(APIC + 0xf0)
#define APIC_ICR	(APIC + 0x300)
#define APIC_ICR_HIGH	(APIC + 0x310)
#define ICR_INIT_ALL	0x000c4500 /* all but self, assert, INIT */
#define ICR_SIPI_ALL	0x000c4608 /* all but self, start-up at 0x8000 */
#define AP_CODE		0x8000
#define AP_COUNTER	0x8800
#define AP_MODE		0x8804
#define AP_TARGET	0x2000 /* the AP looks at its middle */
#define AP_TARGET_BYTES 0x1000

enum { AP_SLEEPS, AP_SPINS, AP_RESETS };

extern const u8 ap_code[], ap_code_end[];

static bool start_others(u32 wanted, u32 mode)
{
	u32 tries = 1000;

	for (u64 i = 0; i < (u64)(ap_code_end - ap_code); i++)
		*(volatile u8 *)(AP_CODE + i) = ap_code[i];
	mem_write32(AP_COUNTER, 0);
	mem_write32(AP_MODE, mode);
	mem_write32(APIC_SPURIOUS, 0x1ff);
	mem_write32(APIC_ICR_HIGH, 0);
	mem_write32(APIC_ICR, ICR_INIT_ALL);
	sleep_ms(10);
	mem_write32(APIC_ICR, ICR_SIPI_ALL);
	while (mem_read32(AP_COUNTER) != wanted && --tries)
		sleep_ms(1);
	return mem_read32(AP_COUNTER) == wanted;
}

/* smp:N[:spin] - start N - 1 others; they sleep, or spin. */
void do_smp(const char *arg)
{
	bool spins = word_is(word_argument(arg), "spin");
	bool all = start_others((u32)word_number(arg) - 1, spins ? AP_SPINS : AP_SLEEPS);

	put(all ? "smp: all came, " : "bad: smp: ");
	put_number(mem_read32(AP_COUNTER) + 1);
	put("\n");
}

/* As `rep movs` from registers that nobody has: all ones, an exit for each byte. */
static void copy_from_device(void)
{
	const volatile u8 *from = (const volatile u8 *)0xd0000000;
	u64 to = AP_TARGET, count = AP_TARGET_BYTES;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

/* rep-reset:N - until the Nth boot, a reset by another CPU in the middle of one instruction. */
void do_rep_reset(const char *arg)
{
	u8 boot = (u8)(cmos_read(CMOS_BOOTS) + 1);
	u32 written = 0;

	cmos_write(CMOS_BOOTS, boot);
	put("boot ");
	put_number(boot);
	put("\n");
	for (u64 at = AP_TARGET; at < AP_TARGET + AP_TARGET_BYTES; at += 4)
		written |= mem_read32(at);
	if (written)
		put("bad: rep-reset: the old instruction went on behind the reset\n");
	if (boot >= word_number(arg))
		return;
	if (!start_others(1, AP_RESETS))
		put("bad: the other CPU did not come\n");
	for (;;)
		copy_from_device();
}

/* rep:N - the same instruction so many times, and what it read. */
void do_rep(const char *arg)
{
	u64 wrong = 0;

	for (u64 n = word_number(arg); n; n--) {
		for (u64 at = AP_TARGET; at < AP_TARGET + AP_TARGET_BYTES; at += 4)
			mem_write32(at, 0);
		copy_from_device();
		for (u64 at = AP_TARGET; at < AP_TARGET + AP_TARGET_BYTES; at += 4)
			wrong += mem_read32(at) != 0xffffffff;
	}
	put(wrong ? "bad: rep: not all ones\n" : "rep: all ones\n");
}
