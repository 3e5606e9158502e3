// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins what boot/image.c unpacks: a vmlinux.gz, and the payload of a bzImage with its relocations.
 */
#include "tests/boot/image-fixture.h"

#include "tests/lib/pack.h"

#include <dirent.h>
#include <kvm/feature.h>
#include <kvm/unpack.h>

/* --- packed ones --- */

static void need(enum unpack_format format)
{
	if (!unpack_supported(format)) {
		print_message("skipped: this build has no %s\n", unpack_name(format));
		skip();
	}
}

/* By itself a bzImage is unpacked only by a build that can keep the result. */
static void need_kept(enum unpack_format format)
{
	if (!feature_is_built("cache")) {
		print_message("skipped: this build has no libsodium, and keeps nothing\n");
		skip();
	}
	need(format);
}

static void check_text_of(const struct elf_file *file)
{
	u8 got[TEXT_BYTES];

	assert_true(image.unpacked);
	assert_int_equal(image.source.read(&image.source, got, sizeof(got), ELF_FILE_DATA), 0);
	assert_memory_equal(got, file->bytes + ELF_FILE_DATA, sizeof(got));
}

static void test_packed_vmlinux(void **state)
{
	struct elf_file file;

	need(UNPACK_GZIP);
	make_elf(&file, true, true);
	made.len = pack_gzip(made.bytes, file.bytes, file.len);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_PVH, BIT(64) | BIT(PVH));
	check_text_of(&file);
	assert_int_equal(image.source.bytes, file.len);
	/* Whether a bzImage unpacks itself is another matter. */
	assert_string_equal(verdict_of(&(struct image_wish){.never_unpack = true}), "");
	check_text_of(&file);
}

static void test_packed_multiboot(void **state)
{
	struct elf_file file;

	need(UNPACK_GZIP);
	make_elf(&file, false, false);
	use_elf(&file);
	put_multiboot(0x400, 3);
	memcpy(file.bytes, made.bytes, file.len);
	made.len = pack_gzip(made.bytes, file.bytes, file.len);
	check_entries(IMAGE_ELF, IMAGE_ENTRY_MULTIBOOT, BIT(32) | BIT(MULTIBOOT));
}

static void test_packed_something_else(void **state)
{
	struct elf_file file;
	static u8 inner[FILE_MAX];
	size_t len;

	need(UNPACK_GZIP);
	made.len = pack_gzip(made.bytes, (const u8 *)"hello", 5);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "is compressed, and holds no vmlinux");
	/* Nothing, */
	made.len = pack_gzip(made.bytes, (const u8 *)"", 0);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "is compressed, and holds no vmlinux");
	/* a bzImage, */
	make_bzimage(0x020f, true, true, 1000);
	len = made.len;
	memcpy(inner, made.bytes, len);
	made.len = pack_gzip(made.bytes, inner, len);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "is compressed, and holds no vmlinux");
	/* and a vmlinux once more. */
	make_elf(&file, true, false);
	len = pack_gzip(inner, file.bytes, file.len);
	made.len = pack_gzip(made.bytes, inner, len);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "is compressed, and holds no vmlinux");
	/* An ELF file that is refused is refused for what it is. */
	elf_file_put(&file, ELF_TYPE, 2, 1);
	made.len = pack_gzip(made.bytes, file.bytes, file.len);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is not linked");
}

/* A packed disk is not read into memory to find out what it is not. */
static void test_packed_disk(void **state)
{
	static const struct image_wish any;
	const char *why = "";

	need(UNPACK_GZIP);
	made.len = pack_gzip(made.bytes, (const u8 *)"hello", 5);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "is compressed, and holds no vmlinux");
	assert_int_equal(ftruncate(fd, GIB + 1), 0);
	assert_int_equal(image_open(fd, GIB + 1, &any, &image, &why), -EINVAL);
	assert_string_equal(why, "is compressed, and too long to be a kernel");
}

static void test_packed_and_damaged(void **state)
{
	struct elf_file file;

	need(UNPACK_GZIP);
	make_elf(&file, true, false);
	made.len = pack_gzip(made.bytes, file.bytes, file.len);
	made.bytes[3000] ^= 1;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is damaged: it does not unpack");
	made.bytes[3000] ^= 1;
	made.len -= 8;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is damaged: it does not unpack");
}

/* --- a bzImage's payload --- */

typedef size_t pack_fn(u8 *to, const u8 *data, size_t len);

