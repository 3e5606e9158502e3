// SPDX-License-Identifier: GPL-2.0-only
/*
 * The header of a Linux kernel image: read once, checked, and used from the checked copy.
 *
 * A bzImage is a boot sector and some sectors of 16-bit set-up code, then the compressed kernel
 * with its own unpacker. The header at 0x1f1 says how large both are, at which address the kernel
 * prefers to be loaded and how much memory it needs there. The header comes from a file, so each
 * value is checked before it is used:
 *
 * - setup_sects and syssize against the length of the file: the file of an interrupted build or
 *   copy is refused as truncated. syssize counts paragraphs of 16 bytes, rounded up, and some
 *   builds do not pad the file;
 * - init_size (the memory that unpacking needs: 54 to 67 MB for a distribution's kernel whose file
 *   has 14 MB) must stay below 4 GiB. If it is less than the kernel's own length, the kernel's
 *   length is used;
 * - the preferred address must be below 4 GiB, the alignment a power of two.
 *
 * Newer versions of the protocol have more fields. A field that is missing in an old image gets the
 * value that boot.rst defines: no relocation before 2.05, command lines of 255 characters before
 * 2.06, no init_size before 2.10. The oldest images have no header, only a few words in the boot
 * sector. The version also decides which entries an image offers: 64-bit with 2.12 and
 * XLF_KERNEL_64 (each x86-64 kernel since 3.8), 32-bit with 2.02 and a kernel that loads high,
 * 16-bit always. An image with code32_start 0 (iPXE) or syssize 0 (GRUB after its lnxboot.img) has
 * no 32-bit entry: its set-up code does everything.
 *
 * Pure functions; no file, no guest memory.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header",
 * "Details of Header Fields", "64-bit Boot Protocol".
 */
#include <kvm/bzimage.h>

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define HEADER_OFFSET	   0x1f1
#define BOOT_FLAG	   0xaa55
#define SECTOR		   512
#define PARAGRAPH	   16 /* the unit of syssize */
#define DEFAULT_SECTS	   4
#define MAX_SECTS	   63 /* with the boot sector, 32 KiB: the heap follows */
#define LOAD_LIMIT	   (1ULL << 32)
#define LOAD_HIGH	   0x100000
#define LOAD_LOW	   0x10000
#define LOW_LIMIT	   0x80000 /* set-up code of a zImage begins at 0x90000 */
#define ALIGNMENT_MIN	   4096
#define ALIGNMENT_DEFAULT  (2 * MIB) /* for a relocatable image without kernel_alignment */
#define UNPACK_FACTOR	   8	     /* before 2.10: init_size = payload * this */

#define PROTOCOL_CMDLINE   0x0202 /* cmd_line_ptr */
#define PROTOCOL_INITRD	   0x0203 /* initrd_addr_max */
#define PROTOCOL_SYSSIZE32 0x0204 /* syssize has four bytes */
#define PROTOCOL_RELOCATE  0x0205 /* relocatable_kernel, kernel_alignment */
#define PROTOCOL_CMDSIZE   0x0206 /* cmdline_size */
#define PROTOCOL_PAYLOAD   0x0208 /* payload_offset, payload_length */
#define PROTOCOL_INIT_SIZE 0x020a /* pref_address, init_size */
#define PROTOCOL_64	   0x020c /* xloadflags */

#define OLD_CMDLINE_SIZE   255
#define OLD_INITRD_MAX	   0x37ffffff

static int bzimage_refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* Copy the header. The operand of the jump at 0x200 is the header's length from 0x202 on. */
static int bzimage_copy_header(const u8 *head, size_t len, struct bzimage *image, const char **why)
{
	size_t end;

	if (len < 0x202 + sizeof(u32))
		return bzimage_refuse(why, "is too short to be a kernel; a bzImage is wanted");
	if ((head[0x1fe] | head[0x1ff] << 8) != BOOT_FLAG)
		return bzimage_refuse(why, "is not a kernel image of a kind that lkvm knows: "
					   "bzImage, or ELF for x86");
	/* Without HdrS this may be a kernel from before the protocol: it has a boot sector only. */
	if (memcmp(head + 0x202, "HdrS", sizeof(u32)) != 0) {
		memcpy(&image->header, head + HEADER_OFFSET, 0x200 - HEADER_OFFSET);
		return 0;
	}
	end = 0x202 + head[0x201];
	if (end > len)
		return bzimage_refuse(why, "is truncated: it ends within its header");
	memcpy(&image->header, head + HEADER_OFFSET,
	       MIN(end - HEADER_OFFSET, sizeof(image->header)));
	image->version = le16toh(image->header.version);
	return 0;
}

