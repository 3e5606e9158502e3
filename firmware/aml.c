// SPDX-License-Identifier: GPL-2.0-only
/*
 * AML, the byte code in which ACPI describes devices to the guest.
 *
 * A term is an opcode followed by its operands. So the caller writes a tree by calling the
 * functions in the order of the same text in ASL. A block (scope, device, package, buffer) begins
 * with its own length, in one to four bytes, and the length includes these bytes. So a block is
 * written in two steps: opening it emits the opcode and records the offset of the length; closing
 * it counts the bytes since then, moves them up and inserts the length before them. Blocks nest up
 * to AML_MAX_DEPTH levels. Inner blocks are closed before outer ones, so a move never changes a
 * recorded offset.
 *
 * A resource template is a Buffer: its PkgLength is followed by the number of its bytes, as an
 * integer, and then by the bytes. aml_template_end() inserts this number first and then the
 * PkgLength.
 *
 * The caller gives a buffer of fixed size. All bytes are stored by insert(); if bytes do not fit,
 * it sets `overflow`, and from then on stores nothing. So callers check for errors only in
 * aml_finish().
 *
 * firmware/acpi.c calls this on the main thread, at reset. Left out on purpose: methods, operation
 * regions and everything else that the guest would execute.
 *
 * Spec: ACPI 6.4 section 20.2 (AML grammar), 6.4.2 and 6.4.3 (resource descriptors),
 * 6.1.5 (_HID, with the EISA id's compression in 19.6.36)
 */
#include "aml.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_QWORD = 0x0e,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_DUAL_NAME = 0x2e,
	AML_MULTI_NAME = 0x2f,
	AML_EXTENDED = 0x5b,
	AML_EXTENDED_DEVICE = 0x82,
};

/* The first byte of a resource descriptor. In small ones bits 2:0 are the length. */
enum {
	DESCRIPTOR_IRQ_NO_FLAGS = 0x22,
	DESCRIPTOR_IRQ_FLAGS = 0x23,
	DESCRIPTOR_IO = 0x47,
	DESCRIPTOR_END_TAG = 0x79,
	DESCRIPTOR_MEMORY32_FIXED = 0x86,
	DESCRIPTOR_DWORD_SPACE = 0x87,
	DESCRIPTOR_WORD_SPACE = 0x88,
	DESCRIPTOR_EXTENDED_IRQ = 0x89,
};

/* The kind of addresses in an address space descriptor. */
enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS_NUMBERS = 2 };

enum {
	IO_DECODE_16 = 0x01,
	IO_ENTIRE_RANGE = 0x03, /* ISA ports and all others */
	MEMORY_WRITABLE = 0x01,
	WINDOW_FIXED = 0x0c,   /* both ends are fixed; bits 1:0 clear: positive decode, producer */
	IRQ_ACTIVE_LOW = 0x08, /* bit 0 clear: level-triggered */
	IRQ_SHARED = 0x10,
	EXTENDED_IRQ_CONSUMER = 0x01,
	EXTENDED_IRQ_EDGE = 0x02,
	EXTENDED_IRQ_ACTIVE_LOW = 0x04,
	EXTENDED_IRQ_SHARED = 0x08,
};

#define ISA_IRQS 16 /* lines in the mask of the small IRQ descriptor */

void aml_init(struct aml *aml, void *buf, size_t size)
{
	*aml = (struct aml){.buf = buf, .size = MIN(size, (size_t)INT_MAX)};
}

int aml_finish(const struct aml *aml)
{
	assert(aml->depth == 0);
	return aml->overflow ? -ENOSPC : (int)aml->len;
}

/*
 * Move bytes to make space for n bytes at offset `at`. False if they do not fit, and in all later
 * calls.
 */
static bool insert_room(struct aml *aml, size_t at, size_t n)
{
	if (aml->overflow || n > aml->size - aml->len) {
		aml->overflow = true;
		return false;
	}
	memmove(aml->buf + at + n, aml->buf + at, aml->len - at);
	aml->len += n;
	return true;
}

static void insert(struct aml *aml, size_t at, const u8 *bytes, size_t n)
{
	if (insert_room(aml, at, n))
		memcpy(aml->buf + at, bytes, n);
}

static void emit(struct aml *aml, const void *bytes, size_t n)
{
	insert(aml, aml->len, bytes, n);
}

static void emit_byte(struct aml *aml, u8 value)
{
	emit(aml, &value, 1);
}

