// SPDX-License-Identifier: GPL-2.0-only
/*
 * --disk PATH[,OPTION...]: parse the text into a struct disk_options.
 *
 * The path ends at the first single comma; ",," is a comma in the path. The options after the path
 * are words of one table: a flag, or NAME=VALUE. For an unknown word, a word that comes twice, a
 * wrong value, and options that exclude each other there is one line that names the disk and the
 * accepted form.
 *
 * Nothing is opened here. Main thread, while options are parsed.
 */
#include <kvm/disk.h>
#include <kvm/log.h>
#include <kvm/options.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

struct disk_word {
	const char *name;
	const char *form; /* the form of its value; NULL: a flag */
	/* value is "" for a flag. 0 or -EINVAL. */
	int (*set)(struct disk_options *options, const char *value);
};

/* The index of value in a list that ends with NULL, or -EINVAL. */
static int disk_option_choose(const char *value, const char *const *choices)
{
	for (int i = 0; choices[i]; i++) {
		if (!strcmp(value, choices[i]))
			return i;
	}
	return -EINVAL;
}

static int disk_option_format(struct disk_options *options, const char *value)
{
	static const char *const choices[] = {"raw", "qcow2", NULL};
	int choice = disk_option_choose(value, choices);

	options->format = choice ? DISK_FORMAT_QCOW2 : DISK_FORMAT_RAW;
	return MIN(choice, 0);
}

static int disk_option_cache(struct disk_options *options, const char *value)
{
	static const char *const choices[] = {"writeback", "none", "unsafe", NULL};
	int choice = disk_option_choose(value, choices);

	options->cache = (enum disk_cache)MAX(choice, 0);
	return MIN(choice, 0);
}

static int disk_option_aio(struct disk_options *options, const char *value)
{
	static const char *const choices[] = {"io_uring", "libaio", "threads", NULL};
	int choice = disk_option_choose(value, choices);

	options->aio = (enum disk_aio)(MAX(choice, 0) + DISK_AIO_IO_URING);
	return MIN(choice, 0);
}

static int disk_option_discard(struct disk_options *options, const char *value)
{
	static const char *const choices[] = {"off", "on", NULL};
	int choice = disk_option_choose(value, choices);

	options->discard = choice == 1;
	return MIN(choice, 0);
}

static int disk_option_queues(struct disk_options *options, const char *value)
{
	u64 queues;
	int err = parse_u64(value, &queues);

	if (err || !queues || queues > DISK_QUEUES_MAX)
		return -EINVAL;
	options->queues = (unsigned int)queues;
	return 0;
}

static int disk_option_block(struct disk_options *options, const char *value)
{
	static const char *const choices[] = {"512", "4096", NULL};
	int choice = disk_option_choose(value, choices);

	options->block_bytes = choice == 1 ? 4096 : DISK_SECTOR;
	return MIN(choice, 0);
}

static int disk_option_serial(struct disk_options *options, const char *value)
{
	size_t len = strlen(value);

	if (!len || len > DISK_SERIAL_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!isgraph((unsigned char)value[i]))
			return -EINVAL;
	}
	memcpy(options->serial, value, len + 1);
	return 0;
}

static int disk_option_read_only(struct disk_options *options, const char *value)
{
	options->read_only = true;
	return 0;
}

static int disk_option_snapshot(struct disk_options *options, const char *value)
{
	options->snapshot = true;
	return 0;
}

static const struct disk_word words[] = {
	{"format", "raw or qcow2", disk_option_format},
	{"ro", NULL, disk_option_read_only},
	{"cache", "writeback, none or unsafe", disk_option_cache},
	{"aio", "io_uring, libaio or threads", disk_option_aio},
	{"queues", "1 to 16", disk_option_queues},
	{"discard", "on or off", disk_option_discard},
	{"block", "512 or 4096", disk_option_block},
	{"serial", "1 to 20 letters, digits or signs, without blanks", disk_option_serial},
	{"snapshot", NULL, disk_option_snapshot},
};

/* --- the text --- */

/* Copy the path, with "," for ",,". Returns the text after its comma, or the end of the text. */
static const char *disk_option_take_path(const char *text, char *path)
{
	while (*text && (*text != ',' || text[1] == ',')) {
		text += *text == ',';
		*path++ = *text++;
	}
	*path = '\0';
	return *text ? text + 1 : text;
}

static const struct disk_word *disk_option_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].name) == len && !strncmp(words[i].name, name, len))
			return &words[i];
	}
	return NULL;
}

/* Parse one word, len bytes of text. */
static int disk_option_set(struct disk_options *options, const char *text, size_t len,
			   unsigned int *seen)
{
	char value[WORD_MAX];
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	const struct disk_word *word = disk_option_find(text, name_len);
	size_t value_len = equals ? len - name_len - 1 : 0;

	if (!word)
		return log_fail(-EINVAL,
				"disk %s: unknown option '%.*s'; there are format=, ro, cache=, "
				"aio=, queues=, discard=, block=, serial= and snapshot",
				options->path, (int)len, text);
	if (*seen & 1U << (word - words))
		return log_fail(-EINVAL, "disk %s: %s is given twice", options->path, word->name);
	*seen |= 1U << (word - words);
	if (!word->form && equals)
		return log_fail(-EINVAL, "disk %s: %s takes no value; got '%.*s'", options->path,
				word->name, (int)value_len, equals + 1);
	if (equals && value_len < sizeof(value)) {
		memcpy(value, equals + 1, value_len);
		value[value_len] = '\0';
	} else {
		value[0] = '\0';
	}
	if (word->form && (!equals || word->set(options, value)))
		return log_fail(-EINVAL, "disk %s: %s= takes %s; got '%.*s'", options->path,
				word->name, word->form, (int)value_len, equals ? equals + 1 : "");
	return word->form ? 0 : word->set(options, value);
}

static int disk_option_check(const struct disk_options *options)
{
	if (options->aio == DISK_AIO_LIBAIO && options->cache != DISK_CACHE_NONE)
		return log_fail(-EINVAL,
				"disk %s: aio=libaio works with cache=none alone; through the "
				"host's cache it waits for each request",
				options->path);
	return 0;
}

int disk_parse_options(const char *text, struct disk_options *options)
{
	unsigned int seen = 0;
	int err = 0;

	*options = (struct disk_options){.queues = 1, .block_bytes = DISK_SECTOR, .discard = true};
	options->path = malloc(strlen(text) + 1);
	if (!options->path)
		return log_fail(-ENOMEM, "disk %s: no memory", text);
	text = disk_option_take_path(text, options->path);
	if (!options->path[0])
		err = -EINVAL;
	while (!err && *text) {
		size_t len = strcspn(text, ",");

		err = disk_option_set(options, text, len, &seen);
		text += len;
		text += *text == ',';
	}
	err = err ?: disk_option_check(options);
	if (err) {
		free(options->path);
		options->path = NULL;
	}
	return err;
}
