/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the shell of lkvm's init share: variables, words, and running a tree.
 * shell-expand.c, shell-run.c; shell.c has the commands.
 */
#ifndef GUEST_SHELL_RUN_H
#define GUEST_SHELL_RUN_H

#include "shell-parse.h"

#include <sys/types.h>

typedef int shell_command(char **words);

/* The values of $?, $$ and $!, and whether exit was called. */
struct shell_state {
	int status;
	pid_t pid, background;
	bool ends;
	bool interactive;
	/* Find a command of the shell itself (shell.c). NULL: there is none of this name. */
	shell_command *(*find_command)(const char *name);
};

extern struct shell_state shell;

/* --- shell-expand.c --- */

/* The value of a variable. NULL: it is not set. */
const char *shell_get(const char *name);
/* Set a variable. False if the name is not valid. export: put it into the environment. */
bool shell_set(const char *name, const char *value, bool export);
void shell_unset(const char *name);

/* Expand the words of a command. Array and words are malloc()ed; shell_free_words() frees them. */
char **shell_expand_words(const struct shell_word *words);
void shell_free_words(char **words);
/*
 * Expand a word into one text: the value of an assignment, the target of a redirection. malloc()ed.
 */
char *shell_expand_one(const struct shell_word *word);

/* realloc() that ends the program when there is no memory. */
void *shell_alloc(void *old, size_t bytes);

/* --- shell-run.c --- */

int shell_run_list(const struct shell_node *list);
/* Wait for a child. Its status as a shell returns it; 127 when there is no such child. */
int shell_wait(pid_t child);
/* Print that the command failed on this object, with the text of errno. Returns 1. */
int shell_error(const char *command, const char *object);
/* Print that a program cannot be run, with the text of errno. Returns 126 or 127. */
int shell_cannot_run(const char *name);

/* --- shell-test.c --- */

/* The commands test and [. Returns 0: true, 1: false, 2: an error, after a message. */
int shell_test(char **words);

#endif