/* Emit the n low bytes of value, lowest first. */
static void emit_le(struct aml *aml, u64 value, unsigned int n)
{
	while (n--) {
		emit_byte(aml, value & 0xff);
		value >>= 8;
	}
}

/*
 * PkgLength, 20.2.4. Up to 63: one byte. Else bits 7:6 of the first byte are the number of bytes
 * that follow, its low nibble has the lowest four bits, and each other byte the next eight bits.
 */
static size_t encode_pkg_length(u8 bytes[4], size_t body)
{
	unsigned int following = 0;
	size_t length = body + 1;

	if (length > 0x3f) {
		/* The length includes the bytes of the field itself. */
		for (following = 1; body + 1 + following >= 1UL << (4 + 8 * following); following++)
			;
		length = body + 1 + following;
	}

	assert(following <= 3);
	bytes[0] = following ? following << 6 | (length & 0xf) : length;
	for (unsigned int i = 1; i <= following; i++)
		bytes[i] = length >> (8 * i - 4) & 0xff;
	return 1 + following;
}

static void block_open(struct aml *aml)
{
	assert(aml->depth < AML_MAX_DEPTH);
	aml->open[aml->depth++] = aml->len;
}

void aml_end(struct aml *aml)
{
	u8 bytes[4];
	size_t start, n;

	assert(aml->depth > 0);
	start = aml->open[--aml->depth];
	n = encode_pkg_length(bytes, aml->len - start);
	insert(aml, start, bytes, n);
}

static void emit_name_segment(struct aml *aml, const char *text, size_t len)
{
	assert(len >= 1 && len <= 4);
	emit(aml, text, len);
	emit(aml, "____", 4 - len);
}

static void emit_path(struct aml *aml, const char *path)
{
	unsigned int segments = 1;

	while (*path == '\\' || *path == '^')
		emit_byte(aml, *path++);

	for (const char *p = path; *p; p++)
		segments += *p == '.';
	if (!*path) {
		emit_byte(aml, 0); /* NullName: only prefixes */
		return;
	}
	if (segments == 2) {
		emit_byte(aml, AML_DUAL_NAME);
	} else if (segments > 2) {
		emit_byte(aml, AML_MULTI_NAME);
		emit_byte(aml, segments);
	}

	for (size_t len; segments--; path += len + 1) {
		len = strcspn(path, ".");
		emit_name_segment(aml, path, len);
	}
}

void aml_scope(struct aml *aml, const char *path)
{
	emit_byte(aml, AML_SCOPE);
	block_open(aml);
	emit_path(aml, path);
}

void aml_device(struct aml *aml, const char *path)
{
	emit_byte(aml, AML_EXTENDED);
	emit_byte(aml, AML_EXTENDED_DEVICE);
	block_open(aml);
	emit_path(aml, path);
}

void aml_package(struct aml *aml, u8 elements)
{
	emit_byte(aml, AML_PACKAGE);
	block_open(aml);
	emit_byte(aml, elements);
}

void aml_name(struct aml *aml, const char *path)
{
	emit_byte(aml, AML_NAME);
	emit_path(aml, path);
}

void aml_integer(struct aml *aml, u64 value)
{
	if (value <= 1) {
		emit_byte(aml, value ? AML_ONE : AML_ZERO);
	} else if (value <= UINT8_MAX) {
		emit_byte(aml, AML_BYTE);
		emit_le(aml, value, 1);
	} else if (value <= UINT16_MAX) {
		emit_byte(aml, AML_WORD);
		emit_le(aml, value, 2);
	} else if (value <= UINT32_MAX) {
		emit_byte(aml, AML_DWORD);
		emit_le(aml, value, 4);
	} else {
		emit_byte(aml, AML_QWORD);
		emit_le(aml, value, 8);
	}
}

void aml_string(struct aml *aml, const char *text)
{
	emit_byte(aml, AML_STRING);
	emit(aml, text, strlen(text) + 1);
}

/* True for three capital letters and four hexadecimal digits. */
static bool is_eisa_id(const char *hid)
{
	for (int i = 0; i < 3; i++)
		if (hid[i] < 'A' || hid[i] > 'Z')
			return false;
	return strlen(hid) == 7 && strspn(hid + 3, "0123456789ABCDEF") == 4;
}

/* Five bits for each letter, then the digits, as a big-endian number. */
static u32 compress_eisa_id(const char *hid)
{
	u32 id = 0;

	for (int i = 0; i < 3; i++)
		id = id << 5 | (u32)(hid[i] - 'A' + 1);
	for (int i = 3; i < 7; i++)
		id = id << 4 |
		     (u32)(isdigit((unsigned char)hid[i]) ? hid[i] - '0' : hid[i] - 'A' + 10);
	return __builtin_bswap32(id);
}

