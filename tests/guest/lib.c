// SPDX-License-Identifier: GPL-2.0-only
/*
 * The payloads' library: a console, numbers, words, time.
 *
 * The console polls LSR before each byte, as printk's early console does. Time is the TSC, at a
 * rate that CPUID tells (leaf 0x15, or KVM's 0x40000010) or 2 GHz: waits here need not be exact.
 */
#include "lib.h"

#define LSR_THRE	       0x20

#define ZERO_PAGE_CMD_LINE_PTR 0x228

void put_char(char c)
{
	while (!(inb(COM1 + 5) & LSR_THRE))
		;
	outb(COM1, (u8)c);
}

void put(const char *text)
{
	while (*text)
		put_char(*text++);
}

void put_padded(u64 value, int digits)
{
	char text[20];
	int count = 0;

	do {
		text[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value || count < digits);
	while (count)
		put_char(text[--count]);
}

void put_number(u64 value)
{
	put_padded(value, 1);
}

void put_hex(u64 value, int digits)
{
	while (digits--)
		put_char("0123456789abcdef"[value >> 4 * digits & 15]);
}

static void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0));
}

static u64 tsc_khz(void)
{
	static u64 khz;
	u32 a, b, c, d;

	if (khz)
		return khz;
	khz = 2000000;
	cpuid(0x40000000, &a, &b, &c, &d);
	if (a >= 0x40000010 && a < 0x40000100) {
		cpuid(0x40000010, &a, &b, &c, &d);
		if (a)
			return khz = a;
	}
	cpuid(0, &a, &b, &c, &d);
	if (a >= 0x15) {
		cpuid(0x15, &a, &b, &c, &d);
		if (a && b && c)
			khz = (u64)c * b / a / 1000;
	}
	return khz;
}

void sleep_ms(u64 ms)
{
	u64 start = rdtsc(), ticks = ms * tsc_khz();

	while (rdtsc() - start < ticks)
		asm volatile("pause");
}

const char *command_line(void)
{
	return (const char *)(u64)mem_read32(boot_params + ZERO_PAGE_CMD_LINE_PTR);
}

static bool ends_name(char c)
{
	return !c || c == ' ' || c == ':';
}

bool word_is(const char *word, const char *name)
{
	while (*name && *word == *name) {
		word++;
		name++;
	}
	return !*name && ends_name(*word);
}

const char *word_argument(const char *word)
{
	while (!ends_name(*word))
		word++;
	return *word == ':' ? word + 1 : "";
}

u64 word_number(const char *text)
{
	u64 base = 10, value = 0;

	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		text += 2;
	}
	for (; !ends_name(*text); text++)
		value = value * base +
			(u64)(*text <= '9' ? *text - '0' : (*text | 0x20) - 'a' + 10);
	return value;
}

u32 checksum_add(u32 sum, u8 byte)
{
	return (sum ^ byte) * 0x01000193;
}

u32 checksum(const u8 *data, u64 len)
{
	u32 sum = CHECKSUM_START;

	for (u64 i = 0; i < len; i++)
		sum = checksum_add(sum, data[i]);
	return sum;
}

/* The compiler may call these for loops and initialisers. */
void *memset(void *to, int value, size_t len);
void *memcpy(void *to, const void *from, size_t len);

void *memset(void *to, int value, size_t len)
{
	void *at = to;

	asm volatile("rep stosb" : "+D"(at), "+c"(len) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
	void *at = to;

	asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(len) : : "memory");
	return to;
}
