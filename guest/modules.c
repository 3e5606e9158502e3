// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel's modules on the host: where they are, and which other modules one needs.
 *
 * depmod writes text files into lib/modules/VERSION, and only these are read: modules.dep (one line
 * for each module: its path, and the paths of all modules that it needs, the first of which is
 * loaded last), modules.softdep (for a module, others to load before it if they exist),
 * modules.builtin (modules that are built into the kernel), modules.alias (a soft dependency may
 * name a function, "crc32c", that several modules have; "fs-TYPE" is the driver of a type of file
 * system) and modules.builtin.modinfo (aliases of built-in modules). Each file is read as a whole
 * when it is first needed, and its lines are found by name (modules-table.c).
 *
 * Modules that lkvm finds beside the kernel or in /lib/modules become part of the guest, although
 * the user did not name them. So every folder on the way and every file must belong to root, the
 * caller or the owner of the kernel (util/trust.c); else it is not used.
 *
 * The files may be hostile, or come from a build that is not finished: a line may be incomplete, a
 * path that leaves the folder is refused, and circular dependencies and the size of an unpacked
 * module have limits.
 *
 * Main thread; no descriptor is kept.
 *
 * Spec: modules.dep(5), modprobe.d(5) for softdep; Linux Documentation/kbuild/modules.rst.
 */
#include "modules.h"
#include "modules-table.h"

#include <kvm/cancel.h>
#include <kvm/log.h>
#include <kvm/trust.h>
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

#define TEXT_MAX    (64 * MIB) /* of one depmod file */
#define MODULE_MAX  (256 * MIB)
#define MODULES_MAX 1000
#define DEPTH_MAX   16
#define NAME_MAX_   128

struct modules {
	char *folder;
	bool found;  /* by lkvm, not named by the user: its owner must be checked */
	uid_t owner; /* of the kernel's file */
	struct table dep, softdep, builtin, alias;
	char *modinfo; /* records, each with its NUL; NULL: not read yet */
	size_t modinfo_bytes;
	struct module *list;
	size_t count;
};

/* --- the folder --- */

static bool modules_is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* "A/B/lib/modules/VERSION", malloc()ed; NULL if that is not a folder. */
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

/* The folder's path without symbolic links, if it can be trusted; NULL after a warning if not. */
static char *modules_trust(char *folder, uid_t owner)
{
	static struct trust_problem problem;
	char *real = realpath(folder, NULL);
	int err = trust_check(folder, 0, owner, &problem);

	err = err || !real ? err : trust_check(real, 0, owner, &problem);
	if (err || !real)
		log_warn("modules %s: are not used: %s %s; --modules %s uses them", folder,
			 problem.path, problem.why ? problem.why : "cannot be looked at", folder);
	free(folder);
	if (!err)
		return real;
	free(real);
	return NULL;
}

static char *modules_find_beside(const char *kernel, const char *version, uid_t owner)
{
	const char *slash = strrchr(kernel, '/');
	const char *path = slash ? kernel : ".";
	size_t len = slash ? (size_t)(slash - kernel) : 1;
	const struct {
		const char *path;
		size_t len;
		const char *more;
	} places[] = {{path, len, ""}, {path, len, "/.."}, {"", 0, ""}};
	char *folder = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(places) && !folder; i++) {
		folder = modules_below(places[i].path, places[i].len, places[i].more, version);
		if (folder)
			folder = modules_trust(folder, owner);
	}
	return folder;
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
	struct stat st;
	uid_t owner = stat(kernel, &st) < 0 ? geteuid() : st.st_uid;
	char *folder = chosen ? modules_find_chosen(chosen, version)
			      : modules_find_beside(kernel, version, owner);

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
	**modules = (struct modules){.folder = folder, .found = !chosen, .owner = owner};
	return 0;
}

void modules_close(struct modules *modules)
{
	if (!modules)
		return;
	for (size_t i = 0; i < modules->count; i++)
		free(modules->list[i].path);
	free(modules->list);
	table_free(&modules->dep);
	table_free(&modules->softdep);
	table_free(&modules->builtin);
	table_free(&modules->alias);
	free(modules->modinfo);
	free(modules->folder);
	free(modules);
}

const char *modules_folder(const struct modules *modules)
{
	return modules->folder;
}

/* --- files in the folder --- */

/* Read a whole file below the folder; *data is malloc()ed. 0 or -errno; prints only for -EPERM. */
static int modules_slurp(const struct modules *modules, const char *name, size_t max, u8 **data,
			 size_t *len)
{
	static struct trust_problem problem;
	char *path;
	int err = 0;

	*data = NULL;
	if (asprintf(&path, "%s/%s", modules->folder, name) < 0)
		return -ENOMEM;
	if (modules->found)
		err = trust_check(path, strlen(modules->folder), modules->owner, &problem);
	if (err == -EPERM && problem.why)
		log_error("modules %s: %s %s; --modules %s uses them", modules->folder,
			  problem.path, problem.why, modules->folder);
	err = err ?: file_read_whole(path, max, data, len);
	free(path);
	return err;
}

