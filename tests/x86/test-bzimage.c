// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/bzimage.c: each refusal with its reason, and where a kernel may be put.
 *
 * Headers are built field by field, as a recent x86-64 kernel has them; each test then
 * breaks one thing. The header of a distribution's kernel is tried too where the lab has
 * fetched one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x86/bzimage.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka hands every test a state; none here needs it. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define SECTS	      27
#define PAYLOAD_START ((SECTS + 1) * 512)
#define SYSSIZE	      0x1000 /* paragraphs of 16 bytes */
#define FILE_BYTES    (PAYLOAD_START + SYSSIZE * 16)
#define HEADER_END    (0x202 + 0x6a) /* as protocol 2.15 says at 0x201 */
#define MIN_LOAD      MIB

static u8 head[BZIMAGE_HEAD_BYTES];
static struct setup_header *const header = (void *)(head + 0x1f1);

static int set_up(void **state)
{
	memset(head, 0, sizeof(head));
	*header = (struct setup_header){
		.setup_sects = SECTS,
		.syssize = htole32(SYSSIZE),
		.boot_flag = htole16(0xaa55),
		.jump = htole16(0x6aeb),
		.header = htole32(0x53726448),
		.version = htole16(0x020f),
		.loadflags = LOADED_HIGH | CAN_USE_HEAP,
		.initrd_addr_max = htole32(0x7fffffff),
		.kernel_alignment = htole32(2 * MIB),
		.relocatable_kernel = 1,
		.min_alignment = 21,
		.xloadflags = htole16(XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G),
		.cmdline_size = htole32(2047),
		.pref_address = htole64(16 * MIB),
		.init_size = htole32(60 * MIB),
	};
	return 0;
}

/* What is said of the first len bytes of a file of so many; "" when it is fine. */
static const char *verdict_of(size_t len, u64 file_bytes)
{
	struct bzimage image;
	const char *why = "nothing was said";
	/* A copy of its exact size, so that a sanitizer sees a read beyond it. */
	u8 *copy = malloc(MAX(len, 1UL));
	int err;

	assert_non_null(copy);
	memcpy(copy, head, len);
	err = bzimage_parse(copy, len, file_bytes, &image, &why);
	free(copy);
	assert_true(err == 0 || err == -EINVAL);
	return err ? why : "";
}

static const char *verdict(void)
{
	return verdict_of(sizeof(head), FILE_BYTES);
}

#define assert_refused(verdict_, reason)                                      \
	do {                                                                  \
		const char *said = (verdict_);                                \
		if (!strstr(said, reason))                                    \
			fail_msg("wanted '%s', was told '%s'", reason, said); \
	} while (0)

static void test_a_good_one(void **state)
{
	struct bzimage image;
	const char *why;

	assert_int_equal(bzimage_parse(head, sizeof(head), FILE_BYTES, &image, &why), 0);
	assert_int_equal(image.payload_offset, PAYLOAD_START);
	assert_int_equal(image.payload_bytes, SYSSIZE * 16);
	assert_int_equal(image.init_size, 60 * MIB);
	assert_int_equal(image.pref_address, 16 * MIB);
	assert_int_equal(image.alignment, 2 * MIB);
	assert_int_equal(image.cmdline_size, 2047);
	assert_int_equal(image.initrd_max, 0x7fffffff);
	assert_memory_equal(&image.header, header, HEADER_END - 0x1f1);
}

/* Only what the header says it has is taken; what follows in the sector is no field. */
static void test_the_header_ends_where_it_says(void **state)
{
	struct bzimage image;
	const char *why;

	memset(head + HEADER_END, 0xee, 64);
	assert_int_equal(bzimage_parse(head, sizeof(head), FILE_BYTES, &image, &why), 0);
	assert_int_equal(image.header.kernel_info_offset, 0);
	/* One that stops before xloadflags offers nothing. */
	head[0x201] = 0x236 - 0x202;
	assert_refused(verdict(), "offers no 64-bit entry");
	head[0x201] = 0;
	assert_refused(verdict(), "offers no 64-bit entry");
	head[0x201] = 0xff; /* longer than any we know: fine */
	assert_string_equal(verdict(), "");
}

static void test_no_kernel_at_all(void **state)
{
	header->boot_flag = 0;
	assert_refused(verdict(), "is not a bzImage");
	set_up(state);
	head[0x205] = 's';
	assert_refused(verdict(), "is not a bzImage");
	memset(head, 0, sizeof(head));
	assert_refused(verdict(), "is not a bzImage");
	memcpy(head, "\177ELF", 4);
	assert_refused(verdict(), "is not a bzImage");
}