/* A bzImage whose payload is the ELF file, and the words as its relocations. */
static void make_packed_bzimage(const struct elf_file *file, const u32 *words, size_t count,
				pack_fn *pack)
{
	static u8 inner[FILE_MAX], packed[PACK_MAX(FILE_MAX)];
	size_t len = file->len;

	memcpy(inner, file->bytes, len);
	for (size_t i = 0; i < count; i++)
		len += pack_put(inner + len, words[i], 4);
	len = pack(packed, inner, len);
	make_bzimage(0x020f, true, true, PACKED_AT + len + 0x100);
	memcpy(made.bytes + PAYLOAD + PACKED_AT, packed, len);
	put(0x248, 4, PACKED_AT);
	put(0x24c, 4, len);
}

static const u32 relocations[] = {0, 0x81000000, 0x81000010, 0, 0, 0x81000040};

static void check_unpacked(const struct elf_file *file)
{
	check_text_of(file);
	assert_int_equal(image.kind, IMAGE_ELF);
	assert_int_equal(image.elf.count, 1);
	assert_int_equal(image.elf.entry, TEXT);
	assert_int_equal(image.kaslr.count, ARRAY_SIZE(relocations));
	assert_int_equal(image.kaslr.table[2], 0x81000010);
	assert_int_equal(image.kaslr.counts[0], 2);
	assert_int_equal(image.kaslr.counts[1], 0);
	assert_int_equal(image.kaslr.counts[2], 1);
	/* Header and limits are the bzImage's. */
	assert_int_equal(image.bz.alignment, 0x200000);
	assert_int_equal(image.bz.cmdline_size, 2047);
	assert_int_equal(image.bz.initrd_max, 0x7fffffff);
	assert_int_equal(image.bz.header.setup_sects, SECTS);
}

static void check_payload(enum unpack_format format, pack_fn *pack)
{
	struct elf_file file;

	need_kept(format);
	make_elf(&file, true, true);
	make_packed_bzimage(&file, relocations, ARRAY_SIZE(relocations), pack);
	/* By the protocol that its unpacker follows, even where there is a PVH note. */
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	assert_int_equal(image.entry, IMAGE_ENTRY_64);
	check_unpacked(&file);
	assert_string_equal(verdict(IMAGE_ENTRY_64), "");
	assert_int_equal(image.entry, IMAGE_ENTRY_64);
	check_unpacked(&file);
	assert_string_equal(verdict(IMAGE_ENTRY_PVH), "");
	assert_int_equal(image.entry, IMAGE_ENTRY_PVH);
	check_unpacked(&file);
	assert_int_equal(image.elf.pvh_entry, PVH_ENTRY);
}

static void test_payload_gzip(void **state)
{
	check_payload(UNPACK_GZIP, pack_gzip);
}

static void test_payload_lz4(void **state)
{
	check_payload(UNPACK_LZ4, pack_lz4);
}

/* The other ways in are those of the bzImage itself. */
static void test_payload_left_alone(void **state)
{
	struct elf_file file;

	need(UNPACK_GZIP);
	make_elf(&file, true, true);
	make_packed_bzimage(&file, relocations, ARRAY_SIZE(relocations), pack_gzip);
	for (enum image_entry entry = IMAGE_ENTRY_32; entry <= IMAGE_ENTRY_16; entry++) {
		assert_string_equal(verdict(entry), "");
		assert_int_equal(image.kind, IMAGE_BZIMAGE);
		assert_int_equal(image.entry, entry);
		assert_false(image.unpacked);
	}
	assert_string_equal(verdict(IMAGE_ENTRY_MULTIBOOT), NOT_OFFERED);
	assert_string_equal(verdict_of(&(struct image_wish){.never_unpack = true}), "");
	assert_int_equal(image.kind, IMAGE_BZIMAGE);
	assert_int_equal(image.entry, IMAGE_ENTRY_64);
	assert_false(image.unpacked);
	assert_string_equal(
		verdict_of(&(struct image_wish){.never_unpack = true, .entry = IMAGE_ENTRY_PVH}),
		NOT_OFFERED);
}

static void test_payload_without_pvh(void **state)
{
	struct elf_file file;

	need_kept(UNPACK_GZIP);
	make_elf(&file, true, false);
	make_packed_bzimage(&file, relocations, ARRAY_SIZE(relocations), pack_gzip);
	assert_string_equal(verdict(IMAGE_ENTRY_PVH), NOT_OFFERED);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	assert_true(image.unpacked);
}

static void test_payload_without_relocations(void **state)
{
	struct elf_file file;

	need_kept(UNPACK_GZIP);
	make_elf(&file, true, false);
	make_packed_bzimage(&file, NULL, 0, pack_gzip);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	assert_true(image.unpacked);
	assert_null(image.kaslr.table);
}

