// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads an ELF kernel (vmlinux, or another kernel that is linked as ELF): which bytes to load at
 * which address, and its entry points.
 *
 * Only program headers are used. A PT_LOAD segment is loaded at its physical address. If its memory
 * size is larger than its file size, the rest must be zero, and new guest RAM is zero already. A
 * PT_NOTE segment may hold Xen's note of type 18, the 32-bit entry of the PVH boot protocol.
 * e_entry is a physical address in Linux. If it lies in no segment's physical range but in a
 * virtual one, it is translated to the physical address.
 *
 * The file is not trusted, so everything is checked here: classes and machines other than x86's are
 * refused by name, tables and segments lie within the file, memory lies within [min, 4 GiB), sums
 * do not overflow, counts are bounded. The two classes differ only in the width of their fields:
 * 32-bit headers are widened to the 64-bit form when read, and the other code is the same for both.
 *
 * is_program marks a program for Linux. A static program could be loaded and entered like a kernel,
 * and would crash. image.c decides whether there is other evidence that the file is a kernel.
 *
 * file_end is the end of the ELF file as its headers describe it: a kernel that was unpacked from a
 * bzImage has its relocations after that (kaslr.c).
 *
 * Pure, except that it calls the reader of the source.
 *
 * Spec: System V ABI, chapters 4 and 5; Xen public/elfnote.h and
 * docs/misc/pvh.pandoc.
 */
#include <kvm/elf.h>

#include <kvm/util.h>

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_LIMIT	  (1ULL << 32)
#define HEADERS_MAX	  128
#define NOTES_MAX_BYTES	  (64 * KIB)
#define NOTE_PHYS32_ENTRY 18
#define NOTE_ALIGN	  4ULL
#define PROGRAM_BASE_64	  0x400000  /* where ld puts programs that are not */
#define PROGRAM_BASE_32	  0x8048000 /* position-independent */

static int elf_read_file(const struct elf_source *source, void *buf, u64 len, u64 offset)
{
	return pread_full(source->fd, buf, len, (off_t)(source->fd_offset + offset));
}

static int elf_read_memory(const struct elf_source *source, void *buf, u64 len, u64 offset)
{
	memcpy(buf, (const u8 *)source->data + offset, len);
	return 0;
}

struct elf_source elf_source_file(int fd, u64 offset, u64 bytes)
{
	return (struct elf_source){
		.read = elf_read_file, .fd = fd, .fd_offset = offset, .bytes = bytes};
}

struct elf_source elf_source_memory(const void *data, u64 bytes)
{
	return (struct elf_source){.read = elf_read_memory, .data = data, .bytes = bytes, .fd = -1};
}

int elf_source_load(const struct elf_source *source, void *to, u64 len, u64 offset)
{
	u64 end = offset + len;

	if (!source->sparse)
		return source->read(source, to, len, offset);
	while (offset < end) {
		off_t at = (off_t)(source->fd_offset + offset);
		off_t data = lseek(source->fd, at, SEEK_DATA);
		off_t hole = data < 0 ? -1 : lseek(source->fd, data, SEEK_HOLE);
		u64 skip, part;
		int err;

		if (data < 0 && errno == ENXIO) /* nothing but a hole to the end of the file */
			return 0;
		/* This file system does not support SEEK_DATA: read all of it. */
		skip = data < at ? 0 : (u64)(data - at);
		if (skip >= end - offset)
			return 0;
		part = end - offset - skip;
		if (hole > data && data >= at)
			part = MIN(part, (u64)(hole - data));
		err = source->read(source, (u8 *)to + skip, part, offset + skip);
		if (err)
			return err;
		to = (u8 *)to + skip + part;
		offset += skip + part;
	}
	return 0;
}

