// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recognizes files that users give as a kernel by mistake.
 *
 * A user who gives an initrd, a disk image, a module or a program as the kernel gets a message of
 * one line, instead of a guest that crashes. A file is recognized by a few bytes at a fixed offset.
 * A kernel may contain such bytes, too: a bzImage may begin as a program for EFI, and the bytes
 * before "HdrS" are arbitrary. So a file with "HdrS" is a kernel.
 *
 * ELF files are elf.c's, and compressed ones are unpacked first (image.c).
 *
 * Pure.
 *
 * Spec: PE/COFF ("MZ"); Linux Documentation/arch/arm64/booting.rst and
 * arch/riscv/boot-image-header.rst (the magic of their Images); UEFI 2.10 section 5.3.2 (GPT).
 */
#include "foreign.h"

#include <string.h>

#define WANTED	  "; a bzImage or a vmlinux is wanted"
#define AS_INITRD "; --initrd takes it, and a bzImage or a vmlinux is wanted here"
#define AS_DISK	  "; --disk takes such, and a bzImage or a vmlinux is wanted here"
#define HEADER_AT 0x202

/* Kernels for other machines: checked first, even in a file with "HdrS". */
static const struct foreign_magic {
	u16 at;
	u8 bytes;
	const char *magic;
	const char *text;
} foreign_machines[] = {
	{0x38, 4, "ARM\x64", "is an arm64 Image; a kernel for x86 is wanted"},
	{0x38, 4, "RSC\x05", "is a RISC-V Image; a kernel for x86 is wanted"},
	{0, 8, "MZ\0\0zimg",
	 "is a compressed EFI Image of arm64, RISC-V or LoongArch; a kernel "
	 "for x86 is wanted"},
};

/* Checked only in a file without "HdrS". */
static const struct foreign_magic foreign_files[] = {
	{0, 6, "070701", "is a cpio archive" AS_INITRD},
	{0, 6, "070702", "is a cpio archive" AS_INITRD},
	{0, 6, "070707",
	 "is a cpio archive of the old form; one of the newc form is an initrd" WANTED},
	{0, 4, "QFI\xfb", "is a qcow2 disk image" WANTED},
	{0, 4, "KDMV", "is a VMDK disk image" WANTED},
	{0, 8, "vhdxfile", "is a VHDX disk image" WANTED},
	{0, 8, "conectix", "is a VHD disk image" WANTED},
	{0x40, 4, "\x7f\x10\xda\xbe", "is a VDI disk image" WANTED},
	{0, 4, "hsqs", "is a squashfs image" AS_DISK},
	{0x200, 8, "EFI PART", "is a disk image with a GPT" AS_DISK},
	{0x1000, 8, "EFI PART", "is a disk image with a GPT" AS_DISK},
	{0x438, 2, "\x53\xef", "is an ext2, ext3 or ext4 image" AS_DISK},
	{0, 4, "XFSB", "is an XFS image" AS_DISK},
	{0x400, 4, "\xe2\xe1\xf5\xe0", "is an EROFS image" AS_DISK},
	{0x36, 5, "FAT12", "is a FAT image" AS_DISK},
	{0x36, 5, "FAT16", "is a FAT image" AS_DISK},
	{0x52, 5, "FAT32", "is a FAT image" AS_DISK},
	{3, 8, "NTFS    ", "is an NTFS image" AS_DISK},
	{0x8001, 5, "CD001", "is an ISO image, of which no loader of its own is run here" WANTED},
	{0, 4, "\xd0\x0d\xfe\xed", "is a device tree or a FIT image; a kernel for x86 is wanted"},
	{0, 4, "\x27\x05\x19\x56", "is a U-Boot image; a kernel for x86 is wanted"},
	{0x101, 5, "ustar", "is a tar archive" WANTED},
	{0, 7, "!<arch>", "is a Debian package or another ar archive" WANTED},
	{0, 4, "\xed\xab\xee\xdb", "is an RPM package" WANTED},
	{0, 4, "PK\x03\x04", "is a zip archive" WANTED},
	{0, 6, "7z\xbc\xaf\x27\x1c", "is a 7z archive" WANTED},
	{0, 4, "\xcf\xfa\xed\xfe", "is a Mach-O program" WANTED},
	{0, 4, "\xfe\xed\xfa\xcf", "is a Mach-O program" WANTED},
	{0, 2, "MZ", "is a program for EFI without a Linux boot header" WANTED},
};

static const char *foreign_find(const struct foreign_magic *magics, size_t count, const u8 *head,
				size_t len)
{
	for (size_t i = 0; i < count; i++) {
		const struct foreign_magic *magic = &magics[i];

		if (len >= (size_t)magic->at + magic->bytes &&
		    !memcmp(head + magic->at, magic->magic, magic->bytes))
			return magic->text;
	}
	return NULL;
}

static bool foreign_is_text(const u8 *head, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (head[i] < ' ' && head[i] != '\n' && head[i] != '\t' && head[i] != '\r')
			return false;
	}
	return true;
}

const char *foreign_name(const u8 *head, size_t len)
{
	const char *text = foreign_find(foreign_machines, ARRAY_SIZE(foreign_machines), head, len);

	if (text)
		return text;
	if (len >= HEADER_AT + 4 && !memcmp(head + HEADER_AT, "HdrS", 4))
		return NULL;
	text = foreign_find(foreign_files, ARRAY_SIZE(foreign_files), head, len);
	if (text)
		return text;
	return foreign_is_text(head, len) ? "is text" WANTED : NULL;
}
