/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ELF kernel: its segments and its ways in, checked. elf.c.
 */
#ifndef X86_ELF_H
#define X86_ELF_H

#include <kvm/types.h>

#define ELF_SEGMENTS_MAX 32

/* Where the bytes of a kernel come from. read() gives all len bytes or -errno. */
struct elf_source {
	int (*read)(const struct elf_source *source, void *buf, u64 len, u64 offset);
	u64 bytes; /* how many there are */
	const void *data;
	int fd;
	u64 fd_offset; /* of the first byte in the file */
	bool sparse;   /* the file has holes */
};

struct elf_segment {
	gpa_t addr;
	u64 offset, file_bytes; /* in the source */
	u64 mem_bytes;		/* the rest is zero */
};

struct elf {
	bool is_64bit; /* the class; an x86-64 kernel's */
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	unsigned int count;
	gpa_t start, end; /* from the first segment's to behind the last's memory */
	gpa_t entry;	  /* guest-physical */
	gpa_t pvh_entry;  /* 0: no PVH note */
	u64 file_end;	  /* behind everything the headers speak of */
	bool is_program;  /* linked as programs for Linux are, which a kernel rarely is */
};

/* Reads from a file from an offset on, and from memory. */
struct elf_source elf_source_file(int fd, u64 offset, u64 bytes);
struct elf_source elf_source_memory(const void *data, u64 bytes);

/*
 * Read len bytes at offset to memory that is zero. Holes of a sparse file cost nothing and
 * leave the memory untouched. 0 or -errno.
 */
int elf_source_load(const struct elf_source *source, void *to, u64 len, u64 offset);

/* What to say of a program. */
#define ELF_PROGRAM_TEXT                                                                         \
	"is a program, not a kernel; in a guest, --exec or an initrd runs it, and a bzImage or " \
	"a vmlinux is wanted here"

/* Does a file that begins so claim to be ELF? */
bool elf_is(const u8 *head, size_t len);

/*
 * Check the ELF file in source. Returns 0, or -errno with *why saying, after "kernel
 * FILE: ", what is wrong (a constant string). All segments lie within the source, and
 * in memory between min and 4 GiB.
 */
int elf_parse(const struct elf_source *source, gpa_t min, struct elf *elf, const char **why);

/* Does memory of a segment lie in [start, end)? */
bool elf_uses(const struct elf *elf, gpa_t start, gpa_t end);

#endif