static void test_no_64bit_entry(void **state)
{
	header->version = htole16(0x020b);
	assert_refused(verdict(), "offers no 64-bit entry");
	header->version = htole16(0x020c);
	assert_string_equal(verdict(), "");
	header->xloadflags = htole16(XLF_EFI_HANDOVER_64);
	assert_refused(verdict(), "offers no 64-bit entry");
}

static void test_zimage(void **state)
{
	header->loadflags = CAN_USE_HEAP;
	assert_refused(verdict(), "is a zImage");
}

static void test_truncation_at_each_byte_of_the_header(void **state)
{
	for (size_t len = 0; len < HEADER_END; len++)
		assert_refused(verdict_of(len, len), len < 0x206 ? "is too short to be a kernel"
								 : "is truncated: it ends");
	/* The header is whole, what it promises is not there. */
	assert_refused(verdict_of(HEADER_END, HEADER_END), "is truncated: its header promises");
}

static void test_truncation_at_each_boundary(void **state)
{
	static const u64 sizes[] = {0x400,	     PAYLOAD_START - 1,
				    PAYLOAD_START,   PAYLOAD_START + 1,
				    FILE_BYTES - 16, FILE_BYTES - 1};
	struct bzimage image;
	const char *why;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_refused(verdict_of(MIN(sizes[i], sizeof(head)), sizes[i]),
			       "is truncated: its header promises");
	assert_string_equal(verdict_of(sizeof(head), FILE_BYTES), "");
	/* A signature behind the kernel is loaded with it. */
	assert_int_equal(bzimage_parse(head, sizeof(head), FILE_BYTES + 700, &image, &why), 0);
	assert_int_equal(image.payload_bytes, SYSSIZE * 16 + 700);
	/* But never more than the memory the kernel asked for. */
	assert_int_equal(bzimage_parse(head, sizeof(head), GIB, &image, &why), 0);
	assert_int_equal(image.payload_bytes, 60 * MIB);
}

static void test_setup_sects(void **state)
{
	struct bzimage image;
	const char *why;

	header->setup_sects = 0; /* means 4 */
	assert_int_equal(bzimage_parse(head, sizeof(head), FILE_BYTES, &image, &why), 0);
	assert_int_equal(image.payload_offset, 5 * 512);
	header->setup_sects = 255;
	assert_refused(verdict(), "is truncated: its header promises");
	assert_string_equal(verdict_of(sizeof(head), 256 * 512 + SYSSIZE * 16), "");
}

static void test_sizes(void **state)
{
	header->syssize = 0;
	assert_refused(verdict(), "has no code");
	header->syssize = htole32(UINT32_MAX); /* 64 GiB */
	assert_refused(verdict(), "is truncated: its header promises");
	assert_refused(verdict_of(sizeof(head), UINT64_MAX), "init_size is less");
	set_up(state);
	header->init_size = htole32(SYSSIZE * 16 - 1);
	assert_refused(verdict(), "init_size is less");
	header->init_size = htole32(SYSSIZE * 16);
	assert_string_equal(verdict(), "");
}

static void test_alignment(void **state)
{
	static const u32 bad[] = {0, 1, 2048, 4095, 4097, 3 * MIB, UINT32_MAX};
	struct bzimage image;
	const char *why;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		header->kernel_alignment = htole32(bad[i]);
		assert_refused(verdict(), "kernel_alignment is not a power of two");
	}
	header->kernel_alignment = htole32(4096);
	assert_string_equal(verdict(), "");
	header->kernel_alignment = htole32(1U << 31);
	assert_string_equal(verdict(), "");
	/* One that cannot be moved needs none. */
	header->relocatable_kernel = 0;
	header->kernel_alignment = 0;
	assert_int_equal(bzimage_parse(head, sizeof(head), FILE_BYTES, &image, &why), 0);
	assert_int_equal(image.alignment, 0);
}

static void test_preferred_address(void **state)
{
	static const u64 bad[] = {4 * GIB, 4 * GIB - 60 * MIB + 1, UINT64_MAX, 1ULL << 63};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		header->pref_address = htole64(bad[i]);
		assert_refused(verdict(), "preferred address is above 4 GiB");
	}
	header->pref_address = htole64(4 * GIB - 60 * MIB);
	assert_string_equal(verdict(), "");
}

/* --- place --- */

