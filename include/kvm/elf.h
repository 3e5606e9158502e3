/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ELF kernel: its segments and its entries, checked. elf.c.
 */
#ifndef X86_ELF_H
#define X86_ELF_H

#include <kvm/types.h>

#define ELF_SEGMENTS_MAX 32

/* The source of a kernel's bytes. read() gives all len bytes, or returns -errno. */
struct elf_source {
	int (*read)(const struct elf_source *source, void *buf, u64 len, u64 offset);
	u64 bytes; /* length of the source */
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
	bool is_64bit; /* ELF class 64 */
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	unsigned int count;
	gpa_t start, end; /* from the lowest segment to the end of the highest */
	gpa_t entry;	  /* guest-physical */
	gpa_t pvh_entry;  /* 0: no PVH note */
	u64 file_end;	  /* end of all that the headers describe */
	bool is_program;  /* linked like a program for Linux: rare in a kernel */
};

/* A source that reads from a file, from an offset on, and one that reads from memory. */
struct elf_source elf_source_file(int fd, u64 offset, u64 bytes);
struct elf_source elf_source_memory(const void *data, u64 bytes);

/*
 * Read len bytes at offset into memory that is zero. Holes of a sparse file are skipped. 0 or
 * -errno.
 */
int elf_source_load(const struct elf_source *source, void *to, u64 len, u64 offset);

/* The message for a file that is a program. */
#define ELF_PROGRAM_TEXT                                                                         \
	"is a program, not a kernel; in a guest, --exec or an initrd runs it, and a bzImage or " \
	"a vmlinux is wanted here"

/* True if these first bytes of a file have the magic number of ELF. */
bool elf_is(const u8 *head, size_t len);

/*
 * Check the ELF file in source. Returns 0, or -errno with *why: a constant string with the fault,
 * to follow "kernel FILE: ". After 0 all segments lie within the source, and in memory between min
 * and 4 GiB.
 */
int elf_parse(const struct elf_source *source, gpa_t min, struct elf *elf, const char **why);

/* True if any segment uses memory in [start, end). */
bool elf_uses(const struct elf *elf, gpa_t start, gpa_t end);

#endif
