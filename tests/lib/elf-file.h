/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF files for tests, built field by field: the offsets are the specification's (System V ABI,
 * chapters 4 and 5), not those of a structure that the code under test uses too.
 */
#ifndef TESTS_ELF_FILE_H
#define TESTS_ELF_FILE_H

#include <kvm/types.h>
#include <string.h>

#define ELF_FILE_MAX  8192
#define ELF_FILE_DATA 0x1000 /* room for 70 program headers before it */

/* Where fields are; the later ones depend on the class of the file in scope. */
#define ELF_TYPE	   16
#define ELF_MACHINE	   18
#define ELF_ENTRY	   24
#define ELF_PHENTSIZE	   (file->is_64bit ? 54 : 42)
#define ELF_PHNUM	   (file->is_64bit ? 56 : 44)
#define ELF_PHOFF	   (file->is_64bit ? 32 : 28)
#define ELF_SHOFF	   (file->is_64bit ? 40 : 32)
#define ELF_SHENTSIZE	   (file->is_64bit ? 58 : 46)
#define ELF_SHNUM	   (file->is_64bit ? 60 : 48)

#define ELF_SEGMENT_LOAD   1
#define ELF_SEGMENT_INTERP 3
#define ELF_SEGMENT_NOTE   4

struct elf_file {
	u8 bytes[ELF_FILE_MAX];
	size_t len;
	bool is_64bit;
	unsigned int count; /* of program headers */
};

struct elf_file_segment {
	u32 type;
	u64 offset, vaddr, paddr, file_bytes, mem_bytes;
};

/* Little-endian, bytes wide. */
static inline void elf_file_put(struct elf_file *file, size_t at, unsigned int bytes, u64 value)
{
	for (unsigned int i = 0; i < bytes; i++)
		file->bytes[at + i] = (u8)(value >> (8 * i));
}

/* A field as wide as the class's addresses are. */
static inline void elf_file_put_word(struct elf_file *file, size_t at, u64 value)
{
	elf_file_put(file, at, file->is_64bit ? 8 : 4, value);
}

/* The header of an executable for x86 without program headers; len is ELF_FILE_DATA. */
static inline void elf_file_start(struct elf_file *file, bool is_64bit, u64 entry)
{
	static const u8 ident[] = {0x7f, 'E', 'L', 'F', 1, 1, 1};

	*file = (struct elf_file){.len = ELF_FILE_DATA, .is_64bit = is_64bit};
	memcpy(file->bytes, ident, sizeof(ident));
	file->bytes[4] = is_64bit ? 2 : 1;
	elf_file_put(file, ELF_TYPE, 2, 2);
	elf_file_put(file, ELF_MACHINE, 2, is_64bit ? 62 : 3);
	elf_file_put_word(file, ELF_ENTRY, entry);
	elf_file_put_word(file, ELF_PHOFF, is_64bit ? 64 : 52);
	elf_file_put(file, ELF_PHENTSIZE, 2, is_64bit ? 56 : 32);
	elf_file_put(file, ELF_SHENTSIZE, 2, is_64bit ? 64 : 40);
}

static inline void elf_file_write_segment(struct elf_file *file, unsigned int i,
					  const struct elf_file_segment *segment)
{
	size_t at = file->is_64bit ? 64 + 56UL * i : 52 + 32UL * i;

	elf_file_put(file, at, 4, segment->type);
	if (file->is_64bit) {
		elf_file_put(file, at + 8, 8, segment->offset);
		elf_file_put(file, at + 16, 8, segment->vaddr);
		elf_file_put(file, at + 24, 8, segment->paddr);
		elf_file_put(file, at + 32, 8, segment->file_bytes);
		elf_file_put(file, at + 40, 8, segment->mem_bytes);
		return;
	}
	elf_file_put(file, at + 4, 4, segment->offset);
	elf_file_put(file, at + 8, 4, segment->vaddr);
	elf_file_put(file, at + 12, 4, segment->paddr);
	elf_file_put(file, at + 16, 4, segment->file_bytes);
	elf_file_put(file, at + 20, 4, segment->mem_bytes);
}

static inline void elf_file_add_segment(struct elf_file *file,
					const struct elf_file_segment *segment)
{
	elf_file_write_segment(file, file->count++, segment);
	elf_file_put(file, ELF_PHNUM, 2, file->count);
}

/* Append one note; with the padding that belongs to it. */
static inline void elf_file_add_note(struct elf_file *file, const char *name, u32 name_bytes,
				     u32 type, const void *data, u32 data_bytes)
{
	elf_file_put(file, file->len, 4, name_bytes);
	elf_file_put(file, file->len + 4, 4, data_bytes);
	elf_file_put(file, file->len + 8, 4, type);
	file->len += 12;
	memcpy(file->bytes + file->len, name, name_bytes);
	file->len += (name_bytes + 3) / 4 * 4;
	memcpy(file->bytes + file->len, data, data_bytes);
	file->len += (data_bytes + 3) / 4 * 4;
}

#endif