static int elf_refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* Read [offset, offset + len), which must lie within the source. */
static int elf_get(const struct elf_source *source, void *buf, u64 len, u64 offset,
		   const char **why)
{
	if (offset > source->bytes || len > source->bytes - offset)
		return elf_refuse(why, "is truncated: its ELF headers speak of more than the file "
				       "holds; copy or build it again");
	if (source->read(source, buf, len, offset)) {
		*why = "cannot be read";
		return -EIO;
	}
	return 0;
}

bool elf_is(const u8 *head, size_t len)
{
	return len >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG);
}

/* --- both classes become the 64-bit form, in host byte order --- */

static void elf_widen_header(const Elf32_Ehdr *from, Elf64_Ehdr *to)
{
	memcpy(to->e_ident, from->e_ident, sizeof(to->e_ident));
	to->e_type = le16toh(from->e_type);
	to->e_machine = le16toh(from->e_machine);
	to->e_entry = le32toh(from->e_entry);
	to->e_phoff = le32toh(from->e_phoff);
	to->e_shoff = le32toh(from->e_shoff);
	to->e_phentsize = le16toh(from->e_phentsize);
	to->e_phnum = le16toh(from->e_phnum);
	to->e_shentsize = le16toh(from->e_shentsize);
	to->e_shnum = le16toh(from->e_shnum);
}

static void elf_widen_segment(const Elf32_Phdr *from, Elf64_Phdr *to)
{
	to->p_type = le32toh(from->p_type);
	to->p_offset = le32toh(from->p_offset);
	to->p_vaddr = le32toh(from->p_vaddr);
	to->p_paddr = le32toh(from->p_paddr);
	to->p_filesz = le32toh(from->p_filesz);
	to->p_memsz = le32toh(from->p_memsz);
}

static int elf_get_header(const struct elf_source *source, Elf64_Ehdr *header, const char **why)
{
	Elf32_Ehdr narrow;
	u8 ident[EI_NIDENT];
	int err = elf_get(source, ident, sizeof(ident), 0, why);

	if (err)
		return err;
	if (!elf_is(ident, sizeof(ident)) || ident[EI_DATA] != ELFDATA2LSB)
		return elf_refuse(why,
				  "is not a little-endian ELF file; a kernel for x86 is wanted");
	if (ident[EI_CLASS] == ELFCLASS64)
		return elf_get(source, header, sizeof(*header), 0, why);
	if (ident[EI_CLASS] != ELFCLASS32)
		return elf_refuse(why, "is damaged: its ELF class is neither 32 nor 64");
	err = elf_get(source, &narrow, sizeof(narrow), 0, why);
	if (!err)
		elf_widen_header(&narrow, header);
	return err;
}

static int elf_get_segment(const struct elf_source *source, const Elf64_Ehdr *header,
			   unsigned int i, Elf64_Phdr *segment, const char **why)
{
	u64 offset = header->e_phoff + (u64)i * header->e_phentsize;
	Elf32_Phdr narrow;
	int err;

	if (header->e_ident[EI_CLASS] == ELFCLASS64)
		return elf_get(source, segment, sizeof(*segment), offset, why);
	err = elf_get(source, &narrow, sizeof(narrow), offset, why);
	if (!err)
		elf_widen_segment(&narrow, segment);
	return err;
}

