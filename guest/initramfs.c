// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm's own initramfs: an init and the modules that this machine needs.
 *
 * A stock kernel has its drivers as modules, which must be loaded before there is a disk.
 * Distributions prepare an initrd for this, again for each kernel. Here the archive is made in
 * memory, in milliseconds, for the kernel that is about to be booted. It has the init (init.c,
 * built with the project and embedded by init-blob.S), the modules of this machine's devices and of
 * the root's file system with all modules that they need (modules.c), and a list of things to do:
 *
 *	/lkvm/init	the first program, by rdinit=: a user's initrd has no file of this name
 *			that could replace it
 *	/lkvm/config	lines of a word and its value; init.c has the list
 *	/lkvm/modules/	NN-NAME.ko, unpacked here, because the kernel cannot do so
 *	/lkvm/busybox	from the host, if it has a static one; else the shell that is part of the
 *			init runs --exec, and a command that this shell does not know is refused
 *			here (shell-parse.c)
 *	/lkvm/asked	the user asked for what lkvm's init does; without this file, an /init that
 *			is built into the kernel, which lkvm cannot see, runs instead
 *
 * The host also finds out where the root is (root.c).
 *
 * The archive is made again at each power-on and reset, because the kernel may have changed. Main
 * thread.
 *
 * Left out on purpose: modules that the machine does not need to start. The root's own init loads
 * the rest.
 */
#include "cmdline.h"
#include "cpio.h"
#include "modules.h"
#include "root.h"
#include "shell-parse.h"

#include <kvm/config.h>
#include <kvm/feature.h>
#include <kvm/initramfs.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/own-init.h>
#include <kvm/util.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define PARAM	    "rdinit=/lkvm/init"
#define BUSYBOX_MAX (16 * MIB)
#define NONE	    "none"
#define EXEC_MAX    (32 * KIB) /* init.c has room for it */
#define USER_ID_MAX (UINT32_MAX - 1)

/* In init-blob.S. NULL: lkvm was built without its init. */
extern OPTIONAL const u8 guest_init_start[], guest_init_end[];

static struct {
	const char *root;
	const char *modules;
	const char *exec;
	const char *user;
	const char *out;
} wish;

static struct cpio archive;

static const struct option initramfs_options[] = {
	{.name = "root",
	 .type = OPTION_STRING,
	 .value = &wish.root,
	 .arg = "DEVICE|LABEL=|UUID=|PARTUUID=|none",
	 .help = "the root file system (the first disk's); none: disks are data"},
	{.name = "exec",
	 .type = OPTION_STRING,
	 .value = &wish.exec,
	 .arg = "COMMAND",
	 .help = "run this by a shell in the guest, and end with its status"},
	{.name = "user",
	 .type = OPTION_STRING,
	 .value = &wish.user,
	 .arg = "NAME|UID",
	 .help = "the user that --exec runs as (root)"},
	{.name = "modules",
	 .type = OPTION_STRING,
	 .value = &wish.modules,
	 .arg = "DIR|none",
	 .help = "the kernel's modules (beside it, /lib/modules); none: no init of lkvm's"},
	{.name = "initramfs-out",
	 .type = OPTION_STRING,
	 .value = &wish.out,
	 .arg = "FILE",
	 .help = "write the initramfs with lkvm's init there"},
};
OPTION_GROUP(initramfs, run, "Root and init", 25, initramfs_options);

/* 0: lkvm was built without its init. */
static size_t initramfs_init_bytes(void)
{
	return (size_t)(guest_init_end - guest_init_start);
}

/* --- the decision to use it --- */

/* Get the value of the last word NAME=VALUE of the user's parameters. */
static bool initramfs_user_param(const char *name, char *value, size_t bytes)
{
	char *text = strdup("");
	bool found;

	for (size_t i = 0; text && i < config.params.count; i++) {
		char *longer;

		if (asprintf(&longer, "%s%s ", text, config.params.items[i]) < 0)
			longer = NULL;
		free(text);
		text = longer;
	}
	found = cmdline_find(text ?: "", name, value, bytes);
	free(text);
	return found;
}

/*
 * --user is a name, or an id of 32 bits, of which the last means "none". No name may look like a
 * number.
 */
static int initramfs_check_user(void)
{
	size_t sign = wish.user ? strspn(wish.user, "+-") : 0;
	u64 id;

	if (!wish.user)
		return 0;
	if (!wish.exec)
		return log_fail(-EINVAL, "--user %s: needs --exec, which is not given", wish.user);
	if (strchr(wish.user, '\n'))
		return log_fail(-EINVAL, "--user: has more than one line; one is wanted");
	if (strspn(wish.user + sign, "0123456789") != strlen(wish.user + sign))
		return 0;
	if (sign || parse_u64(wish.user, &id) || id > USER_ID_MAX)
		return log_fail(-EINVAL, "--user %s: takes a name, or a number from 0 to %u",
				wish.user, USER_ID_MAX);
	return 0;
}

