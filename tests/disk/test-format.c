// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/format.c: images are told by their first bytes, and nothing else is.
 */
#include "disk/format.h"
#include "tests/disk/fixture.h"

static void assert_format(const void *bytes, size_t len, size_t offset, const char *format)
{
	u8 head[DISK_FORMAT_HEAD] = {};
	const char *found;

	memcpy(head + offset, bytes, len);
	found = disk_format_name(head, sizeof(head));
	if (format)
		assert_string_equal(found, format);
	else
		assert_null(found);
	/* Cut off before its magic ends it is none. */
	assert_null(disk_format_name(head, offset + len - 1));
}

static void test_images(void **state)
{
	assert_format("QFI\xfb\0\0\0\3", 4, 0, "qcow2");
	assert_format("QFI\xfb\0\0\0\2", 4, 0, "qcow2");
	assert_format("QED", 4, 0, "qed");
	assert_format("KDMV", 4, 0, "vmdk");
	assert_format("# Disk DescriptorFile", 21, 0, "vmdk");
	assert_format("\x7f\x10\xda\xbe", 4, 64, "vdi");
	assert_format("vhdxfile", 8, 0, "vhdx");
	assert_format("conectix", 8, 0, "vhd");
	assert_format("WithouFreSpacExt", 16, 0, "parallels");
}

static void test_qcow_of_old(void **state)
{
	u8 head[DISK_FORMAT_HEAD] = "QFI\xfb\0\0\0\1";

	assert_string_equal(disk_format_name(head, sizeof(head)), "qcow");
}

static void test_disks(void **state)
{
	assert_format("\x55\xaa", 2, 510, NULL);   /* a partition table */
	assert_format("LUKS\xba\xbe", 6, 0, NULL); /* a guest's own */
	assert_format("QFI", 3, 0, NULL);
	assert_format("KDMV", 4, 4, NULL);
	assert_null(disk_format_name(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_images),
		TEST(test_qcow_of_old),
		TEST(test_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
