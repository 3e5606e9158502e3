// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line of shell, taken apart: what the shell of lkvm's init can run, and nothing else.
 *
 * The grammar is the core of the POSIX shell: lists (; & newline), && and ||, pipelines and !,
 * groups in { } and ( ), assignments, redirections, and words with quotes and $NAME. All else that
 * a complete shell understands (loops, conditions, functions, command substitution,
 * here-documents, ...) is found here as well, and refused by name: it must never run as if it were
 * words. So lkvm parses the command of --exec before the boot, and the init parses it again to run
 * it (shell-run.c).
 *
 * A word stays as it was written, a slice of the text; shell-expand.c takes it apart when it runs.
 * Here it is only checked: its quotes are closed, and what follows each $ can be expanded.
 *
 * Recursive descent. Children are in lists, so that recursion is as deep as ( and { are nested,
 * which is bounded. No libc but strings and malloc: this file is part of two programs.
 *
 * Spec: POSIX.1-2017, XCU chapter 2, 2.2 (quoting) to 2.10 (grammar).
 */
#include "shell-parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

/* Everything a program allocates, so that it can be freed at once. */
struct allocation {
	struct allocation *next;
	max_align_t data[];
};

struct shell_program {
	struct allocation *allocations;
	struct shell_node *list;
	char text[];
};

struct parser {
	struct shell_program *program;
	const char *at;
	unsigned int depth;
	struct shell_problem *problem;
};

/* A construct that this shell does not have. False, for the callers to return. */
static bool syntax_unsupported(struct parser *parser, const char *what)
{
	if (!parser->problem->what[0]) {
		parser->problem->unsupported = true;
		snprintf(parser->problem->what, sizeof(parser->problem->what), "%s", what);
	}
	return false;
}

/* What no shell would run. */
static bool syntax_wrong(struct parser *parser, const char *what)
{
	if (!parser->problem->what[0])
		snprintf(parser->problem->what, sizeof(parser->problem->what), "%s", what);
	return false;
}

static bool syntax_unexpected(struct parser *parser)
{
	const char *at = parser->at;
	size_t len = *at ? 1 + ((*at == ';' || *at == '&' || *at == '|') && at[1] == *at) : 0;
	char what[32];

	if (!*at)
		return syntax_wrong(parser, "a command is missing at the end");
	if (*at == '\n')
		return syntax_wrong(parser, "a command is missing at the end of a line");
	snprintf(what, sizeof(what), "'%.*s' is not expected there", (int)len, at);
	return syntax_wrong(parser, what);
}

static void *syntax_alloc(struct parser *parser, size_t bytes)
{
	struct allocation *new = calloc(1, sizeof(*new) + bytes);

	if (!new) {
		syntax_wrong(parser, "no memory");
		return NULL;
	}
	new->next = parser->program->allocations;
	parser->program->allocations = new;
	return new->data;
}

static struct shell_node *syntax_node(struct parser *parser, enum shell_kind kind)
{
	struct shell_node *node = syntax_alloc(parser, sizeof(*node));

	if (node)
		node->kind = kind;
	return node;
}

/* --- characters --- */

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

size_t shell_name_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (is_name_start(text[n]) || (n && is_digit(text[n]))))
		n++;
	return n;
}

/* What ends a word where it is not quoted. */
static bool is_word_end(char c)
{
	return !c || strchr(" \t\n;&|()<>", c);
}

/* Blanks, joined lines, and a comment; not the end of a line. */
static void skip_blanks(struct parser *parser)
{
	while (*parser->at) {
		if (*parser->at == ' ' || *parser->at == '\t')
			parser->at++;
		else if (parser->at[0] == '\\' && parser->at[1] == '\n')
			parser->at += 2;
		else
			break;
	}
	if (*parser->at == '#')
		parser->at += strcspn(parser->at, "\n");
}

static void skip_lines(struct parser *parser)
{
	skip_blanks(parser);
	while (*parser->at == '\n') {
		parser->at++;
		skip_blanks(parser);
	}
}

/* --- words --- */

/* ${NAME}, ${?}, ${0}; at stands at the brace. */
static bool check_braces(struct parser *parser)
{
	const char *at = parser->at + 1;
	size_t len = shell_name_length(at, strlen(at));

	if (!len)
		len = is_digit(*at) ? strspn(at, "0123456789") : *at && strchr("?$!#", *at);
	if (!len || at[len] != '}')
		return syntax_unsupported(parser, "an operation on a variable (${...})");
	parser->at = at + len + 1;
	return true;
}

