// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds out what kind of kernel a file is, and by which entry to boot it.
 *
 * The first bytes decide: ELF, or a bzImage's header. Other files that users give by mistake are
 * refused by name: an initrd, a disk image, a program (foreign.c). Flat images have no magic
 * number, so the user must ask for them.
 *
 * The best entry is the one that runs the least code before the kernel itself:
 *
 *   bzImage   64-bit; 32-bit if there is no 64-bit one (i386); else its set-up code
 *   ELF       PVH if it has the note; else multiboot if it has the header, for both
 *             classes; else Linux's own protocol of its class
 *   flat      real mode, at the first byte
 *
 * --boot chooses another one, which the image must offer.
 *
 * A bzImage with a 64-bit entry is unpacked here (boot/cache.c keeps the result). The unpacked ELF
 * kernel is booted by the same protocol that the bzImage's unpacker would use: header and command
 * line are the bzImage's, and kaslr.c relocates the kernel. A vmlinux.gz is unpacked, too, and then
 * treated as a vmlinux.
 *
 * An ELF kernel that is entered by Linux's own protocol needs a zero page, but has no header to
 * copy into it: image->bz then holds a header that is made here.
 *
 * Pure, except that it reads the file. Main thread.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst.
 */
#include "foreign.h"
#include "multiboot.h"
#include <kvm/arch.h>
#include <kvm/boot-image.h>

#include <kvm/cache.h>
#include <kvm/util.h>

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define HEAD_BYTES	  FOREIGN_HEAD_BYTES
#define ELF_CMDLINE_SIZE  2047
#define ELF_INITRD_MAX_64 0x7fffffff
#define ELF_INITRD_MAX_32 0x37ffffff
#define PACKED_FILE_MAX	  GIB	     /* limit of a vmlinux.gz, packed and unpacked */
#define HEADER_MAGIC	  0x53726448 /* "HdrS" */
#define BOOT_FLAG	  0xaa55
#define PROTOCOL_VERSION  0x020c

_Static_assert(HEAD_BYTES >= BZIMAGE_HEAD_BYTES && HEAD_BYTES >= MULTIBOOT_SEARCH_BYTES,
	       "one read serves all");

static const char *const image_entry_names[] = {
	[IMAGE_ENTRY_AUTO] = "best",
	[IMAGE_ENTRY_64] = "64-bit",
	[IMAGE_ENTRY_32] = "32-bit",
	[IMAGE_ENTRY_16] = "16-bit",
	[IMAGE_ENTRY_PVH] = "PVH",
	[IMAGE_ENTRY_MULTIBOOT] = "multiboot",
	[IMAGE_ENTRY_REAL] = "real mode, the first byte",
};

const char *image_entry_name(enum image_entry entry)
{
	return image_entry_names[entry];
}

static int image_refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* --- which entries there are --- */

static bool image_offers(const struct image *image, enum image_entry entry, bool multiboot)
{
	switch (entry) {
	case IMAGE_ENTRY_64:
		if (image->kind == IMAGE_ELF)
			return image->elf.is_64bit;
		return image->kind == IMAGE_BZIMAGE && image->bz.entries & BZIMAGE_ENTRY_64;
	case IMAGE_ENTRY_32:
		if (image->kind == IMAGE_ELF)
			return !image->elf.is_64bit;
		return image->kind == IMAGE_BZIMAGE && image->bz.entries & BZIMAGE_ENTRY_32;
	case IMAGE_ENTRY_16:
		return image->kind == IMAGE_BZIMAGE && image->bz.entries & BZIMAGE_ENTRY_16;
	case IMAGE_ENTRY_PVH:
		return image->kind == IMAGE_ELF && image->elf.pvh_entry;
	case IMAGE_ENTRY_MULTIBOOT:
		return image->kind == IMAGE_ELF && multiboot;
	case IMAGE_ENTRY_REAL:
		return image->kind == IMAGE_FLAT;
	default:
		return false;
	}
}

