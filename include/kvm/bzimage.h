/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The header of a Linux bzImage, checked. bzimage.c.
 */
#ifndef X86_BZIMAGE_H
#define X86_BZIMAGE_H

#include <kvm/types.h>

#include <asm/bootparam.h>

/* How much of the file bzimage_parse() wants to see at most. */
#define BZIMAGE_HEAD_BYTES 4096

/* Ways in, as bits: which of them an image offers. */
#define BZIMAGE_ENTRY_16 (1U << 0) /* its set-up code, in real mode */
#define BZIMAGE_ENTRY_32 (1U << 1)
#define BZIMAGE_ENTRY_64 (1U << 2)

struct bzimage {
	struct setup_header header; /* as in the file; bytes beyond its own length are zero */
	unsigned int entries;	    /* BZIMAGE_ENTRY_* */
	u16 version;		    /* of the boot protocol, 0x020f; 0: before there was one */
	bool low;		    /* a zImage: its kernel goes to 64 KiB and stays small */
	u64 setup_bytes;	    /* of boot sector and set-up code, from offset 0 on */
	u64 payload_offset;	    /* in the file, of the protected-mode kernel: setup_bytes */
	u64 payload_bytes;	    /* to its end */
	u64 init_size;		    /* bytes the kernel needs from its load address on */
	gpa_t pref_address;
	u64 alignment;	   /* of another load address; 0: not relocatable */
	u32 cmdline_size;  /* longest command line, without the terminating NUL */
	gpa_t initrd_max;  /* the last byte of an initrd may lie here at most */
	u64 packed_offset; /* in the file, of the compressed kernel; 0: unknown (before 2.08) */
	u64 packed_bytes;
};

/*
 * Check the first len bytes of a file of file_bytes bytes. Returns 0, or -EINVAL with
 * *why saying, after "kernel FILE: ", what is wrong (a constant string).
 */
int bzimage_parse(const u8 *head, size_t len, u64 file_bytes, struct bzimage *image,
		  const char **why);

/*
 * Where to load it when RAM for it is [min, top): the preferred address, else the
 * lowest aligned one above it (loaded below, a kernel moves itself up to it, boot.rst). 0
 * when it does not fit.
 */
gpa_t bzimage_place(const struct bzimage *image, gpa_t min, gpa_t top);

#endif
