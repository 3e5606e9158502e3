// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root file system: lkvm's init in the guest waits for its device and mounts it.
 *
 * The host has found out which device it is, and which types it may have (root.c). Here the device
 * has to appear: after 10 s without it, one line lists the devices that exist, and the run ends.
 * With rootwait there is such a line every 10 s and no end, except for rootwait=SECONDS and the
 * run's own --timeout. The wait of rootdelay=SECONDS comes first, as in the kernel.
 *
 * A device may be named by its numbers, "254:1": the kernel knows its name.
 *
 * Types are tried in order. With rootfstype=, only its types are tried. If the types come from the
 * disk's content, all other types that the kernel knows are tried after them. Of ro and rw the last
 * one counts; without either, the root is writable.
 *
 * A btrfs without an init at its top probably has the root in a subvolume. The top stays mounted,
 * but a line names the subvolumes and rootflags=.
 *
 * Spec: Linux Documentation/admin-guide/kernel-parameters.rst, init/do_mounts.c.
 */
#include "cmdline.h"
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S	      10 /* without rootwait: the limit; with rootwait: between two lines */
#define STEP_MS	      5
#define BTRFS_MAGIC   0x9123683e
#define BTRFS_TOP_INO 256 /* inode number of the top of each subvolume */
#define OVERLAY_LOWER "/lkvm/lower"
#define OVERLAY_UPPER "/lkvm/upper"

static struct {
	char device[128]; /* "/dev/vda1" */
	char flags[1024];
	bool read_only;
	bool strict; /* rootfstype= was given */
} root;

/* --- the device --- */

/* "vda vda1 vda2": the block devices that exist, for the message about a missing one. */
static const char *root_block_devices(void)
{
	static char names[256];
	char text[4096], *line, *save;
	size_t len = 0;

	if (init_slurp("/proc/partitions", text, sizeof(text)) < 0)
		return "none";
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *name = strrchr(line, ' ');

		if (name && strcmp(name, " name") != 0 && len < sizeof(names))
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						len ? " " : "", name + 1);
	}
	return len ? names : "none";
}

/* Find the name of device "254:1"; false while the kernel does not have it. */
static bool root_find_number(const char *number)
{
	char path[64], text[1024], *line, *save;

	snprintf(path, sizeof(path), "/sys/dev/block/%s/uevent", number);
	if (init_slurp(path, text, sizeof(text)) < 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "DEVNAME=", 8)) {
			snprintf(root.device, sizeof(root.device), "/dev/%s", line + 8);
			return true;
		}
	}
	return false;
}

static bool root_is_there(const char *device)
{
	struct stat st;

	if (*device != '/')
		return root_find_number(device);
	snprintf(root.device, sizeof(root.device), "%s", device);
	return !stat(device, &st) && S_ISBLK(st.st_mode);
}

/* Print what is missing, and a remedy that fits how the root was given. */
static void root_explain_missing(const struct root_plan *plan, long seconds)
{
	char remedy[256];

	if (plan->no_modules)
		snprintf(remedy, sizeof(remedy),
			 "no modules of kernel %s were found on the host: --modules names their "
			 "folder",
			 plan->no_modules);
	else if (!strncmp(plan->device, "/dev/md", 7) || !strncmp(plan->device, "/dev/dm-", 8))
		snprintf(remedy, sizeof(remedy),
			 "RAID and the device mapper need the initrd of the root's own system: -i");
	else
		snprintf(remedy, sizeof(remedy), "%s names another",
			 strcmp(plan->by, "root=") ? "--root" : "root=");
	init_say("root %s is not there after %ld s; block devices: %s; %s", plan->device, seconds,
		 root_block_devices(), remedy);
}

/*
 * How many seconds to wait; LONG_MAX: for ever. As in the kernel, a value that is not a number
 * means for ever.
 */
static long root_wait_seconds(const char *cmdline)
{
	char text[32], *end;
	long seconds;

	if (!cmdline_find(cmdline, "rootwait", text, sizeof(text)))
		return WAIT_S;
	seconds = strtol(text, &end, 0);
	return !*text || *end || seconds < 0 || seconds > INT_MAX ? LONG_MAX : seconds;
}

static void root_delay(const char *cmdline)
{
	char text[32];

	if (cmdline_find(cmdline, "rootdelay", text, sizeof(text)))
		sleep((unsigned int)strtoul(text, NULL, 0));
}

static bool root_wait(const struct root_plan *plan)
{
	long limit = root_wait_seconds(plan->cmdline), waited = 0;

	for (;;) {
		for (int ms = 0; ms < 1000; ms += STEP_MS) {
			if (root_is_there(plan->device))
				return true;
			if (waited >= limit)
				break;
			nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
		}
		if (waited >= limit)
			break;
		waited++;
		if (waited % WAIT_S == 0 && waited < limit)
			init_say("root %s is not there after %ld s; block devices: %s; waiting on "
				 "(rootwait)",
				 plan->device, waited, root_block_devices());
	}
	root_explain_missing(plan, waited);
	return false;
}

