/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The header of a Linux bzImage, checked. bzimage.c.
 */
#ifndef X86_BZIMAGE_H
#define X86_BZIMAGE_H

#include <kvm/types.h>

#include <asm/bootparam.h>

/* Bytes from the start of the file that bzimage_parse() needs, at most. */
#define BZIMAGE_HEAD_BYTES 4096

/* Bits for the entries that an image offers. */
#define BZIMAGE_ENTRY_16 (1U << 0) /* its set-up code, in real mode */
#define BZIMAGE_ENTRY_32 (1U << 1)
#define BZIMAGE_ENTRY_64 (1U << 2)

struct bzimage {
	struct setup_header header; /* as in the file; bytes beyond its own length are zero */
	unsigned int entries;	    /* BZIMAGE_ENTRY_* */
	u16 version;		    /* of the boot protocol, such as 0x020f; 0: before the first */
	bool low;		    /* a zImage: loaded to 64 KiB, at most 448 KiB long */
	u64 setup_bytes;	    /* of boot sector and set-up code, from offset 0 on */
	u64 payload_offset;	    /* in the file, of the protected-mode kernel: setup_bytes */
	u64 payload_bytes;	    /* up to the end of the kernel */
	u64 init_size;		    /* bytes that the kernel needs from its load address on */
	gpa_t pref_address;
	u64 alignment;	   /* for another load address; 0: not relocatable */
	u32 cmdline_size;  /* longest command line, without the terminating NUL */
	gpa_t initrd_max;  /* highest address of an initrd's last byte */
	u64 packed_offset; /* in the file, of the compressed kernel; 0: unknown (before 2.08) */
	u64 packed_bytes;
};

/*
 * Check the first len bytes of a file of file_bytes bytes. Returns 0, or -EINVAL with *why: a
 * constant string with the fault, to follow "kernel FILE: ".
 */
int bzimage_parse(const u8 *head, size_t len, u64 file_bytes, struct bzimage *image,
		  const char **why);

/*
 * The address to load the kernel to, within [min, top): the preferred address, else the lowest
 * aligned one above it (a kernel that is loaded lower moves itself up, see boot.rst). 0 if it does
 * not fit.
 */
gpa_t bzimage_place(const struct bzimage *image, gpa_t min, gpa_t top);

#endif