static gpa_t place(u64 pref, u64 size, u64 alignment, gpa_t min, gpa_t top)
{
	struct bzimage image = {.pref_address = pref, .init_size = size, .alignment = alignment};

	return bzimage_place(&image, min, top);
}

static void test_place_preferred(void **state)
{
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 256 * MIB), 16 * MIB);
	assert_int_equal(place(16 * MIB, 60 * MIB, 0, MIN_LOAD, 256 * MIB), 16 * MIB);
	assert_int_equal(place(16 * MIB, 60 * MIB, 0, MIN_LOAD, 76 * MIB), 16 * MIB); /* exactly */
	/* The preferred address is taken as it is, aligned or not. */
	assert_int_equal(place(17 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 256 * MIB), 17 * MIB);
	assert_int_equal(place(MIN_LOAD, MIB, 2 * MIB, MIN_LOAD, 2 * MIB), MIN_LOAD);
}

static void test_place_relocated(void **state)
{
	/* Preferred below what may be used: the lowest that is aligned. */
	assert_int_equal(place(0, 60 * MIB, 2 * MIB, MIN_LOAD, 256 * MIB), 2 * MIB);
	assert_int_equal(place(0x1000, 60 * MIB, 2 * MIB, MIN_LOAD, 62 * MIB), 2 * MIB);
	assert_int_equal(place(0, MIB, 4096, MIN_LOAD, 256 * MIB), MIN_LOAD);
	assert_int_equal(place(0, MIB, 4096, MIN_LOAD + 1, 256 * MIB), MIN_LOAD + 4096);
	assert_int_equal(place(0, MIB, 1ULL << 31, MIN_LOAD, 3 * GIB), 2 * GIB);
	/* It cannot be moved. */
	assert_int_equal(place(0, 60 * MIB, 0, MIN_LOAD, 256 * MIB), 0);
}

static void test_place_does_not_fit(void **state)
{
	assert_int_equal(place(16 * MIB, 60 * MIB, 0, MIN_LOAD, 76 * MIB - 1), 0);
	assert_int_equal(place(0, 60 * MIB, 2 * MIB, MIN_LOAD, 62 * MIB - 1), 0);
	assert_int_equal(place(0, MIB, 1ULL << 31, MIN_LOAD, 2 * GIB), 0);
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, MIN_LOAD), 0);
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 0), 0);
	/* Alignment beyond the top of RAM. */
	assert_int_equal(place(0, MIB, 1ULL << 31, MIN_LOAD, GIB), 0);
}

/*
 * A kernel that is loaded below its preferred address moves itself up to it (boot.rst,
 * pref_address, init_size), so a place below helps nobody: it would run out of RAM there.
 */
static void test_place_is_never_below_preferred(void **state)
{
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 64 * MIB), 0);
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 76 * MIB - 1), 0);
	assert_int_equal(place(3 * GIB, 60 * MIB, 2 * MIB, MIN_LOAD, 256 * MIB), 0);
}

/* --- a real one --- */

static void test_a_distributions_kernel(void **state)
{
	const char *home = getenv("HOME");
	struct bzimage image;
	const char *why = "";
	char path[512];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/.cache/lkvm-lab/cloud/vmlinuz", home ? home : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		print_message("skipped: there is no %s; tests/lab/fetch-kernel gets it\n", path);
		skip();
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pread_full(fd, head, sizeof(head), 0), 0);
	close(fd);
	if (bzimage_parse(head, sizeof(head), (u64)st.st_size, &image, &why))
		fail_msg("%s: %s", path, why);
	assert_true(image.payload_offset + image.payload_bytes <= (u64)st.st_size);
	assert_int_equal(image.pref_address, 16 * MIB);
	assert_int_equal(bzimage_place(&image, MIN_LOAD, 512 * MIB), 16 * MIB);
	assert_refused(verdict_of(sizeof(head), (u64)st.st_size - 65536), "is truncated");
	assert_refused(verdict_of(sizeof(head), (u64)st.st_size / 2), "is truncated");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_good_one),
		TEST(test_the_header_ends_where_it_says),
		TEST(test_no_kernel_at_all),
		TEST(test_no_64bit_entry),
		TEST(test_zimage),
		TEST(test_truncation_at_each_byte_of_the_header),
		TEST(test_truncation_at_each_boundary),
		TEST(test_setup_sects),
		TEST(test_sizes),
		TEST(test_alignment),
		TEST(test_preferred_address),
		TEST(test_place_preferred),
		TEST(test_place_relocated),
		TEST(test_place_does_not_fit),
		TEST(test_place_is_never_below_preferred),
		TEST(test_a_distributions_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