/* --- mounting --- */

/* Mount it as the user asked; if the device cannot be written to, mount it read-only. */
static bool root_mount_as(const char *at, const char *type)
{
	const char *flags = root.flags[0] ? root.flags : NULL;

	if (!mount(root.device, at, type, root.read_only ? MS_RDONLY : 0, flags))
		return true;
	if (root.read_only || (errno != EROFS && errno != EACCES))
		return false;
	return !mount(root.device, at, type, MS_RDONLY, flags);
}

/* Try each type of a list with commas. */
static bool root_mount_listed(const char *at, const char *types)
{
	char text[256], *type, *save;
	int why = EINVAL;

	snprintf(text, sizeof(text), "%s", types);
	for (type = strtok_r(text, ",", &save); type; type = strtok_r(NULL, ",", &save)) {
		if (root_mount_as(at, type))
			return true;
		/* ENODEV (the kernel does not have this type) tells least: keep any other error. */
		why = errno == ENODEV ? why : errno;
	}
	errno = why;
	return false;
}

/* Try each type that the kernel knows and that needs a device. */
static bool root_mount_any(const char *at)
{
	char text[4096], *line, *save;

	if (init_slurp("/proc/filesystems", text, sizeof(text)) < 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '\t' && root_mount_as(at, line + 1))
			return true;
	}
	return false;
}

static bool root_mount_overlay(void)
{
	static const char options[] = "lowerdir=" OVERLAY_LOWER ",upperdir=" OVERLAY_UPPER
				      "/upper,workdir=" OVERLAY_UPPER "/work";

	mkdir(OVERLAY_UPPER, 0755);
	if (mount("tmpfs", OVERLAY_UPPER, "tmpfs", 0, "mode=755")) {
		init_say("overlay: %s: %s", OVERLAY_UPPER, strerror(errno));
		return false;
	}
	mkdir(OVERLAY_UPPER "/upper", 0755);
	mkdir(OVERLAY_UPPER "/work", 0755);
	if (!mount("overlay", INIT_ROOT, "overlay", 0, options))
		return true;
	init_say("overlay over %s: %s", root.device, strerror(errno));
	return false;
}

static void root_explain_mount(const struct root_plan *plan, int why)
{
	char flags[sizeof(root.flags) + 32] = "";

	if (root.flags[0])
		snprintf(flags, sizeof(flags), " with rootflags=%s", root.flags);
	init_say("root %s cannot be mounted as %s%s%s: %s", root.device,
		 plan->types ? plan->types : "anything this kernel knows",
		 root.strict ? " (rootfstype=)" : "", flags, strerror(why));
}

/* --- a root in a subvolume --- */

static bool root_has_init(void)
{
	static const char *const names[] = {"sbin/init", "etc/init", "bin/init", "bin/sh"};
	char path[64];
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), INIT_ROOT "/%s", names[i]);
		if (!lstat(path, &st))
			return true;
	}
	return false;
}

static void root_hint_subvolumes(void)
{
	char names[256] = "", first[NAME_MAX + 1] = "";
	struct dirent *entry;
	struct statfs fs;
	size_t len = 0;
	DIR *dir;

	if (statfs(INIT_ROOT, &fs) || (unsigned long)fs.f_type != BTRFS_MAGIC || root_has_init())
		return;
	dir = opendir(INIT_ROOT);
	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (entry->d_name[0] == '.' || len >= sizeof(names) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    st.st_ino != BTRFS_TOP_INO)
			continue;
		/* Installers name the subvolume of the root "@". */
		if (!first[0] || !strcmp(entry->d_name, "@"))
			snprintf(first, sizeof(first), "%s", entry->d_name);
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "",
					entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (first[0])
		init_say("root %s: btrfs without an init at its top, with the subvolumes %s; "
			 "-p rootflags=subvol=%s mounts one",
			 root.device, names, first);
}

const char *root_device(void)
{
	return root.device;
}

bool root_mount(const struct root_plan *plan)
{
	const char *at = plan->overlay ? OVERLAY_LOWER : INIT_ROOT;
	char type[64];
	bool mounted;
	int why;

	cmdline_find(plan->cmdline, "rootflags", root.flags, sizeof(root.flags));
	root.read_only = cmdline_last_is(plan->cmdline, "ro", "rw");
	root.strict = cmdline_find(plan->cmdline, "rootfstype", type, sizeof(type));
	root_delay(plan->cmdline);
	if (!root_wait(plan))
		return false;
	mkdir(at, 0755);
	mounted = plan->types && root_mount_listed(at, plan->types);
	why = errno;
	if (!mounted && (!plan->types || !root.strict)) {
		mounted = root_mount_any(at);
		why = plan->types ? why : errno;
	}
	if (!mounted) {
		root_explain_mount(plan, why);
		return false;
	}
	if (plan->overlay && !root_mount_overlay())
		return false;
	root_hint_subvolumes();
	return true;
}
