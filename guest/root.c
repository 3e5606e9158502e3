// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which block device of the guest is its root file system.
 *
 * The host looks into the disks, read-only and through libblkid, since it knows them before the
 * guest does: what lies on the whole disk, or in which partition. So the guest's init needs no
 * prober, and what is wrong is said before anything is booted. The n-th disk is /dev/vd[a + n] in
 * the guest, and its partitions have their numbers behind that.
 *
 * Without a wish it is the first disk: its file system, or in a partition table the partition
 * whose type says that it is x86-64's root, else the only one with a file system that a root
 * can be on, else the largest of those.
 *
 * A disk changes while its guest runs, and may be anybody's: what libblkid says of it is text to be
 * compared; only a type is passed on, and libblkid has a fixed list of those.
 *
 * Main thread.
 *
 * Spec: libblkid's reference; Discoverable Partitions Specification for the type of a root.
 */
#include "root.h"

#include <kvm/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOT_NONE "none"

#ifdef HAVE_BLKID
#include <blkid.h>

#define TYPE_ROOT_X86_64 "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define SECTOR		 512
#define KEY_DEVICE	 "DEVICE" /* beside libblkid's own: what the guest calls it */

/* File systems that a root can be on. */
static const char *const root_types[] = {"ext4", "ext3", "ext2",     "xfs",   "btrfs",
					 "f2fs", "jfs",	 "squashfs", "erofs", "reiserfs"};

/* What was found on a disk, or in a partition of it. */
struct candidate {
	struct root root;
	u64 bytes;
	bool typed_root; /* its partition says so */
};

struct search {
	const char *key, *value; /* "LABEL" and what it is to be; key NULL: the best */
	char disk[16];		 /* "/dev/vda" */
	struct candidate best;
	unsigned int found;
};

static bool root_is_type(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(root_types); i++) {
		if (!strcmp(type, root_types[i]))
			return true;
	}
	return false;
}

static const char *root_value(blkid_probe probe, const char *key)
{
	const char *value;

	return blkid_probe_lookup_value(probe, key, &value, NULL) ? "" : value;
}

/* A file system was found in probe: is it the one? */
static void root_consider(struct search *search, blkid_probe probe, const char *device,
			  const char *part_uuid, const char *part_type)
{
	struct candidate is = {.bytes = (u64)blkid_probe_get_size(probe)};
	const char *type = root_value(probe, "TYPE");

	snprintf(is.root.device, sizeof(is.root.device), "%s", device);
	snprintf(is.root.type, sizeof(is.root.type), "%s", type);
	is.typed_root = !strcasecmp(part_type, TYPE_ROOT_X86_64);
	if (search->key) {
		const char *value = !strcmp(search->key, KEY_DEVICE) ? device
				    : !strcmp(search->key, "PARTUUID")
					    ? part_uuid
					    : root_value(probe, search->key);

		if (strcmp(value, search->value) != 0 || search->found++)
			return;
		search->best = is;
		return;
	}
	if (!root_is_type(type))
		return;
	if (search->found++ &&
	    (search->best.typed_root > is.typed_root ||
	     (search->best.typed_root == is.typed_root && search->best.bytes >= is.bytes)))
		return;
	search->best = is;
}

static blkid_probe root_probe(int fd, u64 offset, u64 bytes)
{
	blkid_probe probe = blkid_new_probe();

	if (!probe)
		return NULL;
	if (blkid_probe_set_device(probe, fd, (blkid_loff_t)offset, (blkid_loff_t)bytes)) {
		blkid_free_probe(probe);
		return NULL;
	}
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
							 BLKID_SUBLKS_UUID);
	return probe;
}

static void root_search_partition(struct search *search, int fd, blkid_partition part)
{
	u64 start = (u64)blkid_partition_get_start(part) * SECTOR;
	u64 bytes = (u64)blkid_partition_get_size(part) * SECTOR;
	const char *uuid = blkid_partition_get_uuid(part);
	const char *type = blkid_partition_get_type_string(part);
	blkid_probe probe;
	char device[32];

	if (!bytes || blkid_partition_is_extended(part))
		return;
	probe = root_probe(fd, start, bytes);
	if (!probe)
		return;
	snprintf(device, sizeof(device), "%s%d", search->disk, blkid_partition_get_partno(part));
	if (!blkid_do_safeprobe(probe))
		root_consider(search, probe, device, uuid ? uuid : "", type ? type : "");
	blkid_free_probe(probe);
}

