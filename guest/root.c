// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which block device of the guest is its root file system.
 *
 * The host searches the disks and their partitions (root-probe.c), because it has them before the
 * guest does. So the guest's init needs no code for that, and an error is reported before the boot.
 * The n-th disk, from 0, is /dev/vd[a + n] in the guest, and a partition has its number after that.
 *
 * If the user names no root, it is on the first disk: the disk's file system or, if there are
 * partitions, the one whose type is "root of x86-64", else the only one with a file system that a
 * root can be on, else the largest of those. The user can name a device, or use the forms of the
 * kernel's root= with the same rules: PARTUUID= in upper or lower case, also with /PARTNROFF=,
 * PARTLABEL=, major and minor in decimal or hexadecimal. LABEL= and UUID=, which initrds know, are
 * allowed as well.
 *
 * If only an initrd can find the root (in LVM, LUKS or RAID), an error says so.
 *
 * Main thread.
 *
 * Spec: Linux Documentation/admin-guide/kernel-parameters.rst and
 * block/early-lookup.c for root=.
 */
#include "root.h"
#include "root-probe.h"

#include <kvm/log.h>
#include <kvm/util.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT_NONE "none"

/* How the user wrote it: "--root LABEL=x" or "root=LABEL=x". */
#define ROOT_ASKED	  "%s%s%s"
#define ROOT_WORDS(query) (query)->by, strchr((query)->by, '=') ? "" : " ", (query)->wish

/* --- numbers --- */

#define MINORS_OF_A_DISK 16 /* of virtio-blk: the disk itself, and 15 partitions */

/*
 * Refuse names that the kernel does not have, and that no program makes before the root is mounted.
 */
static int root_refuse_device(const struct root_query *query)
{
	const char *wish = query->wish;

	if (!strcmp(wish, "/dev/nfs") || !strcmp(wish, "/dev/cifs"))
		return log_fail(-ENOTSUP,
				ROOT_ASKED ": a root on the network is not supported; a disk "
					   "is (--disk)",
				ROOT_WORDS(query));
	if (!strncmp(wish, "/dev/mapper/", 12))
		return log_fail(-ENOTSUP,
				ROOT_ASKED ": LVM and the device mapper need the initrd of the "
					   "root's own system: -i FILE -p root=%s",
				ROOT_WORDS(query), wish);
	return 0;
}

/*
 * Turn "254:1", or "fe01" in hexadecimal as the kernel packs the numbers, into the text "254:1".
 * False: wish is neither.
 */
static bool root_parse_number(const char *wish, char *number, size_t bytes, unsigned int *major,
			      unsigned int *minor)
{
	unsigned long packed;
	unsigned int offset;
	char more, *end;

	if (sscanf(wish, "%u:%u%c", major, minor, &more) != 2 &&
	    sscanf(wish, "%u:%u:%u:%c", major, minor, &offset, &more) != 3) {
		packed = strtoul(wish, &end, 16);
		if (end == wish || *end || packed > UINT32_MAX ||
		    !strchr("0123456789abcdefABCDEF", *wish))
			return false;
		*major = (packed & 0xfff00) >> 8;
		*minor = (packed & 0xff) | (packed >> 12 & 0xfff00);
	}
	snprintf(number, bytes, "%u:%u", *major, *minor);
	return true;
}

static void root_disk_name(char *name, size_t bytes, unsigned int index)
{
	if (index < 26)
		snprintf(name, bytes, "/dev/vd%c", 'a' + (int)index);
	else
		snprintf(name, bytes, "/dev/vd%c%c", 'a' + (int)index / 26 - 1,
			 'a' + (int)index % 26);
}

#define SECTOR 512

static void root_search(struct root_search *search, const struct root_query *query,
			unsigned int index)
{
	char disk[16];

	root_disk_name(disk, sizeof(disk), index);
	root_probe_disk(search, query->disks[index], disk,
			query->block_bytes ? query->block_bytes[index] : SECTOR);
}

