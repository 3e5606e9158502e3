/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lkvm debug's parts: which symbols fit the kernel (client/debug-symbols.c), and the report
 * (client/debug-show.c). builtin-debug.c. Main thread.
 */
#ifndef KVM_BUILTIN_DEBUG_H
#define KVM_BUILTIN_DEBUG_H

#include <kvm/symbols.h>

#include <jansson.h>

/* What the options ask for. */
struct debug_wish {
	const char *vmlinux, *system_map; /* at most one; NULL: look for something */
	bool moved_given;		  /* --kaslr-offset */
	u64 moved;
};

struct debug_symbols {
	struct symbols table; /* count 0: there are none */
	char file[4096 + 64]; /* where they are from */
	u64 moved;	      /* how far above them the kernel runs */
	const char *moved_by; /* who says so; NULL: nobody, and it is 0 */
};

/*
 * Read the symbols that the options name, or that lie beside the kernel, and find out how far the
 * kernel of this answer has moved. 0, with a table or without one; -errno after log_error() when
 * what an option names cannot be read.
 */
int debug_symbols_find(const struct debug_wish *wish, const json_t *answer,
		       struct debug_symbols *symbols);

/* Where a running kernel's address is. False: nowhere. */
bool debug_symbols_place(const struct debug_symbols *symbols, u64 address,
			 struct symbols_place *place);

/* Print the answer to "debug" on standard output. */
void debug_show(const json_t *answer, const struct debug_symbols *symbols);

/* A number of the answer, "0x1f"; 0 when it is not there. group may be NULL. */
u64 debug_number(const json_t *object, const char *group, const char *name);

#endif
