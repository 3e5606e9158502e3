// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins guest/root.c: which device is the root, by wish or by what is on the disks. The disks are
 * made here, a superblock and a partition table by hand.
 */
#include "guest-fixture.h"

#include "guest/root.h"

#include <endian.h>

#define DISK_BYTES   (8 * MIB)
#define SECTOR	     512
#define PART_1	     2048 /* sectors */
#define PART_SECTORS 4096

static u8 disk[DISK_BYTES];
static char paths[3][512];
static const char *disks[3] = {paths[0], paths[1], paths[2]};

/* ext4's superblock (Linux Documentation/filesystems/ext4, "Super Block") at a byte. */
static void put_ext4(u64 at, u64 bytes, const char *label, u8 uuid)
{
	u8 *sb = disk + at + 1024;
	const u32 fields[][2] = {{0x0, 64},
				 {0x4, (u32)(bytes / 1024)},
				 {0x14, 1},
				 {0x18, 0},
				 {0x20, 8192},
				 {0x28, 64},
				 {0x4c, 1},
				 {0x54, 11},
				 {0x58, 256},
				 {0x5c, 0x4 /* has a journal */},
				 {0x60, 0x42 /* extents, types */}};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		u32 value = htole32(fields[i][1]);

		memcpy(sb + fields[i][0], &value, 4);
	}
	sb[0x38] = 0x53;
	sb[0x39] = 0xef;
	memset(sb + 0x68, uuid, 16);
	strncpy((char *)sb + 0x78, label, 16);
}

/* A partition of a DOS table, 1 to 4. */
static void put_partition(unsigned int number, u32 start, u32 sectors)
{
	u8 *entry = disk + 446 + 16 * (number - 1);
	u32 values[] = {htole32(start), htole32(sectors)};

	entry[4] = 0x83;
	memcpy(entry + 8, values, 8);
	disk[510] = 0x55;
	disk[511] = 0xaa;
}

static void save(unsigned int index)
{
	char name[16];

	snprintf(name, sizeof(name), "disk%u", index);
	snprintf(paths[index], sizeof(paths[index]), "%s", put_bytes(name, disk, sizeof(disk)));
	memset(disk, 0, sizeof(disk));
}

static void assert_root(const char *wish, unsigned int count, const char *device, const char *type)
{
	struct root root;

	assert_int_equal(root_choose(wish, disks, count, &root), 0);
	assert_string_equal(root.device, device);
	assert_string_equal(root.type, type);
	assert_int_equal(lines, 0);
}

static void assert_refused(const char *wish, unsigned int count, const char *what)
{
	struct root root;

	assert_true(root_choose(wish, disks, count, &root) < 0);
	assert_said(what);
}

static void test_no_disk_is_no_root(void **state)
{
	assert_root(NULL, 0, "", "");
}

static void test_a_whole_disk(void **state)
{
	put_ext4(0, DISK_BYTES, "one", 1);
	save(0);
	assert_root(NULL, 1, "/dev/vda", "ext4");
	assert_root("/dev/vda", 1, "/dev/vda", "ext4");
	assert_root("LABEL=one", 1, "/dev/vda", "ext4");
	assert_root("UUID=01010101-0101-0101-0101-010101010101", 1, "/dev/vda", "ext4");
}

static void test_the_largest_partition_with_a_file_system(void **state)
{
	put_partition(1, PART_1, 1024);
	put_ext4(PART_1 * SECTOR, 1024 * SECTOR, "small", 1);
	put_partition(2, PART_1 + 2048, PART_SECTORS);
	put_ext4((PART_1 + 2048) * SECTOR, PART_SECTORS * SECTOR, "large", 2);
	put_partition(3, PART_1 + 2048 + PART_SECTORS, 6144);
	save(0);
	assert_root(NULL, 1, "/dev/vda2", "ext4");
	assert_root("/dev/vda1", 1, "/dev/vda1", "ext4");
	assert_root("/dev/vda3", 1, "/dev/vda3", "");
	assert_root("LABEL=small", 1, "/dev/vda1", "ext4");
}

static void test_none_leaves_disks_alone(void **state)
{
	save(0);
	assert_root("none", 1, "", "");
	assert_root("none", 0, "", "");
}

static void test_tags_are_looked_for_on_all_disks(void **state)
{
	save(0);
	put_ext4(0, DISK_BYTES, "here", 7);
	save(1);
	put_ext4(0, DISK_BYTES, "here", 8);
	save(2);
	assert_root("LABEL=here", 2, "/dev/vdb", "ext4");
	assert_refused("LABEL=here", 3, "2 file systems have it; name the device");
	assert_root("UUID=08080808-0808-0808-0808-080808080808", 3, "/dev/vdc", "ext4");
	assert_refused("LABEL=nowhere", 3, "LABEL=nowhere: no disk has it");
}

static void test_what_is_no_root(void **state)
{
	save(0);
	assert_refused(NULL, 1, "has no file system that a root can be on");
	assert_root("/dev/nvme0n1", 1, "/dev/nvme0n1", "");
	assert_refused("vda", 1, "--root vda: a device (/dev/vda1), LABEL=, UUID=");
	assert_refused("NAME=x", 1, "--root NAME=x: a device");
	assert_refused("LABEL", 1, "--root LABEL: a device");
	assert_refused("/dev/vda x", 1, "is no name of a device");
}

static void test_any_bytes_are_harmless(void **state)
{
	struct root root;

	srand(1);
	for (int round = 0; round < 50; round++) {
		put_partition(1, (u32)rand(), (u32)rand());
		put_partition(2, PART_1, (u32)rand());
		put_ext4(PART_1 * SECTOR, MIB, "x", 1);
		for (int i = 0; i < 200; i++)
			disk[(size_t)rand() % (PART_1 * SECTOR + 4096)] = (u8)rand();
		save(0);
		root_choose(NULL, disks, 1, &root);
		root_choose("LABEL=x", disks, 1, &root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(test_no_disk_is_no_root),
		GUEST_TEST(test_a_whole_disk),
		GUEST_TEST(test_the_largest_partition_with_a_file_system),
		GUEST_TEST(test_none_leaves_disks_alone),
		GUEST_TEST(test_tags_are_looked_for_on_all_disks),
		GUEST_TEST(test_what_is_no_root),
		GUEST_TEST(test_any_bytes_are_harmless),
	};

#ifndef HAVE_BLKID
	return 0;
#endif
	return cmocka_run_group_tests_name("root", tests, NULL, NULL);
}
