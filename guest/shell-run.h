/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the shell of lkvm's init share: variables, words, and how a tree runs.
 * shell-expand.c, shell-run.c; shell.c has the commands.
 */
#ifndef GUEST_SHELL_RUN_H
#define GUEST_SHELL_RUN_H

#include "shell-parse.h"

#include <sys/types.h>

typedef int shell_command(char **words);

/* What $?, $$ and $! say, and whether exit was called. */
struct shell_state {
	int status;
	pid_t pid, background;
	bool ends;
	bool interactive;
	/* Its own commands, from shell.c: NULL when there is none of this name. */
	shell_command *(*find_command)(const char *name);
};

extern struct shell_state shell;

/* --- shell-expand.c --- */

/* NULL: not set. */
const char *shell_get(const char *name);
/* True when the name can be a variable's. export: into the environment of programs. */
bool shell_set(const char *name, const char *value, bool export);
void shell_unset(const char *name);

/* The words of a command, as it gets them; malloc()ed, and so is each. */
char **shell_expand_words(const struct shell_word *words);
void shell_free_words(char **words);
/* One word that stays one: the value of an assignment, the target of a redirection. */
char *shell_expand_one(const struct shell_word *word);

/* malloc() and realloc() that end the program when there is no memory. */
void *shell_alloc(void *old, size_t bytes);

/* --- shell-run.c --- */

int shell_run_list(const struct shell_node *list);
/* The status of a child as a shell says it; 127 when there is no such child. */
int shell_wait(pid_t child);
/* One line, as a command says what it could not do: errno of an object. Status 1. */
int shell_error(const char *command, const char *object);
/* Say that a program cannot be run, by errno; status 126 or 127. */
int shell_cannot_run(const char *name);

/* --- shell-test.c --- */

/* test and [: 0 true, 1 false, 2 after a message. */
int shell_test(char **words);

#endif
