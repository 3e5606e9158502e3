/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel's symbols: from its vmlinux, or from a System.map or /proc/kallsyms. boot/symbols.c.
 * Any thread, one at a time for a table.
 */
#ifndef KVM_SYMBOLS_H
#define KVM_SYMBOLS_H

#include <kvm/types.h>

struct symbol;

struct symbols {
	struct symbol *list; /* by address */
	size_t count;
	char *names; /* all of them; printable, and NUL-terminated */
	size_t names_bytes;
};

/*
 * Read all of a file. Nothing in it is trusted, and it cannot cost more memory than some hundred
 * MiB. 0; or -errno with *why saying, after "FILE: ", what is wrong (a constant string), and
 * nothing to free. The ELF file must be a regular one; a map may come out of a pipe.
 */
int symbols_read_elf(int fd, struct symbols *symbols, const char **why);
int symbols_read_map(int fd, struct symbols *symbols, const char **why);
void symbols_free(struct symbols *symbols);

struct symbols_place {
	const char *name; /* the table's; at most SYMBOLS_NAME_MAX characters are worth showing */
	u64 offset;	  /* behind its symbol */
	u64 size;	  /* up to the next one; 0: it is the last */
	bool text;	  /* of code */
};

#define SYMBOLS_NAME_MAX 128

/* Which symbol an address belongs to. False when it is in front of or far behind all. */
bool symbols_find(const struct symbols *symbols, u64 address, struct symbols_place *place);

/* The address of the first symbol of exactly that name. */
bool symbols_address(const struct symbols *symbols, const char *name, u64 *address);

#endif
