/* SPDX-License-Identifier: GPL-2.0-only */
/* The parser of lkvm's shell. shell-parse.c; lkvm and lkvm's init are both built with it. */
#ifndef GUEST_SHELL_PARSE_H
#define GUEST_SHELL_PARSE_H

#include <stdbool.h>
#include <stddef.h>

/* A part of the text as it was written, with its quotes and $. */
struct shell_word {
	struct shell_word *next;
	const char *text;
	size_t len;
	const char *name; /* for an assignment: text is its value */
	size_t name_len;
};

enum shell_direction { SHELL_IN, SHELL_OUT, SHELL_APPEND, SHELL_BOTH, SHELL_DUP };

struct shell_redirect {
	struct shell_redirect *next;
	enum shell_direction direction;
	int fd; /* 0 to 9 */
	struct shell_word *target;
};

enum shell_kind {
	SHELL_COMMAND,	/* assignments, words, redirects */
	SHELL_GROUP,	/* { LIST; } redirects; the child is the list */
	SHELL_SUBSHELL, /* ( LIST ) redirects */
	SHELL_PIPELINE, /* children: one of the three kinds above each */
	SHELL_CHAIN,	/* children: pipelines, joined by && and || */
	SHELL_LIST,	/* children: chains */
};

enum shell_join { SHELL_ALWAYS, SHELL_IF_TRUE, SHELL_IF_FALSE };

struct shell_node {
	enum shell_kind kind;
	struct shell_node *next;     /* the next child of the same parent */
	struct shell_node *children; /* in order */
	enum shell_join join; /* of a pipeline: whether it runs, after the status before it */
	bool negated;	      /* of a pipeline: it begins with ! */
	bool background;      /* of a chain: it ends with & */
	struct shell_word *assignments, *words;
	struct shell_redirect *redirects;
};

/* What is wrong with a line. */
struct shell_problem {
	bool unsupported; /* true: a complete shell would run it; false: no shell would */
	char what[96];	  /* "a loop (while)"; "a quote is not closed" */
};

struct shell_program; /* owns all of its nodes and a copy of the text */

/* Parse text. NULL: *problem says why. The text's length limits memory and recursion. */
struct shell_program *shell_parse(const char *text, struct shell_problem *problem);
const struct shell_node *shell_parse_list(const struct shell_program *program); /* NULL: empty */
void shell_parse_free(struct shell_program *program);

/* The length of the name of a variable that text begins with; 0: it begins with none. */
size_t shell_name_length(const char *text, size_t len);

#endif