/* --- a root that the user named --- */

/* Refuse a root of a type that only an initrd can use. */
static int root_check_found(const struct root_query *query, const struct root *root)
{
	const char *other = root_probe_other(root->type);

	if (!other)
		return 0;
	return log_fail(-ENOTSUP,
			ROOT_ASKED ": %s is %s, not a file system; the initrd of the root's own "
				   "system can find the root in it: -i FILE -p root=...",
			ROOT_WORDS(query), root->device, other);
}

/* Choose a device by its name; its type is known if it is on one of our disks. */
static int root_choose_device(const struct root_query *query, const char *device, struct root *root)
{
	struct root_search search = {.key = ROOT_BY_DEVICE, .value = device};

	if (strlen(device) >= sizeof(root->device) || strpbrk(device, " \n"))
		return log_fail(-EINVAL, ROOT_ASKED ": is not the name of a device",
				ROOT_WORDS(query));
	for (unsigned int i = 0; i < query->count && !search.found; i++)
		root_search(&search, query, i);
	*root = search.best;
	strcpy(root->device, device);
	return root_check_found(query, root);
}

/*
 * Choose a device by its numbers. The kernel assigns the major number of virtio-blk at its start,
 * so the type is that of the disk which would have this minor number.
 */
static int root_choose_number(const struct root_query *query, const char *number,
			      unsigned int major, unsigned int minor, struct root *root)
{
	unsigned int index = minor / MINORS_OF_A_DISK, part = minor % MINORS_OF_A_DISK;
	char name[32];
	int err = 0;

	if (major >= 234 && major <= 254 && index < query->count) {
		root_disk_name(name, sizeof(name), index);
		if (part)
			snprintf(name + strlen(name), sizeof(name) - strlen(name), "%u", part);
		err = root_choose_device(query, name, root);
	}
	snprintf(root->device, sizeof(root->device), "%s", number);
	return err;
}

/* Split "PARTUUID=x/PARTNROFF=n" into x and n. */
static int root_split_offset(const struct root_query *query, const char *value, char *uuid,
			     size_t bytes, int *offset)
{
	const char *slash = strchr(value, '/');
	char more;

	*offset = 0;
	snprintf(uuid, bytes, "%.*s", (int)strcspn(value, "/"), value);
	if (!slash || sscanf(slash, "/PARTNROFF=%d%c", offset, &more) == 1)
		return 0;
	return log_fail(-EINVAL,
			ROOT_ASKED ": PARTUUID=UUID or PARTUUID=UUID/PARTNROFF=NUMBER is wanted",
			ROOT_WORDS(query));
}

/* Choose the partition whose number is `offset` higher. */
static int root_move(const struct root_query *query, int offset, struct root *root)
{
	size_t name = strcspn(root->device, "0123456789");
	long number = atol(root->device + name) + offset;
	char device[sizeof(root->device)];
	struct root_search search = {.key = ROOT_BY_DEVICE, .value = device};

	snprintf(device, sizeof(device), "%.*s%ld", (int)MIN(name, 32UL), root->device, number);
	for (unsigned int i = 0; number > 0 && i < query->count; i++)
		root_search(&search, query, i);
	if (!search.found)
		return log_fail(-ENOENT, ROOT_ASKED ": there is no partition %ld beside %s",
				ROOT_WORDS(query), number, root->device);
	*root = search.best;
	return 0;
}

/* Choose the place with this label or UUID, on any disk. */
static int root_choose_tag(const struct root_query *query, enum root_key key, const char *value,
			   struct root *root)
{
	struct root_search search = {.key = key, .value = value};
	char uuid[128];
	int offset = 0, err = 0;

