/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds out what kind of kernel a file is, and by which entry to boot it. image.c.
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

/* In the order of the choices of --boot. */
enum image_entry {
	IMAGE_ENTRY_AUTO,
	IMAGE_ENTRY_64, /* Linux's 64-bit boot protocol */
	IMAGE_ENTRY_32, /* Linux's 32-bit boot protocol */
	IMAGE_ENTRY_16, /* Linux's set-up code in real mode */
	IMAGE_ENTRY_PVH,
	IMAGE_ENTRY_MULTIBOOT,
	IMAGE_ENTRY_REAL, /* the first byte of a flat image */
};

struct image {
	enum image_kind kind;
	enum image_entry entry;	  /* never AUTO */
	struct elf_source source; /* bytes to load: the file, or the unpacked kernel */
	struct elf elf;
	struct bzimage bz;  /* also for an unpacked bzImage; defaults for an ELF file */
	struct kaslr kaslr; /* of an unpacked bzImage */
	bool unpacked;	    /* source is a separate file, closed by image_close() */
};

struct image_wish {
	enum image_entry entry; /* the entry to use, or AUTO for the best */
	bool flat;		/* treat the file as a flat image */
	bool never_unpack;	/* let a bzImage unpack itself */
	bool stays;		/* do not move the kernel: relocations are not read */
	gpa_t ram_top;		/* end of low RAM: unpack only a kernel that fits; 0: unknown */
};

/*
 * Find out what kind of kernel the open file of file_bytes bytes is, and check it. 0, or -errno
 * with *why: a constant string to follow "kernel FILE: ", with the fault and what is wanted
 * instead. image->source reads from fd, which must stay open until image_close(). Main thread.
 */
int image_open(int fd, u64 file_bytes, const struct image_wish *wish, struct image *image,
	       const char **why);

/* Free all that an image holds, except fd. May be called again. */
void image_close(struct image *image);

/* "64-bit", "PVH", ... for --dry-run. */
const char *image_entry_name(enum image_entry entry);

#endif