/* at stands behind the $. */
static bool check_dollar(struct parser *parser, bool quoted)
{
	char c = *parser->at;

	if (c == '(' && parser->at[1] == '(')
		return syntax_unsupported(parser, "arithmetic ($((...)))");
	if (c == '(')
		return syntax_unsupported(parser, "command substitution ($(...))");
	if (c == '{')
		return check_braces(parser);
	if (c == '@')
		return syntax_unsupported(parser, "$@");
	if (c == '*')
		return syntax_unsupported(parser, "$*");
	if (c == '-')
		return syntax_unsupported(parser, "$-");
	if (!quoted && (c == '\'' || c == '"'))
		return syntax_unsupported(parser, c == '"' ? "$\"...\"" : "$'...'");
	return true;
}

static bool check_backslash(struct parser *parser)
{
	if (!*parser->at)
		return syntax_wrong(parser, "a backslash at the end quotes nothing");
	parser->at++;
	return true;
}

/* at stands behind the opening quote, and afterwards behind the closing one. */
static bool check_double_quotes(struct parser *parser)
{
	while (*parser->at != '"') {
		char c = *parser->at;
		bool good = true;

		if (!c)
			return syntax_wrong(parser, "a quote (\") is not closed");
		parser->at++;
		if (c == '\\')
			good = check_backslash(parser);
		else if (c == '$')
			good = check_dollar(parser, true);
		else if (c == '`')
			good = syntax_unsupported(parser, "command substitution (`...`)");
		if (!good)
			return false;
	}
	parser->at++;
	return true;
}

static bool check_single_quotes(struct parser *parser)
{
	const char *end = strchr(parser->at, '\'');

	if (!end)
		return syntax_wrong(parser, "a quote (') is not closed");
	parser->at = end + 1;
	return true;
}

/* One character or quoted string of a word that is not quoted as a whole. */
static bool check_piece(struct parser *parser)
{
	switch (*parser->at++) {
	case '\\':
		return check_backslash(parser);
	case '\'':
		return check_single_quotes(parser);
	case '"':
		return check_double_quotes(parser);
	case '$':
		return check_dollar(parser, false);
	case '`':
		return syntax_unsupported(parser, "command substitution (`...`)");
	default:
		return true;
	}
}

/* The next word; one is there. NULL: a problem. */
static struct shell_word *syntax_word(struct parser *parser)
{
	struct shell_word *word = syntax_alloc(parser, sizeof(*word));
	const char *start = parser->at;

	if (!word)
		return NULL;
	if (start[0] == '~' && !is_word_end(start[1]) && start[1] != '/') {
		syntax_unsupported(parser, "a user's home (~USER)");
		return NULL;
	}
	while (!is_word_end(*parser->at)) {
		if (!check_piece(parser))
			return NULL;
	}
	word->text = start;
	word->len = (size_t)(parser->at - start);
	return word;
}

static bool word_is(const struct shell_word *word, const char *text)
{
	return word->len == strlen(text) && !memcmp(word->text, text, word->len);
}

/* Make NAME=VALUE an assignment. False: it is none. */
static bool take_assignment(struct shell_word *word)
{
	size_t len = shell_name_length(word->text, word->len);

	if (!len || len == word->len || word->text[len] != '=')
		return false;
	word->name = word->text;
	word->name_len = len;
	word->text += len + 1;
	word->len -= len + 1;
	return true;
}

/* --- commands --- */

/* A word that begins a command and means something else to a complete shell. */
static bool check_command_word(struct parser *parser, const struct shell_word *word)
{
	static const struct {
		const char *word, *what;
	} refused[] = {
		{"if", "a condition (if)"},    {"case", "a condition (case)"},
		{"[[", "a condition ([[)"},    {"for", "a loop (for)"},
		{"while", "a loop (while)"},   {"until", "a loop (until)"},
		{"select", "a loop (select)"}, {"function", "a function"},
	};
	static const char *const commands[] = {
		".",	"alias", "bg",	    "break", "command", "continue", "eval",  "fg",
		"hash", "jobs",	 "getopts", "local", "read",	"return",   "set",   "shift",
		"type", "times", "trap",    "umask", "ulimit",	"unalias",  "source"};
	static const char *const ends[] = {"then", "elif", "else", "fi", "do",
					   "done", "esac", "}",	   "!"};
	char what[64];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (word_is(word, refused[i].word))
			return syntax_unsupported(parser, refused[i].what);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(what, sizeof(what), "the command '%s'", commands[i]);
		if (word_is(word, commands[i]))
			return syntax_unsupported(parser, what);
	}
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(what, sizeof(what), "'%s' is not expected there", ends[i]);
		if (word_is(word, ends[i]))
			return syntax_wrong(parser, what);
	}
	return true;
}