	if (key == ROOT_BY_PARTUUID) {
		err = root_split_offset(query, value, uuid, sizeof(uuid), &offset);
		search.value = uuid;
	}
	if (err)
		return err;
	for (unsigned int i = 0; *search.value && i < query->count; i++)
		root_search(&search, query, i);
	if (!search.found)
		return log_fail(-ENOENT, ROOT_ASKED ": no disk has it", ROOT_WORDS(query));
	if (search.found > 1)
		return log_fail(-EINVAL, ROOT_ASKED ": %u %s have it; name the device",
				ROOT_WORDS(query), search.found,
				key < ROOT_BY_PARTUUID ? "file systems" : "partitions");
	*root = search.best;
	err = offset ? root_move(query, offset, root) : 0;
	return err ?: root_check_found(query, root);
}

static int root_choose_wish(const struct root_query *query, struct root *root)
{
	static const struct {
		const char *text;
		enum root_key key;
	} tags[] = {
		{"LABEL=", ROOT_BY_LABEL},
		{"UUID=", ROOT_BY_UUID},
		{"PARTUUID=", ROOT_BY_PARTUUID},
		{"PARTLABEL=", ROOT_BY_PARTLABEL},
		/* udev's names for them */
		{"/dev/disk/by-label/", ROOT_BY_LABEL},
		{"/dev/disk/by-uuid/", ROOT_BY_UUID},
		{"/dev/disk/by-partuuid/", ROOT_BY_PARTUUID},
		{"/dev/disk/by-partlabel/", ROOT_BY_PARTLABEL},
	};
	const char *wish = query->wish;
	unsigned int major, minor;
	char number[32];

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t len = strlen(tags[i].text);

		if (!strncmp(wish, tags[i].text, len))
			return root_choose_tag(query, tags[i].key, wish + len, root);
	}
	if (wish[0] == '/')
		return root_choose_device(query, wish, root);
	if (root_parse_number(wish, number, sizeof(number), &major, &minor))
		return root_choose_number(query, number, major, minor, root);
	return log_fail(-EINVAL,
			ROOT_ASKED ": a device (/dev/vda1, 254:1), LABEL=, UUID=, PARTUUID=, "
				   "PARTLABEL= or none is wanted",
			ROOT_WORDS(query));
}

/* --- the best root, if the user named none --- */

static int root_choose_best(const struct root_query *query, struct root *root)
{
	struct root_search search = {.key = ROOT_BEST};

	if (!query->count)
		return 0;
	root_search(&search, query, 0);
	*root = search.best;
	if (search.found)
		return 0;
	if (search.others[0])
		return log_fail(-ENOENT,
				"disk %s: has %s, and no file system that a root can be on; the "
				"initrd of the root's own system may find it: -i FILE -p root=...; "
				"--root names another, or none",
				query->disks[0], search.others);
	return log_fail(-ENOENT,
			"disk %s: has no file system that a root can be on, nor a partition "
			"with one; --root names another, or none",
			query->disks[0]);
}

/* --- without libblkid: the content of a disk is not known --- */

static int root_take_wish(const struct root_query *query, struct root *root)
{
	unsigned int major, minor;

	if (root_parse_number(query->wish, root->device, sizeof(root->device), &major, &minor))
		return 0;
	if (query->wish[0] != '/' || strlen(query->wish) >= sizeof(root->device) ||
	    strpbrk(query->wish, " \n"))
		return log_fail(-ENOTSUP,
				ROOT_ASKED ": this lkvm was built without libblkid, which finds "
					   "it; name the device",
				ROOT_WORDS(query));
	strcpy(root->device, query->wish);
	return 0;
}

static int root_take_first(const struct root_query *query, struct root *root)
{
	if (query->count)
		root_disk_name(root->device, sizeof(root->device), 0);
	return 0;
}

int root_choose(const struct root_query *query, struct root *root)
{
	int err;

	*root = (struct root){0};
	if (!query->wish)
		return root_probe_disk ? root_choose_best(query, root)
				       : root_take_first(query, root);
	if (!strcmp(query->wish, ROOT_NONE))
		return 0;
	err = root_refuse_device(query);
	if (err)
		return err;
	return root_probe_disk ? root_choose_wish(query, root) : root_take_wish(query, root);
}
