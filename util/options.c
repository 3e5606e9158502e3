// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command-line options: from argv to the variables of the modules that own them.
 *
 * OPTION_GROUP() leaves a pointer in the section option_groups, as INIT_MODULE()
 * does for modules. A command parses with all groups that carry its name, in the order of their
 * ranks; option_next() walks their options as if they were one table.
 *
 * Parsing goes through argv twice, in the same way. The first pass sets the options that are marked
 * as early, and reports no error of the others: --result replaces the file of an older run even
 * when this run ends at a wrong option. The second pass sets all others. An argument is an option
 * (long, or a cluster of short ones), the value that an option before it takes, or a positional,
 * which is moved to the front. The slot it moves to was read already, so nothing is lost; the slots
 * after the positionals are stale. Values point into argv's strings, which live as long as the
 * process; the one thing that stays allocated is the array of a list.
 *
 * A long name is looked for as it is, then as an abbreviation. Only names that start with "no-" are
 * tried as negations, so --n does not match the negation of everything. Options that have a natural
 * "none" can be negated: flags, strings, lists, and callbacks that accept NULL. When an option is
 * given twice the last one counts, and lists grow.
 *
 * An error is one line, and it is printed here: option_set() only returns that a value is not
 * accepted. A callback may print a more exact line; log_error_count() tells whether it did.
 *
 * Main thread, before any other exists; parse state is on the stack.
 *
 * Left out on purpose: options that depend on each other, and required ones. The module that owns
 * the options checks them when all values are known.
 */
#include "options-help.h"
#include <errno.h>
#include <kvm/log.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LENGTH_MAX 32 /* of names that are compared for "did you mean" */

/* --- storing a value --- */

static int option_set_number(const struct option *option, const char *arg)
{
	u64 value = 0;
	int err;

	if (option->type == OPTION_SIZE)
		err = parse_size(arg, MIB, &value);
	else if (option->type == OPTION_DURATION)
		err = parse_duration(arg, &value);
	else
		err = parse_u64(arg, &value);
	if (err)
		return err;
	if (value < option->min || value > option_max(option))
		return -ERANGE;

	if (option->type == OPTION_UINT)
		*(unsigned int *)option->value = value;
	else
		*(u64 *)option->value = value;
	return 0;
}