static int elf_check_header(const Elf64_Ehdr *header, struct elf *elf, const char **why)
{
	u16 machine = header->e_machine;

	elf->is_64bit = header->e_ident[EI_CLASS] == ELFCLASS64;
	if (machine == EM_AARCH64 || machine == EM_ARM || machine == EM_RISCV)
		return elf_refuse(why, machine == EM_RISCV
					       ? "is a RISC-V kernel; one for x86 is wanted"
					       : "is an Arm kernel; one for x86 is wanted");
	if (machine != (elf->is_64bit ? EM_X86_64 : EM_386))
		return elf_refuse(why, "is an ELF file for another machine than x86");
	if (header->e_type == ET_CORE)
		return elf_refuse(why, "is a core dump; a bzImage or a vmlinux is wanted");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return elf_refuse(why,
				  "is an ELF file that is not linked: an object or a module; a "
				  "vmlinux is wanted");
	elf->is_program = header->e_ident[EI_OSABI] == ELFOSABI_GNU;
	if (!header->e_phnum)
		return elf_refuse(why,
				  "is an ELF file without program headers; a vmlinux is wanted");
	if (header->e_phnum > HEADERS_MAX ||
	    header->e_phentsize != (elf->is_64bit ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return elf_refuse(why, "is damaged: its ELF program headers make no sense");
	if (header->e_entry >= MEMORY_LIMIT && !elf->is_64bit)
		return elf_refuse(why, "is damaged: its entry is above 4 GiB");
	return 0;
}

/* --- segments --- */

static void elf_note_end(struct elf *elf, u64 start, u64 len)
{
	/* A false section table may overflow: then file_end leaves no relocations for kaslr.c. */
	elf->file_end = MAX(elf->file_end, len > UINT64_MAX - start ? UINT64_MAX : start + len);
}

static int elf_add_segment(struct elf *elf, const Elf64_Phdr *from, u64 source_bytes, gpa_t min,
			   const char **why)
{
	if (!from->p_memsz)
		return 0;
	if (from->p_offset > source_bytes || from->p_filesz > source_bytes - from->p_offset)
		return elf_refuse(why, "is truncated: an ELF segment ends behind the file; copy or "
				       "build it again");
	if (from->p_filesz > from->p_memsz)
		return elf_refuse(why, "is damaged: an ELF segment is longer than its memory");
	if (from->p_paddr >= MEMORY_LIMIT || from->p_memsz > MEMORY_LIMIT - from->p_paddr)
		return elf_refuse(why, "loads above 4 GiB; is it a program instead of a kernel?");
	if (from->p_paddr < min)
		return elf_refuse(why, "loads below 1 MiB, where the machine has its own tables");
	if (elf->count == ELF_SEGMENTS_MAX)
		return elf_refuse(why, "has more than 32 ELF segments");
	elf->segments[elf->count++] = (struct elf_segment){.addr = from->p_paddr,
							   .offset = from->p_offset,
							   .file_bytes = from->p_filesz,
							   .mem_bytes = from->p_memsz};
	elf->start = MIN(elf->start, from->p_paddr);
	elf->end = MAX(elf->end, from->p_paddr + from->p_memsz);
	return 0;
}

bool elf_uses(const struct elf *elf, gpa_t start, gpa_t end)
{
	for (unsigned int i = 0; i < elf->count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (segment->addr < end && segment->addr + segment->mem_bytes > start)
			return true;
	}
	return false;
}

static bool elf_in_memory(const struct elf *elf, u64 addr)
{
	for (unsigned int i = 0; i < elf->count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (addr >= segment->addr && addr - segment->addr < segment->mem_bytes)
			return true;
	}
	return false;
}

/* --- notes --- */

/* True for glibc's note with system and release, which each program linked with glibc has. */
static bool elf_is_abi_tag(const Elf64_Nhdr *note, const u8 *name)
{
	return le32toh(note->n_type) == NT_GNU_ABI_TAG && le32toh(note->n_namesz) == 4 &&
	       !memcmp(name, "GNU", 4);
}

/*
 * Search the bytes of one PT_NOTE for Xen's PHYS32_ENTRY and for glibc's note. A damaged note ends
 * the search, without an error.
 */
static void elf_walk_notes(struct elf *elf, const u8 *notes, u64 len)
{
	u64 at = 0;

	while (len - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		u64 name, data, next;
		u32 entry = 0;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		data = name + ALIGN_UP((u64)le32toh(note.n_namesz), NOTE_ALIGN);
		next = data + ALIGN_UP((u64)le32toh(note.n_descsz), NOTE_ALIGN);
		if (data > len || next > len)
			return;
		if (le32toh(note.n_type) == NOTE_PHYS32_ENTRY && le32toh(note.n_namesz) == 4 &&
		    !memcmp(notes + name, "Xen", 4) && le32toh(note.n_descsz) >= sizeof(entry)) {
			memcpy(&entry, notes + data, sizeof(entry));
			elf->pvh_entry = le32toh(entry);
			return;
		}
		if (elf_is_abi_tag(&note, notes + name))
			elf->is_program = true;
		at = next;
	}
}

static int elf_read_notes(const struct elf_source *source, const Elf64_Phdr *segment,
			  struct elf *elf, const char **why)
{
	static u8 notes[NOTES_MAX_BYTES];
	u64 len = MIN(segment->p_filesz, sizeof(notes));
	int err = elf_get(source, notes, len, segment->p_offset, why);

	if (!err && !elf->pvh_entry)
		elf_walk_notes(elf, notes, len);
	return err;
}

/* --- the whole --- */

/*
 * True if the segment occurs in programs, not in kernels: thread-local variables, pages that become
 * read-only later, or a segment at the usual address of programs for Linux that starts with the ELF
 * header.
 */
static bool elf_is_programs(const Elf64_Phdr *segment)
{
	if (segment->p_type == PT_TLS || segment->p_type == PT_GNU_RELRO)
		return true;
	return segment->p_type == PT_LOAD && !segment->p_offset && segment->p_filesz &&
	       (segment->p_vaddr == PROGRAM_BASE_64 || segment->p_vaddr == PROGRAM_BASE_32);
}

static int elf_walk_segments(const struct elf_source *source, const Elf64_Ehdr *header, gpa_t min,
			     struct elf *elf, const char **why)
{
	u64 virtual_entry = 0;
	bool is_virtual = false;

	for (unsigned int i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr segment;
		int err = elf_get_segment(source, header, i, &segment, why);

		if (!err && segment.p_type == PT_LOAD)
			err = elf_add_segment(elf, &segment, source->bytes, min, why);
		else if (!err && segment.p_type == PT_NOTE)
			err = elf_read_notes(source, &segment, elf, why);
		else if (!err && segment.p_type == PT_INTERP)
			err = elf_refuse(why, ELF_PROGRAM_TEXT);
		if (err)
			return err;
		if (segment.p_type == PT_LOAD && header->e_entry >= segment.p_vaddr &&
		    header->e_entry - segment.p_vaddr < segment.p_memsz)
			virtual_entry = header->e_entry - segment.p_vaddr + segment.p_paddr;
		elf->is_program |= elf_is_programs(&segment);
		is_virtual |= segment.p_type == PT_LOAD && segment.p_vaddr != segment.p_paddr;
		elf_note_end(elf, segment.p_offset, segment.p_filesz);
	}
	/* In a program, physical and virtual addresses are equal. */
	elf->is_program &= !is_virtual;
	elf->entry = elf_in_memory(elf, header->e_entry) ? header->e_entry : virtual_entry;
	return 0;
}

int elf_parse(const struct elf_source *source, gpa_t min, struct elf *elf, const char **why)
{
	Elf64_Ehdr header = {0};
	int err;

	*elf = (struct elf){.start = UINT64_MAX};
	err = elf_get_header(source, &header, why);
	err = err ?: elf_check_header(&header, elf, why);
	err = err ?: elf_walk_segments(source, &header, min, elf, why);
	if (err)
		return err;
	if (!elf->count)
		return elf_refuse(why, "is an ELF file with nothing to load; a vmlinux is wanted");
	if (!elf_in_memory(elf, elf->entry))
		return elf_refuse(why, "is damaged: its entry lies in no segment");
	if (elf->pvh_entry && !elf_in_memory(elf, elf->pvh_entry))
		return elf_refuse(why, "is damaged: its PVH entry lies in no segment");
	elf_note_end(elf, header.e_phoff, (u64)header.e_phnum * header.e_phentsize);
	elf_note_end(elf, header.e_shoff, (u64)header.e_shnum * header.e_shentsize);
	return 0;
}