/* The operator of a redirection, which at stands at; the descriptor it has by default in *fd. */
static bool syntax_redirect_operator(struct parser *parser, struct shell_redirect *redirect)
{
	static const struct {
		const char *operator;
		enum shell_direction direction;
	} operators[] = {{"<>", SHELL_BOTH},   {"<&", SHELL_DUP}, {">&", SHELL_DUP},
			 {">>", SHELL_APPEND}, {">|", SHELL_OUT}, {"<", SHELL_IN},
			 {">", SHELL_OUT}};

	if (!strncmp(parser->at, "<<", 2))
		return syntax_unsupported(parser, "a here-document (<<)");
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t len = strlen(operators[i].operator);

		if (strncmp(parser->at, operators[i].operator, len) != 0)
			continue;
		redirect->direction = operators[i].direction;
		redirect->fd = *parser->at == '>';
		parser->at += len;
		return true;
	}
	return syntax_unexpected(parser);
}

/* After >& and <&: a number, - or what a variable says. */
static bool check_dup_target(struct parser *parser, const struct shell_word *target)
{
	bool good = target->len == 1 && (is_digit(*target->text) || *target->text == '-');

	if (good || memchr(target->text, '$', target->len))
		return true;
	return syntax_wrong(parser, ">& and <& are followed by a number from 0 to 9, or by -");
}

/* Is the next word a redirection? Digits before it are its descriptor. */
static bool at_redirect(const struct parser *parser)
{
	const char *at = parser->at + strspn(parser->at, "0123456789");

	return *at == '<' || *at == '>';
}

static bool syntax_redirect(struct parser *parser, struct shell_redirect ***end)
{
	struct shell_redirect *redirect = syntax_alloc(parser, sizeof(*redirect));
	const char *digits = parser->at;
	size_t count = strspn(digits, "0123456789");

	parser->at += count;
	if (count > 1)
		return syntax_unsupported(parser, "a descriptor above 9");
	if (!redirect || !syntax_redirect_operator(parser, redirect))
		return false;
	if (count)
		redirect->fd = *digits - '0';
	if (*parser->at == '(')
		return syntax_unsupported(parser, "process substitution (<(...))");
	skip_blanks(parser);
	if (is_word_end(*parser->at))
		return syntax_wrong(parser, "a redirection has no file");
	redirect->target = syntax_word(parser);
	if (!redirect->target)
		return false;
	if (redirect->direction == SHELL_DUP && !check_dup_target(parser, redirect->target))
		return false;
	**end = redirect;
	*end = &redirect->next;
	return true;
}

static bool syntax_redirects(struct parser *parser, struct shell_node *node)
{
	struct shell_redirect **end = &node->redirects;

	for (skip_blanks(parser); at_redirect(parser); skip_blanks(parser)) {
		if (!syntax_redirect(parser, &end))
			return false;
	}
	return is_word_end(*parser->at) && *parser->at != '(' ? true : syntax_unexpected(parser);
}

/* Where a word of a simple command belongs. */
static bool place_word(struct parser *parser, struct shell_node *node, struct shell_word *word,
		       struct shell_word ***assignments, struct shell_word ***words)
{
	if (!node->words && take_assignment(word)) {
		if (word->name_len == 3 && !memcmp(word->name, "IFS", 3))
			return syntax_unsupported(parser, "another IFS");
		**assignments = word;
		*assignments = &word->next;
		return true;
	}
	if (!node->words && !check_command_word(parser, word))
		return false;
	**words = word;
	*words = &word->next;
	return true;
}

static struct shell_node *syntax_simple(struct parser *parser)
{
	struct shell_node *node = syntax_node(parser, SHELL_COMMAND);
	struct shell_word **assignments, **words;
	struct shell_redirect **redirects;

	if (!node)
		return NULL;
	assignments = &node->assignments;
	words = &node->words;
	redirects = &node->redirects;
	for (;;) {
		struct shell_word *word;

		skip_blanks(parser);
		if (at_redirect(parser)) {
			if (!syntax_redirect(parser, &redirects))
				return NULL;
			continue;
		}
		if (is_word_end(*parser->at))
			break;
		word = syntax_word(parser);
		if (!word || !place_word(parser, node, word, &assignments, &words))
			return NULL;
	}
	if (*parser->at == '(' && node->words && !node->words->next) {
		syntax_unsupported(parser, "a function");
		return NULL;
	}
	if (*parser->at == '(' || (!node->words && !node->assignments && !node->redirects)) {
		syntax_unexpected(parser);
		return NULL;
	}
	return node;
}

static struct shell_node *syntax_list(struct parser *parser);

/* Does a reserved word of one character stand here? */
static bool at_reserved(const struct parser *parser, char word)
{
	return parser->at[0] == word && is_word_end(parser->at[1]);
}

/* { LIST; } or ( LIST ); at stands at the opening character. */
static struct shell_node *syntax_compound(struct parser *parser)
{
	bool group = *parser->at++ == '{';
	struct shell_node *node = syntax_node(parser, group ? SHELL_GROUP : SHELL_SUBSHELL);