static int option_set_choice(const struct option *option, const char *arg)
{
	for (int i = 0; option->choices[i]; i++) {
		if (!strcmp(arg, option->choices[i])) {
			*(int *)option->value = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int option_append(struct option_list *list, const char *arg)
{
	const char **items = reallocarray(list->items, list->count + 1, sizeof(*items));

	if (!items)
		return log_fail(-ENOMEM, "no memory for %zu option values", list->count + 1);
	items[list->count++] = arg;
	list->items = items;
	return 0;
}

/* Store arg (NULL for a flag). -errno when arg is not of the accepted form. */
static int option_set(const struct option *option, const char *arg)
{
	switch (option->type) {
	case OPTION_FLAG:
		*(bool *)option->value = true;
		return 0;
	case OPTION_STRING:
		if (!arg[0])
			return -EINVAL;
		*(const char **)option->value = arg;
		return 0;
	case OPTION_LIST:
		return option_append(option->value, arg);
	case OPTION_UINT:
	case OPTION_SIZE:
	case OPTION_DURATION:
		return option_set_number(option, arg);
	case OPTION_CHOICE:
		return option_set_choice(option, arg);
	case OPTION_CALLBACK:
		return option->parse(option, arg);
	}
	return -EINVAL;
}

/* Store the value that --no-NAME stands for; -EINVAL if the option cannot be negated. */
static int option_negate(const struct option *option)
{
	struct option_list *list = option->value;

	switch (option->type) {
	case OPTION_FLAG:
		*(bool *)option->value = false;
		return 0;
	case OPTION_STRING:
		*(const char **)option->value = NULL;
		return 0;
	case OPTION_LIST:
		free(list->items);
		*list = (struct option_list){};
		return 0;
	case OPTION_CALLBACK:
		return option->parse(option, NULL);
	default:
		return -EINVAL;
	}
}

static bool option_is_number_or_choice(const struct option *option)
{
	return option->type == OPTION_UINT || option->type == OPTION_SIZE ||
	       option->type == OPTION_DURATION || option->type == OPTION_CHOICE;
}

/* --- finding an option --- */

struct parser {
	const struct option_group *const *groups;
	size_t count;
	const char *command;
	int argc;
	char **argv;
	int next;   /* index of the argument to look at next */
	bool early; /* only the early options count; else only the others */
};

/* log_error() and -EINVAL; the first pass through argv prints nothing. */
#define parser_fail(parser, ...) ((parser)->early ? -EINVAL : log_fail(-EINVAL, __VA_ARGS__))

struct match {
	const struct option *option;
	bool negated;
};

struct cursor {
	size_t group, option;
};

/* The next option of all options that the command has, or NULL. A cursor begins as {0}. */
static const struct option *option_next(const struct parser *parser, struct cursor *at)
{
	for (; at->group < parser->count; at->group++, at->option = 0) {
		const struct option_group *group = parser->groups[at->group];

		if (!at->option && strcmp(group->command, parser->command) != 0)
			continue;
		if (at->option < group->count)
			return &group->options[at->option++];
	}
	return NULL;
}

static const struct option *option_find_short(const struct parser *parser, char name)
{
	const struct option *option;
	struct cursor at = {0};

	while ((option = option_next(parser, &at))) {
		if (option->short_name == name)
			return option;
	}
	return NULL;
}

/* The Levenshtein distance, computed in one row of the table. */
static size_t name_distance(const char *name, const char *typed, size_t length)
{
	size_t row[NAME_LENGTH_MAX + 1];

	if (length > NAME_LENGTH_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= length; i++)
		row[i] = i;
	for (; *name; name++) {
		size_t diagonal = row[0]++;

		for (size_t i = 1; i <= length; i++) {
			size_t replaced = diagonal + (*name != typed[i - 1]);
			size_t shifted = MIN(row[i], row[i - 1]) + 1;

			diagonal = row[i];
			row[i] = MIN(replaced, shifted);
		}
	}
	return row[length];
}

static int option_fail_unknown(const struct parser *parser, const char *typed, size_t length)
{
	const struct option *option, *nearest = NULL;
	struct cursor at = {0};
	size_t best = 3; /* a distance of 2 is a typing error, of 3 another word */

	while ((option = option_next(parser, &at))) {
		size_t distance = name_distance(option->name, typed, length);

		/* Not if nearly all letters would have to change, as in a very short word. */
		if (distance < best && distance + 1 < length) {
			best = distance;
			nearest = option;
		}
	}
	if (nearest)
		return parser_fail(
			parser, "%s: unknown option --%.*s; did you mean --%s? See 'lkvm help %s'",
			parser->command, (int)length, typed, nearest->name, parser->command);
	return parser_fail(parser, "%s: unknown option --%.*s; see 'lkvm help %s'", parser->command,
			   (int)length, typed, parser->command);
}

/* Find the option whose long name, or a unique beginning of it, is typed[0..length-1]. */
static int option_find_long(const struct parser *parser, const char *typed, size_t length,
			    struct match *match)
{
	bool may_negate = length > 3 && !strncmp(typed, "no-", 3);
	struct text candidates = {};
	const struct option *option;
	struct cursor at = {0};
	size_t found = 0;

	while (length && (option = option_next(parser, &at))) {
		for (int negated = 0; negated <= may_negate; negated++) {
			size_t skip = negated ? strlen("no-") : 0;
			size_t rest = length - skip;

			if (strncmp(option->name, typed + skip, rest))
				continue;
			if (!option->name[rest]) {
				*match = (struct match){option, negated};
				return 0;
			}
			if (negated && option_is_number_or_choice(option))
				continue;
			*match = (struct match){option, negated};
			text_add(&candidates, "%s--%s%s", found++ ? ", " : "", negated ? "no-" : "",
				 option->name);
		}
	}
	if (!found)
		return option_fail_unknown(parser, typed, length);
	if (found > 1)
		return parser_fail(parser, "%s: option --%.*s is ambiguous: %s", parser->command,
				   (int)length, typed, candidates.buf);
	return 0;
}

/* --- parsing --- */

/* The argument after the option, or NULL. */
static const char *parser_take_value(struct parser *parser)
{
	return parser->next < parser->argc ? parser->argv[parser->next++] : NULL;
}

static int parser_set(const struct parser *parser, const struct option *option, const char *arg)
{
	unsigned long errors = log_error_count();
	struct text form = {};
	int err = -EINVAL;

	if (option->early != parser->early)
		return 0;
	if (arg || option->type == OPTION_FLAG)
		err = option_set(option, arg);
	if (!err || log_error_count() != errors)
		return err;

	text_add_form(&form, option);
	if (arg)
		log_error("%s: option --%s takes %s; got '%s'", parser->command, option->name,
			  form.buf, arg);
	else
		log_error("%s: option --%s takes %s; got nothing", parser->command, option->name,
			  form.buf);
	return -EINVAL;
}

static int parser_negate(const struct parser *parser, const struct option *option)
{
	unsigned long errors = log_error_count();
	struct text form = {};
	int err = option->early == parser->early ? option_negate(option) : 0;

	if (!err || log_error_count() != errors)
		return err;
	text_add_form(&form, option);
	return log_fail(-EINVAL, "%s: option --%s takes %s; it has no form --no-%s",
			parser->command, option->name, form.buf, option->name);
}

/* typed: the text after the two dashes. */
static int parser_long(struct parser *parser, const char *typed)
{
	size_t length = strcspn(typed, "=");
	const char *arg = typed[length] ? typed + length + 1 : NULL;
	struct match match;
	int err = option_find_long(parser, typed, length, &match);

	if (err)
		return err;
	if (arg && (match.negated || match.option->type == OPTION_FLAG))
		return parser_fail(parser, "%s: option --%s%s takes no value; got '%s'",
				   parser->command, match.negated ? "no-" : "", match.option->name,
				   arg);
	if (match.negated)
		return parser_negate(parser, match.option);
	if (!arg && match.option->type != OPTION_FLAG)
		arg = parser_take_value(parser);
	return parser_set(parser, match.option, arg);
}

/* letters: the text after the dash: flags, and perhaps one option with a value at the end. */
static int parser_short(struct parser *parser, const char *letters)
{
	for (; *letters; letters++) {
		const struct option *option = option_find_short(parser, *letters);
		int err;

		if (!option)
			return parser_fail(parser, "%s: unknown option -%c; see 'lkvm help %s'",
					   parser->command, *letters, parser->command);
		if (option->type != OPTION_FLAG)
			return parser_set(parser, option,
					  letters[1] ? letters + 1 : parser_take_value(parser));
		err = parser_set(parser, option, NULL);
		if (err)
			return err;
	}
	return 0;
}

/* Read one argument, or an option and its value. *positional: how many are in front already. */
static int parser_take(struct parser *parser, bool *options_end, int *positional)
{
	char *arg = parser->argv[parser->next++];

	/* "-" alone is a positional: standard input, by custom. */
	if (*options_end || arg[0] != '-' || !arg[1]) {
		if (!parser->early)
			parser->argv[++*positional] = arg;
		return 0;
	}
	if (arg[1] != '-')
		return parser_short(parser, arg + 1);
	if (arg[2])
		return parser_long(parser, arg + 2);
	*options_end = true;
	return 0;
}

int options_parse_groups(const struct option_group *const *groups, size_t count,
			 const char *command, int argc, char **argv, int *positional)
{
	unsigned long errors = log_error_count();

	*positional = 0;
	for (int early = 1; early >= 0; early--) {
		struct parser parser = {groups, count, command, argc, argv, 1, early};
		bool options_end = false;

		while (parser.next < argc) {
			int err = parser_take(&parser, &options_end, positional);

			/* In the first pass only an error that was printed ends parsing. */
			if (err && (!early || log_error_count() != errors))
				return err;
		}
	}
	return 0;
}

int options_parse(const char *command, int argc, char **argv, int *positional)
{
	size_t count;
	const struct option_group **groups = option_groups_of(command, &count);
	int err;

	if (!groups)
		return -ENOMEM;
	err = options_parse_groups(groups, count, command, argc, argv, positional);
	free(groups);
	return err;
}