static int image_choose_entry(struct image *image, enum image_entry wanted, bool multiboot,
			      const char **why)
{
	/* The best entry first, for all kinds of images. */
	static const enum image_entry order[] = {
		IMAGE_ENTRY_REAL, IMAGE_ENTRY_PVH, IMAGE_ENTRY_MULTIBOOT,
		IMAGE_ENTRY_64,	  IMAGE_ENTRY_32,  IMAGE_ENTRY_16,
	};
	size_t i = 0;

	if (wanted != IMAGE_ENTRY_AUTO) {
		image->entry = wanted;
		return image_offers(image, wanted, multiboot)
			       ? 0
			       : image_refuse(why, "does not offer the entry that --boot names");
	}
	while (!image_offers(image, order[i], multiboot))
		i++;
	image->entry = order[i];
	return 0;
}

/* --- ELF --- */

/* Make the header that a bzImage of this ELF kernel would have. */
static void image_make_header(struct image *image)
{
	const struct elf *elf = &image->elf;
	struct setup_header *header = &image->bz.header;
	bool multiboot = image->entry == IMAGE_ENTRY_MULTIBOOT;

	*header = (struct setup_header){.boot_flag = htole16(BOOT_FLAG),
					.header = htole32(HEADER_MAGIC),
					.version = htole16(PROTOCOL_VERSION),
					.loadflags = LOADED_HIGH,
					.cmdline_size = htole32(ELF_CMDLINE_SIZE)};
	image->bz.version = PROTOCOL_VERSION;
	image->bz.cmdline_size = multiboot ? arch_kernel_limits.cmdline_bytes : ELF_CMDLINE_SIZE;
	image->bz.initrd_max = elf->is_64bit ? ELF_INITRD_MAX_64 : ELF_INITRD_MAX_32;
	header->initrd_addr_max = htole32((u32)image->bz.initrd_max);
}

/* NULL, or the reason to refuse a kernel that is not entered by multiboot. */
static const char *image_refuses_elf(const struct image *image, enum image_entry wanted)
{
	/* Looks like a program: only a PVH note or the user's --boot says that it is a kernel. */
	if (image->elf.is_program && image->entry != IMAGE_ENTRY_PVH && wanted == IMAGE_ENTRY_AUTO)
		return ELF_PROGRAM_TEXT;
	if (image->elf.start < arch_kernel_limits.start)
		return "loads below 1 MiB, where the machine has its own tables";
	return NULL;
}

static const char *image_refuses_multiboot(const struct image *image, const u8 *head, size_t len)
{
	if (elf_uses(&image->elf, arch_kernel_limits.low_end, arch_kernel_limits.start))
		return "loads between 639 KiB and 1 MiB, where the machine has its own tables";
	return multiboot_refuses(head, len);
}

static int image_parse_elf(const u8 *head, size_t len, enum image_entry wanted, struct image *image,
			   const char **why)
{
	bool multiboot = multiboot_is(head, len);
	const char *refusal;
	int err = elf_parse(&image->source, 0, &image->elf, why);

	image->kind = IMAGE_ELF;
	/* Only a multiboot kernel may be loaded into low memory. */
	if (multiboot && wanted == IMAGE_ENTRY_AUTO && image->elf.start < arch_kernel_limits.start)
		wanted = IMAGE_ENTRY_MULTIBOOT;
	err = err ?: image_choose_entry(image, wanted, multiboot, why);
	if (err)
		return err;
	if (image->entry == IMAGE_ENTRY_MULTIBOOT)
		refusal = image_refuses_multiboot(image, head, len);
	else
		refusal = image_refuses_elf(image, wanted);
	if (refusal)
		return image_refuse(why, refusal);
	image_make_header(image);
	return 0;
}

/* --- what is unpacked here --- */