static u64 bzimage_claimed(const struct bzimage *image)
{
	u32 paragraphs = le32toh(image->header.syssize);

	if (image->version < PROTOCOL_SYSSIZE32)
		paragraphs &= 0xffff;
	return (u64)paragraphs * PARAGRAPH;
}

static int bzimage_check_sizes(struct bzimage *image, u64 file_bytes, const char **why)
{
	const struct setup_header *header = &image->header;
	u64 sects = header->setup_sects ? header->setup_sects : DEFAULT_SECTS;
	u64 claimed = bzimage_claimed(image);
	/* The last paragraph may be as short as one byte. */
	u64 least = claimed ? claimed - (PARAGRAPH - 1) : 0;

	image->setup_bytes = (sects + 1) * SECTOR;
	image->payload_offset = image->setup_bytes;
	if (file_bytes < image->payload_offset || file_bytes - image->payload_offset < least)
		return bzimage_refuse(why, "is truncated: its header promises more than the file "
					   "holds; copy or build it again");
	image->payload_bytes = MIN(file_bytes - image->payload_offset, LOAD_LIMIT);
	/* A disk's boot sector can have the same two words, so check the sizes as well. */
	if (!image->version && (!claimed || file_bytes > image->payload_offset + LOW_LIMIT))
		return bzimage_refuse(why, "is not a kernel image: a boot sector without a HdrS "
					   "header; a bzImage is wanted");
	/* Before 2.04 syssize had 16 bits, so 0 was valid there: the file's length counts. */
	if (!claimed && image->version >= PROTOCOL_SYSSIZE32)
		return bzimage_refuse(why, "is damaged: its header says the kernel has no code");
	if (!claimed && !image->payload_bytes)
		return bzimage_refuse(why, "is set-up code alone: no kernel follows it in the file "
					   "(to GRUB's lnxboot.img a core image is appended)");
	if (image->version >= PROTOCOL_INIT_SIZE)
		image->init_size = le32toh(header->init_size);
	else
		image->init_size = ALIGN_UP(image->payload_bytes, 4096ULL) * UNPACK_FACTOR;
	if (image->low)
		image->init_size = image->payload_bytes;
	if (claimed > LOAD_LIMIT)
		return bzimage_refuse(why, "is damaged: its header says it is longer than 4 GiB");
	image->init_size = MAX(image->init_size, claimed);
	/* A signature may follow the kernel: load at most init_size bytes. */
	image->payload_bytes = MIN(image->payload_bytes, image->init_size);
	return 0;
}

/*
 * A 32-bit kernel that cannot be relocated is loaded at code32_start and moves itself to its
 * preferred address. Reserve both places and the memory between them.
 */
static void bzimage_load_at_start(struct bzimage *image)
{
	gpa_t start = le32toh(image->header.code32_start);

	/* The caller refuses a preferred address above 4 GiB; here it must not overflow the sum. */
	if (start < LOAD_HIGH || start > image->pref_address || image->pref_address >= LOAD_LIMIT)
		return;
	image->init_size += image->pref_address - start;
	image->pref_address = start;
}