	if (!node)
		return NULL;
	if (++parser->depth > DEPTH_MAX) {
		syntax_wrong(parser, "it is nested too deeply");
		return NULL;
	}
	if (!group && *parser->at == '(') {
		syntax_unsupported(parser, "arithmetic ((...))");
		return NULL;
	}
	node->children = syntax_list(parser);
	if (!node->children)
		return NULL;
	if (group ? !at_reserved(parser, '}') : *parser->at != ')') {
		syntax_wrong(parser, group ? "a { is not closed by a } that begins a command"
					   : "a ( is not closed");
		return NULL;
	}
	parser->at++;
	parser->depth--;
	return syntax_redirects(parser, node) ? node : NULL;
}

static struct shell_node *syntax_command(struct parser *parser)
{
	skip_blanks(parser);
	if (*parser->at == '(' || at_reserved(parser, '{'))
		return syntax_compound(parser);
	return syntax_simple(parser);
}

static struct shell_node *syntax_pipeline(struct parser *parser)
{
	struct shell_node *node = syntax_node(parser, SHELL_PIPELINE), **end;

	if (!node)
		return NULL;
	skip_blanks(parser);
	if (at_reserved(parser, '!')) {
		node->negated = true;
		parser->at++;
	}
	end = &node->children;
	for (;;) {
		*end = syntax_command(parser);
		if (!*end)
			return NULL;
		end = &(*end)->next;
		if (parser->at[0] != '|' || parser->at[1] == '|')
			return node;
		if (parser->at[1] == '&') {
			syntax_unsupported(parser, "a pipe for both outputs (|&)");
			return NULL;
		}
		parser->at++;
		skip_lines(parser);
	}
}

static struct shell_node *syntax_chain(struct parser *parser)
{
	struct shell_node *node = syntax_node(parser, SHELL_CHAIN), **end;
	enum shell_join join = SHELL_ALWAYS;

	if (!node)
		return NULL;
	end = &node->children;
	for (;;) {
		*end = syntax_pipeline(parser);
		if (!*end)
			return NULL;
		(*end)->join = join;
		end = &(*end)->next;
		if (strncmp(parser->at, "&&", 2) != 0 && strncmp(parser->at, "||", 2) != 0)
			return node;
		join = *parser->at == '&' ? SHELL_IF_TRUE : SHELL_IF_FALSE;
		parser->at += 2;
		skip_lines(parser);
	}
}

/* What follows a chain: ; & or a new line. False: neither, or a problem. */
static bool syntax_separator(struct parser *parser, struct shell_node *chain)
{
	char c = *parser->at;

	if (c == '&' && parser->at[1] == '>')
		return syntax_unsupported(parser, "a redirection of both outputs (&>)");
	if (c == ';' && parser->at[1] == ';')
		return syntax_unexpected(parser);
	if (c != ';' && c != '&' && c != '\n')
		return false;
	chain->background = c == '&';
	parser->at++;
	return true;
}

/* At least one chain; ends before ), } or the end of the text. */
static struct shell_node *syntax_list(struct parser *parser)
{
	struct shell_node *node = syntax_node(parser, SHELL_LIST), **end;

	if (!node)
		return NULL;
	end = &node->children;
	do {
		skip_lines(parser);
		if (node->children &&
		    (!*parser->at || *parser->at == ')' || at_reserved(parser, '}')))
			break;
		*end = syntax_chain(parser);
		if (!*end)
			return NULL;
	} while (syntax_separator(parser, *end) && (end = &(*end)->next));
	return parser->problem->what[0] ? NULL : node;
}

struct shell_program *shell_parse(const char *text, struct shell_problem *problem)
{
	size_t len = strlen(text);
	struct shell_program *program = calloc(1, sizeof(*program) + len + 1);
	struct parser parser = {.program = program, .problem = problem};

	*problem = (struct shell_problem){0};
	if (!program) {
		syntax_wrong(&parser, "no memory");
		return NULL;
	}
	memcpy(program->text, text, len);
	parser.at = program->text;
	skip_lines(&parser);
	if (*parser.at)
		program->list = syntax_list(&parser);
	if (!problem->what[0] && *parser.at)
		syntax_unexpected(&parser);
	if (!problem->what[0])
		return program;
	shell_parse_free(program);
	return NULL;
}

const struct shell_node *shell_parse_list(const struct shell_program *program)
{
	return program->list;
}

void shell_parse_free(struct shell_program *program)
{
	struct allocation *next;

	if (!program)
		return;
	for (struct allocation *a = program->allocations; a; a = next) {
		next = a->next;
		free(a);
	}
	free(program);
}