static void test_payload_with_bad_relocations(void **state)
{
	static const u32 bad[] = {0x81000000, 0, 0};
	struct elf_file file;
	struct stat st;

	need_kept(UNPACK_GZIP);
	make_elf(&file, true, false);
	make_packed_bzimage(&file, bad, ARRAY_SIZE(bad), pack_gzip);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "its relocation table makes no sense");
	assert_int_equal(fstat(fd, &st), 0); /* the file is the caller's */
	assert_string_equal(verdict_of(&(struct image_wish){.never_unpack = true}), "");
}

/* Very old kernels have no ELF file in it: their own unpacker knows. */
static void test_payload_that_is_no_elf_file(void **state)
{
	struct elf_file file;

	need(UNPACK_GZIP);
	for (unsigned int i = 0; i < 3; i++) {
		make_elf(&file, i != 1, false);
		if (i == 0)
			memset(file.bytes, 0xe9, 64);
		if (i == 2)
			elf_file_put(&file, ELF_TYPE, 2, 1);
		make_packed_bzimage(&file, NULL, 0, pack_gzip);
		assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
		assert_int_equal(image.kind, IMAGE_BZIMAGE);
		assert_int_equal(image.entry, IMAGE_ENTRY_64);
		assert_false(image.unpacked);
		assert_null(image.kaslr.table);
		assert_int_equal(image.source.fd, fd);
		assert_int_equal(image.source.bytes, made.len);
		assert_string_equal(verdict(IMAGE_ENTRY_PVH), NOT_OFFERED);
	}
}

static void test_payload_that_is_damaged(void **state)
{
	struct elf_file file;

	need_kept(UNPACK_GZIP);
	make_elf(&file, true, false);
	make_packed_bzimage(&file, relocations, ARRAY_SIZE(relocations), pack_gzip);
	made.bytes[PAYLOAD + PACKED_AT + 2000] ^= 1;
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is damaged: it does not unpack");
	assert_string_equal(verdict(IMAGE_ENTRY_32), ""); /* nobody looks */
	made.bytes[PAYLOAD + PACKED_AT + 2000] ^= 1;
	put(0x24c, 4, 1000);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is damaged: it does not unpack");
}

#define ZEROS 0x10000

/* An lz4 legacy frame of ZEROS zeros: a literal, a match one byte back, five literals. */
static size_t pack_zeros(u8 *to)
{
	u32 more = ZEROS - 1 - 5 - 19;
	u8 *block = to + 8, *at = block;

	at += pack_put(at, 0x0001001f, 4);
	for (; more >= 255; more -= 255)
		*at++ = 255;
	*at++ = (u8)more;
	*at++ = 0x50;
	memset(at, 0, 5);
	at += 5;
	pack_put(to, 0x184c2102, 4);
	pack_put(to + 4, (u32)(at - block), 4);
	return (size_t)(at - to);
}

/* It must end in the room that the header speaks of. */
static void test_payload_that_is_too_long(void **state)
{
	size_t len;

	need_kept(UNPACK_LZ4);
	make_bzimage(0x020f, true, true, 0x1000);
	len = pack_zeros(made.bytes + PAYLOAD + PACKED_AT);
	put(0x248, 4, PACKED_AT);
	put(0x24c, 4, len);
	put(0x260, 4, ZEROS - 1);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is damaged: it unpacks to more than it may");
	put(0x260, 4, ZEROS);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), ""); /* no ELF file, but whole */
	/* Kept from now on; the next file that has it may have less room. */
	put(0x260, 4, ZEROS - 1);
	assert_refused(verdict(IMAGE_ENTRY_AUTO), "is damaged: it unpacks to more than it may");
}

/* In the cache's folder. */
static unsigned int count_kept(void)
{
	char folder[128];
	DIR *dir;
	const struct dirent *each;
	unsigned int count = 0;

	snprintf(folder, sizeof(folder), "%s/lkvm/kernels", top);
	dir = opendir(folder);
	while (dir && (each = readdir(dir)))
		count += strlen(each->d_name) == 64;
	if (dir)
		closedir(dir);
	return count;
}