static int bzimage_check_place(struct bzimage *image, const char **why)
{
	const struct setup_header *header = &image->header;
	u64 alignment = le32toh(header->kernel_alignment);

	image->pref_address = image->low ? LOAD_LOW : LOAD_HIGH;
	if (image->version >= PROTOCOL_INIT_SIZE && !image->low)
		image->pref_address = le64toh(header->pref_address);
	if (image->version >= PROTOCOL_RELOCATE && header->relocatable_kernel) {
		if (image->version < PROTOCOL_INIT_SIZE && !alignment)
			alignment = ALIGNMENT_DEFAULT;
		if (!alignment || alignment & (alignment - 1))
			return bzimage_refuse(why, "is damaged: kernel_alignment is not a power of "
						   "two");
		/* A larger power of two satisfies the smaller alignment, too. */
		image->alignment = MAX(alignment, (u64)ALIGNMENT_MIN);
	} else if (image->version >= PROTOCOL_INIT_SIZE &&
		   !(le16toh(header->xloadflags) & XLF_KERNEL_64))
		bzimage_load_at_start(image);
	if (image->low && image->payload_bytes > LOW_LIMIT - LOAD_LOW)
		return bzimage_refuse(why, "is damaged: a zImage of more than 448 KiB");
	if (image->pref_address >= LOAD_LIMIT ||
	    image->init_size > LOAD_LIMIT - image->pref_address)
		return bzimage_refuse(why, "is damaged: its preferred address is above 4 GiB");
	return 0;
}

/* Find the compressed kernel in the file, so that the host can unpack it. */
static int bzimage_check_packed(struct bzimage *image, const char **why)
{
	u64 offset = le32toh(image->header.payload_offset);
	u64 bytes = le32toh(image->header.payload_length);

	if (image->version < PROTOCOL_PAYLOAD || !bytes)
		return 0;
	if (offset > image->payload_bytes || bytes > image->payload_bytes - offset)
		return bzimage_refuse(why, "is damaged: its compressed kernel lies outside of it");
	image->packed_offset = image->payload_offset + offset;
	image->packed_bytes = bytes;
	return 0;
}

static void bzimage_list_entries(struct bzimage *image)
{
	const struct setup_header *header = &image->header;

	if (image->setup_bytes <= (MAX_SECTS + 1) * SECTOR)
		image->entries |= BZIMAGE_ENTRY_16;
	if (image->version >= PROTOCOL_CMDLINE && !image->low && header->code32_start &&
	    bzimage_claimed(image))
		image->entries |= BZIMAGE_ENTRY_32;
	if (image->version >= PROTOCOL_64 && le16toh(header->xloadflags) & XLF_KERNEL_64 &&
	    !image->low)
		image->entries |= BZIMAGE_ENTRY_64;
}

int bzimage_parse(const u8 *head, size_t len, u64 file_bytes, struct bzimage *image,
		  const char **why)
{
	const struct setup_header *header = &image->header;
	int err;

	memset(image, 0, sizeof(*image));
	err = bzimage_copy_header(head, len, image, why);
	if (err)
		return err;
	image->low = !image->version || !(header->loadflags & LOADED_HIGH);
	err = bzimage_check_sizes(image, file_bytes, why);
	err = err ?: bzimage_check_place(image, why);
	err = err ?: bzimage_check_packed(image, why);
	if (err)
		return err;
	bzimage_list_entries(image);
	if (!image->entries)
		return bzimage_refuse(why, "is damaged: its header has room for no entry");
	image->cmdline_size = image->version >= PROTOCOL_CMDSIZE ? le32toh(header->cmdline_size)
								 : OLD_CMDLINE_SIZE;
	image->initrd_max = image->version >= PROTOCOL_INITRD ? le32toh(header->initrd_addr_max)
							      : OLD_INITRD_MAX;
	return 0;
}

static bool bzimage_fits(const struct bzimage *image, gpa_t at, gpa_t min, gpa_t top)
{
	return at >= min && at <= top && top - at >= image->init_size;
}

gpa_t bzimage_place(const struct bzimage *image, gpa_t min, gpa_t top)
{
	gpa_t lowest;

	if (image->low)
		return image->pref_address;
	if (bzimage_fits(image, image->pref_address, min, top))
		return image->pref_address;
	if (!image->alignment)
		return 0;
	lowest = ALIGN_UP(MAX(min, image->pref_address), image->alignment);
	return bzimage_fits(image, lowest, min, top) ? lowest : 0;
}