/* Read one of depmod's files, once. Only modules.dep must exist. */
static int modules_text(const struct modules *modules, struct table *table, const char *name,
			table_parse_fn *parse)
{
	unsigned long errors = log_error_count();
	size_t len = 0;
	u8 *data;
	int err;

	if (table->made)
		return 0;
	err = modules_slurp(modules, name, TEXT_MAX, &data, &len);
	if (err == -ENOENT && table != &modules->dep)
		err = 0;
	err = err ?: table_make(table, (char *)data, len, parse);
	if (!err || log_error_count() != errors)
		return err;
	if (err == -E2BIG)
		return log_fail(err, "modules %s/%s: has more than %u lines", modules->folder, name,
				TABLE_LINES_MAX);
	return log_fail(err, "modules %s/%s: %s%s", modules->folder, name, strerror(-err),
			err == -ENOENT ? "; depmod makes it" : "");
}

/* --- lines and names --- */

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

/* "PATH: NEEDS" */
static bool modules_parse_dep(struct span line, struct table_line *entry)
{
	const char *colon = memchr(line.at, ':', line.len);

	if (!colon)
		return false;
	entry->value = (struct span){line.at, (size_t)(colon - line.at)};
	entry->rest = (struct span){colon + 1, line.len - entry->value.len - 1};
	entry->name = modules_name_of(entry->value);
	return true;
}

/* "softdep NAME pre: A B post: C" */
static bool modules_parse_softdep(struct span line, struct table_line *entry)
{
	struct span word;

	if (!span_word(&line, &word) || !span_word(&line, &entry->name))
		return false;
	entry->rest = line;
	return true;
}

/* "PATH" */
static bool modules_parse_builtin(struct span line, struct table_line *entry)
{
	entry->name = modules_name_of(line);
	return true;
}

/*
 * "alias NAME MODULE". Patterns of devices, the most of them, are left out: no dependency names
 * one.
 */
static bool modules_parse_alias(struct span line, struct table_line *entry)
{
	struct span word;

	return span_word(&line, &word) && span_word(&line, &entry->name) &&
	       span_word(&line, &entry->value) && !memchr(entry->name.at, ':', entry->name.len) &&
	       !memchr(entry->name.at, '*', entry->name.len);
}

/* True if the path stays below the folder. */
static bool modules_is_inside(struct span path)
{
	return path.len && path.at[0] != '/' && path.len < PATH_MAX &&
	       !memmem(path.at, path.len, "..", 2) && !memchr(path.at, 0, path.len);
}

/* --- the list of modules to load --- */

