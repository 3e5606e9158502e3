// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any bytes as a relocation table against boot/kaslr.c.
 *
 * The first 12 bytes of an input say where the kernel lies in 64 KiB of RAM, how far it was
 * shifted, by how much it moves, and how many bytes of the file are the ELF file's; the rest is
 * the file. What comes of a table is computed here a second time, from its end to its start as
 * the kernel's own unpacker goes. Invariants:
 * - a table that is taken has its groups within itself, 2 or 3 of them;
 * - it is applied exactly when all its places are in the kernel;
 * - RAM then holds what the second computation says, and is untouched outside of the kernel;
 *   moved back, all bytes are as they were (unless places overlap: then the order decides);
 * - a refusal gives a reason.
 */
#include "tests/lib/fuzz.h"
#include <kvm/kaslr.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL_BYTES 12
#define RAM_BASE      MIB
#define RAM_BYTES     (64 * KIB)

static u8 before[RAM_BYTES], expected[RAM_BYTES], touched[RAM_BYTES];
static bool overlap; /* of two places: then the order decides, and there is none */

struct control {
	u16 start, bytes, shift; /* of the kernel, in RAM */
	u32 offset;
	u16 file_end;
};

static struct control read_control(const u8 *data)
{
	struct control c;

	memcpy(&c.start, data, 2);
	memcpy(&c.bytes, data + 2, 2);
	memcpy(&c.shift, data + 4, 2);
	memcpy(&c.offset, data + 6, 4);
	memcpy(&c.file_end, data + 10, 2);
	c.bytes = MAX(c.bytes, 1);
	return c;
}

static u32 word_at(const u8 *table, size_t i)
{
	u32 word;

	memcpy(&word, table + 4 * i, sizeof(word));
	return le32toh(word);
}

/* Add to the value of width bytes at the place that a word names. False: outside. */
static bool add(const struct control *c, u32 word, unsigned int width, u64 value)
{
	/* 32-bit words are the low halves of addresses in the top 2 GiB; RAM is from 0 there. */
	u64 linked = ((word & 0x80000000) ? 0ULL : 1ULL << 32) + word - 0x80000000ULL;
	u64 at = linked - RAM_BASE - c->start, carry = 0;
	u8 *to, *mark;

	if (linked < RAM_BASE + c->start || at + width > c->bytes)
		return false;
	to = expected + c->start + c->shift + at;
	mark = touched + c->start + c->shift + at;
	for (unsigned int i = 0; i < width; i++) {
		carry += to[i] + (value >> (8 * i) & 0xff);
		to[i] = (u8)carry;
		carry >>= 8;
		overlap = overlap || mark[i];
		mark[i] = 1;
	}
	return true;
}

/* The whole table, last word first; zeros end the groups. */
static bool move(const struct control *c, const u8 *table, size_t words, unsigned int zeros,
		 u32 offset)
{
	unsigned int group = zeros == 3 ? 0 : 3; /* 0: 32-bit, 1: inverse, 3: 32-bit of two */

	for (size_t i = words; i-- > 0;) {
		u32 word = word_at(table, i);
		bool good;

		if (!word)
			group = group == 0 ? 1 : 2;
		else if (group == 2) {
			good = add(c, word, 8, offset);
			if (!good)
				return false;
		} else if (!add(c, word, 4, group == 1 ? 0 - (u64)offset : offset))
			return false;
	}
	return true;
}

static void check_split(const struct kaslr *kaslr, unsigned int zeros)
{
	u64 sum = zeros;

	CHECK(zeros == 2 || zeros == 3);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK(kaslr->at[i] <= kaslr->count);
		CHECK(kaslr->counts[i] <= kaslr->count - kaslr->at[i]);
		sum += kaslr->counts[i];
	}
	CHECK(sum == kaslr->count);
}

static void check_apply(const struct kaslr *kaslr, const struct control *c, const u8 *table,
			unsigned int zeros)
{
	struct elf elf = {.start = RAM_BASE + c->start, .end = RAM_BASE + c->start + c->bytes};
	u8 *ram = malloc(RAM_BYTES);
	struct gmem mem = {.banks = {{.base = RAM_BASE, .size = RAM_BYTES, .host = ram}},
			   .count = 1};
	bool fits = (u64)c->start + c->shift + c->bytes <= RAM_BYTES;
	const char *why = NULL;
	int err;

	CHECK(ram);
	memcpy(ram, before, RAM_BYTES);
	memcpy(expected, before, RAM_BYTES);
	memset(touched, 0, RAM_BYTES);
	overlap = false;
	err = kaslr_apply(kaslr, &mem, &elf, c->shift, c->offset, &why);
	CHECK(!err || (err == -EINVAL && why && *why));
	if (!c->offset) {
		CHECK(!err && !memcmp(ram, before, RAM_BYTES));
	} else {
		CHECK(!err == (fits && move(c, table, kaslr->count, zeros, c->offset)));
	}
	if (!err && c->offset && !overlap) {
		CHECK(!memcmp(ram, expected, RAM_BYTES));
		CHECK(!kaslr_apply(kaslr, &mem, &elf, c->shift, 0 - (u64)c->offset, &why));
		CHECK(!memcmp(ram, before, RAM_BYTES));
	}
	free(ram);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct elf_source source;
	struct kaslr kaslr;
	unsigned int zeros = 0;
	const char *why = NULL;
	struct control c;
	struct elf elf;
	int err;

	if (size < CONTROL_BYTES)
		return 0;
	for (size_t i = 0; !before[1] && i < RAM_BYTES; i++)
		before[i] = (u8)(i * 167 >> 3);
	c = read_control(data);
	data += CONTROL_BYTES;
	size -= CONTROL_BYTES;
	source = elf_source_memory(data, size);
	elf = (struct elf){.file_end = c.file_end};
	err = kaslr_read(&source, &elf, &kaslr, &why);
	if (err) {
		CHECK(err == -EINVAL && why && *why);
		CHECK(!kaslr.table);
		return 0;
	}
	CHECK(!kaslr.table == (size < c.file_end + 4UL));
	if (kaslr.table) {
		data += c.file_end;
		CHECK(kaslr.count * 4UL == size - c.file_end && !word_at(data, 0));
		for (u32 i = 0; i < kaslr.count; i++)
			zeros += !word_at(data, i);
		check_split(&kaslr, zeros);
		check_apply(&kaslr, &c, data, zeros);
	}
	kaslr_free(&kaslr);
	kaslr_free(&kaslr);
	return 0;
}