/* NULL: a good unpacked vmlinux, which the cache may keep. Else what is wrong with it. */
static const char *image_check_vmlinux(const void *data, u64 bytes)
{
	const struct elf_source source = elf_source_memory(data, bytes);
	const char *why;
	struct elf elf;

	if (!elf_is(data, MIN(bytes, (u64)HEAD_BYTES)))
		return "is compressed, and holds no vmlinux";
	return elf_parse(&source, arch_kernel_limits.start, &elf, &why) ? why : NULL;
}

static const char *image_check_payload(const void *data, u64 bytes)
{
	const struct elf_source source = elf_source_memory(data, bytes);
	const char *why;
	struct elf elf;

	if (elf_parse(&source, arch_kernel_limits.start, &elf, &why))
		return why;
	return elf.is_64bit ? NULL : "is no 64-bit kernel";
}

/* Unpack these bytes of the file, and make the result the image's source. */
static int image_unpack(struct image *image, u64 offset, u64 bytes, u64 max_bytes, bool must_keep,
			cache_valid_fn *valid, const char **why)
{
	struct cache_file file;
	int err = cache_unpack(image->source.fd, offset, bytes, max_bytes, must_keep, valid, &file,
			       why);

	if (err)
		return err;
	image->source = elf_source_file(file.fd, file.offset, file.bytes);
	image->source.sparse = true;
	image->unpacked = true;
	return 0;
}

static bool image_can_unpack(const struct image *image, const struct image_wish *wish)
{
	enum image_entry wanted = wish->entry;
	u8 magic[UNPACK_MAGIC_MAX];

	/* A kernel that does not fit into RAM will be refused: do not unpack it. */
	if (wish->ram_top && !bzimage_place(&image->bz, arch_kernel_limits.start, wish->ram_top))
		return false;
	if (!(image->bz.entries & BZIMAGE_ENTRY_64) || image->bz.packed_bytes < sizeof(magic) ||
	    (wanted != IMAGE_ENTRY_AUTO && wanted != IMAGE_ENTRY_64 && wanted != IMAGE_ENTRY_PVH))
		return false;
	return !image->source.read(&image->source, magic, sizeof(magic), image->bz.packed_offset) &&
	       unpack_supported(unpack_detect(magic, sizeof(magic)));
}

/*
 * A bzImage's payload is an ELF kernel and its relocations. In two cases the image stays unchanged,
 * and the guest runs the bzImage's own unpacker: the payload is something else (very old kernels
 * have no ELF file in it), or the cache cannot keep the result, because unpacking here at each
 * start would be slower than in the guest. The PVH entry exists only in the payload, so for it the
 * result need not be kept.
 */
static int image_open_payload(struct image *image, enum image_entry wanted, bool stays,
			      const char **why)
{
	struct image inner = *image;
	const char *ignored;
	int err = image_unpack(&inner, image->bz.packed_offset, image->bz.packed_bytes,
			       image->bz.init_size, wanted != IMAGE_ENTRY_PVH, image_check_payload,
			       why);

	if (err)
		return err == -ENOENT || err == -ENOEXEC ? 0 : err;
	inner.kind = IMAGE_ELF;
	if (elf_parse(&inner.source, arch_kernel_limits.start, &inner.elf, &ignored) ||
	    !inner.elf.is_64bit) {
		image_close(&inner);
		return 0;
	}
	if (!stays)
		err = kaslr_read(&inner.source, &inner.elf, &inner.kaslr, why);
	/* The bzImage's unpacker would use this entry, too. */
	inner.entry = IMAGE_ENTRY_64;
	if (!err && wanted == IMAGE_ENTRY_PVH)
		err = image_choose_entry(&inner, wanted, false, why);
	if (err)
		image_close(&inner);
	else
		*image = inner;
	return err;
}

static int image_parse_bzimage(const u8 *head, size_t len, const struct image_wish *wish,
			       struct image *image, const char **why)
{
	int err;

