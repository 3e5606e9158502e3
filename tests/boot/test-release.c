// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/release.c: the release in a bzImage's header and in a vmlinux's banner, and what is
 * not taken for one.
 */
#include "tests/lib/test.h"

#include <kvm/release.h>

#include <endian.h>
#include <kvm/util.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_OFFSET 0x800
#define SETUP_BYTES 0x1000

/* What a bzImage is said to be whose header points to this text. */
static const char *of_bzimage(const char *text, u16 pointer)
{
	static char release[RELEASE_BYTES];
	static u8 file[SETUP_BYTES];
	struct image image = {.kind = IMAGE_BZIMAGE, .bz = {.setup_bytes = SETUP_BYTES}};
	int fd = memfd_create("test-release", MFD_CLOEXEC);

	memset(file, 0, sizeof(file));
	memcpy(file + TEXT_OFFSET, text, strlen(text) + 1);
	assert_int_equal(write_full(fd, file, sizeof(file)), 0);
	image.bz.header.kernel_version = htole16(pointer);
	assert_true(release_find(&image, fd, release) == (release[0] != 0));
	close(fd);
	return release;
}

static void test_the_header_says_it(void **state)
{
	const u16 at = TEXT_OFFSET - 0x200;

	assert_string_equal(of_bzimage("6.1.0-56-cloud-amd64 (debian@x) #1 SMP", at),
			    "6.1.0-56-cloud-amd64");
	assert_string_equal(of_bzimage("6.12.107+deb13-rt~1_x", at), "6.12.107+deb13-rt~1_x");
	assert_string_equal(of_bzimage("6.1.0", 0), "");
	assert_string_equal(of_bzimage("", at), "");
	assert_string_equal(of_bzimage("../../etc", at), "");
	assert_string_equal(of_bzimage("6.1/../x y", at), "");
	assert_string_equal(of_bzimage("rc-6.1 x", at), "");
	/* The pointer leads out of the set-up code. */
	assert_string_equal(of_bzimage("6.1.0 x", 0xffff), "");
	assert_string_equal(of_bzimage("6.1.0 x", SETUP_BYTES - 0x200), "");
}

static void test_64_characters_at_most(void **state)
{
	char text[100];

	memset(text, '6', sizeof(text));
	text[64] = ' ';
	text[70] = 0;
	assert_int_equal(strlen(of_bzimage(text, TEXT_OFFSET - 0x200)), 64);
	text[64] = '6';
	assert_string_equal(of_bzimage(text, TEXT_OFFSET - 0x200), "");
}

/* What an ELF file of so many bytes with these words at a place is said to be. */
static const char *of_elf(const char *text, size_t at)
{
	static char release[RELEASE_BYTES];
	static u8 file[1000000];
	struct image image = {
		.kind = IMAGE_ELF,
		.source = elf_source_memory(file, sizeof(file)),
		.elf = {.count = 2,
			.segments = {{.offset = 0, .file_bytes = 1000},
				     {.offset = 1000, .file_bytes = sizeof(file) - 1000}}}};

	memset(file, 'L', sizeof(file));
	memcpy(file + at, text, MIN(strlen(text), sizeof(file) - at));
	assert_true(release_find(&image, -1, release) == (release[0] != 0));
	return release;
}

static void test_the_banner_says_it(void **state)
{
	const char banner[] = "Linux version 6.1.0-56-amd64 (who@where)";

	assert_string_equal(of_elf(banner, 0), "6.1.0-56-amd64");
	/* Everywhere around the ends of the pieces that are read. */
	for (size_t at = 255 * 1024; at < 264 * 1024; at += 7)
		assert_string_equal(of_elf(banner, at), "6.1.0-56-amd64");
	assert_string_equal(of_elf(banner, 1000000 - sizeof(banner) + 1), "6.1.0-56-amd64");
	assert_string_equal(of_elf(banner, 1000000 - 20), "");
	assert_string_equal(of_elf("Linux version %s (%s)", 5000), "");
	assert_string_equal(of_elf("Linux version %s Linux version 5.4 (x)", 5000), "5.4");
	assert_string_equal(of_elf("no banner", 5000), "");
}

static void test_other_images_have_none(void **state)
{
	char release[RELEASE_BYTES] = "x";
	struct image image = {.kind = IMAGE_FLAT};

	assert_false(release_find(&image, -1, release));
	assert_string_equal(release, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_header_says_it),
		cmocka_unit_test(test_64_characters_at_most),
		cmocka_unit_test(test_the_banner_says_it),
		cmocka_unit_test(test_other_images_have_none),
	};

	return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
