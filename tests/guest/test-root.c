// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins guest/root.c: which device is the root, by wish or by what is on the disks. The disks are
 * made here, a superblock and a partition table by hand.
 */
#include "guest-fixture.h"

#include "guest/root.h"

#include <endian.h>
#include <kvm/feature.h>

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

/* The revision says that it has a journal, extents, or neither: ext2, ext3 or ext4. */
static void make_it(u64 at, u32 has_journal, u32 has_extents)
{
	u32 values[] = {htole32(has_journal ? 0x4 : 0), htole32(has_extents ? 0x42 : 0x2)};

	memcpy(disk + at + 1024 + 0x5c, values, sizeof(values));
}

static void put_le(u64 at, u64 value, size_t bytes)
{
	value = htole64(value);
	memcpy(disk + at, &value, bytes);
}

static u32 crc32(const u8 *data, size_t bytes, u32 crc)
{
	for (size_t i = 0; i < bytes; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}

/*
 * A GPT (UEFI 2.10, 5.3.2) in blocks of this size with count partitions of a MiB each, from the
 * second MiB on. The n-th has a UUID of bytes n and the label "part n".
 */
static void put_gpt(u32 block, unsigned int count)
{
	u64 entries = 2ULL * block, header = block;

	put_le(446 + 4, 0xee, 1);
	put_le(446 + 8, 1, 4);
	put_le(446 + 12, DISK_BYTES / block - 1, 4);
	put_le(510, 0xaa55, 2);
	for (unsigned int n = 1; n <= count; n++) {
		u64 at = entries + (n - 1) * 128ULL;
		char label[16];

		memset(disk + at, 0x11, 16);
		memset(disk + at + 16, (int)(0xa0 + n), 16);
		put_le(at + 32, n * MIB / block, 8);
		put_le(at + 40, (n + 1) * MIB / block - 1, 8);
		snprintf(label, sizeof(label), "part %u", n);
		for (size_t i = 0; label[i]; i++)
			disk[at + 56 + 2 * i] = (u8)label[i];
	}
	memcpy(disk + header, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
	put_le(header + 24, 1, 8);
	put_le(header + 32, DISK_BYTES / block - 1, 8);
	put_le(header + 40, 2 + 16384 / block, 8);
	put_le(header + 48, DISK_BYTES / block - 34, 8);
	put_le(header + 72, 2, 8);
	put_le(header + 80, 128, 4);
	put_le(header + 84, 128, 4);
	put_le(header + 88, ~crc32(disk + entries, 16384, ~0U), 4);
	put_le(header + 16, ~crc32(disk + header, 92, ~0U), 4);
}

/* The label of a physical volume: LVM2's lib/label/label.h. */
static void put_lvm(u64 at)
{
	memcpy(disk + at + SECTOR, "LABELONE", 8);
	put_le(at + SECTOR + 8, 1, 8);
	put_le(at + SECTOR + 20, 32, 4);
	memcpy(disk + at + SECTOR + 24, "LVM2 001", 8);
	memset(disk + at + SECTOR + 32, 'u', 32);
	put_le(at + SECTOR + 16, crc32(disk + at + SECTOR + 20, SECTOR - 20, 0xf597a6cf), 4);
}

static void put_swap(u64 at)
{
	put_le(at + 1024, 1, 4);
	put_le(at + 1028, 100, 4);
	memcpy(disk + at + 4086, "SWAPSPACE2", 10);
}

/* Version 1, as the header begins. */
static void put_luks(u64 at)
{
	memcpy(disk + at, "LUKS\xba\xbe\0\1", 8);
	strcpy((char *)disk + at + 168, "01234567-89ab-cdef-0123-456789abcdef");
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

static u32 block_bytes[3] = {512, 512, 512};
static const char *by = "--root";

static int choose(const char *wish, unsigned int count, struct root *root)
{
	const struct root_query query = {
		.wish = wish, .by = by, .disks = disks, .block_bytes = block_bytes, .count = count};

	return root_choose(&query, root);
}

static void assert_root(const char *wish, unsigned int count, const char *device, const char *type)
{
	struct root root;

	if (choose(wish, count, &root))
		fail_msg("%s: %s", wish, logged.last);
	assert_string_equal(root.device, device);
	assert_string_equal(root.type, type);
	assert_int_equal(logged.lines, 0);
}

static void assert_refused(const char *wish, unsigned int count, const char *what)
{
	struct root root;

	assert_true(choose(wish, count, &root) < 0);
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
	assert_root("/dev/disk/by-label/one", 1, "/dev/vda", "ext4");
}

static void test_the_predecessors_of_ext4(void **state)
{
	put_ext4(0, DISK_BYTES, "two", 0xab);
	make_it(0, 0, 0);
	save(0);
	assert_root(NULL, 1, "/dev/vda", "ext2");
	put_ext4(0, DISK_BYTES, "three", 0xab);
	make_it(0, 1, 0);
	save(0);
	assert_root(NULL, 1, "/dev/vda", "ext3");
	/* Of a UUID the spelling does not matter, of a label it does. */
	assert_root("UUID=ABABABAB-abab-ABAB-abab-abababababab", 1, "/dev/vda", "ext3");
	assert_refused("LABEL=Three", 1, "--root LABEL=Three: no disk has it");
}

static void put_three_partitions(u32 block)
{
	put_gpt(block, 3);
	put_ext4(MIB, MIB, "first", 1);
	put_ext4(2 * MIB, MIB, "second", 2);
}

static void test_partitions_by_their_table(void **state)
{
	save(0);
	put_three_partitions(512);
	save(1);
	assert_root("PARTLABEL=part 2", 2, "/dev/vdb2", "ext4");
	assert_root("PARTUUID=a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1", 2, "/dev/vdb1", "ext4");
	assert_root("PARTUUID=A1A1A1A1-A1A1-A1A1-a1a1-A1A1A1A1A1A1", 2, "/dev/vdb1", "ext4");
	/* What is in it nobody knows, but it is there. */
	assert_root("PARTUUID=a3a3a3a3-a3a3-a3a3-a3a3-a3a3a3a3a3a3", 2, "/dev/vdb3", "");
	assert_root("PARTUUID=A1A1A1A1-a1a1-a1a1-a1a1-a1a1a1a1a1a1/PARTNROFF=1", 2, "/dev/vdb2",
		    "ext4");
	assert_root("PARTUUID=a3a3a3a3-a3a3-a3a3-a3a3-a3a3a3a3a3a3/PARTNROFF=-2", 2, "/dev/vdb1",
		    "ext4");
	assert_root("/dev/disk/by-partlabel/part 1", 2, "/dev/vdb1", "ext4");
	by = "root=";
	assert_refused("PARTLABEL=PART 2", 2, "root=PARTLABEL=PART 2: no disk has it");
	assert_refused("PARTUUID=", 2, "root=PARTUUID=: no disk has it");
	assert_refused("PARTUUID=a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1/PARTNROFF=3", 2,
		       "there is no partition 4 beside /dev/vdb1");
	assert_refused("PARTUUID=a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1/PARTNROFF=2147483647", 2,
		       "there is no partition 2147483648 beside /dev/vdb1");
	assert_refused("PARTUUID=a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1/PARTNROFF=-1", 2,
		       "there is no partition 0 beside /dev/vdb1");
	assert_refused("PARTUUID=a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1/PARTNROFF=1x", 2,
		       "PARTUUID=UUID/PARTNROFF=NUMBER is wanted");
	assert_refused("PARTUUID=a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1/partnroff=1", 2,
		       "PARTUUID=UUID/PARTNROFF=NUMBER is wanted");
	by = "--root";
}

/* A partition table counts in the guest's sectors. */
static void test_sectors_of_4096_bytes(void **state)
{
	put_three_partitions(4096);
	save(0);
	block_bytes[0] = 4096;
	assert_root("PARTLABEL=part 2", 1, "/dev/vda2", "ext4");
	assert_root(NULL, 1, "/dev/vda1", "ext4");
	block_bytes[0] = 512;
	assert_refused("PARTLABEL=part 2", 1, "no disk has it");
}

static void test_partition_of_a_dos_table(void **state)
{
	put_partition(1, PART_1, PART_SECTORS);
	put_ext4(PART_1 * SECTOR, PART_SECTORS * SECTOR, "x", 1);
	put_le(440, 0xdeadbeef, 4);
	save(0);
	assert_root("PARTUUID=DEADBEEF-01", 1, "/dev/vda1", "ext4");
	assert_root("PARTUUID=deadbeef-01", 1, "/dev/vda1", "ext4");
	assert_refused("PARTUUID=deadbeef-02", 1, "no disk has it");
}

/* Decimal and hexadecimal; of a major number that virtio-blk may have the type is known. */
static void test_numbers(void **state)
{
	save(0);
	put_three_partitions(512);
	save(1);
	assert_root("254:17", 2, "254:17", "ext4");
	assert_root("254:17:0", 2, "254:17", "ext4");
	assert_root("fe11", 2, "254:17", "ext4");
	assert_root("0xFE12", 2, "254:18", "ext4");
	assert_root("254:19", 2, "254:19", "");
	assert_root("8:17", 2, "8:17", "");
	assert_root("1010302", 2, "259:4098", "");
	assert_root("254:64", 2, "254:64", "");
	assert_refused("254:", 2, "is wanted");
	assert_refused("254:1x", 2, "is wanted");
	assert_refused("fe1x", 2, "is wanted");
	assert_refused("-1", 2, "is wanted");
	assert_refused("1fe000000", 2, "is wanted");
}

static void test_what_only_an_initrd_can_use(void **state)
{
	put_lvm(0);
	save(0);
	assert_refused(NULL, 1, "has an LVM physical volume (/dev/vda), and no file system that");
	assert_refused(NULL, 1, "-i FILE -p root=");
	assert_refused("/dev/vda", 1, "--root /dev/vda: /dev/vda is an LVM physical volume");
	put_partition(1, PART_1, 2048);
	put_swap(PART_1 * SECTOR);
	put_partition(2, PART_1 + 2048, PART_SECTORS);
	put_luks((PART_1 + 2048) * SECTOR);
	save(0);
	assert_refused(NULL, 1, "has swap space (/dev/vda1), a LUKS volume (/dev/vda2), and no");
	by = "root=";
	assert_refused("/dev/vda2", 1, "root=/dev/vda2: /dev/vda2 is a LUKS volume, not a file");
	assert_refused("254:2", 1, "root=254:2: /dev/vda2 is a LUKS volume");
	assert_refused("/dev/mapper/vg-root", 1, "-i FILE -p root=/dev/mapper/vg-root");
	assert_refused("/dev/nfs", 1, "root=/dev/nfs: a root on the network is not supported");
	by = "--root";
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
	assert_refused("vda", 1, "--root vda: a device (/dev/vda1, 254:1), LABEL=");
	assert_refused("NAME=x", 1, "--root NAME=x: a device");
	assert_refused("LABEL", 1, "--root LABEL: a device");
	assert_refused("/dev/vda x", 1, "is not the name of a device");
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
		choose(NULL, 1, &root);
		choose("LABEL=x", 1, &root);
		choose("PARTUUID=x/PARTNROFF=1", 1, &root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(test_no_disk_is_no_root),
		GUEST_TEST(test_a_whole_disk),
		GUEST_TEST(test_the_predecessors_of_ext4),
		GUEST_TEST(test_partitions_by_their_table),
		GUEST_TEST(test_sectors_of_4096_bytes),
		GUEST_TEST(test_partition_of_a_dos_table),
		GUEST_TEST(test_numbers),
		GUEST_TEST(test_what_only_an_initrd_can_use),
		GUEST_TEST(test_the_largest_partition_with_a_file_system),
		GUEST_TEST(test_none_leaves_disks_alone),
		GUEST_TEST(test_tags_are_looked_for_on_all_disks),
		GUEST_TEST(test_what_is_no_root),
		GUEST_TEST(test_any_bytes_are_harmless),
	};

	if (!feature_is_built("blkid"))
		return 0;
	return cmocka_run_group_tests_name("root", tests, NULL, NULL);
}
