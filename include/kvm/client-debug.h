/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of lkvm debug (builtin-debug.c): find the symbols of the kernel
 * (client/debug-symbols.c), and print the report (client/debug-show.c). Main thread.
 */
#ifndef KVM_BUILTIN_DEBUG_H
#define KVM_BUILTIN_DEBUG_H

#include <kvm/symbols.h>

#include <jansson.h>

/* Values of the options. */
struct debug_wish {
	const char *vmlinux, *system_map; /* at most one; both NULL: search */
	bool moved_given;		  /* --kaslr-offset */
	u64 moved;
};

struct debug_symbols {
	struct symbols table; /* count 0: there are none */
	char file[4096 + 64]; /* file of the symbols */
	u64 moved;	      /* how far above them the kernel runs */
	const char *moved_by; /* source of `moved`, as text; NULL: unknown, moved is 0 */
};

/*
 * Read the symbols that the options name, or that lie beside the kernel, and find out how far the
 * kernel of this answer has moved. 0, with or without symbols; -errno after log_error() if a file
 * that an option names cannot be read.
 */
int debug_symbols_find(const struct debug_wish *wish, const json_t *answer,
		       struct debug_symbols *symbols);

/* Find the symbol for an address of the running kernel. False: there is none. */
bool debug_symbols_place(const struct debug_symbols *symbols, u64 address,
			 struct symbols_place *place);

/* Print the answer to "debug" on standard output. */
void debug_show(const json_t *answer, const struct debug_symbols *symbols);

/* A number of the answer, such as "0x1f"; 0 if it is missing. group may be NULL. */
u64 debug_number(const json_t *object, const char *group, const char *name);

#endif
