/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What payloads share: ports, console, words of the command line, ACPI tables. lib.c, acpi.c.
 *
 * Freestanding; runs at CPL 3 with IOPL 3 (start.S), all addresses are guest-physical.
 */
#ifndef TESTS_GUEST_LIB_H
#define TESTS_GUEST_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define COM1	      0x3f8
#define COM1_IRQ      4

/* --- start.S --- */
extern const u32 boot_params; /* address of the zero page */
extern u32 irq_count[16];     /* interrupts seen on each line */

/* Call fn(arg, &flags) at CPL 0; flags are those that CPL 3 gets back. */
typedef void cpl0_fn(u64 arg, u64 *flags);

#define CALL_MAGIC 0x6c6c6163 /* in start.S as well */

static inline void at_cpl0(cpl0_fn *fn, u64 arg)
{
	u64 rax = CALL_MAGIC;

	asm volatile("ud2"
		     : "+a"(rax), "+D"(fn), "+S"(arg)
		     :
		     : "rcx", "rdx", "r8", "r9", "r10", "r11", "cc", "memory");
}

/* --- ports --- */
static inline void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(u16 port, u16 value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u16 inw(u16 port)
{
	u16 value;

	asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u32 inl(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

#define PORT_CMOS     0x70
#define PORT_RESET    0xcf9
#define PORT_SYSTEM_A 0x92
#define CMOS_BOOTS    0x40 /* a byte of CMOS RAM that nothing else uses */

/* CMOS RAM: a battery feeds it, so that it survives a reset. */
static inline u8 cmos_read(u8 at)
{
	outb(PORT_CMOS, at);
	return inb(PORT_CMOS + 1);
}

static inline void cmos_write(u8 at, u8 value)
{
	outb(PORT_CMOS, at);
	outb(PORT_CMOS + 1, value);
}

/* Memory that a device or another CPU may change. */
static inline u32 mem_read32(u64 address)
{
	return *(volatile u32 *)address;
}

static inline void mem_write32(u64 address, u32 value)
{
	*(volatile u32 *)address = value;
}

/* --- console: COM1, polled --- */
void put_char(char c);
void put(const char *text); /* as it is: the newline is the caller's */
void put_number(u64 value); /* decimal */
void put_padded(u64 value, int digits);
void put_hex(u64 value, int digits);

/* --- time --- */
void sleep_ms(u64 ms);

/* --- words: "name:argument:argument", as they stand in the command line --- */
const char *command_line(void);
bool word_is(const char *word, const char *name); /* up to its first colon, blank or end */
const char *word_argument(const char *word);	  /* behind the first colon; "" if there is none */
u64 word_number(const char *text);		  /* decimal, or 0x and hexadecimal */

/* --- an action of its own file: status.c --- */
void do_status(const char *arg);

/* --- memory --- */
u32 checksum(const u8 *data, u64 len); /* FNV-1a, 32 bits */
u32 checksum_add(u32 sum, u8 byte);
#define CHECKSUM_START 0x811c9dc5

/* --- ACPI, found as an operating system finds it --- */
struct acpi_fixed {
	u16 pm1_event, pm1_control, reset_port;
	u8 reset_value;
	u8 s5_type;
};
/* False, after a line that says what is wrong, when a table is missing or its sum is. */
bool acpi_find(struct acpi_fixed *fixed);

#endif