/* The first option that needs lkvm's init, or NULL. */
static const char *initramfs_asked(void)
{
	if (wish.exec)
		return "--exec";
	if (wish.root)
		return "--root";
	return wish.out ? "--initramfs-out" : NULL;
}

int initramfs_wanted(bool has_initrd, bool *required)
{
	const char *asked = initramfs_asked();
	bool none = wish.modules && !strcmp(wish.modules, NONE);
	char value[128];

	if (wish.out && !strcmp(wish.out, "-"))
		return log_fail(-EINVAL,
				"--initramfs-out -: standard output is the guest's console; name a "
				"file (./- for one of this name)");
	if (wish.exec && strchr(wish.exec, '\n'))
		return log_fail(-EINVAL, "--exec: has more than one line; one is wanted");
	if (wish.exec && strlen(wish.exec) > EXEC_MAX)
		return log_fail(-E2BIG, "--exec: has more than %llu characters", EXEC_MAX);
	if (initramfs_check_user())
		return -EINVAL;
	if (asked && (none || config.nodefaults))
		return log_fail(-EINVAL, "%s: needs lkvm's own init, which %s turns off", asked,
				none ? "--modules=none" : "--nodefaults");
	if (asked && initramfs_user_param("rdinit", value, sizeof(value)))
		return log_fail(-EINVAL, "%s: needs lkvm's own init, and rdinit=%s names another",
				asked, value);
	if (asked && !initramfs_init_bytes())
		return log_fail(-ENOTSUP,
				"%s: needs lkvm's own init, which this lkvm was built without; %s",
				asked,
				"install musl-gcc (Debian: musl-tools) and build lkvm again");
	if (none || config.nodefaults || !initramfs_init_bytes() ||
	    initramfs_user_param("rdinit", value, sizeof(value)))
		return 0;
	*required = asked || wish.modules;
	config.status_due = wish.exec;
	return *required || !has_initrd;
}

const char *initramfs_param(void)
{
	return PARAM;
}

/* --- the content --- */

static void initramfs_line(char **text, const char *key, const char *value)
{
	char *longer;

	if (!*text)
		return;
	if (asprintf(&longer, "%s%s %s\n", *text, key, value) < 0)
		longer = NULL;
	free(*text);
	*text = longer;
}

/* What the user or the disk says about the root. */
struct initramfs_root {
	struct root is;
	const char *by;	  /* the option that named it */
	char types[256];  /* "ext3,ext4", to be tried in this order; "": not known */
	bool types_asked; /* the types come from rootfstype= */
};

/* True for a file system without write support: changes go to memory. */
static bool initramfs_wants_overlay(const struct initramfs_root *root)
{
	return !strcmp(root->types, "squashfs") || !strcmp(root->types, "erofs");
}

/* Add a module. -ENOENT: the kernel does not have it, as a module or built in. */
static int initramfs_need_module(const struct initramfs_plan *plan, struct modules *modules,
				 const char *name, const char *why)
{
	int err = modules_add(modules, name);

	if (err == -ENOENT)
		log_error("kernel %s: has no driver %s, which %s needs, neither built in nor in %s",
			  plan->kernel, name, why, modules_folder(modules));
	return err;
}

/*
 * Add drivers for the root's types: of types from the disk, the first driver that the kernel has;
 * of a user's list, all drivers.
 */
static int initramfs_find_types(const struct initramfs_plan *plan,
				const struct initramfs_root *root, struct modules *modules)
{
	char text[sizeof(root->types)], *type, *save;
	bool found = false;

	strcpy(text, root->types);
	for (type = strtok_r(text, ",", &save); type && (root->types_asked || !found);
	     type = strtok_r(NULL, ",", &save)) {
		int err = modules_add_type(modules, type);

		if (err && err != -ENOENT)
			return err;
		found |= !err;
	}
	if (found)
		return 0;
	return log_fail(-ENOENT,
			"kernel %s: has no driver for %s%s, which the root %s needs, neither built "
			"in nor in %s",
			plan->kernel, root->types_asked ? "rootfstype=" : "", root->types,
			root->is.device, modules_folder(modules));
}

static int initramfs_find_modules(const struct initramfs_plan *plan,
				  const struct initramfs_root *root, struct modules *modules)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < plan->driver_count; i++)
		err = initramfs_need_module(plan, modules, plan->drivers[i], "this machine");
	if (err || !root->is.device[0])
		return err;
	if (root->types[0]) {
		err = initramfs_find_types(plan, root, modules);
	} else {
		/* The type is not known: add the most likely driver, if the kernel has it. */
		err = modules_add_type(modules, "ext4");
		err = err == -ENOENT ? 0 : err;
	}
	if (!err && initramfs_wants_overlay(root))
		err = initramfs_need_module(plan, modules, "overlay", "a root that is read only");
	return err;
}