	image->kind = IMAGE_BZIMAGE;
	err = bzimage_parse(head, MIN(len, (size_t)BZIMAGE_HEAD_BYTES), image->source.bytes,
			    &image->bz, why);
	if (!err && !wish->never_unpack && image_can_unpack(image, wish))
		err = image_open_payload(image, wish->entry, wish->stays, why);
	if (err || image->unpacked)
		return err;
	return image_choose_entry(image, wish->entry, false, why);
}

static int image_parse(const u8 *head, size_t len, const struct image_wish *wish,
		       struct image *image, const char **why)
{
	const char *foreign;

	if (elf_is(head, len))
		return image_parse_elf(head, len, wish->entry, image, why);
	foreign = foreign_name(head, len);
	return foreign ? image_refuse(why, foreign)
		       : image_parse_bzimage(head, len, wish, image, why);
}

static int image_check_flat(struct image *image, enum image_entry wanted, const char **why)
{
	image->kind = IMAGE_FLAT;
	image->bz.cmdline_size = arch_kernel_limits.cmdline_bytes;
	image->bz.initrd_max = UINT32_MAX;
	if (image->source.bytes > arch_kernel_limits.flat_bytes)
		return image_refuse(why, "is more than the 512 KiB that a flat image may have");
	return image_choose_entry(image, wanted, false, why);
}

static bool image_is_initrd(const u8 *head, size_t len)
{
	return len >= 6 && (!memcmp(head, "070701", 6) || !memcmp(head, "070702", 6));
}

/* True for an ELF file or a bzImage: later bytes are not needed to tell what the file is. */
static bool image_is_known(const u8 *head, size_t len)
{
	return elf_is(head, len) || (len >= BZIMAGE_HEAD_BYTES && !memcmp(head + 0x202, "HdrS", 4));
}

/* Read the first bytes of the source, as many as are needed to recognize it: *len. */
static int image_read_head(const struct image *image, u8 head[HEAD_BYTES], size_t *len,
			   const char **why)
{
	u64 all = MIN(image->source.bytes, (u64)HEAD_BYTES);
	int err;

	*len = MIN(all, (u64)MULTIBOOT_SEARCH_BYTES);
	err = image->source.read(&image->source, head, *len, 0);
	if (!err && all > MULTIBOOT_SEARCH_BYTES && !image_is_known(head, *len)) {
		*len = all;
		err = image->source.read(&image->source, head, all, 0);
	}
	if (err)
		*why = strerror(-err);
	return err;
}

int image_open(int fd, u64 file_bytes, const struct image_wish *wish, struct image *image,
	       const char **why)
{
	static u8 head[HEAD_BYTES];
	size_t len;
	int err;

	*image = (struct image){.source = elf_source_file(fd, 0, file_bytes)};
	if (!file_bytes)
		return image_refuse(why, "is empty; a bzImage or a vmlinux is wanted");
	if (wish->flat)
		return image_check_flat(image, wish->entry, why);
	err = image_read_head(image, head, &len, why);
	if (!err && unpack_detect(head, len) != UNPACK_NONE) {
		/* The whole file is read into memory: limit the size, it may be a packed disk. */
		err = file_bytes > PACKED_FILE_MAX
			      ? image_refuse(why, "is compressed, and too long to be a kernel")
			      : image_unpack(image, 0, file_bytes, PACKED_FILE_MAX, false,
					     image_check_vmlinux, why);
		err = err ?: image_read_head(image, head, &len, why);
		if (!err && !elf_is(head, len))
			err = image_refuse(why,
					   image_is_initrd(head, len)
						   ? "is a compressed initrd; --initrd takes it, "
						     "and a bzImage or a vmlinux is wanted here"
						   : "is compressed, and holds no vmlinux");
	}
	err = err ?: image_parse(head, len, wish, image, why);
	if (err)
		image_close(image);
	return err;
}

void image_close(struct image *image)
{
	kaslr_free(&image->kaslr);
	if (image->unpacked)
		close(image->source.fd);
	image->unpacked = false;
	image->source.fd = -1;
}
