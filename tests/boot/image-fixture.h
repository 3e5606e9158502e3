/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel files for the tests of boot/image.c: built here, handed over as memfds; the cache is in a
 * folder of the test's own. For test-image.c and test-image-packed.c.
 */
#ifndef TESTS_X86_IMAGE_FIXTURE_H
#define TESTS_X86_IMAGE_FIXTURE_H

#include "tests/lib/elf-file.h"
#include "tests/lib/test.h"
#include <kvm/boot-image.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <kvm/unpack.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT	   0x1000000
#define TEXT_BYTES 0x100
#define BSS_BYTES  0x1000
#define VIRTUAL	   0xffffffff80000000ULL
#define PVH_ENTRY  (TEXT + 0x80)

#define SECTS	   4
#define PAYLOAD	   ((SECTS + 1) * 512)
#define PACKED_AT  0x200 /* in the payload */
#define FILE_MAX   0x20000

static char top[] = "/tmp/lkvm-test-image-XXXXXX";

/* The file that is made, and what was said of it. */
static struct {
	u8 bytes[FILE_MAX];
	size_t len;
} made;
static struct image image;
static int fd = -1;

static inline int group_set_up(void **state)
{
	if (!mkdtemp(top))
		return -1;
	return setenv("XDG_CACHE_HOME", top, 1);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline int group_tear_down(void **state)
{
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int set_up(void **state)
{
	memset(&made, 0, sizeof(made));
	return 0;
}

static inline void close_all(void)
{
	if (fd >= 0) {
		image_close(&image);
		image_close(&image); /* any number of times */
		close(fd);
	}
	fd = -1;
}

static inline int tear_down(void **state)
{
	close_all();
	return 0;
}

/* "" when the file is fine; image says what it is. */
static inline const char *verdict_of(const struct image_wish *wish)
{
	const char *why = "nothing was said";
	int err;

	close_all();
	fd = memfd_create("test-image", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, made.bytes, made.len), 0);
	memset(&image, 0xee, sizeof(image));
	err = image_open(fd, made.len, wish, &image, &why);
	return err ? why : "";
}

static inline const char *verdict(enum image_entry entry)
{
	return verdict_of(&(struct image_wish){.entry = entry});
}

#define assert_refused(verdict_, reason)                                      \
	do {                                                                  \
		const char *said = (verdict_);                                \
		if (!strstr(said, reason))                                    \
			fail_msg("wanted '%s', was told '%s'", reason, said); \
	} while (0)

#define NOT_OFFERED "does not offer the entry that --boot names"

/* With AUTO it is the best, and of all the others just those in the list are offered. */
static inline void check_entries(enum image_kind kind, enum image_entry best, unsigned int offered)
{
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	assert_int_equal(image.kind, kind);
	assert_int_equal(image.entry, best);
	for (enum image_entry entry = IMAGE_ENTRY_64; entry <= IMAGE_ENTRY_MULTIBOOT; entry++) {
		if (!(offered & 1U << entry)) {
			assert_string_equal(verdict(entry), NOT_OFFERED);
			continue;
		}
		assert_string_equal(verdict(entry), "");
		assert_int_equal(image.kind, kind);
		assert_int_equal(image.entry, entry);
	}
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
}

#define BIT(entry) (1U << IMAGE_ENTRY_##entry)

/* --- files --- */

static inline void put(size_t at, unsigned int bytes, u64 value)
{
	for (unsigned int i = 0; i < bytes; i++)
		made.bytes[at + i] = (u8)(value >> (8 * i));
}

static inline void make_bzimage(u16 version, bool high, bool has_64bit, u64 payload_bytes)
{
	memset(&made, 0, sizeof(made));
	made.len = PAYLOAD + (payload_bytes + 15) / 16 * 16;
	for (size_t i = PAYLOAD; i < made.len; i++)
		made.bytes[i] = (u8)(i % 251);
	put(0x1f1, 1, SECTS);
	put(0x1f4, 4, (payload_bytes + 15) / 16);
	put(0x1fe, 2, 0xaa55);
	put(0x200, 2, 0x6aeb);
	memcpy(made.bytes + 0x202, "HdrS", 4);
	put(0x206, 2, version);
	put(0x211, 1, high);
	put(0x214, 4, 0x100000);
	put(0x22c, 4, 0x7fffffff);
	put(0x230, 4, 0x200000);
	put(0x234, 1, has_64bit);
	put(0x236, 2, has_64bit);
	put(0x238, 4, 2047);
	put(0x258, 8, TEXT);
	put(0x260, 4, 0x200000);
}

/* One segment, with the PVH note in it if that is wanted. */
static inline void make_elf(struct elf_file *file, bool is_64bit, bool pvh)
{
	static const u8 entry[8] = {0x80, 0, 0, 1};
	struct elf_file_segment text = {ELF_SEGMENT_LOAD,
					ELF_FILE_DATA,
					(is_64bit ? VIRTUAL : 0xc0000000) + TEXT,
					TEXT,
					TEXT_BYTES,
					TEXT_BYTES + BSS_BYTES};
	struct elf_file_segment notes = {.type = ELF_SEGMENT_NOTE};

	elf_file_start(file, is_64bit, TEXT);
	for (size_t i = 0; i < TEXT_BYTES; i++)
		file->bytes[file->len++] = (u8)(i * 5);
	elf_file_add_segment(file, &text);
	if (!pvh)
		return;
	notes.offset = file->len;
	elf_file_add_note(file, "Xen", 4, 18, entry, is_64bit ? 8 : 4);
	notes.file_bytes = notes.mem_bytes = file->len - notes.offset;
	elf_file_add_segment(file, &notes);
}

static inline void use_elf(const struct elf_file *file)
{
	memcpy(made.bytes, file->bytes, file->len);
	made.len = file->len;
}

static inline void put_multiboot(size_t at, u32 flags)
{
	put(at, 4, 0x1badb002);
	put(at + 4, 4, flags);
	put(at + 8, 4, 0U - 0x1badb002 - flags);
}

#endif