void aml_hardware_id(struct aml *aml, const char *hid)
{
	if (is_eisa_id(hid))
		aml_integer(aml, compress_eisa_id(hid));
	else
		aml_string(aml, hid);
}

void aml_template(struct aml *aml)
{
	emit_byte(aml, AML_BUFFER);
	block_open(aml);
}

void aml_template_end(struct aml *aml)
{
	u8 bytes[9];
	struct aml count;
	size_t start;

	assert(aml->depth > 0);
	emit_byte(aml, DESCRIPTOR_END_TAG);
	emit_byte(aml, 0); /* no checksum */

	start = aml->open[aml->depth - 1];
	aml_init(&count, bytes, sizeof(bytes));
	aml_integer(&count, aml->len - start);
	insert(aml, start, bytes, count.len);
	aml_end(aml);
}

void aml_resource_io(struct aml *aml, u16 base, u8 len)
{
	emit_byte(aml, DESCRIPTOR_IO);
	emit_byte(aml, IO_DECODE_16);
	emit_le(aml, base, 2); /* lowest base */
	emit_le(aml, base, 2); /* highest base: the same, because the range is fixed */
	emit_byte(aml, 1);     /* alignment */
	emit_byte(aml, len);
}

void aml_resource_memory32(struct aml *aml, u32 base, u32 len)
{
	emit_byte(aml, DESCRIPTOR_MEMORY32_FIXED);
	emit_le(aml, 9, 2);
	emit_byte(aml, MEMORY_WRITABLE);
	emit_le(aml, base, 4);
	emit_le(aml, len, 4);
}

/* Emit an address space descriptor with numbers of 2 or 4 bytes. The length must fit into one. */
static void emit_window(struct aml *aml, u8 space, u8 space_flags, u32 first, u32 last,
			unsigned int bytes)
{
	u64 length = (u64)last - first + 1;

	assert(first <= last && length >> 8 * bytes == 0);
	emit_byte(aml, bytes == 2 ? DESCRIPTOR_WORD_SPACE : DESCRIPTOR_DWORD_SPACE);
	emit_le(aml, 3 + 5 * bytes, 2);
	emit_byte(aml, space);
	emit_byte(aml, WINDOW_FIXED);
	emit_byte(aml, space_flags);
	emit_le(aml, 0, bytes); /* granularity */
	emit_le(aml, first, bytes);
	emit_le(aml, last, bytes);
	emit_le(aml, 0, bytes); /* translation */
	emit_le(aml, length, bytes);
}

void aml_resource_bus_numbers(struct aml *aml, u8 first, u8 last)
{
	emit_window(aml, SPACE_BUS_NUMBERS, 0, first, last, 2);
}

void aml_resource_io_window(struct aml *aml, u16 first, u16 last)
{
	emit_window(aml, SPACE_IO, IO_ENTIRE_RANGE, first, last, 2);
}

void aml_resource_memory32_window(struct aml *aml, u32 first, u32 last)
{
	emit_window(aml, SPACE_MEMORY, MEMORY_WRITABLE, first, last, 4);
}

static void emit_extended_irq(struct aml *aml, u32 gsi, bool level_low)
{
	emit_byte(aml, DESCRIPTOR_EXTENDED_IRQ);
	emit_le(aml, 6, 2);
	emit_byte(aml,
		  EXTENDED_IRQ_CONSUMER | (level_low ? EXTENDED_IRQ_ACTIVE_LOW | EXTENDED_IRQ_SHARED
						     : EXTENDED_IRQ_EDGE));
	emit_byte(aml, 1); /* one interrupt */
	emit_le(aml, gsi, 4);
}

void aml_resource_irq(struct aml *aml, u32 gsi, bool level_low)
{
	if (gsi >= ISA_IRQS) {
		emit_extended_irq(aml, gsi, level_low);
	} else if (level_low) {
		emit_byte(aml, DESCRIPTOR_IRQ_FLAGS);
		emit_le(aml, 1U << gsi, 2);
		emit_byte(aml, IRQ_ACTIVE_LOW | IRQ_SHARED);
	} else {
		emit_byte(aml, DESCRIPTOR_IRQ_NO_FLAGS); /* implies edge, high, exclusive */
		emit_le(aml, 1U << gsi, 2);
	}
}
