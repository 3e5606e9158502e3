/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parts of lkvm that need an optional library. util/feature.c.
 *
 * Each part is one file, which the Makefile compiles only if the library is installed. Its users
 * need no #ifdef: they declare its symbols OPTIONAL and compare their addresses with NULL.
 * FEATURE(name) in the file says that this binary has it; `lkvm version` lists all of them.
 */
#ifndef KVM_FEATURE_H
#define KVM_FEATURE_H

#include <stdbool.h>

#define FEATURE_NAME_BYTES 16

struct feature { /* an entry of the section "features"; guest/init-blob.S makes one, too */
	char name[FEATURE_NAME_BYTES];
};

/* Before the declaration of a symbol that not every build defines: its address may be NULL. */
#define OPTIONAL __attribute__((weak))

#define FEATURE(ident)                              \
	static const struct feature feature_##ident \
		__attribute__((used, retain, section("features"))) = {#ident}

/* True if the part of this name was compiled in. Any thread. */
bool feature_is_built(const char *name);

#endif
