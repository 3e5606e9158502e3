// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel's modules on the host: where they are, and what one needs.
 *
 * depmod leaves text files in lib/modules/VERSION, and these are all that is looked at:
 * modules.dep (a line a module: its path, and the paths of all that it needs, the first to be
 * loaded last), modules.softdep (what it would like to have first), modules.builtin (what is in
 * the kernel anyway) and modules.alias (a soft dependency may name a function, "crc32c", that
 * several modules have). They are read whole, when first asked for, and searched line by line:
 * a handful of look-ups cost less than a table of four thousand modules would.
 *
 * The files are somebody else's, perhaps of a half-finished build: a line is never trusted to
 * be complete, a path that leaves the folder is refused, dependencies that go in a circle end
 * at a bound, and what is unpacked has a bound too.
 *
 * Main thread; no descriptor is kept.
 *
 * Spec: modules.dep(5), modprobe.d(5) for softdep; Linux Documentation/kbuild/modules.rst.
 */
#include "modules.h"

#include <kvm/log.h>
#include <kvm/unpack.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX    (64 * MIB) /* of one of depmod's files */
#define MODULE_MAX  (256 * MIB)
#define MODULES_MAX 1000
#define DEPTH_MAX   16
#define NAME_MAX_   128

/* A line, or a word of one: not terminated. */
struct span {
	const char *at;
	size_t len;
};

struct text {
	char *data;
	size_t len;
	bool read;
};

struct modules {
	char *folder;
	struct text dep, softdep, builtin, alias;
	struct module *list;
	size_t count;
};

/* --- the folder --- */

static bool modules_is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* "A/B/lib/modules/VERSION" when that is a folder; malloc()ed. */
static char *modules_below(const char *path, size_t len, const char *more, const char *version)
{
	char *folder;

	if (asprintf(&folder, "%.*s%s/lib/modules/%s", (int)len, path, more, version) < 0)
		return NULL;
	if (modules_is_folder(folder))
		return folder;
	free(folder);
	return NULL;
}

static char *modules_find_beside(const char *kernel, const char *version)
{
	const char *slash = strrchr(kernel, '/');
	const char *path = slash ? kernel : ".";
	size_t len = slash ? (size_t)(slash - kernel) : 1;
	char *folder = modules_below(path, len, "", version);

	folder = folder ? folder : modules_below(path, len, "/..", version);
	return folder ? folder : modules_below("", 0, "", version);
}

static char *modules_find_chosen(const char *chosen, const char *version)
{
	char *folder = modules_below(chosen, strlen(chosen), "", version), *dep;

	if (folder || asprintf(&dep, "%s/modules.dep", chosen) < 0)
		return folder;
	folder = access(dep, F_OK) ? NULL : strdup(chosen);
	free(dep);
	return folder;
}

int modules_open(const char *chosen, const char *kernel, const char *version,
		 struct modules **modules)
{
	char *folder = chosen ? modules_find_chosen(chosen, version)
			      : modules_find_beside(kernel, version);

	*modules = NULL;
	if (!folder && chosen)
		return log_fail(-ENOENT,
				"--modules %s: has neither a modules.dep nor lib/modules/%s; the "
				"folder that depmod made for this kernel is wanted, or none",
				chosen, version);
	if (!folder)
		return 0;
	*modules = calloc(1, sizeof(**modules));
	if (!*modules) {
		free(folder);
		return log_fail(-ENOMEM, "modules: no memory");
	}
	(*modules)->folder = folder;
	return 0;
}

void modules_close(struct modules *modules)
{
	if (!modules)
		return;
	for (size_t i = 0; i < modules->count; i++)
		free(modules->list[i].path);
	free(modules->list);
	free(modules->dep.data);
	free(modules->softdep.data);
	free(modules->builtin.data);
	free(modules->alias.data);
	free(modules->folder);
	free(modules);
}

const char *modules_folder(const struct modules *modules)
{
	return modules->folder;
}

/* --- files of it --- */

/* A whole file below the folder; malloc()ed. 0 or -errno, without a word. */
static int modules_slurp(const struct modules *modules, const char *name, size_t max, u8 **data,
			 size_t *len)
{
	char *path;
	int err;

	if (asprintf(&path, "%s/%s", modules->folder, name) < 0)
		return -ENOMEM;
	err = file_read_whole(path, max, data, len);
	free(path);
	return err;
}

/* Read one of depmod's files, once. Only modules.dep must be there. */
static int modules_text(const struct modules *modules, struct text *text, const char *name)
{
	u8 *data;
	int err;

	if (text->read)
		return 0;
	err = modules_slurp(modules, name, TEXT_MAX, &data, &text->len);
	if (err == -ENOENT && text != &modules->dep) {
		text->read = true;
		return 0;
	}
	if (err)
		return log_fail(err, "modules %s/%s: %s%s", modules->folder, name, strerror(-err),
				err == -ENOENT ? "; depmod makes it" : "");
	text->data = (char *)data;
	text->read = true;
	return 0;
}