static int initramfs_add_modules(const struct initramfs_plan *plan, const struct modules *modules,
				 char **text)
{
	for (size_t i = 0; i < modules_count(modules); i++) {
		const struct module *module = modules_at(modules, i);
		const char *base = strrchr(module->path, '/');
		char name[128];
		size_t bytes;
		u8 *data;
		int err = modules_read(modules, i, plan->version, &data, &bytes);

		if (err)
			return err;
		base = base ? base + 1 : module->path;
		snprintf(name, sizeof(name), "lkvm/modules/%02zu-%.*s.ko", i,
			 (int)MIN(strcspn(base, "."), 64UL), base);
		cpio_add(&archive, name, S_IFREG | 0644, data, bytes);
		free(data);
		/* Each module is small enough alone; unpacked, all of them may be more than RAM. */
		if (config.mem_bytes && archive.len > config.mem_bytes)
			return log_fail(-ENOMEM,
					"module %s/%s: does not fit into RAM with those before "
					"it; --mem gives %llu MiB in all",
					modules_folder(modules), module->path,
					(config.mem_bytes / MIB));
		initramfs_line(text, module->soft ? "try-module" : "module", name);
	}
	return 0;
}

/* True for a program that needs no interpreter and no library. */
static bool initramfs_is_static(const u8 *data, size_t bytes)
{
	Elf64_Ehdr head;

	if (bytes < sizeof(head))
		return false;
	memcpy(&head, data, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_machine != EM_X86_64 || head.e_phentsize != sizeof(Elf64_Phdr))
		return false;
	for (unsigned int i = 0; i < head.e_phnum; i++) {
		u64 at = head.e_phoff + (u64)i * sizeof(Elf64_Phdr);
		Elf64_Phdr segment;

		if (at > bytes || bytes - at < sizeof(segment))
			return false;
		memcpy(&segment, data + at, sizeof(segment));
		if (segment.p_type == PT_INTERP)
			return false;
	}
	return true;
}

/* Add the host's busybox, if it is static: its shell is better than ours. False: there is none. */
static bool initramfs_add_busybox(void)
{
	static const char *const paths[] = {"/bin/busybox", "/usr/bin/busybox",
					    "/usr/local/bin/busybox", "/sbin/busybox"};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		size_t bytes;
		u8 *data;
		bool good;

		if (file_read_whole(paths[i], BUSYBOX_MAX, &data, &bytes))
			continue;
		good = initramfs_is_static(data, bytes);
		if (good)
			cpio_add(&archive, "lkvm/busybox", S_IFREG | 0755, data, bytes);
		free(data);
		if (good)
			return true;
	}
	return false;
}

/* Refuse a command that lkvm's own shell cannot run: in the guest it could have another meaning. */
static int initramfs_check_command(void)
{
	struct shell_problem problem;
	struct shell_program *program;

	if (!wish.exec)
		return 0;
	program = shell_parse(wish.exec, &problem);
	shell_parse_free(program);
	if (program)
		return 0;
	if (!problem.unsupported)
		return log_fail(-EINVAL, "--exec: %s", problem.what);
	return log_fail(
		-EINVAL,
		"--exec: has %s, which lkvm's own shell does not know: install a static "
		"busybox (package busybox-static), or give a root that has a shell (--disk)",
		problem.what);
}

static bool initramfs_is_null(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* Describe standard input and output of lkvm: the guest's are to be of the same kind. */
static void initramfs_describe_console(char **text)
{
	bool typed = config.detach || isatty(STDIN_FILENO);
	bool framed = !typed && !initramfs_is_null(STDIN_FILENO);

	if (framed)
		initramfs_line(text, "input",
			       config.console == CONSOLE_VIRTIO ? "pipe hvc0" : "pipe ttyS0");
	else if (!typed)
		initramfs_line(text, "input", "none");
	if (!isatty(STDOUT_FILENO))
		initramfs_line(text, "output", "plain");
	own_init_expect(framed);
}

/* Write the lines of /lkvm/config, except those for the modules. */
static void initramfs_describe(const struct initramfs_plan *plan, const struct initramfs_root *root,
			       bool modules, char **text)
{
	struct winsize size;
	char value[64];

	snprintf(value, sizeof(value), "%lld", (long long)time(NULL));
	initramfs_line(text, "clock", value);
	initramfs_line(text, "hostname", config.name);
	if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
		snprintf(value, sizeof(value), "%u %u", size.ws_row, size.ws_col);
		initramfs_line(text, "terminal", value);
	}
	/* Otherwise the init hands over to the root's own init. */
	if (wish.exec || !root->is.device[0])
		initramfs_describe_console(text);
	if (!modules)
		initramfs_line(text, "no-modules-of", plan->version);
	if (plan->status_port)
		initramfs_line(text, "status", plan->status_port);
	if (root->is.device[0]) {
		initramfs_line(text, "root", root->is.device);
		initramfs_line(text, "root-by", root->by);
	}
	if (root->types[0])
		initramfs_line(text, "type", root->types);
	if (initramfs_wants_overlay(root))
		initramfs_line(text, "overlay", "");
	if (wish.exec)
		initramfs_line(text, "exec", wish.exec);
	if (wish.user)
		initramfs_line(text, "user", wish.user);
}

