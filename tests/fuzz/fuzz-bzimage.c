// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any file as a kernel against boot/bzimage.c.
 *
 * The first 9 bytes of an input are the size the file claims to have and where RAM ends, the
 * rest is the file's beginning. The file is as long as its bytes say at least, or the parser
 * could be accused of reading what it was given. Whatever is accepted must keep what
 * boot.c relies on when it loads:
 * - the payload lies within the file, is not empty, and fits into init_size; the compressed
 *   kernel lies within the payload;
 * - it offers an entry, and which ones agrees with its protocol;
 * - a zImage lies within [64 KiB, 512 KiB) and is placed nowhere else;
 * - of others the place is aligned or preferred, not below the preferred one, and init_size
 *   bytes from it on are within [min, top): nothing wraps;
 * - a refusal gives a reason.
 */
#include "tests/lib/fuzz.h"
#include <kvm/bzimage.h>

#include <stdlib.h>
#include <string.h>

#define CONTROL_BYTES 9

static void check_place(const struct bzimage *image, gpa_t min, gpa_t top)
{
	gpa_t at = bzimage_place(image, min, top);

	if (image->low) {
		CHECK(at == 0x10000);
		return;
	}
	if (!at) {
		/* A kernel that fits where it wants to be is never turned away. */
		CHECK(image->pref_address < min || image->pref_address > top ||
		      top - image->pref_address < image->init_size);
		return;
	}
	CHECK(at >= min);
	CHECK(at < top);
	CHECK(image->init_size <= top - at);
	CHECK(image->payload_bytes <= top - at);
	CHECK(at >= image->pref_address);
	CHECK(at == image->pref_address || (image->alignment && at % image->alignment == 0));
}

static void check_entries(const struct bzimage *image)
{
	CHECK(image->entries);
	CHECK(!(image->entries & ~(BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32 | BZIMAGE_ENTRY_64)));
	if (image->entries & BZIMAGE_ENTRY_16)
		CHECK(image->setup_bytes <= 32 * KIB);
	if (image->entries & BZIMAGE_ENTRY_32)
		CHECK(!image->low && image->version >= 0x0202);
	if (image->entries & BZIMAGE_ENTRY_64)
		CHECK(!image->low && image->version >= 0x020c);
}

static void check_packed(const struct bzimage *image)
{
	CHECK(!image->packed_bytes == !image->packed_offset);
	if (!image->packed_bytes)
		return;
	CHECK(image->version >= 0x0208);
	CHECK(image->packed_offset >= image->payload_offset);
	CHECK(image->packed_offset - image->payload_offset <= image->payload_bytes);
	CHECK(image->packed_bytes <=
	      image->payload_bytes - (image->packed_offset - image->payload_offset));
}

static void check_image(const struct bzimage *image, u64 file_bytes)
{
	static const gpa_t tops[] = {0, MIB, 2 * MIB, 64 * MIB, 3 * GIB, UINT64_MAX};

	CHECK(image->payload_bytes > 0);
	CHECK(image->payload_offset >= 2 * 512 && image->payload_offset == image->setup_bytes);
	CHECK(image->payload_offset <= file_bytes);
	CHECK(image->payload_bytes <= file_bytes - image->payload_offset);
	CHECK(image->payload_bytes <= image->init_size);
	CHECK(image->init_size <= 4 * GIB);
	CHECK(image->pref_address < 4 * GIB);
	CHECK(image->init_size <= 4 * GIB - image->pref_address);
	CHECK((image->alignment & (image->alignment - 1)) == 0);
	CHECK(image->alignment == 0 || image->alignment >= 4096);
	CHECK(!image->low || (image->pref_address == 0x10000 && image->payload_bytes <= 448 * KIB));
	CHECK(image->version || image->low);
	check_entries(image);
	check_packed(image);
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++)
		check_place(image, MIB, tops[i]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct bzimage image;
	const char *why = NULL;
	u64 file_bytes;
	gpa_t top;
	size_t len;
	u8 *head;

	if (size < CONTROL_BYTES)
		return 0;
	memcpy(&file_bytes, data, sizeof(file_bytes));
	top = (gpa_t)data[8] * 16 * MIB;
	data += CONTROL_BYTES;
	len = MIN(size - CONTROL_BYTES, (size_t)BZIMAGE_HEAD_BYTES);
	file_bytes = MAX(file_bytes, len);

	/* Its own allocation, for a read beyond the end to be seen. */
	head = malloc(MAX(len, 1UL));
	if (!head)
		return 0;
	memcpy(head, data, len);
	if (bzimage_parse(head, len, file_bytes, &image, &why)) {
		CHECK(why && *why);
	} else {
		check_image(&image, file_bytes);
		check_place(&image, MIB, top);
	}
	free(head);
	return 0;
}
