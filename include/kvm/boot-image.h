/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kind of kernel a file is, and by which way in it is booted. image.c.
 */
#ifndef X86_IMAGE_H
#define X86_IMAGE_H

#include "bzimage.h"
#include "elf.h"
#include <kvm/kaslr.h>

enum image_kind {
	IMAGE_BZIMAGE,
	IMAGE_ELF,  /* a vmlinux, or another ELF kernel */
	IMAGE_FLAT, /* real-mode code without a header */
};

/* The order is that of the choices of --boot. */
enum image_entry {
	IMAGE_ENTRY_AUTO,
	IMAGE_ENTRY_64, /* Linux's 64-bit boot protocol */
	IMAGE_ENTRY_32, /* Linux's 32-bit boot protocol */
	IMAGE_ENTRY_16, /* Linux's set-up code in real mode */
	IMAGE_ENTRY_PVH,
	IMAGE_ENTRY_MULTIBOOT,
	IMAGE_ENTRY_REAL, /* of a flat image: its first byte */
};

struct image {
	enum image_kind kind;
	enum image_entry entry;	  /* never AUTO */
	struct elf_source source; /* what is loaded: the file, or what was unpacked from it */
	struct elf elf;
	struct bzimage bz;  /* also of an unpacked bzImage; else its defaults for an ELF file */
	struct kaslr kaslr; /* of an unpacked bzImage */
	bool unpacked;	    /* source is a file of its own */
};

struct image_wish {
	enum image_entry entry; /* one it must offer, or AUTO for the best */
	bool flat;		/* it is a flat image */
	bool never_unpack;	/* a bzImage unpacks itself */
	bool stays;		/* it is not to be moved: no need for its relocations */
	gpa_t ram_top;		/* end of low RAM: what needs more is not unpacked; 0: unknown */
};

/*
 * Find out what the open file of so many bytes is and check it. 0, or -errno with *why
 * saying, after "kernel FILE: ", what is wrong and what would be right (a constant string).
 * image->source reads from fd, which must stay open until image_close(). Main thread.
 */
int image_open(int fd, u64 file_bytes, const struct image_wish *wish, struct image *image,
	       const char **why);

/* Let go of what an image holds besides fd. Any number of times. */
void image_close(struct image *image);

/* "64-bit", "PVH", ... for --dry-run. */
const char *image_entry_name(enum image_entry entry);

#endif