/* --- lines, words and names --- */

/* The next line of a text without its end; false behind the last. */
static bool modules_line(const struct text *text, size_t *at, struct span *line)
{
	const char *end;

	if (*at >= text->len)
		return false;
	line->at = text->data + *at;
	end = memchr(line->at, '\n', text->len - *at);
	line->len = end ? (size_t)(end - line->at) : text->len - *at;
	*at += line->len + 1;
	return true;
}

/* Cut the first word off a line; false when there is none. */
static bool modules_word(struct span *line, struct span *word)
{
	while (line->len && (*line->at == ' ' || *line->at == '\t'))
		line->at++, line->len--;
	word->at = line->at;
	while (line->len && *line->at != ' ' && *line->at != '\t')
		line->at++, line->len--;
	word->len = (size_t)(line->at - word->at);
	return word->len != 0;
}

/* "kernel/fs/ext4/ext4.ko.xz" -> "ext4" */
static struct span modules_name_of(struct span path)
{
	const char *slash = memrchr(path.at, '/', path.len);
	struct span name = path;

	if (slash) {
		name.at = slash + 1;
		name.len = path.len - (size_t)(name.at - path.at);
	}
	for (size_t i = 0; i + 3 <= name.len; i++) {
		if (!memcmp(name.at + i, ".ko", 3)) {
			name.len = i;
			break;
		}
	}
	return name;
}

static bool modules_same_name(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if ((a.at[i] == '-' ? '_' : a.at[i]) != (b.at[i] == '-' ? '_' : b.at[i]))
			return false;
	}
	return true;
}

/* Is the path one below the folder? */
static bool modules_is_inside(struct span path)
{
	return path.len && path.at[0] != '/' && path.len < PATH_MAX &&
	       !memmem(path.at, path.len, "..", 2) && !memchr(path.at, 0, path.len);
}

/* --- what to load --- */

static bool modules_has(const struct modules *modules, struct span path)
{
	for (size_t i = 0; i < modules->count; i++) {
		if (strlen(modules->list[i].path) == path.len &&
		    !memcmp(modules->list[i].path, path.at, path.len))
			return true;
	}
	return false;
}

static int modules_append(struct modules *modules, struct span path, bool soft)
{
	struct module *list;

	if (!modules_is_inside(path))
		return log_fail(-EINVAL, "modules %s/modules.dep: '%.*s' is no path below it",
				modules->folder, (int)MIN(path.len, 200UL), path.at);
	if (modules->count == MODULES_MAX)
		return log_fail(-E2BIG, "modules %s: more than %d are needed", modules->folder,
				MODULES_MAX);
	list = realloc(modules->list, (modules->count + 1) * sizeof(*list));
	if (!list)
		return log_fail(-ENOMEM, "modules: no memory");
	modules->list = list;
	list[modules->count] = (struct module){.path = strndup(path.at, path.len), .soft = soft};
	if (!list[modules->count].path)
		return log_fail(-ENOMEM, "modules: no memory");
	modules->count++;
	return 0;
}

static bool modules_is_builtin(struct modules *modules, struct span name)
{
	struct span path;
	size_t at = 0;

	while (modules_line(&modules->builtin, &at, &path)) {
		if (modules_same_name(modules_name_of(path), name))
			return true;
	}
	return false;
}

static int modules_add_name(struct modules *modules, struct span name, bool soft, int depth);

/* All modules that have a function's name, as far as there are any. */
static int modules_add_alias(struct modules *modules, struct span name, int depth)
{
	struct span line, alias, of, module;
	size_t at = 0;
	int err = 0;

	while (!err && modules_line(&modules->alias, &at, &line)) {
		if (!modules_word(&line, &of) || !modules_word(&line, &alias) ||
		    !modules_word(&line, &module) || !modules_same_name(alias, name))
			continue;
		err = modules_add_name(modules, module, true, depth);
		err = err == -ENOENT ? 0 : err;
	}
	return err;
}

/* "softdep NAME pre: A B post: C": what stands behind pre: */
static int modules_add_soft(struct modules *modules, struct span name, int depth)
{
	struct span line, word;
	size_t at = 0;
	int err = 0;

	while (!err && modules_line(&modules->softdep, &at, &line)) {
		bool pre = false;

		if (!modules_word(&line, &word) || !modules_word(&line, &word) ||
		    !modules_same_name(word, name))
			continue;
		while (!err && modules_word(&line, &word)) {
			if (word.at[word.len - 1] == ':') {
				pre = word.len == 4 && !memcmp(word.at, "pre:", 4);
				continue;
			}
			if (!pre)
				continue;
			err = modules_add_name(modules, word, true, depth + 1);
			if (err == -ENOENT)
				err = modules_add_alias(modules, word, depth + 1);
		}
	}
	return err;
}

