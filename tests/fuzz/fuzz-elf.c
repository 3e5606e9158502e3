// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any bytes as an ELF kernel against boot/elf.c.
 *
 * The input is the file, in an allocation of its own size. It is parsed with the lowest address
 * of a kernel for PCs and with none. Whatever is accepted must keep what boot.c and kaslr.c rely
 * on when they load it:
 * - 1 to 32 segments, each within the file, and in memory within [min, 4 GiB): nothing wraps;
 * - start and end are those of the segments, the entries lie in one of them;
 * - file_end is behind the bytes of each segment;
 * - a refusal gives a reason, and a higher min accepts nothing that a lower one refuses.
 */
#include "tests/lib/fuzz.h"
#include <kvm/elf.h>

#include <errno.h>

static bool is_loaded(const struct elf *elf, gpa_t at)
{
	for (unsigned int i = 0; i < elf->count; i++) {
		if (at >= elf->segments[i].addr &&
		    at < elf->segments[i].addr + elf->segments[i].mem_bytes)
			return true;
	}
	return false;
}

static void check_elf(const struct elf *elf, const u8 *data, u64 size, gpa_t min)
{
	gpa_t start = UINT64_MAX, end = 0;

	CHECK(size >= 52 && data[4] == (elf->is_64bit ? 2 : 1));
	CHECK(elf->count >= 1 && elf->count <= ELF_SEGMENTS_MAX);
	for (unsigned int i = 0; i < elf->count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		CHECK(segment->mem_bytes > 0);
		CHECK(segment->file_bytes <= segment->mem_bytes);
		CHECK(segment->offset <= size);
		CHECK(segment->file_bytes <= size - segment->offset);
		CHECK(segment->addr >= min);
		CHECK(segment->addr < 4 * GIB);
		CHECK(segment->mem_bytes <= 4 * GIB - segment->addr);
		CHECK(elf->file_end >= segment->offset + segment->file_bytes);
		start = MIN(start, segment->addr);
		end = MAX(end, segment->addr + segment->mem_bytes);
	}
	CHECK(elf->start == start);
	CHECK(elf->end == end);
	CHECK(is_loaded(elf, elf->entry));
	CHECK(!elf->pvh_entry || is_loaded(elf, elf->pvh_entry));
}

static int try(const u8 *data, size_t size, gpa_t min)
{
	struct elf_source source = elf_source_memory(data, size);
	const char *why = NULL;
	struct elf elf;
	int err = elf_parse(&source, min, &elf, &why);

	CHECK(err == 0 || err == -EINVAL);
	if (err)
		CHECK(why && *why);
	else
		check_elf(&elf, data, size, min);
	return err;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	int low = try(data, size, 0), high = try(data, size, MIB);

	CHECK(!low || high);
	elf_is(data, size);
	return 0;
}
