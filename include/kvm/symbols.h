/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel's symbols: from its vmlinux, or from a System.map or /proc/kallsyms. boot/symbols.c. Any
 * thread, but only one at a time for each table.
 */
#ifndef KVM_SYMBOLS_H
#define KVM_SYMBOLS_H

#include <kvm/types.h>

struct symbol;

struct symbols {
	struct symbol *list; /* sorted by address */
	size_t count;
	char *names; /* all of them; printable, and NUL-terminated */
	size_t names_bytes;
};

/*
 * Read all symbols of a file. The file is not trusted, and cannot make this use more than some
 * hundred MiB of memory. 0; or -errno and nothing to free, with *why: a constant string with the
 * fault, to follow "FILE: ". The ELF file must be a regular file; a map may be a pipe.
 */
int symbols_read_elf(int fd, struct symbols *symbols, const char **why);
int symbols_read_map(int fd, struct symbols *symbols, const char **why);
void symbols_free(struct symbols *symbols);

struct symbols_place {
	const char *name; /* owned by the table; show at most SYMBOLS_NAME_MAX characters */
	u64 offset;	  /* from the symbol's address */
	u64 size;	  /* up to the next symbol; 0: it is the last one */
	bool text;	  /* the symbol is code */
};

#define SYMBOLS_NAME_MAX 128

/* Find the symbol of an address. False: before the first, or 1 MiB or more after its symbol. */
bool symbols_find(const struct symbols *symbols, u64 address, struct symbols_place *place);

/* Find the address of a symbol by its exact name. If several match: the lowest address. */
bool symbols_address(const struct symbols *symbols, const char *name, u64 *address);

#endif