static int modules_append(struct modules *modules, struct span path, bool soft)
{
	struct module *list;

	if (!modules_is_inside(path))
		return log_fail(-EINVAL,
				"modules %s/modules.dep: '%.*s' is not a path inside the folder",
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

static int modules_add_name(struct modules *modules, struct span name, bool soft, int depth);

/* Add all modules that have this function, if there are any. */
static int modules_add_alias(struct modules *modules, struct span name, int depth)
{
	size_t count;
	struct table_line *line = table_find(&modules->alias, name, &count);
	int err = 0;

	for (; !err && count; line++, count--) {
		err = modules_add_name(modules, line->value, true, depth);
		err = err == -ENOENT ? 0 : err;
	}
	return err;
}

/* Add the modules that follow "pre:". */
static int modules_add_soft_line(struct modules *modules, struct span words, int depth)
{
	struct span word;
	bool pre = false;
	int err = 0;

	while (!err && span_word(&words, &word)) {
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
	return err;
}

static int modules_add_soft(struct modules *modules, struct span name, int depth)
{
	size_t count;
	const struct table_line *line = table_find(&modules->softdep, name, &count);
	int err = 0;

	for (; !err && count; line++, count--)
		err = modules_add_soft_line(modules, line->rest, depth);
	return err;
}

/*
 * Add the module of this line of modules.dep, after the modules that it needs, from the last one
 * on.
 */
static int modules_add_line(struct modules *modules, struct table_line *line, bool soft, int depth)
{
	struct span needs = line->rest, word;
	int err = 0;

	while (!err && needs.len) {
		const char *blank = memrchr(needs.at, ' ', needs.len);

		word.at = blank ? blank + 1 : needs.at;
		word.len = needs.len - (size_t)(word.at - needs.at);
		needs.len = blank ? (size_t)(blank - needs.at) : 0;
		if (word.len)
			err = modules_add_name(modules, modules_name_of(word), soft, depth + 1);
		err = err == -ENOENT ? 0 : err; /* if it is missing, the load reports that */
	}
	err = err ?: modules_add_soft(modules, line->name, depth);
	if (err || line->taken)
		return err;
	line->taken = true;
	return modules_append(modules, line->value, soft);
}

static int modules_add_name(struct modules *modules, struct span name, bool soft, int depth)
{
	size_t count;
	struct table_line *line;

	if (depth > DEPTH_MAX)
		return log_fail(-ELOOP, "modules %s: '%.*s' depends on itself", modules->folder,
				(int)MIN(name.len, (size_t)NAME_MAX_), name.at);
	if (cancel_check())
		return -ECANCELED;
	line = table_find(&modules->dep, name, &count);
	if (line)
		return line->taken ? 0 : modules_add_line(modules, line, soft, depth);
	return table_find(&modules->builtin, name, &count) ? 0 : -ENOENT;
}

int modules_add(struct modules *modules, const char *name)
{
	int err = modules_text(modules, &modules->dep, "modules.dep", modules_parse_dep);

	err = err ? err
		  : modules_text(modules, &modules->softdep, "modules.softdep",
				 modules_parse_softdep);
	err = err ? err
		  : modules_text(modules, &modules->builtin, "modules.builtin",
				 modules_parse_builtin);
	err = err ? err
		  : modules_text(modules, &modules->alias, "modules.alias", modules_parse_alias);
	return err ?: modules_add_name(modules, (struct span){name, strlen(name)}, false, 0);
}

/* Read the descriptions of the built-in drivers, once. The file may be missing. */
static int modules_read_modinfo(struct modules *modules)
{
	static const char name[] = "modules.builtin.modinfo";
	unsigned long errors = log_error_count();
	u8 *data;
	int err;

	if (modules->modinfo)
		return 0;
	err = modules_slurp(modules, name, TEXT_MAX, &data, &modules->modinfo_bytes);
	if (err == -ENOENT)
		return 0;
	if (err && log_error_count() != errors)
		return err;
	if (err)
		return log_fail(err, "modules %s/%s: %s", modules->folder, name, strerror(-err));
	modules->modinfo = (char *)data;
	return 0;
}

/* True if a built-in driver has this alias, "fs-TYPE". */
static bool modules_builtin_has_alias(const struct modules *modules, const char *alias)
{
	char record[NAME_MAX_];
	size_t len = (size_t)snprintf(record, sizeof(record), ".alias=%s", alias) + 1;

	/* A record is "ext4.alias=fs-ext3" with its NUL. */
	return modules->modinfo && len <= sizeof(record) &&
	       memmem(modules->modinfo, modules->modinfo_bytes, record, len);
}

/* Add the driver with this alias. -ENOENT: there is no such alias, or no module of it exists. */
static int modules_add_driver(struct modules *modules, const char *alias)
{
	size_t count;
	const struct table_line *line =
		table_find(&modules->alias, (struct span){alias, strlen(alias)}, &count);
	int err = -ENOENT;

	for (; err == -ENOENT && count; line++, count--)
		err = modules_add_name(modules, line->value, false, 0);
	return err;
}

int modules_add_type(struct modules *modules, const char *type)
{
	char alias[NAME_MAX_];
	int err;

	if ((size_t)snprintf(alias, sizeof(alias), "fs-%s", type) >= sizeof(alias))
		return -ENOENT;
	/* First by the driver's own name: kernels before such aliases have only that. */
	err = modules_add(modules, type);
	err = err == -ENOENT ? modules_add_driver(modules, alias) : err;
	if (err != -ENOENT)
		return err;
	err = modules_read_modinfo(modules);
	return err || modules_builtin_has_alias(modules, alias) ? err : -ENOENT;
}

size_t modules_count(const struct modules *modules)
{
	return modules->count;
}

const struct module *modules_at(const struct modules *modules, size_t i)
{
	return &modules->list[i];
}

/* --- the bytes of a module --- */

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

/* Check the kernel version that a module has in ".modinfo": "vermagic=VERSION SMP ...". */
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
		return log_fail(-EINVAL, "module %s/%s: is not an ELF file", modules->folder, path);
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
	unsigned long errors = log_error_count();
	int err = modules_slurp(modules, path, MODULE_MAX, data, bytes);

	if (err && log_error_count() != errors)
		return err;
	if (err)
		return log_fail(err, "module %s/%s: %s", modules->folder, path, strerror(-err));
	format = unpack_detect(*data, *bytes);
	if (format != UNPACK_NONE)
		err = modules_unpack(format, data, bytes);
	if (err == -ENOTSUP)
		log_error("module %s/%s: is packed with %s, which this lkvm was built without",
			  modules->folder, path, unpack_name(format));
	else if (err && err != -ECANCELED)
		log_error("module %s/%s: cannot be unpacked: %s", modules->folder, path,
			  err == -EINVAL ? "it is damaged or truncated" : strerror(-err));
	err = err ?: modules_check(modules, path, version, *data, *bytes);
	if (err)
		free(*data);
	return err;
}