static int initramfs_write_out(void)
{
	struct stat st;
	int fd, err;

	if (!wish.out)
		return 0;
	fd = open(wish.out, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	err = fd < 0 ? -errno : file_empty(fd);
	if (err == -EBUSY) {
		close(fd);
		return log_fail(err, "--initramfs-out %s: is another file of this run", wish.out);
	}
	err = err ?: write_full(fd, archive.data, archive.len);
	/* Do not leave a file that is not complete. */
	if (fd >= 0 && err && !fstat(fd, &st) && S_ISREG(st.st_mode))
		unlink(wish.out);
	if (fd >= 0)
		close(fd);
	return err ? log_fail(err, "--initramfs-out %s: %s", wish.out, strerror(-err)) : 0;
}

/*
 * Set the types to try. Some drivers have other names than libblkid's types. The driver of ext4
 * also mounts ext2 and ext3, under their names or as "ext4".
 */
static void initramfs_set_types(struct initramfs_root *root)
{
	static const char *const known[][2] = {
		{"ext2", "ext2,ext4"}, {"ext3", "ext3,ext4"}, {"ntfs", "ntfs3,ntfs"}};
	const char *types = root->is.type;

	root->types_asked = initramfs_user_param("rootfstype", root->types, sizeof(root->types)) &&
			    root->types[0];
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!strcmp(types, known[i][0]))
			types = known[i][1];
	}
	if (!root->types_asked)
		snprintf(root->types, sizeof(root->types), "%s", types);
}

/*
 * Find the root: from --root, else from root= among the user's parameters, else on the first disk.
 */
static int initramfs_find_root(const struct initramfs_plan *plan, struct initramfs_root *root)
{
	char asked[256];
	struct root_query query = {.wish = wish.root,
				   .by = "--root",
				   .disks = plan->disks,
				   .block_bytes = plan->disk_blocks,
				   .count = plan->disk_count};
	int err;

	if (!query.wish && initramfs_user_param("root", asked, sizeof(asked)) && asked[0]) {
		query.wish = asked;
		query.by = "root=";
	}
	err = root_choose(&query, &root->is);
	root->by = query.wish ? query.by : "--disk";
	initramfs_set_types(root);
	return err;
}

static int initramfs_fill(const struct initramfs_plan *plan, const struct initramfs_root *root,
			  const struct modules *modules)
{
	static const char *const folders[] = {"dev",  "proc",	      "sys",
					      "lkvm", "lkvm/modules", "lkvm/root"};
	char *text = strdup("");
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		cpio_add(&archive, folders[i], S_IFDIR | 0755, NULL, 0);
	cpio_add(&archive, "lkvm/init", S_IFREG | 0755, guest_init_start, initramfs_init_bytes());
	if (wish.root || wish.exec || wish.modules)
		cpio_add(&archive, "lkvm/asked", S_IFREG | 0644, NULL, 0);
	if (!root->is.device[0] && !initramfs_add_busybox())
		err = initramfs_check_command();
	initramfs_describe(plan, root, modules, &text);
	if (!err && modules)
		err = initramfs_add_modules(plan, modules, &text);
	if (text)
		cpio_add(&archive, "lkvm/config", S_IFREG | 0600, text, strlen(text));
	if (!err && (!text || cpio_finish(&archive)))
		err = log_fail(-ENOMEM, "initramfs: no memory");
	free(text);
	return err;
}

int initramfs_make(const struct initramfs_plan *plan, const void **data, size_t *bytes)
{
	struct modules *modules = NULL;
	struct initramfs_root root;
	int err;

	initramfs_free();
	err = initramfs_find_root(plan, &root);
	err = err ?: modules_open(wish.modules, plan->kernel, plan->version, &modules);
	if (!err && modules)
		err = initramfs_find_modules(plan, &root, modules);
	err = err ?: initramfs_fill(plan, &root, modules);
	modules_close(modules);
	err = err ?: initramfs_write_out();
	if (err)
		initramfs_free();
	*data = archive.data;
	*bytes = archive.len;
	return err;
}

void initramfs_free(void)
{
	cpio_free(&archive);
}
