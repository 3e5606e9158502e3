/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest RAM for tests of what is written into it: read back by number, little-endian, so that no
 * structure of the code under test has a say.
 */
#ifndef TESTS_GUEST_RAM_H
#define TESTS_GUEST_RAM_H

#include "tests/lib/test.h"

#include <kvm/gmem.h>

#define RAM_HOLE_START 0xc0000000ULL
#define RAM_HOLE_END   0x100000000ULL

static struct gmem mem;

static inline int ram_map(u64 bytes)
{
	return gmem_map(&mem, bytes, RAM_HOLE_START, RAM_HOLE_END, NULL);
}

static inline u64 ram_get(gpa_t at, unsigned int bytes)
{
	u64 value = 0;
	u8 raw[8];

	assert_int_equal(gmem_read(&mem, at, raw, bytes), 0);
	for (unsigned int i = 0; i < bytes; i++)
		value |= (u64)raw[i] << (8 * i);
	return value;
}

/* The string at an address; at most 255 bytes of it. */
static inline const char *ram_string(gpa_t at)
{
	static char text[256];

	assert_int_equal(gmem_read(&mem, at, text, sizeof(text) - 1), 0);
	return text;
}

#endif
