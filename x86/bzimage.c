// SPDX-License-Identifier: GPL-2.0-only
/*
 * The header of a Linux bzImage: read once, checked for truth, used from the copy.
 *
 * A bzImage is a boot sector and some sectors of 16-bit set-up code, which we do
 * not run, then the compressed kernel with its own unpacker. The header at 0x1f1
 * says how large both are, where the kernel wants to be and how much room it needs
 * there. All of it comes from a file, so each value is checked before it is used:
 *
 * - setup_sects and syssize against the length of the file: a build that was
 *   interrupted, or a copy that was, is named as truncated instead of being run;
 * - init_size (what unpacking needs, 54 to 67 MB for a distribution's kernel; the
 *   file is 14) must hold the payload and stay below 4 GiB;
 * - the preferred address and the alignment must be what the protocol says.
 *
 * Only the 64-bit entry is used: protocol 2.12 with XLF_KERNEL_64, which every
 * x86-64 kernel since 3.8 has. Pure functions; no file, no guest memory.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header",
 * "64-bit Boot Protocol".
 */
#include "bzimage.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define HEADER_OFFSET 0x1f1
#define BOOT_FLAG     0xaa55
#define PROTOCOL_64   0x020c
#define SECTOR	      512
#define DEFAULT_SECTS 4
#define LOAD_LIMIT    (1ULL << 32)
#define ALIGNMENT_MIN 4096

static int bzimage_refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* The header proper: its own length is given by the jump at 0x200, from 0x202 on. */
static int bzimage_copy_header(const u8 *head, size_t len, struct setup_header *header,
			       const char **why)
{
	size_t end;

	if (len < 0x202 + sizeof(u32))
		return bzimage_refuse(why, "is too short to be a kernel; a bzImage is wanted");
	if ((head[0x1fe] | head[0x1ff] << 8) != BOOT_FLAG ||
	    memcmp(head + 0x202, "HdrS", sizeof(u32)) != 0)
		return bzimage_refuse(why, "is not a bzImage: it has no HdrS header");
	end = 0x202 + head[0x201];
	if (end > len)
		return bzimage_refuse(why, "is truncated: it ends within its header");
	memset(header, 0, sizeof(*header));
	memcpy(header, head + HEADER_OFFSET, MIN(end - HEADER_OFFSET, sizeof(*header)));
	return 0;
}

static int bzimage_check_sizes(struct bzimage *image, u64 file_bytes, const char **why)
{
	const struct setup_header *header = &image->header;
	u64 sects = header->setup_sects ? header->setup_sects : DEFAULT_SECTS;
	u64 claimed = (u64)le32toh(header->syssize) * 16;

	image->payload_offset = (sects + 1) * SECTOR;
	if (!claimed)
		return bzimage_refuse(why, "is damaged: its header says the kernel has no code");
	if (file_bytes < image->payload_offset || file_bytes - image->payload_offset < claimed)
		return bzimage_refuse(why, "is truncated: its header promises more than the file "
					   "holds; copy or build it again");
	image->payload_bytes = file_bytes - image->payload_offset;
	image->init_size = le32toh(header->init_size);
	if (image->init_size < claimed)
		return bzimage_refuse(why, "is damaged: init_size is less than the kernel itself");
	/* A signature may follow the kernel; only what init_size makes room for is loaded. */
	image->payload_bytes = MIN(image->payload_bytes, image->init_size);
	return 0;
}

static int bzimage_check_place(struct bzimage *image, const char **why)
{
	const struct setup_header *header = &image->header;
	u64 alignment = le32toh(header->kernel_alignment);

	image->pref_address = le64toh(header->pref_address);
	if (header->relocatable_kernel) {
		if (alignment < ALIGNMENT_MIN || alignment & (alignment - 1))
			return bzimage_refuse(why, "is damaged: kernel_alignment is not a power of "
						   "two of at least 4096");
		image->alignment = alignment;
	}
	if (image->pref_address >= LOAD_LIMIT ||
	    image->init_size > LOAD_LIMIT - image->pref_address)
		return bzimage_refuse(why, "is damaged: its preferred address is above 4 GiB");
	return 0;
}

int bzimage_parse(const u8 *head, size_t len, u64 file_bytes, struct bzimage *image,
		  const char **why)
{
	const struct setup_header *header = &image->header;
	int err;

	memset(image, 0, sizeof(*image));
	err = bzimage_copy_header(head, len, &image->header, why);
	if (err)
		return err;
	if (le16toh(header->version) < PROTOCOL_64 ||
	    !(le16toh(header->xloadflags) & XLF_KERNEL_64))
		return bzimage_refuse(why,
				      "offers no 64-bit entry (boot protocol 2.12 with "
				      "XLF_KERNEL_64); only x86-64 bzImages are supported yet");
	if (!(header->loadflags & LOADED_HIGH))
		return bzimage_refuse(why, "is a zImage, which loads low; a bzImage is wanted");
	err = bzimage_check_sizes(image, file_bytes, why);
	err = err ? err : bzimage_check_place(image, why);
	if (err)
		return err;
	image->cmdline_size = le32toh(header->cmdline_size);
	image->initrd_max = le32toh(header->initrd_addr_max);
	return 0;
}

static bool bzimage_fits(const struct bzimage *image, gpa_t at, gpa_t min, gpa_t top)
{
	return at >= min && at <= top && top - at >= image->init_size;
}

gpa_t bzimage_place(const struct bzimage *image, gpa_t min, gpa_t top)
{
	gpa_t lowest;

	if (bzimage_fits(image, image->pref_address, min, top))
		return image->pref_address;
	if (!image->alignment)
		return 0;
	lowest = ALIGN_UP(MAX(min, image->pref_address), image->alignment);
	return bzimage_fits(image, lowest, min, top) ? lowest : 0;
}