/* The module of this line of modules.dep, behind what stands at the line's end. */
static int modules_add_line(struct modules *modules, struct span path, struct span needs, bool soft,
			    int depth)
{
	struct span word;
	int err = 0;

	while (!err && needs.len) {
		const char *blank = memrchr(needs.at, ' ', needs.len);

		word.at = blank ? blank + 1 : needs.at;
		word.len = needs.len - (size_t)(word.at - needs.at);
		needs.len = blank ? (size_t)(blank - needs.at) : 0;
		if (word.len && !modules_has(modules, word))
			err = modules_add_name(modules, modules_name_of(word), soft, depth + 1);
		err = err == -ENOENT ? 0 : err; /* it says itself what it misses */
	}
	err = err ? err : modules_add_soft(modules, modules_name_of(path), depth);
	if (err || modules_has(modules, path))
		return err;
	return modules_append(modules, path, soft);
}

static int modules_add_name(struct modules *modules, struct span name, bool soft, int depth)
{
	struct span line, path;
	size_t at = 0;

	if (depth > DEPTH_MAX)
		return log_fail(-ELOOP, "modules %s: '%.*s' depends on itself", modules->folder,
				(int)MIN(name.len, (size_t)NAME_MAX_), name.at);
	while (modules_line(&modules->dep, &at, &line)) {
		const char *colon = memchr(line.at, ':', line.len);

		if (!colon)
			continue;
		path = (struct span){line.at, (size_t)(colon - line.at)};
		if (!modules_same_name(modules_name_of(path), name))
			continue;
		if (modules_has(modules, path))
			return 0;
		return modules_add_line(modules, path,
					(struct span){colon + 1, line.len - path.len - 1}, soft,
					depth);
	}
	return modules_is_builtin(modules, name) ? 0 : -ENOENT;
}

int modules_add(struct modules *modules, const char *name)
{
	int err = modules_text(modules, &modules->dep, "modules.dep");

	err = err ? err : modules_text(modules, &modules->softdep, "modules.softdep");
	err = err ? err : modules_text(modules, &modules->builtin, "modules.builtin");
	err = err ? err : modules_text(modules, &modules->alias, "modules.alias");
	return err ? err : modules_add_name(modules, (struct span){name, strlen(name)}, false, 0);
}

size_t modules_count(const struct modules *modules)
{
	return modules->count;
}

const struct module *modules_at(const struct modules *modules, size_t i)
{
	return &modules->list[i];
}

/* --- their bytes --- */

static int modules_unpack(enum unpack_format format, u8 **data, size_t *bytes)
{
	for (size_t room = MAX(*bytes * 4, MIB); room <= MODULE_MAX; room *= 4) {
		u8 *out = malloc(room);
		ssize_t len = out ? unpack(format, *data, *bytes, out, room) : -ENOMEM;

		if (len >= 0) {
			free(*data);
			*data = out;
			*bytes = (size_t)len;
			return 0;
		}
		free(out);
		if (len != -E2BIG)
			return (int)len;
	}
	return -E2BIG;
}

/* Each module says in ".modinfo" which kernel it is for: "vermagic=VERSION SMP ...". */
static int modules_check(const struct modules *modules, const char *path, const char *version,
			 const u8 *data, size_t bytes)
{
	static const char key[] = "vermagic=";
	const char *magic = memmem(data, bytes, key, sizeof(key) - 1);
	size_t len, left;

	if (bytes < 4 || memcmp(data,
				"\x7f"
				"ELF",
				4) != 0)
		return log_fail(-EINVAL, "module %s/%s: is no ELF file", modules->folder, path);
	if (!magic)
		return 0;
	magic += sizeof(key) - 1;
	left = bytes - (size_t)((const u8 *)magic - data);
	for (len = 0; len < MIN(left, (size_t)NAME_MAX_) && magic[len] > ' '; len++)
		;
	if (len == strlen(version) && !memcmp(magic, version, len))
		return 0;
	return log_fail(-EINVAL,
			"module %s/%s: is for kernel %.*s, and the kernel is %s; --modules names "
			"the folder of its own, or none",
			modules->folder, path, (int)len, magic, version);
}

int modules_read(const struct modules *modules, size_t i, const char *version, u8 **data,
		 size_t *bytes)
{
	const char *path = modules->list[i].path;
	enum unpack_format format;
	int err = modules_slurp(modules, path, MODULE_MAX, data, bytes);

	if (err)
		return log_fail(err, "module %s/%s: %s", modules->folder, path, strerror(-err));
	format = unpack_detect(*data, *bytes);
	if (format != UNPACK_NONE)
		err = modules_unpack(format, data, bytes);
	if (err == -ENOTSUP)
		log_error("module %s/%s: is packed with %s, which this lkvm was built without",
			  modules->folder, path, unpack_name(format));
	else if (err)
		log_error("module %s/%s: cannot be unpacked: %s", modules->folder, path,
			  err == -EINVAL ? "it is damaged or truncated" : strerror(-err));
	err = err ? err : modules_check(modules, path, version, *data, *bytes);
	if (err)
		free(*data);
	return err;
}
