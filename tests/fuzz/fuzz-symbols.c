// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any bytes as a vmlinux and as a System.map against boot/symbols.c.
 *
 * The input is a file, read as both. Whatever is accepted must keep what its users rely on:
 * addresses ascend, names are printable and end inside the table, a look-up gives a symbol at or in
 * front of the address; a refusal gives a reason and leaves nothing to free.
 */
#include "tests/lib/fuzz.h"

#include <kvm/symbols.h>
#include <kvm/util.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_name(const struct symbols *symbols, const char *name)
{
	const char *end = symbols->names + symbols->names_bytes;

	CHECK(name >= symbols->names && name < end && *name);
	CHECK(memchr(name, 0, (size_t)(end - name)));
	for (; *name; name++)
		CHECK(*name >= ' ' && *name <= '~');
}

static void check_symbols(const struct symbols *symbols, const u8 *data, size_t size)
{
	struct symbols_place place;
	u64 address = 0, known;

	CHECK(symbols->count);
	/* Any addresses, and those around each that is found. */
	for (size_t at = 0; at + sizeof(address) <= size && at < 64; at++) {
		memcpy(&address, data + at, sizeof(address));
		symbols_find(symbols, address, &place);
	}
	address = ~0ULL;
	for (int i = 0; i < 64 && symbols_find(symbols, address, &place); i++) {
		CHECK(place.offset <= address);
		CHECK(!place.size || place.offset < place.size);
		check_name(symbols, place.name);
		CHECK(symbols_address(symbols, place.name, &known));
		if (address == place.offset)
			break;
		address -= place.offset + 1;
	}
	symbols_address(symbols, "entry_SYSCALL_64", &known);
}

static void try(int (*read_symbols)(int fd, struct symbols *symbols, const char **why), int fd,
		const u8 *data, size_t size)
{
	struct symbols symbols;
	const char *why = NULL;
	int err = read_symbols(fd, &symbols, &why);

	CHECK(err <= 0);
	if (err) {
		CHECK(why && *why && !symbols.list && !symbols.names);
		return;
	}
	check_symbols(&symbols, data, size);
	symbols_free(&symbols);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz-symbols", MFD_CLOEXEC);
	CHECK(fd >= 0 && !ftruncate(fd, 0) && !pwrite_full(fd, data, size, 0));
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	try(symbols_read_map, fd, data, size);
	try(symbols_read_elf, fd, data, size);
	return 0;
}
