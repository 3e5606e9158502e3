// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image formats: the list of those that lkvm has, and how to recognise files of other formats.
 *
 * The first bytes of a file are read only to refuse the file. A guest can choose the first bytes of
 * a raw disk; if they could make lkvm use another format, the guest could name any host file in the
 * image header and read it. So the content never decides the format. But a raw disk that begins
 * with the magic of an image is most probably a mistake: the user is asked for format=.
 *
 * Formats with their magic at the end of the file (fixed VHD, DMG) are not recognised, nor is LUKS:
 * a guest may use LUKS on a whole disk.
 *
 * Spec: QEMU docs/interop/qcow2.txt and qed_spec.txt, VMDK 5.0 "Hosted Sparse Extent Header",
 * MS-VHDX 2.2.1, VHD 1.0 "Hard Disk Footer Format"; the others by what their tools write.
 */
#include "format.h"

#include <string.h>

const struct disk_image_ops *const disk_formats[] = {&disk_raw, &disk_snapshot, NULL};

_Static_assert(ARRAY_SIZE(disk_formats) - 1 <= DISK_IMAGES_MAX, "all may lie on each other");

struct disk_magic {
	const char *format;
	unsigned int offset, len;
	const char *bytes;
};

static const struct disk_magic magics[] = {
	{"qcow", 0, 8, "QFI\xfb\0\0\0\1"},
	{"qcow2", 0, 4, "QFI\xfb"},
	{"qed", 0, 4, "QED\0"},
	{"vmdk", 0, 4, "KDMV"},
	{"vmdk", 0, 4, "COWD"},
	{"vmdk", 0, 21, "# Disk DescriptorFile"},
	{"vdi", 0x40, 4, "\x7f\x10\xda\xbe"},
	{"vhdx", 0, 8, "vhdxfile"},
	{"vhd", 0, 8, "conectix"},
	{"parallels", 0, 16, "WithoutFreeSpace"},
	{"parallels", 0, 16, "WithouFreSpacExt"},
	{"bochs", 0, 22, "Bochs Virtual HD Image"},
	{"cloop", 0, 22, "#!/bin/sh\n#V2.0 Format"},
};

const char *disk_format_name(const u8 *head, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		const struct disk_magic *magic = &magics[i];

		if (magic->offset + magic->len <= len &&
		    !memcmp(head + magic->offset, magic->bytes, magic->len))
			return magic->format;
	}
	return NULL;
}
