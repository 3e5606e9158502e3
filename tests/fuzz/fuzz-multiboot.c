// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any bytes as the beginning of a kernel against boot/multiboot.c.
 *
 * The input is what was read of the file, in an allocation of its own size; longer ones are not
 * cut, for the search must end at 8192 by itself. Invariants:
 * - a header is found exactly where a search from the end finds one;
 * - the first one's demands decide: bit 2 is refused for its video mode, others as unknown, and
 *   pages and memory (bits 0 and 1), or what is no demand (bits 16 and up), never.
 */
#include "boot/multiboot.h"
#include "tests/lib/fuzz.h"
#include <string.h>

static u32 word(const u8 *at)
{
	return (u32)at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	size_t searched = MIN(size, 8192UL);
	const u8 *first = NULL;

	for (size_t at = searched / 4 * 4; at; at -= 4) {
		const u8 *header = data + at - 4;

		if (searched - (at - 4) >= 12 && word(header) == 0x1badb002 &&
		    word(header) + word(header + 4) + word(header + 8) == 0)
			first = header;
	}
	CHECK(multiboot_is(data, size) == (first != NULL));
	if (first) {
		u32 demands = word(first + 4) & 0xffff;
		const char *said = multiboot_refuses(data, size);

		CHECK(!said == !(demands & ~3U));
		if (said)
			CHECK(!!strstr(said, "video") == !!(demands & 4));
	}
	return 0;
}
