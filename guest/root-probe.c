// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the file systems and partitions on a disk, and their names, through libblkid.
 *
 * root.c uses this to choose the root. Each partition, or the whole disk if it has none, is
 * compared with what the user asked for. If the user asked for nothing, the best place for a root
 * is kept, and content that is not a file system is noted for a message.
 *
 * A guest or a stranger may have written the disk: the texts that libblkid finds are only compared.
 * Only a type is passed on, and libblkid has a fixed list of types.
 *
 * Read-only. Main thread.
 *
 * Spec: libblkid's reference; Discoverable Partitions Specification for the type of a root.
 */
#include "root-probe.h"

#include <kvm/util.h>

#include <blkid.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TYPE_ROOT_X86_64 "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define SECTOR		 512

/* File systems that a root can be on. */
static const char *const root_types[] = {"ext4", "ext3", "ext2",     "xfs",   "btrfs",
					 "f2fs", "jfs",	 "squashfs", "erofs", "reiserfs"};

/* Content that is not a file system, and that the guest's init cannot use. */
static const struct {
	const char *type, *text;
} root_others[] = {
	{"LVM2_member", "an LVM physical volume"},
	{"LVM1_member", "an LVM physical volume"},
	{"crypto_LUKS", "a LUKS volume"},
	{"linux_raid_member", "a member of an MD array"},
	{"swap", "swap space"},
	{"swsuspend", "swap space"},
	{"BitLocker", "a BitLocker volume"},
	{"bcache", "a bcache device"},
	{"zfs_member", "a member of a ZFS pool"},
};

/* A partition, or a whole disk (number 0, other fields empty). */
struct place {
	char device[32];
	int number;
	const char *uuid, *label, *type;
};

static bool root_is_type(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(root_types); i++) {
		if (!strcmp(type, root_types[i]))
			return true;
	}
	return false;
}

/* "an LVM physical volume"; NULL: the type is a file system. */
const char *root_probe_other(const char *type)
{
	size_t len = strlen(type), suffix = strlen("_member");

	for (size_t i = 0; i < ARRAY_SIZE(root_others); i++) {
		if (!strcmp(type, root_others[i].type))
			return root_others[i].text;
	}
	return len > suffix && !strcmp(type + len - suffix, "_member") ? "a member of a RAID array"
								       : NULL;
}

static const char *root_value(blkid_probe probe, const char *key)
{
	const char *value;

	return blkid_probe_lookup_value(probe, key, &value, NULL) ? "" : value;
}

/* Compare UUIDs, which are numbers, without regard to upper and lower case; labels exactly. */
static bool root_matches(const struct root_search *search, const struct place *place,
			 blkid_probe probe)
{
	switch (search->key) {
	case ROOT_BY_DEVICE:
		return !strcmp(place->device, search->value);
	case ROOT_BY_LABEL:
		return !strcmp(root_value(probe, "LABEL"), search->value);
	case ROOT_BY_UUID:
		return !strcasecmp(root_value(probe, "UUID"), search->value);
	case ROOT_BY_PARTUUID:
		return place->number && !strcasecmp(place->uuid, search->value);
	case ROOT_BY_PARTLABEL:
		return place->number && !strcmp(place->label, search->value);
	case ROOT_BEST:
		break;
	}
	return true;
}

static void root_note_other(struct root_search *search, const char *what, const char *device)
{
	size_t len = strlen(search->others);

	snprintf(search->others + len, sizeof(search->others) - len, "%s%s (%s)", len ? ", " : "",
		 what, device);
}

/* Check one place: is it the one that is looked for, or the best one so far? */
static void root_consider(struct root_search *search, blkid_probe probe, const struct place *place)
{
	struct root is;
	u64 bytes = (u64)blkid_probe_get_size(probe);
	bool typed = !strcasecmp(place->type, TYPE_ROOT_X86_64);
	const char *type = root_value(probe, "TYPE");

	snprintf(is.device, sizeof(is.device), "%s", place->device);
	snprintf(is.type, sizeof(is.type), "%s", type);
	if (search->key != ROOT_BEST) {
		if (root_matches(search, place, probe) && !search->found++)
			search->best = is;
		return;
	}
	if (root_probe_other(type))
		root_note_other(search, root_probe_other(type), place->device);
	if (!root_is_type(type))
		return;
	if (search->found++ &&
	    (search->typed > typed || (search->typed == typed && search->bytes >= bytes)))
		return;
	search->best = is;
	search->bytes = bytes;
	search->typed = typed;
}

/* --- a disk --- */

static blkid_probe root_open_probe(const struct root_search *search, int fd, u64 offset, u64 bytes)
{
	blkid_probe probe = blkid_new_probe();

	if (!probe)
		return NULL;
	if (blkid_probe_set_device(probe, fd, (blkid_loff_t)offset, (blkid_loff_t)bytes)) {
		blkid_free_probe(probe);
		return NULL;
	}
	/* A partition table counts in the sectors of the guest, not of the host. */
	blkid_probe_set_sectorsize(probe, search->block_bytes);
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
							 BLKID_SUBLKS_UUID);
	return probe;
}

static void root_search_partition(struct root_search *search, int fd, blkid_partition part)
{
	u64 start = (u64)blkid_partition_get_start(part) * SECTOR;
	u64 bytes = (u64)blkid_partition_get_size(part) * SECTOR;
	const char *uuid = blkid_partition_get_uuid(part), *label = blkid_partition_get_name(part);
	const char *type = blkid_partition_get_type_string(part);
	struct place place = {.number = blkid_partition_get_partno(part),
			      .uuid = uuid ?: "",
			      .label = label ?: "",
			      .type = type ?: ""};
	blkid_probe probe;

	if (!bytes || blkid_partition_is_extended(part))
		return;
	probe = root_open_probe(search, fd, start, bytes);
	if (!probe)
		return;
	snprintf(place.device, sizeof(place.device), "%s%d", search->disk, place.number);
	/* If nothing or more than one thing is found, there is no TYPE. */
	blkid_do_safeprobe(probe);
	root_consider(search, probe, &place);
	blkid_free_probe(probe);
}

static void root_search_whole(struct root_search *search, blkid_probe probe)
{
	struct place place = {.uuid = "", .label = "", .type = ""};

	snprintf(place.device, sizeof(place.device), "%s", search->disk);
	blkid_do_safeprobe(probe);
	root_consider(search, probe, &place);
}

static void root_search_fd(struct root_search *search, int fd)
{
	blkid_probe probe = root_open_probe(search, fd, 0, 0);
	blkid_partlist parts;
	int count;

	if (!probe)
		return;
	blkid_probe_enable_partitions(probe, 1);
	parts = blkid_probe_get_partitions(probe);
	count = parts ? blkid_partlist_numof_partitions(parts) : 0;
	for (int i = 0; i < count; i++)
		root_search_partition(search, fd, blkid_partlist_get_partition(parts, i));
	/* A disk with partitions is itself a root only if the user names the disk. */
	if (count <= 0 || search->key == ROOT_BY_DEVICE) {
		blkid_reset_probe(probe);
		blkid_probe_enable_partitions(probe, 0);
		root_search_whole(search, probe);
	}
	blkid_free_probe(probe);
}

void root_probe_disk(struct root_search *search, const char *path, const char *disk,
		     u32 block_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	/*
	 * lkvm has opened it as a disk before: if that is lost, the guest's init reports a missing
	 * root.
	 */
	if (fd < 0)
		return;
	search->disk = disk;
	search->block_bytes = block_bytes;
	root_search_fd(search, fd);
	close(fd);
}

FEATURE(blkid);