/* A payload that is no kernel is not kept, nor is one unpacked for which there is no RAM. */
static void test_payload_that_is_not_to_be_kept(void **state)
{
	struct image_wish wish = {.ram_top = 64 * MIB};
	struct elf_file file;
	unsigned int before = count_kept();

	need_kept(UNPACK_GZIP);
	make_elf(&file, true, false);
	file.bytes[900] = 0x5a; /* like no other test's */
	memset(file.bytes, 0xe9, 64);
	make_packed_bzimage(&file, NULL, 0, pack_gzip);
	assert_string_equal(verdict_of(&wish), "");
	assert_false(image.unpacked);
	assert_int_equal(count_kept(), before);

	make_elf(&file, true, false);
	file.bytes[900] = 0x5a;
	make_packed_bzimage(&file, relocations, ARRAY_SIZE(relocations), pack_gzip);
	put(0x260, 4, 3UL << 30);
	assert_string_equal(verdict_of(&wish), "");
	assert_int_equal(image.kind, IMAGE_BZIMAGE);
	assert_false(image.unpacked);
	assert_int_equal(count_kept(), before);
	put(0x260, 4, 8 * MIB);
	assert_string_equal(verdict_of(&wish), "");
	assert_true(image.unpacked);
	assert_int_equal(count_kept(), before + 1);
}

static void check_nothing_kept(void)
{
	struct elf_file file;

	make_elf(&file, true, true);
	make_packed_bzimage(&file, relocations, ARRAY_SIZE(relocations), pack_gzip);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	assert_int_equal(image.kind, IMAGE_BZIMAGE);
	assert_int_equal(image.entry, IMAGE_ENTRY_64);
	assert_false(image.unpacked);
	assert_string_equal(verdict(IMAGE_ENTRY_PVH), "");
	assert_int_equal(image.entry, IMAGE_ENTRY_PVH);
	check_unpacked(&file);
	made.len = pack_gzip(made.bytes, file.bytes, file.len);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	check_text_of(&file);
}

/*
 * Where nothing can be kept, a bzImage unpacks itself. What cannot do that is unpacked each time: a
 * packed vmlinux, and a bzImage whose PVH entry is asked for.
 */
static void test_where_nothing_can_be_kept(void **state)
{
	need(UNPACK_GZIP);
	if (!feature_is_built("cache"))
		check_nothing_kept();
	/* No folder can be made there. */
	assert_int_equal(setenv("XDG_CACHE_HOME", "/dev/null", 1), 0);
	check_nothing_kept();
	assert_int_equal(setenv("XDG_CACHE_HOME", top, 1), 0);
}

/* No magic that is known, or none at all: left to the kernel. */
static void test_payload_of_an_unknown_format(void **state)
{
	make_bzimage(0x020f, true, true, 0x1000);
	put(0x248, 4, PACKED_AT);
	put(0x24c, 4, 0x100);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	assert_int_equal(image.kind, IMAGE_BZIMAGE);
	assert_false(image.unpacked);
	put(PAYLOAD + PACKED_AT, 4, 0x088b1f);
	put(0x24c, 4, UNPACK_MAGIC_MAX - 1);
	assert_string_equal(verdict(IMAGE_ENTRY_AUTO), "");
	assert_false(image.unpacked);
}

/* --- a real one --- */

static void test_a_distributions_kernel(void **state)
{
	const char *home = getenv("HOME");
	const char *why = "";
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/.cache/lkvm-lab/cloud/vmlinuz", home ?: "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		print_message("skipped: there is no %s; tests/lab/fetch-kernel gets it\n", path);
		skip();
	}
	assert_int_equal(fstat(fd, &st), 0);
	if (image_open(fd, (u64)st.st_size, &(struct image_wish){0}, &image, &why))
		fail_msg("%s: %s", path, why);
	if (!image.unpacked)
		skip(); /* its format was left out */
	assert_int_equal(image.kind, IMAGE_ELF);
	assert_int_equal(image.entry, IMAGE_ENTRY_64);
	assert_int_equal(image.elf.start, 16 * MIB);
	assert_int_equal(image.elf.entry, 16 * MIB);
	assert_true(image.elf.pvh_entry > image.elf.start);
	/* Linux 6.1 has some 100,000 places, in three groups. */
	assert_true(image.kaslr.counts[0] > 10000);
	assert_true(image.kaslr.counts[1] > 10);
	assert_true(image.kaslr.counts[2] > 10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_packed_vmlinux),
		TEST(test_packed_multiboot),
		TEST(test_packed_something_else),
		TEST(test_packed_disk),
		TEST(test_packed_and_damaged),
		TEST(test_payload_gzip),
		TEST(test_payload_lz4),
		TEST(test_payload_left_alone),
		TEST(test_payload_without_pvh),
		TEST(test_payload_without_relocations),
		TEST(test_payload_with_bad_relocations),
		TEST(test_payload_that_is_no_elf_file),
		TEST(test_payload_that_is_damaged),
		TEST(test_payload_that_is_too_long),
		TEST(test_payload_that_is_not_to_be_kept),
		TEST(test_where_nothing_can_be_kept),
		TEST(test_payload_of_an_unknown_format),
		TEST(test_a_distributions_kernel),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
