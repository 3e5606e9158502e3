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

struct bzimage {
	struct setup_header header; /* as in the file; bytes beyond its own length are zero */
	u64 payload_offset;	    /* in the file, of the protected-mode kernel */
	u64 payload_bytes;	    /* to its end */
	u64 init_size;		    /* bytes the kernel needs from its load address on */
	gpa_t pref_address;
	u64 alignment;	  /* of another load address; 0: not relocatable */
	u32 cmdline_size; /* longest command line, without the terminating NUL */
	gpa_t initrd_max; /* the last byte of an initrd may lie here at most */
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
