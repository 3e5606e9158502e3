// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parser for the shell of lkvm's init: it accepts what that shell can run, and nothing else.
 *
 * The grammar is the core of the POSIX shell: lists (; & newline), && and ||, pipelines and !,
 * groups in { } and ( ), assignments, redirections, and words with quotes and $NAME. The other
 * constructs of a complete shell (loops, conditions, functions, command substitution,
 * here-documents, ...) are recognised here as well, and refused by name: they must never run as if
 * they were plain words. lkvm parses the command of --exec before the boot to refuse it early, and
 * the init parses the command again to run it (shell-run.c).
 *
 * A word stays as it was written, a part of the text; shell-expand.c expands it when it runs. Here
 * a word is only checked: its quotes are closed, and the text after each $ can be expanded.
 *
 * Recursive descent. Children are in lists, so the recursion is only as deep as ( and { are nested,
 * and that depth has a limit. This file is part of two programs, so it uses only strings and malloc
 * of libc.
 *
 * Spec: POSIX.1-2017, XCU chapter 2, 2.2 (quoting) to 2.10 (grammar).
 */
#include "shell-parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

/* One allocation of a program; all are in a list, to be freed together. */
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

/* Report a construct that this shell does not have. Returns false, for the caller to return. */
static bool syntax_unsupported(struct parser *parser, const char *what)
{
	if (!parser->problem->what[0]) {
		parser->problem->unsupported = true;
		snprintf(parser->problem->what, sizeof(parser->problem->what), "%s", what);
	}
	return false;
}

/* Report text that no shell would run. Returns false, for the caller to return. */
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

/* True for a character that ends a word if it is not quoted. */
static bool is_word_end(char c)
{
	return !c || strchr(" \t\n;&|()<>", c);
}

/* Skip blanks, joined lines and a comment, but not the end of a line. */
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

/* Check ${NAME}, ${?} or ${0}; parser->at is at the brace. */
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

/* Check the text after a $; parser->at is there. */
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

/* Check the string after an opening quote, and move parser->at after the closing one. */
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

/* Check one character or one quoted string of a word. */
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

/* Parse the next word, which must not be empty. NULL: a problem. */
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

/* Make an assignment of a word NAME=VALUE. False: it is not of this form. */
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

/* Refuse a first word of a command that means something else to a complete shell. */
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

/* Parse the operator of a redirection at parser->at; redirect->fd gets its default descriptor. */
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

/* Check the target of >& and <&: a number, "-", or a text with a variable. */
static bool check_dup_target(struct parser *parser, const struct shell_word *target)
{
	bool good = target->len == 1 && (is_digit(*target->text) || *target->text == '-');

	if (good || memchr(target->text, '$', target->len))
		return true;
	return syntax_wrong(parser, ">& and <& are followed by a number from 0 to 9, or by -");
}

/* True if a redirection comes next, which may begin with the number of a descriptor. */
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

/* Add a word of a simple command to its assignments or to its words. */
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

/* True if this reserved word of one character comes next. */
static bool at_reserved(const struct parser *parser, char word)
{
	return parser->at[0] == word && is_word_end(parser->at[1]);
}

/* Parse { LIST; } or ( LIST ); parser->at is at the opening character. */
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

/* Parse the separator after a chain: ; & or a newline. False: there is none, or a problem. */
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

/* Parse at least one chain, up to ), } or the end of the text. */
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