static void root_search_fd(struct search *search, int fd)
{
	blkid_probe probe = root_probe(fd, 0, 0);
	blkid_partlist parts;

	if (!probe)
		return;
	blkid_probe_enable_partitions(probe, 1);
	parts = blkid_probe_get_partitions(probe);
	if (parts && blkid_partlist_numof_partitions(parts) > 0) {
		for (int i = 0; i < blkid_partlist_numof_partitions(parts); i++)
			root_search_partition(search, fd, blkid_partlist_get_partition(parts, i));
	} else if (!blkid_do_safeprobe(probe)) {
		root_consider(search, probe, search->disk, "", "");
	}
	blkid_free_probe(probe);
}

static void root_search_disk(struct search *search, const char *path, unsigned int index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	/* It is open already, as a disk: the guest's init will say what is missing. */
	if (fd < 0)
		return;
	if (index < 26)
		snprintf(search->disk, sizeof(search->disk), "/dev/vd%c", 'a' + (int)index);
	else
		snprintf(search->disk, sizeof(search->disk), "/dev/vd%c%c",
			 'a' + (int)index / 26 - 1, 'a' + (int)index % 26);
	root_search_fd(search, fd);
	close(fd);
}

/* "LABEL=x" and the like on any disk. */
static int root_choose_tag(const char *wish, const char *const *disks, unsigned int count,
			   struct root *root)
{
	static const char *const keys[] = {"LABEL", "UUID", "PARTUUID"};
	struct search search = {.key = NULL};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t len = strlen(keys[i]);

		if (!strncmp(wish, keys[i], len) && wish[len] == '=') {
			search.key = keys[i];
			search.value = wish + len + 1;
		}
	}
	if (!search.key)
		return log_fail(-EINVAL,
				"--root %s: a device (/dev/vda1), LABEL=, UUID=, PARTUUID= or none "
				"is wanted",
				wish);
	for (unsigned int i = 0; i < count; i++)
		root_search_disk(&search, disks[i], i);
	if (!search.found)
		return log_fail(-ENOENT, "--root %s: no disk has it", wish);
	if (search.found > 1)
		return log_fail(-EINVAL, "--root %s: %u file systems have it; name the device",
				wish, search.found);
	*root = search.best.root;
	return 0;
}

/* A device by its name; its type is known when it is on a disk of ours. */
static int root_choose_device(const char *wish, const char *const *disks, unsigned int count,
			      struct root *root)
{
	struct search search = {.key = KEY_DEVICE, .value = wish};

	if (strlen(wish) >= sizeof(root->device) || strpbrk(wish, " \n"))
		return log_fail(-EINVAL, "--root %s: is no name of a device", wish);
	for (unsigned int i = 0; i < count && !search.found; i++)
		root_search_disk(&search, disks[i], i);
	*root = search.best.root;
	strcpy(root->device, wish);
	return 0;
}

int root_choose(const char *wish, const char *const *disks, unsigned int count, struct root *root)
{
	struct search search = {.key = NULL};

	*root = (struct root){0};
	if (wish && !strcmp(wish, ROOT_NONE))
		return 0;
	if (wish && wish[0] == '/')
		return root_choose_device(wish, disks, count, root);
	if (wish)
		return root_choose_tag(wish, disks, count, root);
	if (!count)
		return 0;
	root_search_disk(&search, disks[0], 0);
	if (!search.found)
		return log_fail(
			-ENOENT,
			"disk %s: has no file system that a root can be on, nor a partition "
			"with one; --root names another, or none",
			disks[0]);
	*root = search.best.root;
	return 0;
}
#else

/* Without libblkid nothing is known of a disk but its place. */
int root_choose(const char *wish, const char *const *disks, unsigned int count, struct root *root)
{
	*root = (struct root){0};
	(void)disks;
	if (wish && !strcmp(wish, ROOT_NONE))
		return 0;
	if (wish &&
	    (wish[0] != '/' || strlen(wish) >= sizeof(root->device) || strpbrk(wish, " \n")))
		return log_fail(-ENOTSUP,
				"--root %s: this lkvm was built without libblkid, which finds it; "
				"name the device",
				wish);
	if (wish || count)
		strcpy(root->device, wish ? wish : "/dev/vda");
	return 0;
}
#endif
